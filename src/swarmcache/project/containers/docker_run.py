"""Containers that scripts start by `docker run`, and the images that they build for it."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.project.containers.images import built_image, taken_image
from swarmcache.project.containers.values import Container, Mount
from swarmcache.project.effective.values import Setting, of
from swarmcache.project.readers.dockerfile import read_dockerfile
from swarmcache.project.readers.dockerfile.syntax import Start
from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.readers.shell.syntax import Opaque, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.containers.images import Image
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.programs import Words
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.study import Project

_FLAGS = frozenset(
    {"-d", "--detach", "-i", "--interactive", "-t", "--tty", "--rm", "--init", "--privileged"}
    | {"-P", "--publish-all", "--read-only", "--no-healthcheck", "--oom-kill-disable", "-q"}
    | {"--quiet", "--sig-proxy", "--disable-content-trust", "--replace", "--help", "-dit"}
)
"""Options of `run` that take no value; all others do."""
_SHORT_FLAGS = frozenset("ditPq")


@dataclass(frozen=True, slots=True)
class DockerRun:
    """One `docker run` of a script."""

    execution: Execution
    options: tuple[tuple[str, str | None], ...]
    """Each option with its value, None where that is not known."""
    image: str
    rest: Words

    @property
    def removed(self) -> bool:
        """Whether the container goes when its program ends."""
        return any(name == "--rm" for name, _ in self.options)

    def values(self, *names: str) -> list[str | None]:
        """Return the values of an option by its names."""
        return [value for name, value in self.options if name in names]


def docker_run(execution: Execution) -> DockerRun | None:
    """Return what an execution says to `docker run`; None where it is none, or names no image."""
    words = execution.program.words
    if execution.program.name not in {"docker", "podman", "nerdctl"}:
        return None
    rest = words[1:]
    if rest[:1] == ("container",):
        rest = rest[1:]
    if rest[:1] not in {("run",), ("create",)}:
        return None
    options: list[tuple[str, str | None]] = []
    rest = rest[1:]
    while rest and (rest[0] or "").startswith("-"):
        whole = rest[0] or ""
        option, equals, value = whole.partition("=")
        short = not option.startswith("--")
        if short and len(option) > 2 and not set(option[1:]) <= _SHORT_FLAGS:  # noqa: PLR2004 - -v/a:/b
            options.append((whole[:2], whole[2:]))
            rest = rest[1:]
        elif equals or option in _FLAGS or (short and set(option[1:]) <= _SHORT_FLAGS):
            options.append((option, value))
            rest = rest[1:]
        else:
            options.append((option, rest[1] if len(rest) > 1 else None))
            rest = rest[2:]
    if not rest or not rest[0]:
        return None
    return DockerRun(execution, tuple(options), rest[0], rest[1:])


def run_containers(project: Project) -> Iterator[Container]:
    """Yield the containers that scripts start by `docker run`."""
    tags: dict[str, Image] = {}
    for execution in project.executions_by_hand:
        tags.update(_built(execution, project))
        run = docker_run(execution)
        if run is not None:
            yield _container(run, tags.get(_bare(run.image)), project)


def _bare(reference: str) -> str:
    return reference.removesuffix(":latest")


def _built(execution: Execution, project: Project) -> Iterator[tuple[str, Image]]:
    """Yield the names of an image that `docker build -t NAME -f FILE CONTEXT` makes."""
    words = execution.program.words
    if execution.program.name not in {"docker", "podman"} or "build" not in words[1:3]:
        return
    found: dict[str, list[str]] = {}
    context = None
    at = words.index("build") + 1
    while at < len(words):
        option, equals, value = (words[at] or "").partition("=")
        at += 1
        if not option.startswith("-"):
            context = words[at - 1]
        elif option in {"-t", "--tag", "-f", "--file", "--target", "--build-arg"}:
            value = value if equals else (words[at] if at < len(words) else None) or ""
            at += not equals
            found.setdefault(option[:3].strip("-")[0], []).append(value)
    folder = os.path.normpath(os.path.join(execution.cwd or project.folder, context or "."))
    name = (found.get("f") or ["Dockerfile"])[0]
    base = (execution.cwd or project.folder) if found.get("f") else folder
    source = project.source(os.path.join(base, name))
    if source is None or found.get("b"):
        return
    image = built_image(read_dockerfile(source), folder, {})
    for tag in found.get("t", []):
        yield _bare(tag), image


def _container(run: DockerRun, image: Image | None, project: Project) -> Container:
    span = run.execution.span
    image = image or taken_image(run.image, span)
    (user,) = run.values("-u", "--user")[-1:] or (image.user,)
    variables = {**image.variables, **_environment(run, project)}
    home = _home(variables) or image.home(user)
    mounts = tuple(_mounts(run, image))
    entry = run.values("--entrypoint")
    start = _start((entry[0],), run) if entry else image.entrypoint
    return Container(
        run.image,
        None,
        span,
        image,
        {**variables, "HOME": (Setting(home, None, exported=True, way="image"),)},
        tuple(mount for mount in mounts if mount is not None),
        mounts_known=None not in mounts,
        user=user,
        home=home,
        cwd=(run.values("-w", "--workdir")[-1:] or [image.cwd])[0],
        entrypoint=start,
        command=_start(run.rest, run) if run.rest else (None if entry else image.command),
        run=run,
    )


def _home(variables: dict[str, Alternatives]) -> str | None:
    told = of(variables, "HOME")
    return told[0].value if len(told) == 1 and told[0] is not None else None


def _start(words: Iterable[str | None], run: DockerRun) -> Start:
    span = run.execution.span
    made = (Word((Opaque("") if word is None else word,), span, quoted=True) for word in words)
    return Start(tuple(made), None, span)


def _environment(run: DockerRun, project: Project) -> dict[str, Alternatives]:
    found: dict[str, Alternatives] = {}
    span = run.execution.span
    for path in run.values("--env-file"):
        source = project.source(os.path.join(run.execution.cwd or project.folder, path or ""))
        for entry in read_dotenv(source, "raw") if source is not None else ():
            value = entry.value.literal if entry.value is not None else None
            found[entry.name] = (Setting(value, entry.span, exported=True, way="service"),)
    for pair in run.values("-e", "--env"):
        name, equals, text = (pair or "").partition("=")
        if equals:
            found[name] = (Setting(text, span, exported=True, way="service"),)
        elif name:
            passed = run.execution.variable(name)
            found[name] = tuple(
                s and Setting(s.value, s.span, exported=True, way="service") for s in passed
            )
    return found


def _mounts(run: DockerRun, image: Image) -> Iterator[Mount | None]:
    """Yield the mounts, None for one that is not known."""
    span = run.execution.span
    targets: set[str] = set()
    for text in run.values("-v", "--volume"):
        mount = _volume(text, run)
        targets.add(mount.target if mount is not None else "")
        yield mount
    for text in run.values("--mount"):
        pairs = dict(pair.partition("=")[::2] for pair in (text or "").split(","))
        target = pairs.get("target") or pairs.get("dst") or pairs.get("destination")
        kind = pairs.get("type", "volume")
        source = pairs.get("source") or pairs.get("src")
        if target is None or kind not in {"bind", "volume", "tmpfs"}:
            yield None
            continue
        targets.add(target)
        named = "anonymous" if kind == "volume" and source is None else kind
        yield Mount(named, source, posixpath.normpath(target), span)  # type: ignore[arg-type]
    for text in run.values("--tmpfs"):
        yield Mount("tmpfs", None, posixpath.normpath((text or "/").partition(":")[0]), span)
    yield from (
        Mount("anonymous", None, path, span) for path in image.volumes if path not in targets
    )


def _volume(text: str | None, run: DockerRun) -> Mount | None:
    source, colon, rest = (text or "").partition(":")
    target = rest.partition(":")[0] if colon else source
    if not target.startswith("/"):
        return None
    target = posixpath.normpath(target)
    if not colon:
        return Mount("anonymous", None, target, run.execution.span)
    if not source.startswith(("/", ".")):
        return Mount("volume", source, target, run.execution.span)
    path = os.path.normpath(os.path.join(run.execution.cwd or run.execution.project, source))
    return Mount("bind", path, target, run.execution.span)
