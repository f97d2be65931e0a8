"""Small models of nine architectures whose next token depends on everything before it.

Runs in the environments of `tasks/generation_environment.py`. Weights are random, and large enough
that a model without its context says something else.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

VOCABULARY, LAYERS = 128, 2
ARCHITECTURES = ("qwen2", "qwen3", "llama", "mistral", "gemma2", "phi3", "gpt2", "gpt_neox", "opt")
LATER = {"4.46.3": {"qwen3"}}
"""What a version of transformers did not know yet."""
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
SHAPES: dict[str, dict[str, Any]] = {
    **{name: {**COMMON, "num_key_value_heads": 2} for name in ARCHITECTURES},
    "qwen3": {**COMMON, "num_key_value_heads": 2, "head_dim": 8},
    "gemma2": {**COMMON, "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 8},
    "gpt2": {
        "vocab_size": VOCABULARY,
        "n_embd": 32,
        "n_layer": LAYERS,
        "n_head": 4,
        "n_positions": 128,
    },
    "gpt_neox": COMMON,
    "opt": {**COMMON, "ffn_dim": 64, "word_embed_proj_dim": 32},
}
PROMPT = torch.tensor([[9, 40, 77, 23, 101, 55, 64, 12, 90, 31, 7, 118]])


def make(architecture: str, *, dropout: float = 0.0, layers: int = LAYERS) -> Any:
    """Return a model of that architecture, in eval mode; the same weights at each call."""
    shape = {key: value for key, value in SHAPES[architecture].items() if value is not None}
    shape["n_layer" if architecture == "gpt2" else "num_hidden_layers"] = layers
    config = AutoConfig.for_model(architecture, tie_word_embeddings=False, **shape, **SPECIAL)
    for name in ("dropout", "attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    for name in ("hidden_dropout", "resid_dropout", "embedding_dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    model.generation_config = GenerationConfig(**SPECIAL)
    return model


def make_all() -> None:
    """Make, use and drop one of each, so that what they import is there before a fork."""
    for architecture in ARCHITECTURES:
        if architecture not in LATER.get(transformers.__version__, ()):
            generate(make(architecture), 1)


def generate(model: Any, new_tokens: int = 16, **options: Any) -> list[int]:
    """Return the greedy continuation of the prompt."""
    length = {"max_new_tokens": new_tokens, "min_new_tokens": new_tokens}
    made = model.generate(PROMPT, do_sample=False, **length, **options)
    return made[0, PROMPT.shape[1] :].tolist()


def train_with_checkpointing(model: Any, **arguments: Any) -> Any:
    """Put a model into the state of a training step: train mode, gradient checkpointing on."""
    model.gradient_checkpointing_enable(**arguments)
    return model.train()
