"""`swarmcache demo`: the whole story on this machine, without internet."""

from __future__ import annotations

import os
import shlex
import signal
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from swarmcache.locale import listed, t, tn
from swarmcache.units import human_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from swarmcache.launch.demo.stage import Stage
    from swarmcache.launch.demo.story import Ended, Event
    from swarmcache.report.terminal import Terminal


@click.command(
    help="\n\n".join(
        [
            t("Lead a miniature training project from nothing cached to starts without network."),
            t(
                "Everything happens on this machine, in a temporary folder with a cache of its"
                " own: a Hub that serves three tiny models, a project in the shape of RL-Swarm, a"
                " trainer that opens every tensor. Exits with 1 when a step did not show what it"
                " was to show."
            ),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache demo --keep"),
)
@click.option("--keep", is_flag=True, help=t("Leave what was made, to look around in it."))
@click.option(
    "--dir",
    "parent",
    metavar="PATH",
    type=click.Path(file_okay=False, readable=False),
    help=t("Make the demo's folder in this one instead of the system's temporary folder."),
)
@click.option("--json", "as_json", is_flag=True, help=t("Print one JSON document."))
@click.option("-q", "--quiet", is_flag=True, help=t("Print the summary only."))
@click.pass_context
def command(
    ctx: click.Context, *, keep: bool, parent: str | None, as_json: bool, quiet: bool
) -> None:
    """Play the story, show it as it happens, and sum it up."""
    from swarmcache.launch.demo.needs import check_needs  # noqa: PLC0415

    check_needs()
    from swarmcache.launch.demo.stage import stage  # noqa: PLC0415
    from swarmcache.report.terminal import Terminal  # noqa: PLC0415

    terminal = Terminal.current(os.environ, quiet=quiet)
    silent = as_json or quiet
    with _ending_in_order(), stage(parent, keep=keep, colour=terminal.stdout.colour) as place:
        results = _tell(place, None if silent else terminal)
        if as_json:
            terminal.out(_document(results, place.folder if keep else None))
        else:
            _summarise(terminal, results, place.folder if keep else None)
    ctx.exit(1 if any(result.faults for result in results) else 3 if terminal.lost() else 0)


def _tell(place: Stage, terminal: Terminal | None) -> list[Ended]:
    from swarmcache.launch.demo.story import Ended, tell  # noqa: PLC0415 - needs aiohttp

    results = []
    with closing(tell(place)) as story:
        for event in story:
            if terminal is not None:
                _show(terminal, event)
            if isinstance(event, Ended):
                results.append(event)
    return results


def _show(terminal: Terminal, event: Event) -> None:
    from swarmcache.launch.demo.story import Opened, Said, Typed  # noqa: PLC0415

    if isinstance(event, Opened):
        models = listed(event.models)
        terminal.out(t("A Hub on this machine serves {models}.", models=models))
        terminal.out()
        terminal.out(f"$ export HF_ENDPOINT={event.url}")
        terminal.out(f"$ cd {shlex.quote(event.project)}")
    elif isinstance(event, Typed):
        terminal.out()
        terminal.out(f"# {event.step.title}")
        terminal.out(f"$ {shlex.join(['swarmcache', *event.step.arguments])}")
    elif isinstance(event, Said):
        terminal.raw(event.line + "\n")  # Our own command's, with its colours.
    else:
        _judge(terminal, event)


def _judge(terminal: Terminal, ended: Ended) -> None:
    seconds = human_seconds(ended.seconds)
    if ended.requests is None:
        measured = seconds
    else:
        count = ended.requests
        measured = tn("{seconds}, {n} request", "{seconds}, {n} requests", count, seconds=seconds)
    terminal.out("  " + t("({measured})", measured=measured))
    for fault in ended.faults:
        terminal.out(f"  {terminal.bad} {fault}")


def _summarise(terminal: Terminal, results: Sequence[Ended], kept: str | None) -> None:
    rows = [
        (
            terminal.bad if result.faults else terminal.ok,
            f"{result.seconds:.1f} s",
            "-" if result.requests is None else result.requests,
            result.step.title,
        )
        for result in results
    ]
    terminal.out()
    for line in terminal.table(("", t("time"), t("requests"), t("step")), rows):
        terminal.out(line)
    terminal.out()
    untrue = sum(bool(result.faults) for result in results)
    if untrue:
        terminal.out(
            terminal.bad
            + " "
            + tn(
                "{n} step did not show what it was to.",
                "{n} steps did not show what they were to.",
                untrue,
            )
        )
    else:
        terminal.out(
            f"{terminal.ok} " + t("The project starts from its own cache, with or without a Hub.")
        )
    if kept:
        terminal.out(t("Kept in {folder}.", folder=kept))


def _document(results: Sequence[Ended], kept: str | None) -> str:
    from swarmcache.report.json import document  # noqa: PLC0415

    steps = [
        {
            "name": result.step.name,
            "command": ["swarmcache", *result.step.arguments],
            "ok": not result.faults,
            "exit_code": result.exit_code,
            "expected_exit_code": result.step.expected_exit,
            "seconds": round(result.seconds, 3),
            "requests": result.requests,
            "faults": list(result.faults),
        }
        for result in results
    ]
    return document("demo", ok=all(step["ok"] for step in steps), steps=steps, kept=kept)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let a closed terminal or a `kill` end the demo as Ctrl-C does, leaving nothing behind."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {ask: signal.getsignal(ask) for ask in (signal.SIGTERM, signal.SIGHUP)}
    heeded = [ask for ask, handler in before.items() if handler is not signal.SIG_IGN]  # nohup
    for ask in heeded:
        signal.signal(ask, interrupt)
    try:
        yield
    finally:
        for ask in heeded:
            signal.signal(ask, before[ask])
