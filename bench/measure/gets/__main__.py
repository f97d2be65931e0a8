"""Measure one client at one task in this process, and print what that took as JSON.

python -m measure.gets CLIENT TASK URL CA COUNT FILE

CLIENT names a module (`by_CLIENT`). TASK is `small`, or a way of the client's to get a FILE, with
`+sha256` behind it if a second thread is to hash what was written.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from measure.gets.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_INSTALLED = 3
"""Exit code."""


def main(client: str, task: str, *where: str) -> int:
    """Do the task; `all` counts from the start of the process, `work` from after the imports."""
    try:
        module = importlib.import_module(f"measure.gets.by_{client}")
    except ImportError:
        return NOT_INSTALLED
    url, ca, count, path = where
    cpu, wall = time.process_time(), time.perf_counter()
    if task == "small":
        module.small(url, ca, int(count))
    else:
        get = partial(module.FILE[task.removesuffix("+sha256")], url, ca)
        to_file(get, path, hashed=task.endswith("+sha256"))
    used = time.process_time()
    took = {"all": used, "work": used - cpu, "wall": time.perf_counter() - wall}
    print(json.dumps({name: seconds * 1000 for name, seconds in took.items()}))
    return 0


def to_file(get: Callable[[Sink], object], path: str, *, hashed: bool) -> None:
    """Fill the file, and hash it meanwhile if that is wanted."""
    sink, digest = Sink(path), sha256()
    follower = threading.Thread(target=sink.follow, args=(digest.update,))
    if hashed:
        follower.start()
    get(sink)
    sink.end()
    if hashed:
        follower.join()
    assert os.path.getsize(path) == sink.written > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
