"""Says what a model loads as, again and again: one repo id per line in, one line of JSON out.

Runs in the torch environment, offline, on the cache that HF_HUB_CACHE names. Each answer comes
from a process of its own, forked after the slow imports, so that nothing is remembered.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = "def add(numbers): return sum(numbers)"


def loaded(repo_id: str) -> dict[str, object]:
    """Return everything about a loaded model that a trainer would notice."""
    model = AutoModelForCausalLM.from_pretrained(repo_id)
    tokenizer = AutoTokenizer.from_pretrained(repo_id)
    ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        tokens = model.generate(ids, max_new_tokens=4, do_sample=False)[0].tolist()
    sampling = model.generation_config
    return {
        "tokens": tokens,
        "chat": tokenizer.chat_template,
        "specials": tokenizer.special_tokens_map,
        "longest": tokenizer.model_max_length,
        "sampling": [sampling.do_sample, sampling.top_p, sampling.pad_token_id],
    }


def answer(repo_id: str) -> str:
    """Return the JSON of `loaded`, or `{"error": …}`."""
    try:
        return json.dumps(loaded(repo_id), default=str)
    except Exception as error:  # noqa: BLE001 - whatever a missing file makes of the libraries
        return json.dumps({"error": f"{type(error).__name__}: {error}"[:300]})


def main() -> None:
    """Answer until standard input ends."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            print(answer(line.strip()), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
