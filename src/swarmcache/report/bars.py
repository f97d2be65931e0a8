"""Progress on a terminal: one bar per task, redrawn in place by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from swarmcache.report.width import visible

if TYPE_CHECKING:
    from swarmcache.report.stream import Stream


class Bars:
    """Draws bars on standard error until it is closed; callable from several threads."""

    def __init__(self, stream: Stream) -> None:
        self._console = Console(
            file=stream.file, force_terminal=True, no_color=not stream.colour, width=stream.width
        )
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,  # What was done is said in a line of its own.
        )
        self._tasks: dict[str, TaskID] = {}
        self._progress.start()

    def close(self) -> None:
        """Take all bars away and give the cursor back."""
        self._progress.stop()

    def start(self, task: str, total: int) -> None:
        """Show a bar for `task`; without a total it only moves."""
        description = escape(visible(task))
        self._tasks[task] = self._progress.add_task(description, total=total or None)

    def advance(self, task: str, count: int) -> None:
        """Let the bar grow by `count` bytes."""
        if task in self._tasks:
            self._progress.advance(self._tasks[task], count)

    def finish(self, task: str) -> None:
        """Take the bar away."""
        if task in self._tasks:
            self._progress.remove_task(self._tasks.pop(task))

    def print_above(self, line: str) -> None:
        """Print a line, which may hold colour codes, above the bars."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)
