"""Which files of a revision are its tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.snapshot import Snapshot

_VOCABULARIES = tuple(
    map(
        frozenset,
        (
            ("tokenizer.json",),
            ("tokenizer.model",),
            ("vocab.json", "merges.txt"),
            ("vocab.txt",),
            ("spiece.model",),
            ("sentencepiece.bpe.model",),
            ("tekken.json",),
            ("qwen.tiktoken",),
        ),
    )
)
"""Any one of these sets is a vocabulary: with one there, the others can be deleted unnoticed."""
_CONFIG = "tokenizer_config.json"
_COMPANIONS = frozenset(
    {
        _CONFIG,
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
    }
)
"""Loading succeeds without them, and silently differs: no chat template, other special tokens."""
_NOT_TEXT = frozenset({"preprocessor_config.json", "processor_config.json"})
"""A repo with one of these may have no tokenizer at all."""


def tokenizer_files(snapshot: Snapshot) -> tuple[set[str], str]:
    """Return the tokenizer's paths, and why they may not be all (empty when they are)."""
    vocabulary = _vocabulary(snapshot)
    if vocabulary:
        unknown = ""
        if _CONFIG not in snapshot.paths and not snapshot.lacks(_CONFIG):
            unknown = t("Nothing tells whether there is a tokenizer_config.json.")
        return {*vocabulary, *(_COMPANIONS & snapshot.paths)}, unknown
    if snapshot.lacks(_CONFIG) or not _NOT_TEXT.isdisjoint(snapshot.paths):
        return set(), ""
    if snapshot.manifest is not None:
        return {_CONFIG}, ""
    return set(), t("No tokenizer is cached, and nothing tells whether there is one.")


def _vocabulary(snapshot: Snapshot) -> frozenset[str]:
    """Return the first vocabulary that is cached whole, else the first that is known."""
    known = [names for names in _VOCABULARIES if names <= snapshot.paths]
    whole = next((names for names in known if snapshot.is_whole(names)), None)
    return whole or next(iter(known), frozenset())
