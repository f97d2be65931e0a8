"""The root command, by click: it finds the commands lazily."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import TYPE_CHECKING

import click

from swarmcache import __version__, locale
from swarmcache.cli.options import invocation_of, shared_options
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.cli.session import Session

PROGRAM = "swarmcache"
_TYPED = click.core.ParameterSource.COMMANDLINE
COMPLETION_VARIABLE = "_SWARMCACHE_COMPLETE"
"""What a shell sets when it asks us for completions; click answers and exits."""

COMMANDS = {
    "status": "what is cached, where, how large, complete or not",
    "check": "here and complete? Milliseconds, no network",
    "verify": "are the bytes right? Offline, in parallel, remembered",
    "pull": "download what is missing, before it is needed",
    "clean": "free space by plan: nothing in use, nothing foreign",
    "dedupe": "equal content stored once, within a cache and across caches",
    "adopt": "bring another cache's models into this one, without downloading",
    "move": "the whole cache to another disk: copied, proven, switched, removed",
    "lock": "pin each model's commit and file hashes",
    "run": "check, pull what is missing, then start the trainer",
    "doctor": "why does this project download again, waste disk or start slowly?",
    "init": "make one cache folder explicit in this project",
    "env": "print the exports that make the cache explicit",
    "emit": "pieces for shells, systemd, compose, Kubernetes, SLURM and cron",
    "serve": "give the cache to other machines over the Hub's protocol",
    "export": "a model with everything it needs, as a cache, a tar or a folder",
    "import": "bring what export wrote into this cache, proven",
    "caches": "the caches known on this machine",
    "generation": "is the KV cache alive and right during rollouts? Diagnose, explain a log",
    "completion": "print the shell completion script",
    "demo": "the whole story on this machine, without internet",
}
"""Every command and its one-line help; importing none of them keeps start-up small."""
ALIASES = {"ls": "status", "download": "pull", "rm": "clean"}
_MODULES = {"import": "importing"}
"""Modules of commands whose names Python keeps for itself."""
MORE = ("demo", "emit", "export", "import", "caches", "generation", "completion")
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
        module = import_module(f"swarmcache.cli.{_MODULES.get(name, name)}")
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
    help="\n\n".join(
        [
            t("One explicit, complete, verified Hugging Face model cache for every training node."),
            t("Without a command: this project and its cache in ten lines, and the next step."),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache check Gensyn/Qwen2.5-0.5B-Instruct"),
)
@click.version_option(__version__, prog_name=PROGRAM, help=t("Show the version and exit."))
@shared_options
@click.pass_context
def swarmcache(ctx: click.Context, /, **options: object) -> int:
    """Run the bare command where no other is named."""
    if ctx.invoked_subcommand is None:
        from swarmcache.cli.overview import show_overview  # noqa: PLC0415 - the bare command only

        invocation = invocation_of(options)
        show_overview(invocation)
        return invocation.settled(0)
    given = [name for name in ctx.params if ctx.get_parameter_source(name) == _TYPED]
    if given:
        # Taken here, an option would silently not reach the command that it was meant for.
        raise click.UsageError(
            t("Options come after the command: {command}", command=_put_right(ctx, given))
        )
    return 0  # The command's own counts.


def _put_right(ctx: click.Context, given: Sequence[str]) -> str:
    """Return the command line with the options where they belong."""
    options = [o.opts[-1] for o in ctx.command.params if o.name in given]
    return " ".join([PROGRAM, str(ctx.invoked_subcommand), *options])


def run(words: Sequence[str], session: Session) -> int:
    """Let click read the words and run the command they name; return its exit code.

    Errors of ours and of the operating system are the caller's.
    """
    if locale.language() != "en":
        from swarmcache.cli.click_words import translate_click  # noqa: PLC0415 - not in English

        translate_click()
    try:
        code = _invoke(words, session)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, EOFError) as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        with contextlib.suppress(OSError):  # With nowhere left to say it, the code still tells.
            error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0


def _invoke(words: Sequence[str], session: Session) -> object:
    """Return what the command returns.

    Not by `swarmcache.main`, which meets a reader that went away (`| head`) with exit code 1;
    it only answers a shell that asks for completions.
    """
    if COMPLETION_VARIABLE in os.environ:
        return swarmcache.main(words, prog_name=PROGRAM, obj=session)
    with swarmcache.make_context(PROGRAM, list(words), obj=session) as context:
        return swarmcache.invoke(context)


__all__ = ["COMMANDS", "locale", "run", "swarmcache"]
