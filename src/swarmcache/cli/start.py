"""The way in: runs the command line, and turns errors into exit codes."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from swarmcache.cli.plain_call import plain_call
from swarmcache.cli.session import Session, choose_language
from swarmcache.errors import SwarmcacheError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (DESIGN.md, "The command line")."""
    _prepare_streams()
    session = Session(os.environ)
    try:
        choose_language()
        return _run(sys.argv[1:] if args is None else args, session)
    except KeyboardInterrupt:
        print(t("Interrupted."), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`); what Python flushes at exit must not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SwarmcacheError, OSError) as error:
        if session.tracebacks:
            import traceback  # noqa: PLC0415 - only when asked

            traceback.print_exc()
        return _say(error)


def _run(words: Sequence[str], session: Session) -> int:
    plain = plain_call(words)
    if plain is not None:
        return plain()
    from swarmcache.cli.app import run  # noqa: PLC0415 - click takes most of a start-up

    return run(words, session)


def _prepare_streams() -> None:
    # Where a stream was closed by the caller, Python has None; what we say then goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # No output fails on an encoding.


def _say(error: SwarmcacheError | OSError) -> int:
    """Say what went wrong in one sentence, and return the exit code that stands for it."""
    if isinstance(error, SwarmcacheError):
        message, hint, code = error.message, error.hint, error.exit_code
    else:
        message, hint, code = _os_sentence(error), "", 3
    print(f"swarmcache: {message}", file=sys.stderr)
    if hint:
        print(t("Next: {command}", command=hint), file=sys.stderr)
    return code


def _os_sentence(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return t("The disk of {path} is full.", path=error.filename or "?")
    reason = error.strerror or str(error)
    return t("{path}: {reason}", path=error.filename or "?", reason=reason)
