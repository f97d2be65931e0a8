"""Make the environments of the torch tests: RL-Swarm's own libraries beside real transformers.

    python tasks/torch_environment.py            # both
    python tasks/torch_environment.py 4.51.3     # this one

They live beside those of the compat tests, as `trainer-<transformers>/bin/python`. Each takes
about 2 GB with a CPU build of torch; on Linux the package index has CUDA builds of twice that,
so name an index of CPU builds in PIP_EXTRA_INDEX_URL where no GPU is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from compat_environments import made

if TYPE_CHECKING:
    import pathlib

VERSIONS = {"4.51.3": "0.36.2", "5.23.0": "2.4.0"}
"""transformers and its huggingface_hub: what nodes set up in 2025 run, and what pip takes now."""
RL_SWARM = ("torch==2.13.0", "gensyn-genrl==0.3.0", "ollama", "reasoning-gym")
"""What rl-swarm 9c95410 requires (`code_gen_exp/requirements.txt`), and v0.6.4 beside it.

genrl brings hydra-core, and hivemind in its released version instead of rl-swarm's commit.
"""


def python_of(version: str) -> pathlib.Path:
    """Return the interpreter beside that version of transformers, made if it is missing."""
    pins = (f"transformers=={version}", f"huggingface_hub=={VERSIONS[version]}")
    return made(f"trainer-{version}", (*RL_SWARM, *pins))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or VERSIONS:
        print(python_of(wanted), flush=True)
