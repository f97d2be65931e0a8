"""`run --instance` and `run --gpus`: several instances of one project, each a `run` of its own."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from swarmcache.errors import os_sentence
from swarmcache.launch.start.instances import Instance, is_instance_name, parse_gpus
from swarmcache.launch.start.remembered import instance_of
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.cli.invocation import Invocation

_FOR_ALL = ("gpus", "instance", "log_dir", "arguments")
"""What the command line says of all instances, or says behind the options."""


def chosen_instances(
    invocation: Invocation, name: str | None, gpus: str | None
) -> Sequence[Instance]:
    """Return the instances that the options and SWARMCACHE_INSTANCE ask for, at least one."""
    inherited = instance_of(invocation.environment)
    for one in (name, inherited or None):
        if one is not None and not is_instance_name(one):
            raise click.UsageError(
                t("{name} cannot name an instance: letters, digits, dots and dashes can.", name=one)
            )
    if gpus is None:
        return [Instance(name or inherited)]
    try:
        found = parse_gpus(gpus)
    except ValueError:
        raise click.UsageError(
            t("{text} names no GPUs; write them like 0-7 or 0,2,3.", text=gpus)
        ) from None
    if len(found) == 1:
        return [Instance(name or inherited or found[0], found[0])]
    if name is not None:
        raise click.UsageError(t("--instance names one instance, --gpus here several."))
    return [Instance(gpu, gpu) for gpu in found]


def run_instances(
    invocation: Invocation, instances: Sequence[Instance], log_dir: str | None
) -> int:
    """Start `run` for each instance, and return the code of the first that failed, else 0."""
    from swarmcache.launch.child.fleet import Member, run_fleet  # noqa: PLC0415 - few start several
    from swarmcache.launch.child.supervise import end_as  # noqa: PLC0415 - not on Windows

    ctx = click.get_current_context()
    if ctx.params["replaces"] or ctx.params["as_json"]:
        raise click.UsageError(t("--exec and --json are for one instance."))
    terminal = invocation.terminal
    options, arguments = [*_spelled(ctx)], ["--", *ctx.params["arguments"]]

    def member(instance: Instance, log: BinaryIO | None) -> Member:
        named = ["--instance", instance.name, "--gpus", instance.gpu]
        words = [*_ourselves(), "run", *named, *options, *arguments]
        return Member(instance.name, words, invocation.environment.variables, log)

    def say_ended(name: str, code: int) -> None:
        say = terminal.alert if code else terminal.say
        say(t("Instance {name} ended with exit code {code}.", name=name, code=code))

    with contextlib.ExitStack() as stack:
        logs = stack.enter_context(_logs(invocation, instances, log_dir or "logs"))
        members = list(map(member, instances, logs))
        return end_as(run_fleet(members, sys.stdout.buffer, sys.stderr.buffer, say_ended))


@contextlib.contextmanager
def _logs(
    invocation: Invocation, instances: Sequence[Instance], folder: str
) -> Iterator[list[BinaryIO | None]]:
    """Yield a file for the output of each; where there can be none, that is one warning."""
    terminal = invocation.terminal
    folder = os.path.join(invocation.project, folder)
    with contextlib.ExitStack() as stack:
        try:
            os.makedirs(folder, exist_ok=True)
            logs: list[BinaryIO | None] = [
                stack.enter_context(_appended(f"{folder}/swarmcache-{instance.name}.log"))
                for instance in instances
            ]
        except OSError as error:
            terminal.alert(f"{terminal.warn} {os_sentence(error)}")
            logs = [None for _ in instances]
        else:
            terminal.say(
                t(
                    "{count} instances, one for each GPU; what each prints is kept in {pattern}.",
                    count=len(instances),
                    pattern=f"{folder}/swarmcache-*.log",
                )
            )
        yield logs


def _appended(path: str) -> BinaryIO:
    return open(path, "ab", buffering=0)


def _ourselves() -> list[str]:
    """Return the words with which we were started ourselves, as `ps` is to show them."""
    if os.path.basename(sys.argv[0]) == "__main__.py":
        return [sys.executable, "-m", "swarmcache"]
    return [sys.executable, os.path.abspath(sys.argv[0])]


def _spelled(ctx: click.Context) -> Iterator[str]:
    """Yield the options that one instance is started with, as they were given."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
        if name in _FOR_ALL or not given:
            continue
        value = ctx.params[name]
        for one in value if isinstance(value, tuple) else (value,):
            yield from (parameter.opts[0],) if one is True else (parameter.opts[0], str(one))
