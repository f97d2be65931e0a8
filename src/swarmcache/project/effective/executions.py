"""Commands that are run when something of a project is started, with what they would find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.project.containers.paths import HERE
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import exported, of

if TYPE_CHECKING:
    from swarmcache.project.containers.paths import Paths
    from swarmcache.project.effective.programs import Program
    from swarmcache.project.effective.values import Alternatives, Variables
    from swarmcache.project.readers.jobs import Job
    from swarmcache.project.readers.shell.syntax import Command, Loop
    from swarmcache.project.sources import Span

Kind: TypeAlias = Literal["hand", "service", "image", "pod", "unit", "cron", "job", "notebook"]
"""By hand in a user's shell, as a compose service, as a container of an image without compose,
in a pod of Kubernetes, as a unit of systemd or supervisor, by cron, as a job of a cluster, from a
cell of a notebook."""


@dataclass(frozen=True, slots=True)
class Root:
    """What starts first, and who starts it."""

    kind: Kind
    name: str
    """The script, service or unit, as people call it."""
    span: Span | None
    home: str | None
    """The home folder of who runs it; None where that is not known."""
    user: str | None
    """Who runs it, where the project says so."""
    paths: Paths = HERE
    """Where a container's paths lie in the project."""
    job: Job | None = None
    """What the header of a job says."""

    @property
    def in_container(self) -> bool:
        """Whether its paths are a container's."""
        return self.kind in {"service", "image", "pod"}

    @property
    def starts_anew(self) -> bool:
        """Whether it is started by what starts it again and again: a pod, a unit, cron."""
        return self.kind in {"pod", "unit", "cron"}

    @property
    def alone(self) -> bool:
        """Whether it has nothing of a user's own shell, unless it reads a profile itself."""
        return self.kind in {"unit", "cron"} or (self.job is not None and self.job.alone)


class Given(NamedTuple):
    """A word of a command, or a part of one."""

    values: tuple[str | None, ...]
    """What it may be; None for what is not known."""
    span: Span
    """The whole word."""

    @property
    def known(self) -> tuple[str, ...]:
        """What it may be, as far as that is known."""
        return tuple(value for value in self.values if value is not None)


@dataclass(frozen=True, slots=True)
class Execution:
    """A command that is run, or may be."""

    program: Program
    """What is started in the end; words are None where only running tells them."""
    command: Command
    variables: Variables
    """All of the shell's variables at that moment, exported or not."""
    cwd: str | None
    """The working directory; None where that is not known."""
    folder: str
    """The folder of the script that this stands in."""
    project: str
    """The project's folder."""
    root: Root
    loops: tuple[Loop, ...] = ()
    """The loops around it, the outermost first, across scripts that start each other."""
    chain: tuple[Span, ...] = ()
    """The commands that started the script this stands in, the first one first."""
    certain: bool = True
    """False in an arm of a branch, and in a function that nothing in sight calls."""

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.command.span

    def words(self) -> tuple[Given, ...]:
        """Return what each word of the program may be; `program.words` has only what is certain."""
        words = self.command.words[len(self.command.words) - len(self.program.words) :]
        values = (expanded(word, self.variables, self.folder) for word in words)
        return tuple(Given(v, word.span) for v, word in zip(values, words, strict=True))

    def environment(self) -> dict[str, Alternatives]:
        """Return what the program finds in its environment."""
        return {} if self.program.resets else exported(self.variables)

    def variable(self, name: str) -> Alternatives:
        """Return what one variable may be in the program's environment."""
        return of(self.environment(), name)
