"""`clean` as values: what is wished, what will be removed, what stays and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.complete.weights import Format
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo
    from swarmcache.plans.clean.known import Inventory
    from swarmcache.plans.plan import Remove

LeftoverKind: TypeAlias = Literal[
    "partial", "temporary", "orphan", "payload", "manifest", "marks", "broken", "locks", "xet",
    "legacy", "trash",
]  # fmt: skip
LEFTOVER_KINDS: tuple[LeftoverKind, ...] = get_args(LeftoverKind)


class Named(NamedTuple):
    """A model that the user named."""

    repo: RepoName
    revision: str | None
    """A branch, tag or commit; None for all that is cached of it."""


class Wishes(NamedTuple):
    """What is to go; filters intersect, leftovers are added."""

    models: tuple[Named, ...] = ()
    everything: bool = False
    """Every model of the cache."""
    older_than: float | None = None
    """Only what was last used longer ago, in seconds."""
    detached: bool = False
    """Only revisions that no branch or tag names."""
    formats: frozenset[Format] = frozenset()
    """Of them only files of these weights formats, where a complete safetensors twin stands."""
    spared: tuple[str, ...] = ()
    """Globs of repo ids that stay."""
    leftovers: frozenset[LeftoverKind] = frozenset()
    budget: int | None = None
    """Bytes that the cache may hold: as much as need be goes, by least harm."""
    free: int | None = None
    """Bytes that shall be free on the cache's disk, likewise."""
    ignore_pins: bool = False
    evictable: Mapping[RepoName, frozenset[str]] | None = None
    """Where given, only these commits of these repos may go: what makes room for another model."""
    linked: frozenset[str] = frozenset()
    """Blobs that this other model is going to share, so that the cache goes on holding them."""

    @property
    def wants_models(self) -> bool:
        """Whether models, or parts of them, are selected at all."""
        return bool(self.models) or self.everything

    @property
    def limited(self) -> bool:
        """Whether only so much is to go as a budget asks for."""
        return self.budget is not None or self.free is not None


class Kept(NamedTuple):
    """What was selected, or lay in the way, and stays."""

    what: str
    """A model as one types it, or a path."""
    reason: str
    busy: bool = False
    """Whether it is in use now, so that the same command may do more later."""
    named: bool = False
    """Whether the user asked for it by name."""
    failed: bool = False
    """Whether the operating system refused."""


class Choice(NamedTuple):
    """What is chosen of one repo."""

    commits: tuple[str, ...] = ()
    """Revisions that go."""
    formats: frozenset[Format] = frozenset()
    """Weights formats that go, of the revisions `twins`."""
    twins: tuple[str, ...] = ()
    leftovers: frozenset[LeftoverKind] = frozenset()
    whole: bool = False
    """All that is the Hub's goes, the folder included."""
    orphans: frozenset[str] = frozenset()
    """Blobs that a killed removal had freed, by name, besides."""
    half_removed: frozenset[str] = frozenset()
    """Commits whose removal was killed halfway."""


class Seen(NamedTuple):
    """One repo as it was when the plan was made."""

    repo: Repo
    inventory: Inventory


class Group(NamedTuple):
    """What is removed together, under the locks of one repo; in this order."""

    repo: RepoName | None
    """None for what lies beside the repos."""
    choice: Choice
    steps: tuple[Remove, ...]
    seen: int
    """Tells whether the repo is still what it was; equal for equal content."""
    named: bool = False

    @property
    def bytes(self) -> int:
        """Allocated bytes that it frees."""
        return sum(step.bytes for step in self.steps)


class CleanPlan(NamedTuple):
    """What a `clean` of one cache folder will do."""

    cache: str
    """Its real path."""
    groups: tuple[Group, ...]
    kept: tuple[Kept, ...]
    uninspected: int = 0
    """Processes that may use anything and could not be looked into."""
    visible: bool = True
    """Whether this system tells which files are open."""
    short: int = 0
    """Bytes by which a budget is missed though everything goes that may."""
    shared: int = 0
    """Allocated bytes of what goes, or would have to, that are not freed: files that stay, here or
    elsewhere, have them too, by hard link or by reflink."""
    absent: tuple[Named, ...] = ()
    """Named, and not cached."""
    tiers: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Remove, ...]:
        """All that is removed, in order."""
        return tuple(step for group in self.groups for step in group.steps)

    @property
    def freed_bytes_expected(self) -> int:
        """Allocated bytes of files whose last name goes."""
        return sum(group.bytes for group in self.groups)


class Cleaned(NamedTuple):
    """How a group came out."""

    group: Group
    done: tuple[Remove, ...]
    freed_bytes: int
    """Allocated bytes of the files whose last name was really removed."""
    kept: tuple[Kept, ...] = ()
