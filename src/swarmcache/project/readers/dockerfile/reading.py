"""From a Dockerfile's instructions to steps."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from swarmcache.hubcache.foreign_json import parse
from swarmcache.project.readers.dockerfile.lines import instructions
from swarmcache.project.readers.dockerfile.syntax import (
    Arg,
    Copy,
    Dockerfile,
    Entry,
    Env,
    Run,
    Stage,
    Start,
    User,
    Volume,
    Workdir,
)
from swarmcache.project.readers.dockerfile.words import split, word
from swarmcache.project.readers.shell.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.project.readers.dockerfile.lines import Instruction
    from swarmcache.project.readers.dockerfile.syntax import Step
    from swarmcache.project.sources import Source, Span

_FLAGS = re.compile(rb"(?:--[\w-]+(?:=\S*)?\s+)*")
_FROM_STAGE = re.compile(rb"--from=(\S+)")
_PAIR = re.compile(rb"[A-Za-z_]\w*=")
_SHEBANG = re.compile(rb"#!\s*\S*\b(?:env\s+)?(\w+)")


def read_dockerfile(source: Source) -> Dockerfile:
    """Return a Dockerfile's stages; what is no instruction is left out."""
    arguments: list[Arg] = []
    begun: list[tuple[Instruction, list[Step]]] = []
    for one in instructions(source):
        if one.keyword == "FROM":
            begun.append((one, []))
        elif (read := _STEPS.get(one.keyword)) is not None:
            if begun:
                begun[-1][1].extend(read(one))
            else:
                arguments += [step for step in read(one) if isinstance(step, Arg)]
    stages = (_stage(one, steps) for one, steps in begun)
    return Dockerfile(source, tuple(arguments), tuple(s for s in stages if s is not None))


def _stage(one: Instruction, steps: list[Step]) -> Stage | None:
    words = list(split(_behind_flags(one)))
    if not words:
        return None
    named = len(words) > 2 and (words[1].literal or "").lower() == "as"  # noqa: PLR2004 - x AS y
    name = (words[2].literal or "").lower() if named else ""
    return Stage(name, words[0], tuple(steps), one.span)


def _behind_flags(one: Instruction) -> Source:
    """Return an instruction's own words, without its `--name=value`."""
    match = _FLAGS.match(one.source.data)
    start = match.end() if match else 0
    return one.source.inner(start, len(one.source.data), one.source.path)


def _env(one: Instruction) -> Iterator[Step]:
    """Read `ENV A=b C=d`, and the old `ENV A the rest`."""
    if _PAIR.match(one.source.data):
        yield from (Env(name, value, span) for name, value, span in _pairs(one.source))
        return
    name, _, rest = one.source.data.partition(b" ")
    if rest.strip():
        start = len(one.source.data) - len(rest.lstrip())
        end = len(one.source.data.rstrip())
        yield Env(name.decode("utf-8", "replace"), word(one.source, start, end), one.span)


def _pairs(source: Source) -> Iterator[tuple[str, Word, Span]]:
    for whole in split(source):
        first = whole.parts[0] if whole.parts else ""
        name, equals, rest = first.partition("=") if isinstance(first, str) else ("", "", "")
        if equals:
            parts = (rest, *whole.parts[1:]) if rest else whole.parts[1:]
            yield name, Word(parts, whole.span), whole.span


def _arg(one: Instruction) -> Iterator[Step]:
    pairs = {name: value for name, value, _ in _pairs(one.source)}
    for whole in split(one.source):
        first = whole.parts[0] if whole.parts else ""
        if isinstance(first, str) and first:
            name = first.partition("=")[0]
            yield Arg(name, pairs.get(name), whole.span)


def _user(one: Instruction) -> Iterator[Step]:
    yield from (User(name, one.span) for name in list(split(one.source))[:1])


def _workdir(one: Instruction) -> Iterator[Step]:
    yield from (Workdir(path, one.span) for path in list(split(one.source))[:1])


def _copy(one: Instruction) -> Iterator[Step]:
    flags = _FLAGS.match(one.source.data)
    stage = _FROM_STAGE.search(flags[0]) if flags else None
    rest = _behind_flags(one)
    listed = _listed(rest)
    words = list(split(rest)) if listed is None else listed
    if len(words) > 1 and not one.heredocs:
        name = stage[1].decode("utf-8", "replace").lower() if stage else ""
        yield Copy(tuple(words[:-1]), words[-1], name, one.span)


def _volume(one: Instruction) -> Iterator[Step]:
    listed = _listed(one.source)
    yield Volume(tuple(split(one.source) if listed is None else listed), one.span)


def _entrypoint(one: Instruction) -> Iterator[Step]:
    yield Entry("entrypoint", _start(one.source, one.span), one.span)


def _command(one: Instruction) -> Iterator[Step]:
    yield Entry("command", _start(one.source, one.span), one.span)


def _start(source: Source, span: Span) -> Start:
    words = _listed(source)
    if words is None:
        return Start((), source, span)
    return Start(tuple(words), None, span)


def _listed(source: Source) -> list[Word] | None:
    """Return the words of a JSON list, which is how exec forms are told; None where it is none."""
    text = source.data.decode("utf-8", "replace").strip()
    if not text.startswith("["):
        return None
    try:
        values = parse(text)
    except ValueError:
        return None
    if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
        return None
    found, at = [], 0
    for value in values:
        written = json.dumps(value).encode()
        start = source.data.find(written, at)
        end = start + len(written)
        if start < 0:  # Written otherwise, with escapes of its own.
            start, end = 0, len(source.data.rstrip())
        at = max(at, end if start else at)
        found.append(Word((value,) if value else (), source.span(start, end), quoted=True))
    return found


def _run(one: Instruction) -> Iterator[Step]:
    body = _behind_flags(one)
    if one.heredocs:
        script = one.heredocs[0]
        shebang = _SHEBANG.match(script.data)
        if shebang and not shebang[1].endswith(b"sh"):
            return
        # `RUN <<EOF` is the script itself; `RUN cat <<EOF > file` only feeds a program.
        if body.data.lstrip().startswith(b"<<"):
            yield Run(script, one.span)
        return
    words = _listed(body)
    if words is None:
        yield Run(body, one.span)


_STEPS: dict[str, Callable[[Instruction], Iterator[Step]]] = {
    "ENV": _env,
    "ARG": _arg,
    "USER": _user,
    "WORKDIR": _workdir,
    "COPY": _copy,
    "ADD": _copy,
    "VOLUME": _volume,
    "ENTRYPOINT": _entrypoint,
    "CMD": _command,
    "RUN": _run,
}
"""By keyword; the others change nothing that a program finds."""
