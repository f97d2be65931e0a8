"""An address where no connection ever comes about, as behind a firewall that drops packets."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unreachable() -> Iterator[str]:
    """Yield a URL on loopback to which connecting takes until the client gives up (Linux).

    A listener that accepts nobody and whose queue is full: the kernel drops what else knocks.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()
