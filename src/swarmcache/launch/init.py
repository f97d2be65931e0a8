"""A project's first settings file: a plan that can be shown, and its one write."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LaunchError, ProjectError
from swarmcache.hubcache.locate import locate_effective
from swarmcache.locale import t
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import Target

FILE = "swarmcache.toml"
_SCRIPT = "run_rl_swarm.sh"
"""RL-Swarm's start script, the one that we know by name."""


class InitPlan(NamedTuple):
    """The file that `init` would write."""

    path: str
    """Absolute; it does not exist yet."""
    content: str
    cache_dir: str
    """The cache folder that the file names, as it stands in the file."""
    command: str
    """What starts the trainer, for the lines that a user is shown; `CMD` when not known."""

    @property
    def lines(self) -> tuple[str, str]:
        """The two ways to use the settings: a line for a start script, and a command."""
        return 'eval "$(swarmcache env)"', f"swarmcache run -- {self.command}"


def plan_init(project: str, environment: Environment, *, folder: str | None = None) -> InitPlan:
    """Return the plan for the project folder `project`; `folder` is the cache it is to name.

    Without `folder` the file names the cache that counts today, so that nothing moves. Raises
    ProjectError where there is no such project, LaunchError where it has settings already.
    """
    if not os.path.isdir(project):
        raise ProjectError(t("{path} is not a folder.", path=project))
    path = os.path.join(project, FILE)
    settings = load_settings(project, environment)
    if existing := settings_file(project, environment):
        raise _exists(existing)
    cache_dir = _named(environment, folder or locate_effective(settings, environment).path)
    script = os.path.isfile(os.path.join(project, _SCRIPT))
    command = settings.launch_command or (f"./{_SCRIPT}" if script else None)
    blocks = [
        [t("Settings of swarmcache for this project; swarmcache env --explain tells what counts.")],
        _cache(cache_dir),
        _models(project, environment),
        _launch(command),
    ]
    content = "\n".join("\n".join(_commented(block)) + "\n" for block in blocks)
    return InitPlan(path, content, cache_dir, command or "CMD")


def settings_file(project: str, environment: Environment) -> str | None:
    """Return the file that holds the project's settings already, absolute; None for none."""
    path = os.path.join(project, FILE)
    found = load_settings(project, environment).project_file
    return found or (path if os.path.lexists(path) else None)


def write(plan: InitPlan) -> None:
    """Write the plan's file, whole or not at all; LaunchError when one has appeared meanwhile."""
    partial = f"{plan.path}.{os.getpid()}.tmp"
    try:
        with open(partial, "x", encoding="utf-8", newline="\n") as file:
            file.write(plan.content)
            file.flush()
            os.fsync(file.fileno())
        _publish(partial, plan.path)
    except OSError as error:
        error.filename = plan.path  # What was asked for, not our way to it.
        raise
    finally:
        with suppress(FileNotFoundError):
            os.unlink(partial)


def _publish(partial: str, path: str) -> None:
    """Give the finished file its name; a link, unlike a rename, never replaces another file."""
    try:
        os.link(partial, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # No hard links here: FAT, some network shares.
        if os.path.lexists(path):
            raise _exists(path) from None
        os.rename(partial, path)


def _exists(path: str) -> LaunchError:
    return LaunchError(
        t("{path} already holds settings, and init never overwrites.", path=path),
        hint="swarmcache env --explain",
    )


def _named(environment: Environment, folder: str) -> str:
    """Return `folder` as the file is to say it: below `~` where possible, for other machines."""
    if folder == "project" or folder.startswith(("~", "$")):
        return folder
    path = environment.absolute(folder)
    home = environment.home.rstrip("/") + "/"
    return "~/" + path.removeprefix(home) if path.startswith(home) else path


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
    found = _found(project, environment) or [("Gensyn/Qwen2.5-0.5B-Instruct", "main")]
    lines = [t("Models to keep beside those that the project's files name; remove the # to use.")]
    for name, revision in found:
        lines += ["# [[models]]", f"# id = {_quoted(name)}", f"# revision = {_quoted(revision)}"]
    return [*lines, "# pin = true                  # " + t("never evicted")]


def _found(project: str, environment: Environment) -> list[tuple[str, str]]:
    from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - reads YAML

    targets: tuple[Target, ...] = ()
    with suppress(ProjectError):  # A config that cannot be read must not keep a user from init.
        targets = needed_models(project, environment, pool="all").targets
    return [(target.id, target.revision) for target in targets]


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
