"""Repos that hold another repo's weights under another name."""

from __future__ import annotations

_MIRRORS = frozenset({"gensyn", "unsloth"})
"""Owners who publish other people's models again under the same name. RL-Swarm's own configs
(v0.4.4) use unsloth/Qwen2.5-0.5B-Instruct on a Mac where they use Gensyn/Qwen2.5-0.5B-Instruct on
a GPU; v0.1.0 has Qwen/Qwen2.5-0.5B-Instruct for both."""
_ORIGINALS = frozenset(
    {"qwen", "meta-llama", "google", "mistralai", "microsoft", "huggingfacetb", "deepseek-ai"}
)
"""Owners whose models those are."""
_CHANGED = ("bnb", "gguf", "4bit", "8bit", "awq", "gptq", "fp8", "mlx")
"""What a name has whose weights are others, made from the same model."""


def same_model(one: str, other: str) -> bool:
    """Tell whether two repo ids stand for the same weights, by what is known of their owners."""
    first, second = one.lower().split("/"), other.lower().split("/")
    if one == other or len(first) != 2 or len(second) != 2 or first[1] != second[1]:  # noqa: PLR2004
        return False
    owners = {first[0], second[0]}
    if any(word in first[1] for word in _CHANGED):
        return False
    return bool(owners & _MIRRORS) and owners <= _MIRRORS | _ORIGINALS
