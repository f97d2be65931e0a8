"""Where a command's words go: results to standard output, everything else to standard error.

Words stop no work: half a `move`, because its reader left (`| head`) or its log's disk is full,
would help nobody. A result that could not be written is told at the end.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from swarmcache.locale import t
from swarmcache.report.stream import BAD, OK, WARN, Stream, started_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from swarmcache.progress import Progress
    from swarmcache.report.bars import Bars


class Terminal:
    """Both output streams of a command, and how much it is to say."""

    __slots__ = ("_bars", "_cache_dir", "_lost", "_progress", "err", "quiet", "stdout", "verbose")

    ok = OK
    """`✓`, written green on a colour terminal and `[ok]` where the stream is ASCII."""
    warn = WARN
    """`⚠`, yellow, or `[!]`."""
    bad = BAD
    """`✗`, red, or `[x]`."""

    def __init__(  # noqa: PLR0913 - two streams, and what was typed of how to use them
        self,
        out: TextIO,
        err: TextIO,
        variables: Mapping[str, str],
        *,
        quiet: bool = False,
        verbose: bool = False,
        progress: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        self.stdout = Stream(out, variables)
        self.err = Stream(err, variables)
        self.quiet = quiet
        self.verbose = verbose
        self._progress = progress
        self._cache_dir = cache_dir
        self._bars: Bars | None = None
        self._lost: OSError | None = None

    @classmethod
    def current(
        cls,
        variables: Mapping[str, str],
        *,
        quiet: bool = False,
        verbose: bool = False,
        progress: bool = True,
        cache_dir: str | None = None,
    ) -> Terminal:
        """Return the terminal of this process."""
        locale = started_with(variables)
        streams = sys.stdout, sys.stderr
        return cls(
            *streams,
            locale,
            quiet=quiet,
            verbose=verbose,
            progress=progress,
            cache_dir=cache_dir,
        )

    @property
    def width(self) -> int | None:
        """Columns of the terminal that results go to; None for a pipe or file: cut nothing."""
        return self.stdout.width or None

    def out(self, line: str = "") -> None:
        """Write one line of the result to standard output; control characters become visible."""
        self._line(self.stdout, line, self.raw)

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines of the result as `out` does, all at once: many cost one system call."""
        dressed = self.stdout.dressed
        self.raw("".join([f"{dressed(line)}\n" for line in lines]))

    def say(self, line: str = "") -> None:
        """Write one line of chatter to standard error, unless the user asked for quiet."""
        if not self.quiet:
            self.alert(line)

    def alert(self, line: str) -> None:
        """Write one line to standard error even when quiet: what the user must not miss."""
        with suppress(OSError):
            self._line(self.err, line, self.err.write)

    def detail(self, line: str) -> None:
        """Write one line of chatter that only `--verbose` asks for."""
        if self.verbose:
            self.say(line)

    def command(self, command: str) -> str:
        """Return a command that is proposed, so that it means the cache that was typed."""
        from swarmcache.report.proposed import proposed  # noqa: PLC0415 - few commands propose one

        return proposed(command, self._cache_dir)

    def next_step(self, command: str) -> str:
        """Return the line that proposes a command."""
        from swarmcache.report.proposed import next_step  # noqa: PLC0415

        return next_step(command, self._cache_dir)

    def raw(self, text: str) -> None:
        """Write `text` to standard output exactly as it is: shell code, JSON."""
        if self._lost is None:
            try:
                self.stdout.write(text)
            except OSError as error:
                self._lost = error

    def lost(self) -> bool:
        """Tell whether a part of the result could not be written, and say why.

        Not for a reader that went away: it had what it wanted, and the exit code tells the rest.
        """
        if self._lost is None or isinstance(self._lost, BrokenPipeError):
            return False
        from swarmcache.errors import os_reason  # noqa: PLC0415 - hardly ever

        reason = os_reason(self._lost)
        told = t(
            "The command ended, but its output could not all be written: {reason}.", reason=reason
        )
        self.alert(f"swarmcache: {told}")
        return True

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> list[str]:
        """Return the lines of a table for standard output (see `report.table`)."""
        from swarmcache.report.table import table  # noqa: PLC0415 - few commands print one

        plain = self.stdout.plain
        cells = [[plain(str(cell)) for cell in row] for row in rows] if self.stdout.ascii else rows
        return table([plain(column) for column in columns], cells, width=self.width)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Draw the progress of the work done inside: bars on a terminal, lines otherwise."""
        from swarmcache.progress import Silent  # noqa: PLC0415

        if self.quiet or not self._progress:
            yield Silent()
        elif self.err.redraws:
            yield from self._with_bars()
        else:
            from swarmcache.report.lines import Lines  # noqa: PLC0415

            yield Lines(self.say)

    def _with_bars(self) -> Iterator[Progress]:
        from swarmcache.report.bars import Bars  # noqa: PLC0415 - rich costs 50 ms

        self._bars = Bars(self.err)
        try:
            yield self._bars
        finally:
            self._bars.close()
            self._bars = None

    def _line(self, stream: Stream, line: str, write: Callable[[str], None]) -> None:
        dressed = stream.dressed(line)
        if self._bars is not None and stream.terminal:
            self._bars.print_above(dressed)
        else:
            write(dressed + "\n")
