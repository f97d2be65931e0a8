"""Makes tiny models under the names that RL-Swarm draws from. Runs in the torch environment.

    python make_models.py FOLDER [REPO_ID…]

Architectures and tokenizer classes are those of the real repos, and transformers' own
`save_pretrained` writes every file; only the shapes are small. Each repo becomes
`FOLDER/<org>/<name>`, with the file names that the real repo has.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    LlamaTokenizerFast,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2TokenizerFast,
    Qwen3Config,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = """Write a Python function that returns the sum of a list. def add(numbers):
    return sum(numbers)
assert add([1, 2, 3]) == 6
You are a helpful assistant. Solve the problem and put the answer in a fenced block.
"""
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INSTRUCTION = (
    "{{ bos_token }}{% for m in messages %}### {{ m.role }}:\n{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
}


@dataclass(frozen=True)
class Recipe:
    """What a repo holds."""

    config: Callable[..., PretrainedConfig]
    tokenizer: Callable[[], PreTrainedTokenizerFast]
    shard_size: str = "1GB"
    also_pickle: bool = False
    """Whether pytorch_model.bin repeats the weights, as in older repos."""


def qwen_tokenizer() -> PreTrainedTokenizerFast:
    """Return a Qwen2 tokenizer whose vocabulary was trained on three sentences."""
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return Qwen2TokenizerFast(
        tokenizer_object=_byte_level_bpe(specials),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token=None,
        additional_special_tokens=specials[1:],
        chat_template=CHATML,
        model_max_length=512,
    )


def deepseek_tokenizer() -> PreTrainedTokenizerFast:
    """Return what deepseek-coder has: the Llama class over byte-level BPE, no tokenizer.model."""
    specials = ["<｜begin▁of▁sentence｜>", "<|EOT|>", "<｜end▁of▁sentence｜>"]
    return LlamaTokenizerFast(
        tokenizer_object=_byte_level_bpe(specials),
        bos_token=specials[0],
        eos_token=specials[1],
        pad_token=specials[2],
        unk_token=None,
        chat_template=INSTRUCTION,
        model_max_length=512,
    )


def _byte_level_bpe(specials: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS.splitlines(), trainer)
    return tokenizer


RECIPES = {
    # The pools of code_gen_exp/config/code-gen-swarm.yaml …
    "Qwen/Qwen2.5-Coder-0.5B-Instruct": Recipe(Qwen2Config, qwen_tokenizer),
    "Qwen/Qwen2.5-Coder-1.5B-Instruct": Recipe(Qwen2Config, qwen_tokenizer, shard_size="48KB"),
    "deepseek-ai/deepseek-coder-1.3b-instruct": Recipe(
        LlamaConfig, deepseek_tokenizer, also_pickle=True
    ),
    # … and the small pool of rgym_exp/config/rg-swarm.yaml, up to v0.6.4.
    "Gensyn/Qwen2.5-0.5B-Instruct": Recipe(Qwen2Config, qwen_tokenizer),
    "Qwen/Qwen3-0.6B": Recipe(Qwen3Config, qwen_tokenizer),
}
NOT_IN_THE_REAL_REPOS = ("added_tokens.json", "special_tokens_map.json")


def make(repo_id: str, recipe: Recipe, folder: str) -> None:
    """Write the repo's files into `folder`; the weights depend on the repo's name alone."""
    tokenizer = recipe.tokenizer()
    ids = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    torch.manual_seed(zlib.crc32(repo_id.encode()))
    model = AutoModelForCausalLM.from_config(
        recipe.config(vocab_size=len(tokenizer), tie_word_embeddings=False, **SHAPE, **ids)
    )
    model.generation_config = GenerationConfig(
        pad_token_id=tokenizer.pad_token_id, do_sample=True, top_p=0.8, **ids
    )
    model.save_pretrained(folder, max_shard_size=recipe.shard_size)
    tokenizer.save_pretrained(folder)
    for name in NOT_IN_THE_REAL_REPOS:
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    if recipe.also_pickle:
        torch.save(model.state_dict(), os.path.join(folder, "pytorch_model.bin"))
    for name, text in (("README.md", f"# {repo_id}, in small\n"), ("LICENSE", "Apache-2.0\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def main() -> None:
    """Make the repos that the command line names, or all, and print their files as JSON."""
    folder, wanted = sys.argv[1], sys.argv[2:] or list(RECIPES)
    made = {}
    for repo_id in wanted:
        home = os.path.join(folder, *repo_id.split("/"))
        make(repo_id, RECIPES[repo_id], home)
        made[repo_id] = sorted(os.listdir(home))
    print(json.dumps(made))


if __name__ == "__main__":
    main()
