"""Values as each format takes them, so that spaces, quotes, `$` and `%` stay what they are."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from swarmcache.errors import LaunchError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable


def plain(value: str) -> str:
    """Return the value itself; LaunchError for what no line of text can hold."""
    if any(ord(one) < ord(" ") or ord(one) == 0x7F for one in value):  # noqa: PLR2004 - DEL
        raise LaunchError(
            t("{value} holds a newline or another control character.", value=repr(value))
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LaunchError(t("{value} is not UTF-8.", value=repr(value))) from error
    return value


def shell(words: Iterable[str]) -> str:
    """Return words of a POSIX shell."""
    return " ".join(shlex.quote(plain(word)) for word in words)


def cron(command: str) -> str:
    """Return a shell command for a crontab, where `%` means a newline.

    Backslashes are refused: versions of cron disagree about what one before a `%` means.
    """
    if "\\" in command:
        raise LaunchError(t("{value} holds a backslash, which cron may change.", value=command))
    return command.replace("%", "\\%")


def systemd_word(value: str) -> str:
    """Return one word of an `Exec` line, where `%` is a specifier and `$` a variable."""
    return _systemd_quoted(value).replace("$", "$$")


def systemd_variable(name: str, value: str) -> str:
    """Return what stands behind `Environment=`, where `$` is nothing special."""
    return _systemd_quoted(f"{name}={value}")


def systemd_path(value: str) -> str:
    """Return a path behind `WorkingDirectory=`, which takes the rest of its line as it is."""
    if value != value.strip() or value.endswith("\\"):
        raise LaunchError(t("systemd cannot name the folder {value}.", value=repr(value)))
    return plain(value).replace("%", "%%")


def yaml(value: str) -> str:
    """Return a scalar of YAML, in double quotes."""
    return json.dumps(plain(value), ensure_ascii=False)


def compose(value: str) -> str:
    """Return a scalar of a compose file, in which nothing is interpolated."""
    return yaml(value.replace("$", "$$"))


def argument(value: str) -> str:
    """Return a word of a container's `args` in Kubernetes, which replaces `$(NAME)`."""
    return yaml(value.replace("$", "$$"))


def _systemd_quoted(value: str) -> str:
    escaped = plain(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
