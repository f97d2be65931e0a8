"""What the original report asked at each start, without waiting: the cache's size, and the command.

`run --ask` restores its question, which nobody needs to answer.
"""

from __future__ import annotations

import os
import select
import sys
import time
from typing import TYPE_CHECKING

import click

from swarmcache.cli.asking import somebody_is_there
from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.sizing import quick_size
from swarmcache.locale import t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from swarmcache.cli.invocation import Invocation

ASK_SECONDS = 10.0
_YES = frozenset({"y", "yes", "是"})


def say_size(invocation: Invocation) -> None:
    """Say in one line how large the cache is, and what cleans it; nothing for an empty one."""
    found = quick_size(invocation.location.path, invocation.environment)
    if found.size:
        size = human_bytes(found.size)
        command = invocation.terminal.command("swarmcache clean")
        invocation.terminal.say(
            t("Current cache size over {size}; to clean it: {command}", size=size, command=command)
            if found.least
            else t("Current cache size {size}; to clean it: {command}", size=size, command=command)
        )


def offer_cleaning(invocation: Invocation) -> None:
    """Ask whether the cache is to be cleaned, and do it by `clean`'s own menu.

    No answer within ASK_SECONDS means no, and so does a start without a terminal, at once. What
    goes wrong with cleaning is told, and stops no start.
    """
    terminal = invocation.terminal
    if not somebody_is_there():
        return
    question = t("Clean the model cache? [y/N]")
    terminal.alert(t("{question} (N in {seconds:.0f} s)", question=question, seconds=ASK_SECONDS))
    if _answer(ASK_SECONDS).strip().lower() not in _YES:
        return
    from swarmcache.cli.clean import command as clean  # noqa: PLC0415 - asked for, and answered

    try:
        clean.main(
            ["--cache-dir", invocation.location.path], "swarmcache clean", standalone_mode=False
        )
    except click.Abort:
        return
    except click.ClickException as error:
        terminal.alert(f"swarmcache: {error.format_message()}")
    except SwarmcacheError as error:
        terminal.alert(f"swarmcache: {error.message}")


def _answer(seconds: float) -> str:
    """Return the line typed within `seconds`, or nothing; what is typed later is the command's."""
    deadline = time.monotonic() + seconds
    typed = b""
    descriptor = sys.stdin.fileno()
    while not typed.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            return ""
        byte = os.read(descriptor, 1)  # No more than the line: the rest is the command's.
        if not byte:
            break
        typed += byte
    return typed.decode(errors="replace")
