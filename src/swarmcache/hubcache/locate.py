"""Environment and library versions in, the effective cache folder out, and who decided it.

The rules are huggingface_hub's own (`constants.py`, the same from 0.36.2 to 2.4.0), with their
oddities: an empty variable counts as set, `~` and `$VAR` are replaced in whatever won, and
what is below `HF_HOME` is replaced twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.settings import Settings

HUB_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
"""What can move the Hub's cache, the strongest first."""
TRANSFORMERS_VARIABLES = (
    "TRANSFORMERS_CACHE",
    "PYTORCH_TRANSFORMERS_CACHE",
    "PYTORCH_PRETRAINED_BERT_CACHE",
)
"""What moves the cache of transformers before 5.0 only, the strongest first."""
DEFAULT = "default"
"""Who decided when nobody did: huggingface_hub's own `~/.cache/huggingface/hub`."""
_BELOW = {"HF_HOME": ("hub",), "XDG_CACHE_HOME": ("huggingface", "hub"), DEFAULT: ("hub",)}
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_FIRST_WITHOUT_VARIABLES = 5
"""The major version of transformers that reads none of its own cache variables."""


class Candidate(NamedTuple):
    """One voice in the question where the cache is."""

    name: str
    """A variable, an option such as `--cache-dir`, a settings file, or `default`."""
    value: str
    """What it says, untouched."""
    path: str | None
    """The folder it means, absolute; None when it means none."""
    reason: str = ""
    """Why it lost, as a sentence; empty for the one that decided."""


class Location(NamedTuple):
    """Where a cache is."""

    path: str
    """The folder, absolute; it need not exist."""
    decided_by: str
    """The name of the candidate that decided."""
    lost: tuple[Candidate, ...] = ()
    """Everybody else who spoke, the strongest first."""
    warnings: tuple[str, ...] = ()
    """Sentences about what is odd in the value that decided."""


def locate(environment: Environment, *, explicit: Candidate | None = None) -> Location:
    """Return where huggingface_hub puts its cache in a process with this environment.

    The first of these that is set decides, even when it is empty:

    1. `explicit`, which is what a `cache_dir` argument is in Python
    2. `HF_HUB_CACHE`
    3. `HUGGINGFACE_HUB_CACHE`, its old name
    4. `HF_HOME`, and `hub` below it
    5. `XDG_CACHE_HOME`, and `huggingface/hub` below it
    6. `~/.cache/huggingface/hub`
    """
    voices = [explicit] if explicit else []
    voices += [
        _hub_voice(environment, name) for name in HUB_VARIABLES if _is_set(environment, name)
    ]
    voices.append(_default(environment))
    return _decide(environment, voices)


def locate_transformers(environment: Environment, libraries: Libraries) -> Location:
    """Return where the `transformers` among `libraries` puts what `from_pretrained` downloads.

    Before 5.0 its own three variables come first, and it replaces neither `~` nor `$VAR` in
    them (`utils/hub.py` of 4.51.3); from 5.0 on it reads none of them and does not say so.
    Without transformers, or where its version is unknown, the answer is the Hub's own.
    """
    hub = locate(environment)
    own = [
        Candidate(name, value, _absolute(environment, value))
        for name in TRANSFORMERS_VARIABLES
        if (value := environment.get(name)) is not None
    ]
    version = libraries.transformers
    if version is None:
        return _unread(hub, own, t("No transformers was found that would read it."))
    if int(version.partition(".")[0]) >= _FIRST_WITHOUT_VARIABLES:
        return _unread(hub, own, t("transformers {version} does not read it.", version=version))
    if not own:
        return hub
    winner = Candidate(hub.decided_by, "", hub.path)
    located = _decide(environment, [*own, winner])
    return located._replace(lost=located.lost + hub.lost)


def locate_xet(environment: Environment) -> Location:
    """Return where huggingface_hub keeps what the Xet protocol needs; `~` is not replaced here."""
    return _locate_below_home(environment, "HF_XET_CACHE", "xet")


def locate_datasets(environment: Environment) -> Location:
    """Return where `datasets` keeps the tables that it makes from downloaded files."""
    return _locate_below_home(environment, "HF_DATASETS_CACHE", "datasets")


def _locate_below_home(environment: Environment, variable: str, folder: str) -> Location:
    home = next(
        voice
        for voice in [
            *(_hub_voice(environment, n) for n in HUB_VARIABLES[2:] if _is_set(environment, n)),
            _default(environment),
        ]
    )
    voices = [home._replace(path=os.path.join(os.path.dirname(home.path or ""), folder))]
    if (value := environment.get(variable)) is not None:
        voices.insert(0, Candidate(variable, value, _absolute(environment, value)))
    return _decide(environment, voices)


def _is_set(environment: Environment, name: str) -> bool:
    return environment.get(name) is not None


def _hub_voice(environment: Environment, name: str) -> Candidate:
    value = environment.get(name) or ""
    return Candidate(name, value, _below(environment, value, _BELOW.get(name, ())))


def _default(environment: Environment) -> Candidate:
    value = os.path.join("~", ".cache", "huggingface")
    return Candidate(DEFAULT, value, _below(environment, value, _BELOW[DEFAULT]))


def _below(environment: Environment, value: str, folders: Sequence[str]) -> str:
    path = environment.expand(os.path.join(value, *folders[:-1]))
    if folders:
        path = environment.expand(os.path.join(path, folders[-1]))
    return _absolute(environment, path)


def _absolute(environment: Environment, path: str) -> str:
    """Return `path` as the kernel sees it: `..` after a link leaves the link's target."""
    if os.pardir in path.split("/"):
        return os.path.realpath(os.path.join(environment.cwd, path))
    return environment.absolute(path)


def _decide(environment: Environment, voices: Sequence[Candidate]) -> Location:
    winner, *others = voices
    path = winner.path or ""
    spoke = [other for other in others if other.name != DEFAULT]
    lost = tuple(other._replace(reason=_why_lost(winner, other)) for other in spoke)
    return Location(path, winner.name, lost, tuple(_oddities(environment, winner)))


def _why_lost(winner: Candidate, other: Candidate) -> str:
    if other.path == winner.path:
        return t("{winner} comes first; both mean the same folder.", winner=winner.name)
    return t("{winner} comes first.", winner=winner.name)


def _unread(hub: Location, own: Sequence[Candidate], reason: str) -> Location:
    unread = tuple(candidate._replace(reason=reason) for candidate in own)
    return hub._replace(lost=unread + hub.lost)


def _oddities(environment: Environment, winner: Candidate) -> Iterator[str]:
    name, value, path = winner.name, winner.value, winner.path
    if name in {*HUB_VARIABLES, *TRANSFORMERS_VARIABLES} and not value:
        yield t(
            "{name} is set but empty, so the cache moves with the working directory, now {path}.",
            name=name,
            path=path,
        )
    elif name in {*HUB_VARIABLES, *TRANSFORMERS_VARIABLES} and not _is_anchored(
        environment, winner
    ):
        yield t(
            "{name} holds the relative path {value}, so the cache moves with the working"
            " directory, now {path}.",
            name=name,
            value=value,
            path=path,
        )
    if "$" in (path or ""):
        yield t(
            "{name} names a variable that is not set, so the folder is literally {path}.",
            name=name,
            path=path,
        )


def _is_anchored(environment: Environment, voice: Candidate) -> bool:
    value = voice.value if voice.name in TRANSFORMERS_VARIABLES else environment.expand(voice.value)
    return os.path.isabs(value)


def locate_effective(settings: Settings, environment: Environment) -> Location:
    """Return the cache that counts here: the settings' `cache.dir`, else what `locate` says.

    So the order is `--cache-dir`, `SWARMCACHE_CACHE_DIR`, the project's settings, the user's,
    and then the Hub's own variables.
    """
    if settings.cache_dir is None:
        return locate(environment)
    origin = settings.origin("cache.dir")
    winner = Candidate(origin.decided_by, origin.value, settings.cache_dir)
    located = locate(environment, explicit=winner)
    reason = t("{winner} comes first.", winner=winner.name)
    weaker = tuple(Candidate(claim.by, claim.value, None, reason) for claim in origin.lost)
    return located._replace(lost=weaker + located.lost)
