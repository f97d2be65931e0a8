"""The toy task: say a prompt's words again, in order."""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

WORDS = [f"w{number}" for number in range(12)]
LENGTH = 4
"""Words of a prompt, and of a right answer."""


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of whole words."""
    names = ["<pad>", "<end>", ":", *WORDS]
    whole = Tokenizer(models.WordLevel({name: at for at, name in enumerate(names)}, "<pad>"))
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=whole,
        pad_token="<pad>",
        eos_token="<end>",
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


def prompts(count: int, seed: int) -> list[list[str]]:
    """Return prompts, each of some words in random order."""
    drawn = random.Random(seed)
    return [drawn.sample(WORDS, LENGTH) for _ in range(count)]


def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    """Return for each completion which part of its words is right."""
    found = []
    for prompt, completion in zip(prompts, completions, strict=True):
        wanted, said = prompt.split()[:LENGTH], completion.split()
        found.append(sum(a == b for a, b in zip(wanted, said, strict=False)) / LENGTH)
    return found
