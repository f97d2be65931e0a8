"""Every key of the settings: its name, its variable, and what it may hold.

The variable of a key is `SWARMCACHE_` and the key in capitals, `.` as `_`: `cache.budget` is
`SWARMCACHE_CACHE_BUDGET`. The one exception is `language`, which is `SWARMCACHE_LANG`. An
empty variable counts as not set. Lists in a variable: folders are separated as in `PATH`,
endpoints, models and rules by spaces, answers stand one per line as `question=answer`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, get_args

from swarmcache.locale import t
from swarmcache.settings.values import Kind, ModelSetting, TierSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swarmcache.environment import Environment


_MOST_STARTS = 3600
"""In an hour: one each second."""


class Wrong(Exception):
    """A value cannot be used; the message says what was expected."""


class Ground(NamedTuple):
    """What a value rests on."""

    environment: Environment
    project: str
    """The project's folder, absolute."""
    folder: str
    """What relative paths start from: the folder of the file that speaks, or `cwd`."""


class Key(NamedTuple):
    """One key of the settings."""

    name: str
    """As in the file, with its table: `cache.dir`."""
    field: str
    """The field of `Settings`."""
    convert: Callable[[object, Ground], object]
    """From what TOML holds to the field's value; raises Wrong."""
    from_text: Callable[[str], object]
    """From a variable's or option's text to what TOML would hold."""

    @property
    def variable(self) -> str:
        """The environment variable of this key."""
        name = "lang" if self.name == "language" else self.name
        return "SWARMCACHE_" + name.upper().replace(".", "_")


def _text(value: object, ground: Ground) -> str:
    del ground
    if not isinstance(value, str) or not value.strip():
        raise Wrong(t("a non-empty text"))
    return value


def _folder(value: object, ground: Ground) -> str:
    text = _text(value, ground)
    if text == "project":
        return os.path.join(ground.project, ".cache", "huggingface", "hub")
    path = ground.environment.expand(text)
    return os.path.normpath(os.path.join(ground.folder, path))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise Wrong(t("a list"))
    return value


def _tiers(value: object, ground: Ground) -> tuple[TierSetting, ...]:
    return tuple(_tier(item, ground) for item in _list(value))


def _tier(value: object, ground: Ground) -> TierSetting:
    if not isinstance(value, dict):
        return TierSetting(_folder(value, ground))
    _refuse_unknown(value, TierSetting._fields)
    if value.get("link", "content") not in {"content", "symlink"}:
        raise Wrong(t('link = "content" or "symlink"'))
    return TierSetting(_folder(value.get("path"), ground), value.get("link", "content"))


def _texts(value: object, ground: Ground) -> tuple[str, ...]:
    return tuple(_text(item, ground) for item in _list(value))


def _endpoints(value: object, ground: Ground) -> tuple[str, ...]:
    endpoints = tuple(text.rstrip("/") for text in _texts(value, ground))
    if not endpoints or not all(e.startswith(("http://", "https://")) for e in endpoints):
        raise Wrong(t("a list of addresses that begin with http:// or https://"))
    return endpoints


def _size(value: object, ground: Ground) -> int:
    from swarmcache.units import parse_bytes  # noqa: PLC0415 - few set a budget

    del ground
    try:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            size = parse_bytes(str(value))
            if size > 0:
                return size
    except (ValueError, OverflowError):
        pass
    raise Wrong(t('a size such as "200GB"'))


def _offline(value: object, ground: Ground) -> str:
    del ground
    if value not in {"auto", "always", "never"}:
        raise Wrong(t('"auto", "always" or "never"'))
    return str(value)


def _restart(value: object, ground: Ground) -> str:
    del ground
    if value not in {"no", "on-failure", "always"}:
        raise Wrong(t('"no", "on-failure" or "always"'))
    return str(value)


def _starts(value: object, ground: Ground) -> int:
    del ground
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST_STARTS:
        raise Wrong(t("a number from 1 to {most}", most=_MOST_STARTS))
    return number


def _answers(value: object, ground: Ground) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise Wrong(t("a table of questions and answers, all of them texts"))
    if not all(text.isprintable() for pair in value.items() for text in pair) or "" in value:
        raise Wrong(t("questions and answers of one line each"))
    if any(answer.startswith("hf_") for answer in value.values()):
        raise Wrong(t("answers that are no token: every program that is started could read them"))
    del ground
    return value


def _models(value: object, ground: Ground) -> tuple[ModelSetting, ...]:
    del ground
    return tuple(_model(item) for item in _list(value))


def _model(value: object) -> ModelSetting:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise Wrong(t('a table with at least id = "org/name"'))
    _refuse_unknown(value, ModelSetting._fields)
    model = ModelSetting(**value)
    if not isinstance(model.revision, str) or not model.revision:
        raise Wrong(t("a branch, tag or commit for revision"))
    if not isinstance(model.pin, bool):
        raise Wrong(t("true or false for pin"))
    if model.type not in get_args(Kind):
        raise Wrong(t("one of {kinds} for type", kinds=", ".join(get_args(Kind))))
    return model


def _refuse_unknown(value: Mapping[str, object], known: tuple[str, ...]) -> None:
    """Raise Wrong for a name that a table does not have, with the nearest that it has."""
    unknown = sorted(value.keys() - set(known))
    if unknown:
        match = nearest(unknown[0], known)
        raise Wrong(t("{match} in the place of {unknown}", match=match, unknown=unknown[0]))


def nearest(unknown: str, known: tuple[str, ...]) -> str:
    """Return the name most like `unknown`."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    return get_close_matches(unknown, known, n=1, cutoff=0)[0]


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _paths(text: str) -> list[str]:
    return [path for path in text.split(os.pathsep) if path]


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {question.strip(): answer.strip() for question, _, answer in pairs}


def _targets(text: str) -> list[dict[str, str]]:
    named = (word.partition("@") for word in _words(text))
    return [{"id": name, "revision": revision or "main"} for name, _, revision in named]


KEYS = (
    Key("cache.dir", "cache_dir", _folder, str),
    Key("cache.tiers", "tier_settings", _tiers, _paths),
    Key("cache.budget", "budget", _size, str),
    Key("models", "models", _models, _targets),
    Key("hub.endpoints", "endpoints", _endpoints, _words),
    Key("launch.command", "launch_command", _text, str),
    Key("launch.offline", "offline", _offline, str),
    Key("launch.restart", "restart", _restart, str),
    Key("launch.max_starts", "max_starts", _starts, str),
    Key("launch.answers", "answers", _answers, _pairs),
    Key("doctor.ignore", "doctor_ignore", _texts, _words),
    Key("language", "language", _text, str),
)
"""Every key, in the order of DESIGN.md."""
