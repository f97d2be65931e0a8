"""The process in which huggingface_hub works: one JSON request a line in, one JSON answer out.

A process of its own, because the library cannot be stopped from within: several of its waits
have no bound (the `tree` request of 2.4 against an endpoint that accepts and never answers),
its download threads outlive Ctrl-C, and it reads its variables once per process. This process
ends with the one that started it, and takes its own partial downloads along.
"""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import queue
import re
import signal
import sys
import threading
import time
import warnings
from typing import IO, Any, NoReturn

from swarmcache import locale
from swarmcache.hubcache.layout import Target
from swarmcache.transfer.refusals import packed, refusal

METADATA_SECONDS = 10.0
CHUNK_BYTES = 256 * 1024
"""How much may arrive before it is written. The library's own 10 MiB take minutes on a slow
line, and the parent, who watches the file grow, would take the line for dead."""
BEAT_SECONDS = 1.0
_OWN_PARTIAL = re.compile(r".+\.[0-9a-f]{8}\.incomplete")
"""The name that clients since 1.18 give; older ones resume theirs, so those stay."""


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides what Ctrl-C means.
    answers = _Answers(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # What a library prints is no answer.
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, requests), daemon=True).start()
    warnings.simplefilter("ignore")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    while True:
        request = json.loads(requests.get())
        answers.say(_answer(request, answers))


class _Answers:
    """Standard output, one line at a time from whichever thread."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._beaten = 0.0

    def say(self, answer: dict[str, Any]) -> None:
        """Write one line; without a reader there is nothing left to work for."""
        with self._lock:
            try:
                self._stream.write(json.dumps(answer) + "\n")
                self._stream.flush()
            except OSError:
                _end()

    def beat(self) -> None:
        """Tell that bytes arrive, at most once a second: Xet writes them late, and in lumps."""
        now = time.monotonic()
        if now - self._beaten > BEAT_SECONDS:
            self._beaten = now
            self.say({"beat": True})


def _listen(stream: IO[str], requests: queue.SimpleQueue[str]) -> None:
    for line in stream:
        requests.put(line)
    _end()


def _end() -> NoReturn:
    _remove_own_partials()
    os._exit(0)  # Download threads would keep the interpreter for as long as they run.


def _remove_own_partials() -> None:
    """Delete the partial downloads that this process has open: no client would resume them."""
    folder = "/proc/self/fd"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with contextlib.suppress(OSError):  # Downloads end while we look.
            path = os.readlink(os.path.join(folder, name))
            if _OWN_PARTIAL.fullmatch(os.path.basename(path)):
                os.unlink(path)


def _answer(request: dict[str, Any], answers: _Answers) -> dict[str, Any]:
    locale.use(request["language"])
    target = Target(*request["target"])
    # A token goes only to the endpoint that it was configured for; False sends none.
    access = {"endpoint": request["endpoint"], "token": None if request["trusted"] else False}
    try:
        if request["do"] == "list":
            return _list(target, access)
        return _fetch(target, access, request, answers)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent shall hear of it
        return packed(refusal(error, request["endpoint"], target))


def _list(target: Target, access: dict[str, Any]) -> dict[str, Any]:
    from huggingface_hub import HfApi  # noqa: PLC0415 - raises for variables it cannot read

    info: Any = HfApi(**access, library_name="swarmcache").repo_info(
        target.id,
        repo_type=target.type,
        revision=target.revision,
        files_metadata=True,
        timeout=METADATA_SECONDS,
    )
    files = [
        (file.rfilename, file.size, file.lfs.sha256 if file.lfs else None, file.blob_id)
        for file in info.siblings or ()
    ]
    return {"commit": info.sha, "files": files}


def _fetch(
    target: Target, access: dict[str, Any], request: dict[str, Any], answers: _Answers
) -> dict[str, Any]:
    from huggingface_hub import constants, hf_hub_download, snapshot_download  # noqa: PLC0415

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    place: dict[str, Any] = {
        "repo_type": target.type,
        "revision": target.revision,
        "cache_dir": request["cache"],
        "library_name": "swarmcache",
        **access,
    }
    for path in request["again"]:
        hf_hub_download(target.id, path, force_download=True, **place)
    # Patterns are read as shell patterns: names of real files must stand for themselves.
    leave = [glob.escape(path) for path in request["leave"]]
    bar = _beating(answers)
    snapshot = snapshot_download(target.id, ignore_patterns=leave or None, tqdm_class=bar, **place)
    return {"snapshot": os.fspath(snapshot)}


def _beating(answers: _Answers) -> type[Any]:
    """Return the library's progress bar, invisible, and with a heartbeat."""
    from huggingface_hub import utils  # noqa: PLC0415

    tqdm: Any = utils.tqdm  # type: ignore[attr-defined]

    class Bar(tqdm):  # type: ignore[misc]
        def update(self, n: float | None = 1) -> object:
            answers.beat()
            return super().update(n)

    return Bar


if __name__ == "__main__":
    main()
