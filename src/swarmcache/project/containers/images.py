"""What a container of an image begins with: environment, user, working directory, what it starts.

A Dockerfile is gone through stage by stage; what a base image that is not known sets stays unknown.
"""

from __future__ import annotations

import glob
import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from swarmcache.hubcache.locate import HUB_VARIABLES, TRANSFORMERS_VARIABLES
from swarmcache.project.containers.base_images import base_image
from swarmcache.project.containers.made_users import made_users
from swarmcache.project.containers.paths import Mapped
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import Setting, distinct, of
from swarmcache.project.readers.dockerfile.syntax import (
    Arg,
    Copy,
    Entry,
    Env,
    Run,
    Start,
    User,
    Volume,
    Workdir,
)
from swarmcache.project.readers.shell.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.project.effective.values import Alternatives, Variables
    from swarmcache.project.readers.dockerfile.syntax import Dockerfile, Stage
    from swarmcache.project.sources import Span

_MOST_COPIES = 500
_MAY_LOAD = re.compile(
    rb"\b(?:hf|huggingface-cli)\s+download|_pretrained|snapshot_download|hf_hub_download"
    rb"|\bpython[\d.]*\s+(?:-u\s+)?"
    rb"(?:-c\b|-m\s+(?!pip|venv|ensurepip|build|compileall)|(?!setup\.py)[\w./-]*\.py\b)"
)
"""What may download models while an image is made."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image, as far as it is known."""

    name: str
    """Its reference, or the Dockerfile that makes it."""
    variables: dict[str, Alternatives]
    user: str | None = "root"
    """Who its programs run as; None where that is not known."""
    homes: dict[str, str] = field(default_factory=lambda: {"root": "/root", "0": "/root"})
    """The home folders of users, as far as they are known."""
    cwd: str | None = "/"
    copied: tuple[Mapped, ...] = ()
    volumes: tuple[str, ...] = ()
    entrypoint: Start | None = None
    command: Start | None = None
    known: bool = True
    """Whether the image that it is made from is known; else it may set anything."""
    may_hold_models: bool = False
    """Whether something that is run while it is made may have downloaded models into it."""

    def home(self, user: str | None) -> str | None:
        """Return a user's home folder: what HOME says, else what the user's entry says."""
        told = of(self.variables, "HOME")
        if len(told) == 1 and told[0] is not None:
            return told[0].value
        return None if user is None else self.homes.get(user.partition(":")[0])


def taken_image(reference: str | None, span: Span | None) -> Image:
    """Return an image that is started as it is."""
    known = base_image(reference) if reference else None
    if known is None:
        return Image(
            reference or "",
            {name: (None, Setting(None, None, exported=True, way="image")) for name in _MAY_BE_SET},
            user=None,
            cwd=None,
            known=False,
        )
    variables: dict[str, Alternatives] = {
        name: (Setting(value, None, exported=True, way="image"),)
        for name, value in known.variables.items()
    }
    homes = {"root": "/root", "0": "/root", **known.homes}
    start = None
    if known.program and span is not None:
        start = Start(tuple(Word((text,), span) for text in known.program), None, span)
    return Image(reference or "", variables, homes=homes, entrypoint=start)


_MAY_BE_SET = (*HUB_VARIABLES, *TRANSFORMERS_VARIABLES)
"""Variables that decide about caches and that an unknown image may set."""


def built_image(
    file: Dockerfile, context: str, arguments: Mapping[str, str | None], target: str = ""
) -> Image:
    """Return the image that a Dockerfile makes of a context; the last stage, or `target`."""
    outer = {one.name: _argument(one, arguments, {}) for one in file.arguments}
    made: dict[str, Image] = {}
    found: Image | None = None
    for position, stage in enumerate(file.stages):
        found = _Stage(stage, outer, arguments, made, context).image
        found = replace(found, name=file.source.file)
        made[str(position)] = found
        if stage.name:
            made[stage.name] = found
        if target and target.lower() in {stage.name, str(position)}:
            break
    return found or taken_image(None, None)


def _argument(one: Arg, given: Mapping[str, str | None], variables: Variables) -> Alternatives:
    if one.name in given:
        return (Setting(given[one.name], one.span, exported=False, way="image"),)
    if one.value is None:
        return (Setting("", one.span, exported=False, way="image"),)
    values = expanded(one.value, variables, "")
    return distinct([Setting(v, one.span, exported=False, way="image") for v in values])


class _Stage:
    """Goes through one stage."""

    def __init__(
        self,
        stage: Stage,
        outer: Mapping[str, Alternatives],
        arguments: Mapping[str, str | None],
        made: Mapping[str, Image],
        context: str,
    ) -> None:
        self._outer = outer
        self._given = arguments
        self._context = context
        self._args: dict[str, Alternatives] = {}
        self._has_command = False
        self.image = self._base(stage, made)
        for step in stage.steps:
            self._step(step)

    def _base(self, stage: Stage, made: Mapping[str, Image]) -> Image:
        values = expanded(stage.base, self._outer, "")
        images = [
            made.get((value or "").lower()) or taken_image(value, stage.span) for value in values
        ]
        return images[0] if len(images) == 1 else taken_image(None, None)

    def _step(self, step: object) -> None:
        image = self.image
        if isinstance(step, Env):
            found = [
                Setting(v, step.span, exported=True, way="image") for v in self._all(step.value)
            ]
            self.image = replace(image, variables={**image.variables, step.name: distinct(found)})
        elif isinstance(step, Arg):
            known = step.value is None and step.name in self._outer and step.name not in self._given
            value = self._outer[step.name] if known else _argument(step, self._given, self._seen())
            self._args[step.name] = value
        elif isinstance(step, User):
            self.image = replace(image, user=self._one(step.name))
        elif isinstance(step, Workdir):
            self.image = replace(image, cwd=self._inside(self._one(step.path)))
        elif isinstance(step, Copy):
            more = tuple(self._copied(step))
            self.image = replace(image, copied=(*image.copied, *more)[-_MOST_COPIES:])
        elif isinstance(step, Volume):
            paths = [path for word in step.paths if (path := self._inside(self._one(word)))]
            self.image = replace(image, volumes=(*image.volumes, *paths))
        elif isinstance(step, Run):
            self._run(step)
        elif isinstance(step, Entry):
            self._entry(step)

    def _run(self, step: Run) -> None:
        homes = {**self.image.homes, **made_users(step.script, self._seen())}
        held = self.image.may_hold_models or _MAY_LOAD.search(step.script.data) is not None
        self.image = replace(self.image, homes=homes, may_hold_models=held)

    def _entry(self, step: Entry) -> None:
        if step.kind == "command":
            self._has_command = True
            self.image = replace(self.image, command=step.start)
        else:  # A new entry point takes away the command of the base image.
            own = self.image.command if self._has_command else None
            self.image = replace(self.image, entrypoint=step.start, command=own)

    def _seen(self) -> dict[str, Alternatives]:
        """Return what `$NAME` may name in an instruction; ENV comes before ARG."""
        return {**self._args, **self.image.variables}

    def _all(self, word: Word) -> tuple[str | None, ...]:
        return expanded(word, self._seen(), "")

    def _one(self, word: Word) -> str | None:
        values = self._all(word)
        return values[0] if len(values) == 1 else None

    def _inside(self, path: str | None) -> str | None:
        """Return a path as the container sees it."""
        if path is None or (not path.startswith("/") and self.image.cwd is None):
            return None
        return posixpath.normpath(posixpath.join(self.image.cwd or "/", path))

    def _copied(self, step: Copy) -> Iterator[Mapped]:
        written = self._one(step.target)
        target = self._inside(written)
        if step.stage:
            if target is not None:
                yield Mapped(target, None)
            return
        sources = [found for word in step.sources for found in self._sources(self._one(word))]
        if target is None or written is None:
            return
        into = written.endswith(("/", ".")) or len(sources) > 1
        for source in sources:
            folder = os.path.isdir(source)
            name = "" if folder or not into else os.path.basename(source)
            yield Mapped(posixpath.join(target, name) if name else target, source)

    def _sources(self, word: str | None) -> list[str]:
        """Return the files and folders of the context that a word of COPY means."""
        if word is None or "://" in word:
            return []
        path = os.path.normpath(os.path.join(self._context, word.lstrip("/")))
        if not path.startswith(self._context.rstrip("/")):
            return []
        if any(letter in word for letter in "*?["):
            return sorted(glob.glob(path))[:_MOST_COPIES]
        return [path] if os.path.lexists(path) else []
