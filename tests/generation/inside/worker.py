"""Answers questions about models, one line of JSON each: `{"check": …, arguments}` → its facts.

Runs in an environment of `tasks/generation_environment.py`. Each answer comes from a process of its
own, forked after the slow imports.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import warnings

import small_models
import torch
import transformers


def answer(request: dict[str, object]) -> dict[str, object]:
    """Return what the check returns, or its traceback."""
    module, _, name = str(request.pop("check")).partition(".")
    try:
        return {"facts": getattr(importlib.import_module(module), name)(**request)}
    except BaseException:  # noqa: BLE001 - told to the test, whatever it is
        return {"error": traceback.format_exc()}


def main() -> None:
    """Answer until standard input ends."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    small_models.make_all()
    for line in sys.stdin:
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            print(json.dumps(answer(json.loads(line))), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"error": f"ended with {status}"}), flush=True)


if __name__ == "__main__":
    main()
