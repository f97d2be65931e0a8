"""The root command: finds the commands lazily, and turns errors into exit codes."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from swarmcache import __version__, locale
from swarmcache.cli.session import Session, choose_language
from swarmcache.errors import SwarmcacheError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "status": "what is cached, where, how large, complete or not",
    "check": "here and complete? Milliseconds, no network",
    "verify": "are the bytes right? Offline, in parallel, remembered",
    "pull": "download what is missing, before it is needed",
    "run": "check, pull what is missing, then start the trainer",
    "init": "write this project's settings",
    "env": "print the exports that make the cache explicit",
    "serve": "give the cache to other machines over the Hub's protocol",
    "completion": "print the shell completion script",
    "demo": "the whole story on this machine, without internet",
}
"""Every command and its one-line help; importing none of them keeps start-up small."""
ALIASES = {"ls": "status", "download": "pull"}
MORE = ("demo", "completion")
"""Commands that help lists under "More"."""


class Commands(click.Group):
    """A group that imports a command's module only when that command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a user's day."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None when there is none of that name."""
        del ctx
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = import_module(f"swarmcache.cli.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the two lists of commands without importing any."""
        del ctx
        sections = ((t("Commands"), [c for c in COMMANDS if c not in MORE]), (t("More"), MORE))
        for title, names in sections:
            with formatter.section(title):
                formatter.write_dl([(name, t(COMMANDS[name])) for name in names])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: swarmcache check Gensyn/Qwen2.5-0.5B-Instruct",
)
@click.version_option(__version__, prog_name="swarmcache")
@click.pass_context
def swarmcache(ctx: click.Context) -> None:
    """One explicit, complete, verified Hugging Face model cache for every training node."""
    if ctx.invoked_subcommand is None:
        from swarmcache.cli.overview import command  # noqa: PLC0415 - the bare command only

        ctx.invoke(command)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (DESIGN.md, "The command line")."""
    # Where a stream was closed by the caller, Python has None; what we say then goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # No output fails on an encoding.
    session = Session(os.environ)
    try:
        choose_language()
        code = swarmcache.main(args, prog_name="swarmcache", standalone_mode=False, obj=session)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        click.echo(t("Interrupted."), err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`| head`); what Python flushes at exit must not fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SwarmcacheError, OSError) as error:
        if session.tracebacks:
            import traceback  # noqa: PLC0415 - only when asked

            traceback.print_exc()
        return _say(error)
    return code if isinstance(code, int) else 0


def _say(error: SwarmcacheError | OSError) -> int:
    """Say what went wrong in one sentence, and return the exit code that stands for it."""
    if isinstance(error, SwarmcacheError):
        message, hint, code = error.message, error.hint, error.exit_code
    else:
        message, hint, code = _os_sentence(error), "", 3
    click.echo(f"swarmcache: {message}", err=True)
    if hint:
        click.echo(t("Next: {command}", command=hint), err=True)
    return code


def _os_sentence(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return t("The disk of {path} is full.", path=error.filename or "?")
    reason = error.strerror or str(error)
    return t("{path}: {reason}", path=error.filename or "?", reason=reason)


__all__ = ["COMMANDS", "locale", "main", "swarmcache"]
