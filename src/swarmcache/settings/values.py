"""Settings as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# Named tuples, not dataclasses: `check` reads settings at each launch, and a frozen
# dataclass costs eight times as much to define (0.56 ms against 0.07 ms).

Kind = Literal["model", "dataset", "space", "kernel"]
"""What a repo is; the same names as `hubcache.layout.RepoType`, which stands above settings."""
Offline = Literal["auto", "always", "never"]
"""Whether `run` forbids the trainer the network: when all is complete, always, never."""
Restart = Literal["no", "on-failure", "always"]
"""When `run` starts a command again that has ended."""


class ModelSetting(NamedTuple):
    """One `[[models]]` table."""

    id: str
    """The repo, `org/name`."""
    revision: str = "main"
    """Branch, tag or commit; pinned to a commit in `swarmcache.lock`."""
    pin: bool = False
    """Never evicted."""
    type: Kind = "model"

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}"


class Claim(NamedTuple):
    """What one source says about a key."""

    by: str
    """An option, a variable, a settings file, or `default`."""
    value: str
    """What it says, as text."""


class Origin(NamedTuple):
    """One key, and how it came to its value."""

    key: str
    value: str
    """What counts, as text; empty when nothing is set."""
    decided_by: str
    lost: tuple[Claim, ...]
    """Everybody else who spoke, the strongest first."""


class TierSetting(NamedTuple):
    """A read-only cache to take blobs from first."""

    path: str
    """Absolute."""
    link: Literal["content", "symlink"] = "content"
    """Whether its blobs are linked or copied as others are, or only pointed to by symbolic links:
    these take no room on another file system either, and break when the tier goes away."""

    def __str__(self) -> str:
        return self.path if self.link == "content" else f"{self.path} (symlink)"


class Settings(NamedTuple):
    """Everything a user can decide, with every default filled in."""

    cache_dir: str | None = None
    """The one place, absolute; None leaves it to huggingface_hub's own variables."""
    tier_settings: tuple[TierSetting, ...] = ()
    """Read-only caches to take blobs from first."""
    budget: int | None = None
    """Bytes the cache may hold; None for no limit."""
    models: tuple[ModelSetting, ...] = ()
    endpoints: tuple[str, ...] = ("https://huggingface.co",)
    """Hubs in the order they are asked, without a closing slash; never empty."""
    launch_command: str | None = None
    """What `run` starts when it is given no command."""
    offline: Offline = "auto"
    answers: Mapping[str, str] = {}
    """What `run` answers where the start script asks: part of the question, and the answer."""
    restart: Restart = "no"
    max_starts: int = 12
    """Starts of the command in an hour, where it is started again."""
    doctor_ignore: tuple[str, ...] = ()
    """Rules that `doctor` leaves out."""
    language: str | None = None
    """A locale name such as `zh_CN`; None leaves it to the locale variables."""
    project_file: str | None = None
    """The file in the project that was read, absolute; None when it has none."""
    origins: tuple[Origin, ...] = ()
    """How each key came to its value, in the order of `settings.keys`."""

    @property
    def tiers(self) -> tuple[str, ...]:
        """Folders that links of the cache may lead into besides, absolute."""
        return tuple(tier.path for tier in self.tier_settings)

    @property
    def symlinked_tiers(self) -> tuple[str, ...]:
        """Those that blobs become symbolic links into."""
        return tuple(tier.path for tier in self.tier_settings if tier.link == "symlink")

    def origin(self, key: str) -> Origin:
        """Return how one key, such as `cache.dir`, came to its value."""
        return next(origin for origin in self.origins if origin.key == key)
