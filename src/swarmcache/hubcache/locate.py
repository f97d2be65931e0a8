"""Environment and library versions in, the effective cache folder out, and who decided it.

The rules are huggingface_hub's own (`constants.py`, the same from 0.36.2 to 2.4.0), with
their oddities: an empty variable counts as set, `~` and `$VAR` are replaced in whatever won,
and what is below `HF_HOME` is replaced twice. `HUGGINGFACE_CO_STAGING` moves only the old
constant HUGGINGFACE_HUB_CACHE, which none of these versions reads any more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.oddities import oddities
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
"""What moves the cache of transformers before 5.0, the strongest first."""
DEFAULT = "default"
"""Who decided when nobody did."""
_FIRST_WITHOUT_OWN_VARIABLES = 5
"""The major version of transformers that reads none of `TRANSFORMERS_VARIABLES`."""


class Candidate(NamedTuple):
    """One voice in the question where a cache is."""

    name: str
    """A variable, an option such as `--cache-dir`, a settings file, or `default`."""
    value: str
    """What it says, untouched."""
    path: str | None
    """The folder it means, absolute; None when that is not known."""
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
    for name in HUB_VARIABLES[:2]:
        voices += _variable(environment, name, environment.expand)
    for name, value, home in _homes(environment):
        path = environment.expand(os.path.join(environment.expand(home), "hub"))
        voices.append(Candidate(name, value, _seen(environment, path)))
    return _decide(environment, voices)


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


def locate_transformers(environment: Environment, libraries: Libraries) -> Location:
    """Return where the `transformers` among `libraries` puts what `from_pretrained` downloads.

    Before 5.0 its own three variables come first, and neither `~` nor `$VAR` is replaced in
    them (`utils/hub.py` of 4.51.3); from 5.0 on it reads none of them and does not say so.
    Without transformers, or where its version is unknown, the answer is the Hub's own.
    """
    hub = locate(environment)
    own = [c for name in TRANSFORMERS_VARIABLES for c in _variable(environment, name, str)]
    if not reads_own_variables(libraries.transformers):
        reason = _why_unread(libraries)
        return hub._replace(lost=tuple(c._replace(reason=reason) for c in own) + hub.lost)
    if not own:
        return hub
    located = _decide(environment, [*own, Candidate(hub.decided_by, "", hub.path)])
    return located._replace(lost=located.lost + hub.lost)


def reads_own_variables(transformers: str | None) -> bool:
    """Tell whether this version of transformers reads `TRANSFORMERS_VARIABLES`."""
    major = (transformers or "").partition(".")[0]
    return major.isdecimal() and int(major) < _FIRST_WITHOUT_OWN_VARIABLES


def locate_xet(environment: Environment) -> Location:
    """Return where huggingface_hub keeps the Xet protocol's files (`HF_XET_CACHE`, untouched)."""
    return _beside_the_hub(environment, "HF_XET_CACHE", "xet", environment.expand)


def locate_datasets(environment: Environment) -> Location:
    """Return where `datasets` keeps the tables it makes of downloaded files.

    It replaces `~` in `HF_HOME` but no `$VAR` (`config.py` of 5.2.0).
    """
    return _beside_the_hub(environment, "HF_DATASETS_CACHE", "datasets", environment.expand_user)


def home_folder(environment: Environment, name: str) -> Location:
    """Return a folder of the Hub's home, which no variable of its own moves."""
    return _beside_the_hub(environment, None, name, environment.expand_user)


def _beside_the_hub(
    environment: Environment, variable: str | None, folder: str, expand: Callable[[str], str]
) -> Location:
    voices = _variable(environment, variable, str) if variable is not None else []
    for name, value, home in _homes(environment):
        path = os.path.join(expand(home), folder)
        voices.append(Candidate(name, value, _seen(environment, path)))
    return _decide(environment, voices)


def _variable(environment: Environment, name: str, expand: Callable[[str], str]) -> list[Candidate]:
    value = environment.get(name)
    return [] if value is None else [Candidate(name, value, _seen(environment, expand(value)))]


def _homes(environment: Environment) -> Iterator[tuple[str, str, str]]:
    """Yield who names the Hub's home folder, what they say, and the home that it makes."""
    if (value := environment.get("HF_HOME")) is not None:
        yield "HF_HOME", value, value
    if (value := environment.get("XDG_CACHE_HOME")) is not None:
        yield "XDG_CACHE_HOME", value, os.path.join(value, "huggingface")
    yield DEFAULT, "", os.path.join(environment.home, ".cache", "huggingface")


def _seen(environment: Environment, path: str) -> str:
    """Return `path` as the kernel sees it: `..` behind a link leaves the link's target."""
    if os.pardir in path.split("/"):
        return os.path.realpath(os.path.join(environment.cwd, path))
    return environment.absolute(path)


def _decide(environment: Environment, voices: Sequence[Candidate]) -> Location:
    winner, *others = voices
    return Location(
        winner.path or "",
        winner.name,
        tuple(_loser(winner, other) for other in others if other.name != DEFAULT),
        tuple(oddities(environment, winner)),
    )


def _loser(winner: Candidate, other: Candidate) -> Candidate:
    if other.path == winner.path:
        reason = t("{winner} comes first; both mean the same folder.", winner=winner.name)
    else:
        reason = t("{winner} comes first.", winner=winner.name)
    return other._replace(reason=reason)


def _why_unread(libraries: Libraries) -> str:
    if libraries.unknown:
        return libraries.unknown
    if libraries.transformers is None:
        return t("No transformers was found that would read it.")
    return t("transformers {version} does not read it.", version=libraries.transformers)
