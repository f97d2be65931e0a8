"""Where the paths that a container sees lie in the project, by what was copied and mounted."""

from __future__ import annotations

import os
from dataclasses import dataclass

from swarmcache.hubcache.folder import within


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file or folder of a container that is one of the project's."""

    inside: str
    """Absolute."""
    outside: str | None
    """Absolute; None where the container has something else there."""


@dataclass(frozen=True, slots=True)
class Paths:
    """From a container's paths to the project's; without any, a path is what it says."""

    mounted: tuple[Mapped, ...] = ()
    """These hide what was copied below them."""
    copied: tuple[Mapped, ...] = ()
    """In the order of copying."""

    def outside(self, path: str) -> str:
        """Return where a path lies in the project; the path itself where it does not."""
        for one in sorted(self.mounted, key=lambda mapped: -len(mapped.inside)):
            if within(path, one.inside):
                return path if one.outside is None else one.outside + path[len(one.inside) :]
        for one in reversed(self.copied):
            if within(path, one.inside) and one.outside is not None:
                found = one.outside + path[len(one.inside) :]
                if os.path.lexists(found):
                    return found
        return path


HERE = Paths()
"""The paths of a program that runs outside of any container."""
