"""The way in: runs the command line, and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from swarmcache.cli.plain_call import plain_call
from swarmcache.cli.session import Session, choose_language
from swarmcache.errors import SwarmcacheError, os_sentence
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (DESIGN.md, "The command line")."""
    try:
        _prepare_streams()
        return _guarded(sys.argv[1:] if args is None else args)
    except KeyboardInterrupt:
        print(t("Interrupted."), file=sys.stderr)
        return 130
    finally:
        _settle(sys.stdout)
        _settle(sys.stderr)


def _guarded(words: Sequence[str]) -> int:
    """Run a command; an error of ours or of the system becomes a sentence and its exit code."""
    session = Session(os.environ)
    code = 0
    try:
        choose_language()
        code = _run(words, session)
        sys.stdout.flush()
        return code  # noqa: TRY300 - what cannot be flushed is an error like any other
    except BrokenPipeError:
        return code  # The reader went away (`| head`).
    except (SwarmcacheError, OSError) as error:
        if code:
            return code  # What it printed could not be flushed, as the command has said itself.
        if session.tracebacks:
            import traceback  # noqa: PLC0415 - only when asked

            traceback.print_exc()
        return _say(error, session.cache_dir)


def _run(words: Sequence[str], session: Session) -> int:
    plain = plain_call(words)
    if plain is not None:
        return plain()
    from swarmcache.cli.app import run  # noqa: PLC0415 - click takes most of a start-up

    return run(words, session)


def _prepare_streams() -> None:
    # Where a stream was closed by the caller, Python has None; what we say then goes nowhere. In
    # this order each gets its own number again, and no file that is written later gets it.
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - to the end
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # No output fails on an encoding.


def _settle(stream: TextIO) -> None:
    """Let go of what could not be written: Python's own flush at exit would make it code 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(error: SwarmcacheError | OSError, cache_dir: str | None) -> int:
    """Say what went wrong in one sentence, and return the exit code that stands for it."""
    if isinstance(error, SwarmcacheError):
        message, hint, code = error.message, error.hint, error.exit_code
    else:
        message, hint, code = os_sentence(error), "", 3
    text = f"swarmcache: {message}"
    if hint:
        from swarmcache.report.proposed import next_step  # noqa: PLC0415 - only where all failed

        text += f"\n{next_step(hint, cache_dir)}"
    try:  # noqa: SIM105 - contextlib costs a start-up 1 ms
        print(text, file=sys.stderr)
    except OSError:
        pass  # There is nowhere left to say it; the code still tells.
    return code
