"""Times generation beside a version of transformers: `python rollouts.py '{…}'`, JSON out.

Runs in an environment of `tasks/generation_environment.py`, or in any with torch and transformers.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from contextlib import nullcontext
from statistics import median
from typing import Any

import torch
import transformers
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

from swarmcache.generation import generation_mode

SHAPES = {
    "small": (256, 1024, 4, 4, 2, 4096),
    "deep": (64, 128, 24, 4, 2, 512),
    "qwen2.5-0.5b": (896, 4864, 24, 14, 2, 151936),
}
"""Hidden, intermediate, layers, heads, key-value heads, vocabulary."""


def model_of(shape: str, device: str, dtype: str) -> Any:
    """Return a model of that shape with random weights, in eval mode."""
    hidden, inner, layers, heads, shared, vocabulary = SHAPES[shape]
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=shared,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = Qwen2ForCausalLM(config).to(device, getattr(torch, dtype)).eval()
    model.generation_config = GenerationConfig(pad_token_id=0, eos_token_id=2)
    return model


def spent(device: str) -> float:
    """Return seconds: of this process's CPU, or of the clock where a GPU works."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def generations(order: dict[str, Any]) -> dict[str, Any]:
    """Return the least seconds of each case by number of new tokens, interleaved, and tokens.

    The least, since what else runs on the machine only adds to a round, and never takes away.
    """
    device = order["device"]
    model = model_of(order["shape"], device, order["dtype"])
    prompt = torch.arange(3, 3 + order["prompt"]).repeat(order["batch"], 1).to(device)
    found: dict[str, Any] = {}
    for new in order["tokens"]:
        seconds: dict[str, list[float]] = {case: [] for case in order["cases"]}
        tokens: dict[str, Any] = {}
        for case in order["cases"]:
            run(model, prompt, case, 4)
        for at in range(order["rounds"]):
            # Cases without a cache take so much longer that one round tells enough.
            for case in order["cases"]:
                if at and case in order["once"]:
                    continue
                started = spent(device)
                tokens[case] = run(model, prompt, case, new)
                seconds[case].append(spent(device) - started)
        clean = tokens["clean"]
        found[str(new)] = {
            case: {"seconds": min(times), "same": tokens[case] == clean}
            for case, times in seconds.items()
        }
    return found


def run(model: Any, prompt: Any, case: str, new: int) -> Any:
    """Generate greedily, once."""
    options = {"use_cache": False} if case == "use_cache=False" else {}
    model.eval()
    if case in {"guarded", "as it is"}:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
    with generation_mode(model) if case == "guarded" else nullcontext():
        made = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            **options,
        )
    return made[:, prompt.shape[1] :].tolist()


def blocks(order: dict[str, Any]) -> dict[str, Any]:
    """Return the median microseconds of CPU of entering and leaving, on 24 layers in training."""
    model = model_of("deep", "cpu", "float32")
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.train()
    times = []
    for _ in range(order["rounds"]):
        started = time.process_time()
        for _ in range(20):
            with generation_mode(model):
                pass
        times.append((time.process_time() - started) / 20 * 1e6)
    return {"microseconds": median(times), "modules": len(list(model.modules()))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    wanted = json.loads(sys.argv[1])
    answer = {"generations": generations, "blocks": blocks}[wanted.pop("measure")](wanted)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({**versions, "found": answer}))
