"""What this machine tells of a process, for people: its words, and whose it is."""

from __future__ import annotations

import os
from contextlib import suppress

from swarmcache.hubcache.belonging import user_name


def command_words(pid: int) -> list[str]:
    """Return the words that a process was started with, its bare name where they are empty.

    Nothing for a process that is gone, or where the system tells nothing.
    """
    with suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            # What a process writes over its own words may end in many zeros.
            text = file.read().decode(errors="replace").rstrip("\0")
        return text.split("\0") if text else [command_name(pid)]
    return []


def command_name(pid: int) -> str:
    """Return the name of a process, of 15 characters at most; `?` where nothing tells."""
    with suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        return file.read().decode(errors="replace").strip()
    return "?"


def account_of(pid: int) -> str:
    """Return the name of the user whose process it is, else the user's number, else nothing."""
    try:
        user = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return ""
    return user_name(user)
