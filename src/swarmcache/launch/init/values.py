"""What `init` would do, as values that can be shown, counted and refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.project.changes import Change

ReasonKind: TypeAlias = Literal[
    "keeps", "room", "writable", "shared", "clones", "deleted", "holds"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a cache folder, or against it."""

    kind: ReasonKind
    good: bool
    message: str
    """A translated sentence."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The one cache folder that is proposed."""

    path: str
    """Absolute."""
    named: str
    """As the settings file is to say it: `project`, below `~`, or absolute."""
    decided_by: str
    """`--layout`, a settings file, a variable, `default`."""
    reasons: tuple[Reason, ...]
    """The bad ones first."""
    better: tuple[str, ...]
    """Other folders that would keep the models, where this one would not."""
    exists: bool
    asked: bool
    """Whether an option names it."""


@dataclass(frozen=True, slots=True)
class Write:
    """A file that is made or changed, and why."""

    change: Change
    why: str
    """A translated phrase."""


@dataclass(frozen=True, slots=True)
class Left:
    """What init does not do, and what a person may do."""

    file: str
    """As it is told; empty for what is not of one file."""
    reason: str
    """A translated sentence."""
    fix: str = ""
    """A command, or lines to paste."""


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """All that an `init` will do; nothing of it is done yet."""

    project: str
    """Its real path."""
    folder: Folder
    settings: str
    """The settings file, absolute; it may stay as it is."""
    writes: tuple[Write, ...]
    """In the order of writing; after each the project is as good as before, or better."""
    made: tuple[str, ...]
    """Folders that are made, outer ones first."""
    sharing: GroupPlan | None
    """How the folder is opened to a group; None where it stays as it is."""
    group_asked: bool
    """Whether a group was asked for; else it is opened for the users of containers."""
    old: tuple[str, ...]
    """Other folders that the project's programs have used, and that hold something."""
    left: tuple[Left, ...]
    command: str
    """What starts the trainer; `CMD` where that is not known."""

    @property
    def lines(self) -> tuple[str, str]:
        """The two ways to use the settings: a line for a start script, and a command."""
        return 'eval "$(swarmcache env)"', f"swarmcache run -- {self.command}"
