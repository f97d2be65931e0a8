"""Waiting for another process's download: as long as it grows, and looking now and then."""

from __future__ import annotations

import contextlib
import os
import random
import time
from typing import TYPE_CHECKING

from swarmcache.errors import CacheBusy
from swarmcache.hubcache.layout import INCOMPLETE
from swarmcache.locale import t
from swarmcache.transfer.partial import DATA

if TYPE_CHECKING:
    from swarmcache.transfer.claims import Busy
    from swarmcache.transfer.contents import Content

_LOOK_SECONDS = 0.3
"""How often another process's download is looked at."""


class Waiting:
    """A content that another process has."""

    def __init__(self, content: Content, who: str, partials: str) -> None:
        self.content = content
        self.who = who
        """Who has it, translated."""
        self.due = 0.0
        """When to look again, on the monotonic clock."""
        self._partial = f"{partials}/{content.key}"
        self._seen = self._signature()
        self._grown = time.monotonic()

    def look(self, busy: Busy, seconds: float) -> None:
        """See whether it grows; raises CacheBusy when it has not for so many seconds."""
        now, seen = time.monotonic(), self._signature()
        if seen != self._seen:
            self._seen, self._grown = seen, now
        if now - self._grown > seconds:
            if busy.left is not None:
                raise busy.left
            message = t(
                "{who} has {path} and has not got on for {seconds:.0f} s.",
                who=busy.who,
                path=self.content.path,
                seconds=seconds,
            )
            raise CacheBusy(message, hint="swarmcache status")
        self.due = now + _LOOK_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load

    def _signature(self) -> tuple[int, ...]:
        """Return what changes while another process, or a Hub's client, brings the content."""
        blobs, etag = os.path.dirname(self.content.location), self.content.etag
        found = [f"{self._partial}/{DATA}", f"{self._partial}/journal"]
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(blobs))
            found += [
                f"{blobs}/{name}"
                for name in names
                if name.startswith(etag) and name.endswith(INCOMPLETE)
            ]
        signs: list[int] = []
        for path in found:
            with contextlib.suppress(OSError):
                status = os.stat(path)
                signs += (status.st_size, status.st_mtime_ns)
        return tuple(signs)
