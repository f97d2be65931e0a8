"""Users that a Dockerfile's `RUN` makes, and where their homes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.programs import started
from swarmcache.project.readers.shell import read_script
from swarmcache.project.readers.shell.syntax import Branch, Command, Loop, Subshell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.effective.values import Variables
    from swarmcache.project.readers.shell.syntax import Statement
    from swarmcache.project.sources import Source

_LETTERS = "bcdefgGhkKpsuZ"
"""Options of one letter that take a value; `-ms /bin/bash` has two of them."""
_WITH_VALUE = frozenset(
    {
        *("--base-dir", "--comment", "--home-dir", "--home", "--gid", "--groups", "--shell"),
        *("--uid", "--password", "--gecos", "--ingroup", "--skel"),
    }
)
_HOME = frozenset({"--home-dir", "--home"})


def made_users(script: Source, variables: Variables) -> dict[str, str]:
    """Return the homes of users that a script makes, by their names and numbers."""
    if b"useradd" not in script.data and b"adduser" not in script.data:
        return {}
    found: dict[str, str] = {}
    for command in _commands(read_script(script).body):
        values = [expanded(word, variables, "") for word in command.words]
        words = started(tuple(v[0] if len(v) == 1 else None for v in values)).words
        if words and words[0] in {"useradd", "adduser"}:
            found.update(_user(words))
    return found


def _user(words: tuple[str | None, ...]) -> dict[str, str]:
    home = uid = None
    names: list[str] = []
    at = 1
    while at < len(words):
        option, equals, value = (words[at] or "").partition("=")
        at += 1
        if not option.startswith("-"):
            names.append(words[at - 1] or "")
            continue
        short = not option.startswith("--") and option[-1] in _LETTERS
        if not equals and (short or option in _WITH_VALUE):
            value = (words[at] or "") if at < len(words) else ""
            at += 1
        # `-h` is the home of BusyBox's adduser only; useradd's is its help.
        letter = option[-1] if short else ""
        if option in _HOME or letter == "d" or (letter == "h" and words[0] == "adduser"):
            home = value
        elif option == "--uid" or letter == "u":
            uid = value
    if not names or not names[0]:
        return {}
    home = f"/home/{names[0]}" if home is None else home
    return {names[0]: home, **({uid: home} if uid else {})} if home else {}


def _commands(body: Iterable[Statement]) -> Iterator[Command]:
    for one in body:
        if isinstance(one, Command):
            yield one
        elif isinstance(one, Branch):
            for arm in one.arms:
                yield from _commands(arm.condition)
                yield from _commands(arm.body)
        elif isinstance(one, (Loop, Subshell)):
            yield from _commands(one.body)
