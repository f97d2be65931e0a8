"""Diagnoses a checkpoint, as a program of the trainer's interpreter: `python probe.py FOLDER`.

Standard output is one line of JSON; what the libraries say goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys

from _swarmcache_package import find_package

if __name__ == "__main__":
    find_package()
    from swarmcache.generation.probing import probe  # found just now

    answer, sys.stdout = os.fdopen(os.dup(1), "w", encoding="ascii"), sys.stderr
    answer.write(json.dumps(probe(sys.argv[1])))
    answer.flush()
