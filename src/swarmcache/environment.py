"""A process environment as a value, so that every answer can be asked for another process too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import CacheNotFound
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping


class Environment(NamedTuple):
    """What decides where a process finds its cache."""

    variables: Mapping[str, str]
    home: str
    """The home folder, absolute; what `~` means."""
    cwd: str
    """The working directory, absolute; what relative paths rest on."""

    @classmethod
    def current(cls) -> Environment:
        """Return this process's own environment; CacheNotFound when `cwd` was deleted."""
        try:
            cwd = os.getcwd()
        except FileNotFoundError as error:
            raise CacheNotFound(
                t("The working directory no longer exists."), hint="cd ~"
            ) from error
        return cls(dict(os.environ), os.path.expanduser("~"), cwd)

    def get(self, name: str) -> str | None:
        """Return a variable's value, which may be empty, or None when it is not set."""
        return self.variables.get(name)

    def expand(self, path: str) -> str:
        """Return `path` with `~` and `$VAR` replaced as `os.path` does it for a process."""
        return self.expand_variables(self.expand_user(path))

    def expand_user(self, path: str) -> str:
        """Return `path` with a leading `~` or `~name` replaced, as `os.path.expanduser` does."""
        if path == "~" or path.startswith("~/"):
            return self.home.rstrip("/") + path[1:] or "/"
        # Another user's home is the same in every process of this machine.
        return os.path.expanduser(path) if path.startswith("~") else path

    def expand_variables(self, path: str) -> str:
        """Return `path` with `$VAR` and `${VAR}` replaced where set, as `os.path.expandvars`."""
        if "$" not in path:
            return path
        import re  # noqa: PLC0415 - most paths have no variable

        return re.sub(
            r"\$(?:(\w+)|\{([^}]*)\})",
            lambda match: self.variables.get(match[1] or match[2], match[0]),
            path,
            flags=re.ASCII,
        )

    def absolute(self, path: str) -> str:
        """Return `path` as an absolute, normalised path seen from `cwd`."""
        return os.path.normpath(os.path.join(self.cwd, path))
