"""A project's settings file: the first one, or the one line of it that names the cache."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from swarmcache.errors import LaunchError
from swarmcache.hubcache.folder import stays_inside
from swarmcache.launch.project_pins import targets_if_readable
from swarmcache.locale import t
from swarmcache.project.changes import Change
from swarmcache.settings import load_settings
from swarmcache.settings.editing import with_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment

FILE = "swarmcache.toml"
_EXAMPLE = ("Gensyn/Qwen2.5-0.5B-Instruct", "main")


def settings_content(
    project: str, environment: Environment, named: str, command: str | None
) -> str:
    """Return a project's first settings file, whole; `named` is the cache as the file names it.

    Raises LaunchError for a name that no TOML file can hold.
    """
    blocks = [
        [t("Settings of swarmcache for this project; swarmcache env --explain tells what counts.")],
        _cache(named),
        _models(project, environment),
        _launch(command),
    ]
    return "\n".join("\n".join(_commented(block)) + "\n" for block in blocks)


def settings_file(project: str, environment: Environment) -> str | None:
    """Return the file that holds the project's settings already, absolute; None for none."""
    path = os.path.join(project, FILE)
    found = load_settings(project, environment).project_file
    return found or (path if os.path.lexists(path) else None)


def followed(path: str, named: str) -> Change:
    """Return the change of a settings file by which it names another cache; the rest of it stays.

    Raises LaunchError where that stands in a form that only its user can change, OSError.
    """
    project = os.path.realpath(os.path.dirname(path))
    inside = stays_inside(os.path.realpath(path), project, ())
    text = with_cache_dir(path, named) if inside and os.path.isfile(path) else None
    if text is None:
        raise LaunchError(
            t("{path} already holds settings, and init cannot change its cache.", path=path),
            hint="swarmcache env --explain",
        )
    with open(path, "rb") as file:
        before = file.read()
    return Change(os.path.realpath(path), os.path.basename(path), before, text.encode())


def _commented(block: list[str]) -> Iterator[str]:
    """Yield the block with its first line as a comment; the rest is TOML already."""
    yield f"# {block[0]}"
    yield from block[1:]


def _cache(cache_dir: str) -> list[str]:
    return [
        t('The one place for models; "project" means .cache/huggingface/hub in this folder.'),
        "[cache]",
        f"dir = {_quoted(cache_dir)}",
        '# tiers = ["/mnt/nfs/hub"]    # ' + t("read-only caches to take files from first"),
        '# budget = "200GB"            # ' + t("what the cache may hold"),
    ]


def _models(project: str, environment: Environment) -> list[str]:
    """Return the models found, as comments: the project's own files keep deciding."""
    targets = targets_if_readable(project, environment)
    found = [(one.id, one.revision) for one in targets] or [_EXAMPLE]
    lines = [t("Models to keep beside those that the project's files name; remove the # to use.")]
    for name, revision in found:
        lines += ["# [[models]]", f"# id = {_quoted(name)}", f"# revision = {_quoted(revision)}"]
    return [*lines, "# pin = true                  # " + t("never evicted")]


def _launch(command: str | None) -> list[str]:
    key = f"command = {_quoted(command)}" if command else '# command = "./train.sh"'
    return [t("What swarmcache run starts when it is given no command."), "[launch]", key]


def _quoted(text: str) -> str:
    """Return `text` as a TOML string; LaunchError for bytes that no TOML file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LaunchError(
            t("{path} is not UTF-8, so no settings file can name it.", path=repr(text))
        ) from error
    # A JSON string is a TOML string, but for DEL, which only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
