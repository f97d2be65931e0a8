"""Make the environments of the generation tests: transformers by generation, with peft and TRL.

    python tasks/generation_environment.py            # all that are missing
    python tasks/generation_environment.py 4.57.1     # this one

They live beside the others, as `generation-<transformers>/bin/python`; what torch needs of the
package index is told in `torch_environment`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from compat_environments import made

if TYPE_CHECKING:
    import pathlib

VERSIONS = {"4.46.3": "0.15.2", "4.51.3": "0.19.1", "4.57.1": "0.21.0", "5.23.0": "1.16.0"}
"""transformers and a TRL of its days: 4.46 generates slowly in train mode with gradient
checkpointing, 4.51 unharmed, later ones wrongly; TRL mends itself from 0.22 on."""
COMMON = ("torch==2.13.0", "peft==0.21.2")


def python_of(version: str) -> pathlib.Path:
    """Return the interpreter beside that version of transformers, made if it is missing."""
    pins = (f"transformers=={version}", f"trl=={VERSIONS[version]}")
    return made(f"generation-{version}", (*COMMON, *pins))


if __name__ == "__main__":
    for wanted in sys.argv[1:] or VERSIONS:
        print(python_of(wanted), flush=True)
