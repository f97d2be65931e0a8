"""A short GRPO run of TRL's own trainer on a toy task: say the prompt's words again, in order.

    python grpo.py [--steps 40] [--seed 1] [--examples 50]

The last line is JSON: the mean reward of each step, as TRL is and with its trainer guarded. The
model is small, learns the task halfway from examples first, and is the same at each call. Gradient
checkpointing is on, as GRPO needs it on small GPUs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from typing import Any

import torch
import transformers
import trl
from datasets import Dataset
from toy_task import LENGTH, prompts, reward, tokenizer
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from swarmcache.generation import guard


def taught(words: PreTrainedTokenizerFast, seed: int, examples: int) -> Qwen2ForCausalLM:
    """Return a model that has seen examples of the task."""
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(examples):
        texts = [f"{' '.join(ask)} : {' '.join(ask)}" for ask in prompts(32, 1000 + step)]
        ids = words(texts, return_tensors="pt")["input_ids"]
        labels = ids.clone()
        labels[:, : LENGTH + 1] = -100
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def trained(model: Any, words: Any, steps: int, seed: int, folder: str) -> Any:
    """Return TRL's trainer for the task, before its first step."""
    known = {
        "output_dir": folder,
        "max_steps": steps,
        "per_device_train_batch_size": 32,
        "num_generations": 8,
        "max_completion_length": LENGTH,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "beta": 0.0,
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": seed,
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        "shuffle_dataset": True,
    }
    fields = trl.GRPOConfig.__dataclass_fields__
    config = trl.GRPOConfig(**{name: value for name, value in known.items() if name in fields})
    asked = Dataset.from_dict({"prompt": [f"{' '.join(ask)} :" for ask in prompts(256, seed)]})
    return trl.GRPOTrainer(
        model, args=config, reward_funcs=reward, train_dataset=asked, processing_class=words
    )


def run(options: argparse.Namespace, words: Any, *, guarded: bool) -> list[float]:
    """Train, and return the mean reward of each step."""
    model = taught(words, options.seed, options.examples)
    with tempfile.TemporaryDirectory() as folder:
        trainer = trained(model, words, options.steps, options.seed, folder)
        if guarded:
            guard(trainer)
        trainer.train()
    return [log["reward"] for log in trainer.state.log_history if "reward" in log]


def main() -> None:
    """Read the command line; train as TRL is, then guarded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    words = tokenizer()
    plain = run(options, words, guarded=False)
    guarded = run(options, words, guarded=True)
    versions = {"trl": trl.__version__, "transformers": transformers.__version__}
    print(json.dumps({"plain": plain, "guarded": guarded, **versions}))


if __name__ == "__main__":
    main()
