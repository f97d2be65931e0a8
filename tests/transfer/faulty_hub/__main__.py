"""Run the Hub that a line of JSON on standard input describes, until the input ends.

    {"repo": "org/name", "files": {"a.bin": "1GiB:7", "b": "=text"}, "traits": {"cdn": true}}

It prints where it is, as JSON too, once it serves (`cat | python -m transfer.faulty_hub`, by hand).
`GET /_counts` answers what was served; `POST /_faults`, `/_pace` and `/_mend` change what is wrong.
None of these is counted.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from . import faults
from .answers import document
from .content import content
from .repos import Repo
from .server import FaultyHub
from .tls import Certificates

if TYPE_CHECKING:
    from .answers import Answer, Request


class ControlledHub(FaultyHub):
    """One that is told over HTTP what to do wrong."""

    def answer(self, request: Request, body: bytes) -> Answer:
        """Obey, or answer as a Hub."""
        if not request.target.startswith("/_"):
            return super().answer(request, body)
        value = json.loads(body) if body else None
        if request.target == "/_faults":
            self.add(getattr(faults, value["fault"])(*value["arguments"]), **value["which"])
        elif request.target == "/_pace":
            self.pace(value)
        elif request.target == "/_mend":
            self.mend()
        return document(self.counts())


def main(given: str) -> None:
    """Serve what is given as JSON."""
    wanted: dict[str, Any] = json.loads(given)
    traits = wanted.get("traits", {})
    if "tls" in traits:
        traits["tls"] = Certificates(**traits["tls"])
    files = {
        path: text[1:].encode() if text.startswith("=") else content(text)
        for path, text in wanted["files"].items()
    }
    repo = Repo(wanted["repo"], files)
    with ControlledHub(repo, **traits) as hub:
        print(json.dumps({"url": hub.url, "main": repo.main}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.stdin.readline())
