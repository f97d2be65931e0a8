"""This end of the worker process: requests to it, answers from it, its end."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from swarmcache.errors import TransferError
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment


class Worker:
    """The other end of `worker.py`."""

    def __init__(self, environment: Environment) -> None:
        variables = {
            **environment.variables,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_VERBOSITY": "error",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "swarmcache.transfer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=variables,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        stdout = self._process.stdout
        threading.Thread(target=self._listen, args=(stdout,), daemon=True).start()

    def send(self, request: dict[str, object]) -> None:
        """Hand over a request; the worker takes one at a time."""
        if self._process.stdin is None:
            return
        with contextlib.suppress(OSError):  # It has ended: `answer` says so.
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the next answer, or None when there is none within `seconds`."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        if not line:
            raise TransferError(t("The download process ended without an answer."))
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """Let the worker clean up and go; kill it when it does not."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._answers.put(line)
        self._answers.put("")
