"""How every setting and every cache folder came to be: as lines, and as a document's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.locate import (
    DEFAULT,
    locate_datasets,
    locate_effective,
    locate_transformers,
    locate_xet,
)
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.settings import Settings


def explanation(
    environment: Environment, settings: Settings, libraries: Libraries
) -> dict[str, object]:
    """Return the fields that `--explain` adds to the document of `env`."""
    return {
        "settings": [
            {**origin._asdict(), "lost": [claim._asdict() for claim in origin.lost]}
            for origin in settings.origins
        ],
        "caches": [
            {
                "name": name,
                **location._asdict(),
                "lost": [candidate._asdict() for candidate in location.lost],
            }
            for name, location in _caches(environment, settings, libraries)
        ],
        "libraries": libraries._asdict(),
    }


def explanation_lines(
    environment: Environment, settings: Settings, libraries: Libraries
) -> Iterator[str]:
    """Yield what `--explain` prints: settings, cache folders, and whose libraries count."""
    yield t("Settings of this folder, {path}", path=environment.cwd)
    for origin in settings.origins:
        lost = (t("{name} says {value}", name=c.by, value=_shown(c.value)) for c in origin.lost)
        yield from _entry(origin.key, origin.value, origin.decided_by, lost)
    yield ""
    yield t("Cache folders")
    warned: set[str] = set()
    for name, location in _caches(environment, settings, libraries):
        lost = (
            t("{name} says {value}: {reason}", name=c.name, value=_shown(c.value), reason=c.reason)
            for c in location.lost
        )
        yield from _entry(name, location.path, location.decided_by, lost)
        if location.decided_by not in warned:  # One odd variable moves several folders.
            yield from (f"    ⚠ {warning}" for warning in location.warnings)
        warned.add(location.decided_by)
    yield ""
    yield from _library_lines(libraries)


def _caches(
    environment: Environment, settings: Settings, libraries: Libraries
) -> Iterable[tuple[str, Location]]:
    return (
        ("swarmcache", locate_effective(settings, environment)),
        ("transformers", locate_transformers(environment, libraries)),
        ("datasets", locate_datasets(environment)),
        ("xet", locate_xet(environment)),
    )


def _entry(name: str, value: str, decided_by: str, lost: Iterable[str]) -> Iterator[str]:
    who = t("default") if decided_by == DEFAULT else decided_by
    yield "  " + t("{name}: {value} ({who})", name=name, value=_shown(value), who=who)
    yield from ("    " + t("lost: {claim}", claim=claim) for claim in lost)


def _shown(value: str) -> str:
    return value or t("(nothing)")


def _library_lines(libraries: Libraries) -> Iterator[str]:
    yield t(
        "Libraries of {python}, chosen by {source}",
        python=libraries.python,
        source=libraries.chosen_by,
    )
    if libraries.unknown:
        yield f"  ⚠ {libraries.unknown}"
        return
    for name in ("huggingface_hub", "transformers", "datasets"):
        version = getattr(libraries, name) or t("not installed")
        yield f"  {name}: {version}"
