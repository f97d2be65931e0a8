"""Options, variables and files, put in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import SettingsError
from swarmcache.locale import t
from swarmcache.settings.files import project_file, user_file
from swarmcache.settings.keys import KEYS, Ground, Key, Wrong
from swarmcache.settings.values import Claim, ModelSetting, Origin, Settings, TierSetting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.settings.files import SettingsFile

DEFAULT = "default"


class _Saying(NamedTuple):
    """What one source says about one key."""

    by: str
    raw: object
    value: object


def load_settings(
    project: str, environment: Environment, overrides: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings that count for the project folder `project`.

    For each key by itself, the first of these decides:

    1. `overrides`, which are command line options: `{"cache.dir": "/srv/hub"}`
    2. the key's variable (`settings.keys`), unless it is empty
    3. the project: `swarmcache.toml`, else `[tool.swarmcache]` in `pyproject.toml`
    4. the user: `~/.config/swarmcache/config.toml` (`XDG_CONFIG_HOME` is honoured)
    5. the default; for `hub.endpoints` that is `HF_ENDPOINT`, then `https://huggingface.co`

    Raises SettingsError for a file that cannot be read, an unknown key or an unusable value.
    """
    sources = _Sources(
        environment, project, overrides or {}, project_file(project), user_file(environment)
    )
    said = {key: list(sources.sayings(key)) for key in KEYS}
    decided = {key.field: sayings[0].value for key, sayings in said.items() if sayings}
    origins = tuple(_origin(key, sayings) for key, sayings in said.items())
    found = sources.project_file
    project_path = found.path if found else None
    return Settings(**decided, project_file=project_path, origins=origins)  # type: ignore[arg-type]


def explain(
    project: str, environment: Environment, overrides: Mapping[str, str] | None = None
) -> tuple[Origin, ...]:
    """Return for each key what counts, who decided it and who lost; raises as load_settings."""
    return load_settings(project, environment, overrides).origins


def _origin(key: Key, said: list[_Saying]) -> Origin:
    if not said:
        default = Settings._field_defaults[key.field]
        return Origin(key.name, _shown(default), DEFAULT, ())
    lost = tuple(Claim(saying.by, _shown(saying.raw)) for saying in said[1:])
    return Origin(key.name, _shown(said[0].value), said[0].by, lost)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown_item(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} = {item}" for name, item in value.items())
    return str(value)


def _shown_item(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    defaults = TierSetting("") if "path" in item else ModelSetting("")
    given = {name: item[name] for name in defaults._fields if name in item}
    return str(defaults._replace(**given))


class _Sources(NamedTuple):
    environment: Environment
    project: str
    overrides: Mapping[str, str]
    project_file: SettingsFile | None
    user_file: SettingsFile | None

    def sayings(self, key: Key) -> Iterator[_Saying]:
        """Yield what each source says about `key`, the strongest first."""
        here = Ground(self.environment, self.project, self.environment.cwd)
        texts = (
            ("--" + key.name.replace(".", "-"), self.overrides.get(key.name)),
            (key.variable, self.environment.get(key.variable) or None),
        )
        for by, text in texts:
            if text is not None:
                yield _saying(by, key, key.from_text(text), here)
        for file in (self.project_file, self.user_file):
            if file and key.name in file.values:
                ground = here._replace(folder=os.path.dirname(file.path))
                yield _saying(file.path, key, file.values[key.name], ground)
        if key.name == "hub.endpoints" and (endpoint := self.environment.get("HF_ENDPOINT")):
            yield _saying("HF_ENDPOINT", key, [endpoint], here)


def _saying(by: str, key: Key, raw: object, ground: Ground) -> _Saying:
    try:
        return _Saying(by, raw, key.convert(raw, ground))
    except Wrong as error:
        message = t(
            "{source}: {key} cannot be {value}; expected {expected}.",
            source=by,
            key=key.name,
            value=repr(raw),
            expected=str(error),
        )
        raise SettingsError(message) from error
