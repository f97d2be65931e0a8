"""Going through scripts as a shell would, on every path at once, and starting nothing.

A branch is taken and not taken, a loop is run once, a script that a command starts is gone through
with the environment that it would get. What a command is run with is then a value.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from swarmcache.project.effective.arrays import assigned_arrays, items_of, joined_arrays
from swarmcache.project.effective.builtins import BUILTINS, State
from swarmcache.project.effective.executions import Execution
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.narrowing import matching, narrowed
from swarmcache.project.effective.programs import started
from swarmcache.project.effective.terminals import typed
from swarmcache.project.effective.values import UNSET, Setting, distinct, merged, of, unsure
from swarmcache.project.effective.written import written_by
from swarmcache.project.readers.shell.syntax import (
    Branch,
    Command,
    Declare,
    Function,
    Loop,
    Subshell,
    Unset,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from swarmcache.project.effective.executions import Root
    from swarmcache.project.effective.programs import Program, Words
    from swarmcache.project.effective.values import Alternatives, Way
    from swarmcache.project.effective.written import Written
    from swarmcache.project.readers.shell.syntax import Arm, Assignment, Script, Statement, Word
    from swarmcache.project.sources import Span

    Scripts = Callable[[str], "Script | None"]

COUNT = "#"
"""How many positional parameters a script or function was given; unset where nobody knows."""
_MAX_DEPTH = 12
_MAX_EXECUTIONS = 20_000
_MAX_STATEMENTS = 30_000
"""Functions that call each other can take many ways; RL-Swarm's launcher has 200 statements."""
_ENVIRONMENTS = ("bin/activate", "conda.sh", "nvm.sh")
"""Ends of files that set up an interpreter, and no variable of the Hub."""
_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "ash", "csh", "tcsh", "fish"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is."""

    script: Script
    folder: str
    """Where the script lies, as whoever runs it sees it; `$(dirname "$0")`."""
    loops: tuple[Loop, ...] = ()
    chain: tuple[Span, ...] = ()
    certain: bool = True
    depth: int = 0
    within: tuple[str, ...] = ()
    """Scripts and functions that are being gone through, so that none starts itself for ever."""


class Walk:
    """Goes through one root."""

    def __init__(self, root: Root, scripts: Scripts, project: str) -> None:
        """Take who finds a script by its path in the project."""
        self.executions: list[Execution] = []
        self.started: set[str] = set()
        """Paths of the scripts that were gone through, without the first."""
        self._root = root
        self._scripts = scripts
        self._project = project
        self._called: set[str] = set()
        self._written: dict[str, Written] = {}
        self._left = _MAX_STATEMENTS
        self._steps: dict[type[Statement], Callable[..., State]] = {
            Declare: self._declare,
            Unset: self._unset,
            Command: self._command,
            Branch: self._branch,
            Loop: self._loop,
            Function: self._define,
            Subshell: self._aside,
        }

    def run(self, script: Script, state: State, folder: str | None = None) -> State:
        """Go through a script, then through functions of it that nothing in sight called.

        `folder` is where it lies for whoever runs it, if that is not where it lies here.
        """
        folder = os.path.dirname(script.source.path) if folder is None else folder
        place = _Place(script, folder, within=(script.source.path,))
        state = self._block(script.body, state, place)
        for name, function in state.functions.items():
            if name not in self._called:
                self._block(function.body, state, replace(place, certain=False))
        return state

    def _block(self, body: Iterable[Statement], state: State, place: _Place) -> State:
        for statement in body:
            if len(self.executions) >= _MAX_EXECUTIONS or self._left <= 0:
                break
            self._left -= 1
            state = self._statement(statement, state, place)
        return state

    def _statement(self, statement: Statement, state: State, place: _Place) -> State:
        step: Callable[[Statement, State, _Place], State] = self._steps[type(statement)]
        return step(statement, state, place)

    def _unset(self, one: Unset, state: State, place: _Place) -> State:
        del place
        gone = dict.fromkeys(one.names, UNSET)
        return replace(state, variables={**state.variables, **gone})

    def _define(self, one: Function, state: State, place: _Place) -> State:
        del place
        return replace(state, functions={**state.functions, one.name: one})

    def _aside(self, one: Subshell, state: State, place: _Place) -> State:
        self._block(one.body, state, place)
        return state

    def _declare(self, one: Declare, state: State, place: _Place) -> State:
        variables = self._assigned(one.assignments, state, place, "script")
        if one.kind in {"export", "unexport"}:
            for name in (*one.names, *(assignment.name for assignment in one.assignments)):
                marked = (
                    s and replace(s, exported=one.kind == "export") for s in of(variables, name)
                )
                variables[name] = tuple(marked)
        return replace(
            state, variables=variables, arrays=assigned_arrays(one.assignments, state.arrays)
        )

    def _assigned(
        self, assignments: Sequence[Assignment], state: State, place: _Place, way: Way
    ) -> dict[str, Alternatives]:
        """Return the variables after assignments; what was exported stays so."""
        variables = dict(state.variables)
        for one in assignments:
            shared = way == "inline" or state.exports(one.name)
            values = expanded(one.value, variables, place.folder)
            found = [Setting(v, one.span, shared, way) for v in values]
            variables[one.name] = distinct(found)
        return variables

    def _branch(self, one: Branch, state: State, place: _Place) -> State:
        inside = place if one.goes_on else replace(place, certain=False)
        ways: list[State] = [] if one.exhaustive else [state]
        for arm in one.arms:
            tested = self._block(arm.condition, state, place)
            taken = replace(tested, variables=_told(one, arm, tested, holds=True))
            ways.append(self._block(arm.body, taken, inside))
            state = replace(state, variables=_told(one, arm, state, holds=False))
        if not one.exhaustive:
            ways[0] = state
        return _joined(ways) if ways else state

    def _loop(self, one: Loop, state: State, place: _Place) -> State:
        inside = replace(place, loops=(*place.loops, one))
        variables = dict(state.variables)
        if one.variable:
            words = items_of(one.words, state.arrays)
            values = [v for word in words for v in self._values(word, state, place)]
            found = [Setting(v, one.span, state.all_exported, "script") for v in values]
            variables[one.variable] = distinct(found or [Setting(None, one.span, False, "script")])
        begun = replace(state, variables=variables)
        begun = self._block(one.condition, begun, inside)
        return _joined([state, self._block(one.body, begun, inside)])

    def _values(self, word: Word, state: State, place: _Place) -> tuple[str | None, ...]:
        return expanded(word, state.variables, place.folder)

    def _word(self, word: Word, state: State, place: _Place) -> str | None:
        values = self._values(word, state, place)
        return values[0] if len(values) == 1 else None

    def _command(self, one: Command, state: State, place: _Place) -> State:
        one = _spread(one, state)
        words = tuple(self._word(word, state, place) for word in one.words)
        if not words:
            return state
        name = words[0] or ""
        if name in state.functions:
            return self._call(state.functions[name], one, state, place)
        if name in {".", "source"}:
            return self._source(one, words, state, place)
        if name in BUILTINS:
            return BUILTINS[name](state, words, one)
        self._execute(one, words, state, place)
        return state

    def _execute(self, one: Command, words: Words, state: State, place: _Place) -> None:
        program = started(words)
        variables = self._assigned(one.assignments, state, place, "inline")
        for name, value in program.assignments:
            variables[name] = (Setting(value, one.span, exported=True, way="inline"),)
        found = Execution(
            program,
            one,
            variables,
            state.cwd,
            place.folder,
            self._project,
            self._root,
            place.loops,
            place.chain,
            place.certain,
        )
        self.executions.append(found)
        if one.redirects and (written := written_by(found)) is not None:
            self._written[written.path] = written
        self._follow(found, program, place)

    def _follow(self, execution: Execution, program: Program, place: _Place) -> None:
        """Go through the script that a command starts, if it is the project's."""
        words = program.words
        if program.name in _SHELLS:
            at = 1
            if self._root.alone and any(map(_is_login, words[1:])):
                variables = unsure(execution.variables, "inherited")
                execution = replace(execution, variables=variables)
            while at < len(words) and (words[at] or "").startswith(("-", "+")):
                if "c" in (words[at] or "").lstrip("-") and not (words[at] or "").startswith("--"):
                    self._inner(execution, at + 1, place)
                    return
                at += 2 if words[at] in {"-o", "+o", "-O"} else 1
            words = words[at:]
        elif program.name == "tmux" and (told := typed(words)) is not None:
            self._inner(execution, told, place)
            return
        elif "/" not in (words[0] or "") if words else True:
            return
        if words and words[0]:
            self._start(execution, words[0], words[1:], place)

    def _inner(self, execution: Execution, at: int, place: _Place) -> None:
        """Go through the script that stands in the word behind `-c`."""
        from swarmcache.project.readers.shell.reading import read_script  # noqa: PLC0415

        words, command = execution.program.words, execution.command.words
        at += len(command) - len(words)
        if at >= len(command) or place.depth >= _MAX_DEPTH:
            return
        values = expanded(command[at], execution.variables, place.folder)
        text = command[at].literal
        text = values[0] if text is None and len(values) == 1 else text
        if text is not None:
            source = place.script.source.quoted(text, command[at].span)
            deeper = replace(place, script=read_script(source), depth=place.depth + 1)
            self._block(deeper.script.body, State(execution.environment(), execution.cwd), deeper)

    def _start(
        self, execution: Execution, path: str, rest: Sequence[str | None], place: _Place
    ) -> None:
        seen = _seen(path, execution.cwd)
        path = self._outside(seen)
        script = self._scripts(path) or self._from_here_document(path)
        if script is None or path in place.within or place.depth >= _MAX_DEPTH:
            return
        self.started.add(path)
        positions = {str(i): _given(value, execution.span) for i, value in enumerate(rest, 1)}
        positions[COUNT] = _given(str(len(rest)), execution.span)
        state = State({**execution.environment(), **positions}, execution.cwd)
        deeper = replace(
            place,
            script=script,
            folder=os.path.dirname(seen),
            chain=(*place.chain, execution.span),
            depth=place.depth + 1,
            within=(*place.within, path),
        )
        self._block(script.body, state, deeper)

    def _outside(self, path: str) -> str:
        """Return where a path lies in the project, also one in a folder that is not known."""
        if not path.startswith("/") and self._root.starts_anew:
            return _seen(path, self._project)
        return self._root.paths.outside(path)

    def _from_here_document(self, path: str) -> Script | None:
        """Return a script that was written on the way here, if it became what stands there."""
        from swarmcache.project.readers.shell.reading import read_script  # noqa: PLC0415

        written = self._written.get(path)
        if written is None or (written.expands and b"$" in written.content.data):
            return None
        return read_script(written.content)

    def _call(self, function: Function, one: Command, state: State, place: _Place) -> State:
        key = f"{function.name}()"
        self._called.add(function.name)
        if key in place.within or place.depth >= _MAX_DEPTH:
            return state
        variables = dict(state.variables)
        for position, word in enumerate(one.words[1:], 1):
            values = self._values(word, state, place)
            variables[str(position)] = tuple(
                Setting(value, word.span, exported=False, way="script") for value in values
            )
        variables[COUNT] = _given(str(len(one.words) - 1), one.span)
        deeper = replace(place, depth=place.depth + 1, within=(*place.within, key))
        after = self._block(function.body, replace(state, variables=variables), deeper)
        given = (name for name in after.variables if name.isdecimal() or name == COUNT)
        own = {name: of(state.variables, name) for name in given}
        return replace(after, variables={**after.variables, **own})

    def _source(self, one: Command, words: Words, state: State, place: _Place) -> State:
        """Go through a script that changes this very shell."""
        if len(words) < 2 or not words[1]:  # noqa: PLR2004 - the file
            last = one.words[1].parts[-1:] if len(one.words) > 1 else ()
            known = not last or (isinstance(last[0], str) and last[0].endswith(_ENVIRONMENTS))
            return state if known else replace(state, variables=unsure(state.variables, "script"))
        seen = _seen(words[1], state.cwd)
        path = self._outside(seen)
        script = self._scripts(path)
        foreign = self._root.alone or self._root.kind == "job"
        if script is None and foreign and not path.endswith(_ENVIRONMENTS):
            return replace(state, variables=unsure(state.variables, "inherited"))
        if script is None or path in place.within or place.depth >= _MAX_DEPTH:
            return state
        self.started.add(path)
        within = (*place.within, path)
        folder = os.path.dirname(seen)
        deeper = replace(place, script=script, folder=folder, depth=place.depth + 1, within=within)
        return self._block(script.body, state, deeper)


def _told(one: Branch, arm: Arm, state: State, *, holds: bool) -> dict[str, Alternatives]:
    """Return what variables may be where an arm is taken, or is not."""
    if one.subject:
        return matching(state.variables, one.subject, arm.text, holds=holds)
    return narrowed(state.variables, arm.text, holds=holds)


def _joined(ways: Sequence[State]) -> State:
    """Return what holds after one of several ways was taken."""
    first = ways[0]
    if len(ways) == 1:
        return first
    functions = {name: body for way in ways for name, body in way.functions.items()}
    cwd = first.cwd if len({way.cwd for way in ways}) == 1 else None
    shared = any(way.all_exported for way in ways)
    arrays = joined_arrays([way.arrays for way in ways])
    return State(merged([way.variables for way in ways]), cwd, functions, shared, arrays)


def _spread(one: Command, state: State) -> Command:
    """Return a command with `$1`, `$2` … for its `"$@"`, where it is known how many were given."""
    if state.arrays:
        one = replace(one, words=items_of(one.words, state.arrays))
    whole = (Variable("@"),)
    count = _only(of(state.variables, COUNT))
    if count is None or all(word.parts != whole for word in one.words):
        return one
    positions = [(Variable(str(position)),) for position in range(1, int(count) + 1)]
    words = [
        spread
        for word in one.words
        for spread in (
            [replace(word, parts=parts) for parts in positions] if word.parts == whole else [word]
        )
    ]
    return replace(one, words=tuple(words))


def _is_login(word: str | None) -> bool:
    """Tell whether a shell reads the profiles of its user: `-l`, `-lc`, `-ic`."""
    return word == "--login" or (
        word is not None and word.startswith("-") and not word.startswith("--")
        and not {"l", "i"}.isdisjoint(word)
    )  # fmt: skip


def _only(alternatives: Alternatives) -> str | None:
    one = alternatives[0]
    return one.value if one is not None and len(alternatives) == 1 else None


def _seen(path: str, cwd: str | None) -> str:
    return os.path.normpath(os.path.join(cwd or "", path))


def _given(value: str | None, span: Span) -> Alternatives:
    return (Setting(value, span, exported=False, way="script"),)


__all__ = ["State", "Walk"]
