"""SC801: a token stands in a file of the project.

Whoever gets the files gets the token: by a push, an image, a shared folder, a pasted log. No output
of doctor shows more of it than its first characters, in no format.

What it cannot know: whether the token still works. Texts that only stand for a token are left out,
and so are dotenv files that git ignores: that is where tokens belong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.ignored import is_ignored
from swarmcache.project.secrets import secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.files import FileKind
    from swarmcache.project.readers.logs import LogLine
    from swarmcache.project.secrets import Secret
    from swarmcache.project.sources import Source, Span

_KINDS: tuple[FileKind, ...] = (
    "shell", "dotenv", "dockerfile", "compose", "yaml", "python", "requirements", "json",
)  # fmt: skip


def check(case: Case) -> Iterator[Finding]:
    """Find the tokens of each file, one finding for each of them."""
    for kind in _KINDS:
        for source in case.project.sources(kind):
            seen: set[str] = set()
            for secret in secrets_in(source.data):
                text = source.data[secret.start : secret.end].decode()
                private = kind == "dotenv" and is_ignored(source.path, case.project.folder)
                if text not in seen and not private:
                    seen.add(text)
                    yield _found(secret, source)
    for lines in case.project.logs.values():
        yield from of_lines(lines)


def of_lines(lines: Sequence[LogLine]) -> Iterator[Finding]:
    """Find the tokens among the known lines of a log."""
    seen: set[bytes] = set()
    for line in lines:
        data = line.text.encode()
        for secret in secrets_in(data):
            if data[secret.start : secret.end] not in seen:
                seen.add(data[secret.start : secret.end])
                yield _told(secret, line.span)


def _found(secret: Secret, source: Source) -> Finding:
    return _told(secret, source.span(secret.start, secret.end))


def _told(secret: Secret, span: Span) -> Finding:
    message = t(
        "A token of {giver} ({shown}) stands in {file}: whoever gets this file can use it.",
        giver=secret.giver,
        shown=secret.shown,
        file=span.file,
    )
    fix = Fix(
        "display",
        t("Revoke it, and let programs read a new one from the environment or from a .env file."),
    )
    return RULE.finding(t("a token in a file"), message, span, fix=fix)


RULE = Rule("SC801", "secret-in-file", "warning", "high", check)
