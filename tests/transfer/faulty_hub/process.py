"""The faulty Hub as a process of its own, for tests that kill clients or measure them.

This is how it is used:

    with launched("org/name", {"model.safetensors": "1GiB"}, bytes_per_second=2e8) as hub:
        hub.add("cut", 0.5, path="model.safetensors", times=1)
        hub.counts()["bytes"]
"""

from __future__ import annotations

import json
import os
import pathlib
import ssl
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TESTS = str(pathlib.Path(__file__).parents[2])


@dataclass(frozen=True)
class LaunchedHub:
    """A faulty Hub in another process."""

    url: str
    main: str
    """The commit that `main` points to."""
    pid: int
    authority: str | None = None
    """Whose certificates it shows."""

    def counts(self) -> dict[str, Any]:
        """Return what FaultyHub.counts returns there."""
        return dict(self._ask("/_counts", None))

    def add(self, fault: str, *arguments: Any, **which: Any) -> None:
        """Add a fault by its name in faults.py."""
        self._ask("/_faults", {"fault": fault, "arguments": arguments, "which": which})

    def mend(self) -> None:
        """Be honest from now on."""
        self._ask("/_mend", {})

    def pace(self, bytes_per_second: float | None) -> None:
        """Change the rate of all connections together."""
        self._ask("/_pace", bytes_per_second)

    def _ask(self, path: str, value: Any) -> Any:
        body = None if path == "/_counts" else json.dumps(value).encode()
        trusted = ssl.create_default_context(cafile=self.authority)
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )
        with direct.open(self.url + path, body, timeout=20) as answer:
            return json.load(answer)


@contextmanager
def launched(repo_id: str, files: Mapping[str, str], **traits: Any) -> Iterator[LaunchedHub]:
    """Run a Hub with one repo until the block ends.

    Content is a size and seed (`1GiB:7`), or `=` and a text. `traits` are those of FaultyHub.
    """
    tls = traits.get("tls")
    if tls:
        traits["tls"] = asdict(tls)
    given = json.dumps({"repo": repo_id, "files": dict(files), "traits": traits})
    path = os.pathsep.join(filter(None, [TESTS, os.environ.get("PYTHONPATH")]))
    server = subprocess.Popen(
        [sys.executable, "-m", "transfer.faulty_hub"],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        print(given, file=server.stdin, flush=True)
        where = json.loads(server.stdout.readline())
        yield LaunchedHub(**where, pid=server.pid, authority=tls and tls.authority)
    finally:
        server.communicate(timeout=20)  # It ends when its standard input does.
