"""`swarmcache verify --unsafe`: what loading each pickle would import, without loading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from swarmcache.hubcache.pickles.twins import PickleFiles
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.hubcache.pickles.imports import Scan
    from swarmcache.hubcache.pickles.twins import PickleFile

F = TypeVar("F", bound="Callable[..., object]")


def unsafe_option(command: F) -> F:
    """Give a click command `--unsafe`."""
    return click.option(
        "--unsafe",
        is_flag=True,
        help=t(
            "Also list what loading each pickle would import, and exit with 1 unless all are safe:"
            " right bytes can be malicious."
        ),
    )(command)


class Pickles:
    """The pickles among what is verified, and with `--unsafe` what they would import."""

    def __init__(self, invocation: Invocation, *, look_inside: bool) -> None:
        if look_inside:
            from swarmcache.hubcache.pickles.imports import require_scanner  # noqa: PLC0415

            require_scanner()  # Before hours of hashing, not after.
        self._invocation = invocation
        self._look_inside = look_inside
        self._files = PickleFiles()
        self._scans: dict[PickleFile, Scan] | None = None

    def hear(self, verdict: FileVerdict) -> None:
        """Take note of a file that was verified."""
        self._files.hear(verdict)

    def scan(self) -> None:
        """Look into every pickle, where `--unsafe` asks for it, and show what is found."""
        if not self._look_inside:
            return
        from swarmcache.hubcache.pickles.imports import scan  # noqa: PLC0415

        self._scans, known = {}, {}
        for pickle in self._files:
            if pickle.blob not in known:
                known[pickle.blob] = scan(pickle.blob)
            self._scans[pickle] = known[pickle.blob]
            self._show(pickle)

    def exit_code(self, code: int) -> int:
        """Return `code`, the answer about the bytes; where that is 0, 1 when some are not safe."""
        return code or int(not self.safe)

    @property
    def safe(self) -> bool:
        """Whether no pickle was found to be dangerous or beyond reading."""
        return all(scan.safe for scan in (self._scans or {}).values())

    def fields(self) -> dict[str, object]:
        """Return what `--json` tells of pickles."""
        from swarmcache.report.unsafe_json import unsafe_fields  # noqa: PLC0415

        return unsafe_fields(self._files, self._scans)

    def report(self) -> None:
        """Print what is to be said of all pickles together."""
        from swarmcache.report.unsafe_text import total_line, twin_lines  # noqa: PLC0415

        terminal = self._invocation.terminal
        for line in twin_lines(terminal, self._files):
            terminal.say(line)
        if self._scans is not None:
            terminal.out(total_line(terminal, self._scans))

    def _show(self, pickle: PickleFile) -> None:
        from swarmcache.report.unsafe_text import scan_lines  # noqa: PLC0415

        if self._invocation.json or self._scans is None:
            return
        for line in scan_lines(self._invocation.terminal, pickle, self._scans[pickle]):
            self._invocation.terminal.out(line)
