"""The house of DESIGN.md stands: each file imports only from its own room and the rooms above."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import swarmcache

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = pathlib.Path(swarmcache.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

GROUND = ("", "environment", "errors", "locale", "lockfile", "progress", "settings", "units")
"""Imported by all rooms; "" is `swarmcache/__init__.py`: the version,
and the public surface, which is imported when it is asked for."""
ROOMS = (
    "hubcache",
    "transfer",
    "plans",
    "serve",
    "project",
    "doctor",
    "launch",
    "report",
    "cli",
    "__main__",
)
"""From top to bottom; all stand on the ground."""
APART = "generation"
"""Runs inside the trainer's process, so it imports nothing of the rest; whoever reads what it knows
or found (doctor and the rooms after it) may import it (docs/adr/0025)."""
PRINTING = ("report", "cli")
HEAVY = {
    "aiohttp",
    "asyncio",
    "filelock",
    "huggingface_hub",
    "importlib.metadata",
    "rich",
    "tomllib",
    "torch",
    "yaml",
}
"""What `check` must not load: it runs at each launch of a trainer."""


def room_of(parts: tuple[str, ...]) -> str:
    """Return the first name under `swarmcache`: a room, or a file of the ground."""
    return parts[0] if parts else ""


def module_of(file: pathlib.Path) -> tuple[str, ...]:
    """Return a file's dotted name under `swarmcache`, in parts."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(file: pathlib.Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (line, dotted name under `swarmcache`) of each own import, lazy and typing-only too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative imports hide the room"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            if top == "swarmcache":
                yield node.lineno, tuple(rest)


def rank(room: str) -> int:
    """Return how far down the list a room stands; the ground is 0."""
    return ROOMS.index(room) + 1 if room in ROOMS else 0


def breach(file: pathlib.Path, target: tuple[str, ...]) -> str:
    """Return what is wrong when `file` imports `target`, or an empty string."""
    own = room_of(module_of(file))
    if file == PACKAGE / "__init__.py":
        return ""  # It hands out the public surface, whichever room that stands in.
    # `from swarmcache import __version__` names a value of the package itself.
    stands = (PACKAGE / room_of(target)).is_dir() or (PACKAGE / f"{room_of(target)}.py").is_file()
    other = room_of(target) if stands else ""
    if own == APART or (other == APART and rank(own) < rank("doctor")):
        return "" if own == other else "generation stands apart"
    return f"{own or 'swarmcache'} stands above {other}" if rank(other) > rank(own) else ""


def prints(node: ast.AST) -> bool:
    """Tell whether a node writes to the terminal."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called in {
        "print",
        "click.echo",
        "click.secho",
        "sys.stdout.write",
        "sys.stderr.write",
    }


def test_every_file_belongs_to_a_room_of_the_design() -> None:
    """A new top-level file or folder is given its place in the list, here and in DESIGN.md."""
    found = {room_of(module_of(file)) for file in FILES}
    assert found <= {*GROUND, *ROOMS, APART}


@pytest.mark.parametrize("file", FILES, ids=lambda file: ".".join(module_of(file)) or "swarmcache")
def test_a_file_imports_only_from_rooms_above(file: pathlib.Path) -> None:
    """Imports inside functions and for type checkers count too."""
    found = [f"{file}:{line}: {why}" for line, to in imported(file) if (why := breach(file, to))]
    assert found == []


@pytest.mark.parametrize(
    ("file", "target", "why"),
    [
        ("plans/pull.py", "project.needs.models", "plans stands above project"),
        ("hubcache/scan.py", "transfer.hub", "hubcache stands above transfer"),
        ("units.py", "hubcache.layout", "units stands above hubcache"),
        ("report/table.py", "cli.app", "report stands above cli"),
        ("cli/check.py", "hubcache.scan", ""),
        ("report/table.py", "plans.pull", ""),
        ("hubcache/scan.py", "hubcache.layout", ""),
        ("hubcache/scan.py", "__version__", ""),
        ("generation/guard.py", "errors", "generation stands apart"),
        ("plans/pull.py", "generation.verdicts", "generation stands apart"),
        ("doctor/engine.py", "generation.verdicts", ""),
        ("cli/generation.py", "generation.verdicts", ""),
    ],
)
def test_the_rule_itself(file: str, target: str, why: str) -> None:
    """The rule sees what it should, so that an empty list of breaches means something."""
    assert breach(PACKAGE / file, tuple(target.split("."))) == why


def test_modules_stay_small() -> None:
    """Past 400 lines a module holds two ideas."""
    lengths = {str(file): len(file.read_text("utf-8").splitlines()) for file in FILES}
    assert {file: lines for file, lines in lengths.items() if lines > 400} == {}


def test_names_say_what_a_module_holds() -> None:
    """A drawer for everything is where two meanings of one word meet."""
    vague = {"utils", "util", "helpers", "common", "misc", "manager"}
    assert [str(file) for file in FILES if vague & set(module_of(file))] == []


def test_only_renderers_and_commands_print() -> None:
    """Library functions return values or yield events."""
    found = [
        f"{file}:{node.lineno}"
        for file in FILES
        if room_of(module_of(file)) not in PRINTING
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and prints(node)
    ]
    assert found == []


def test_what_others_wrote_is_parsed_by_one_function() -> None:
    """Python's own raises RecursionError for many brackets, which nobody expects of JSON."""
    own = {"hubcache.foreign_json", "hubcache.pickles.imports", "project.readers.notebook"}
    found = [
        f"{file}:{node.lineno}"
        for file in FILES
        if room_of(module_of(file))
        in {"hubcache", "transfer", "plans", "serve", "project", "doctor"}
        if ".".join(module_of(file)) not in own
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"json.load", "json.loads"}
    ]
    assert found == []


def test_check_loads_nothing_heavy(tmp_path: pathlib.Path) -> None:
    """A whole `swarmcache check` of a model, in a process of its own, stays light."""
    script = (
        "import json, sys\n"
        "from swarmcache.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "json.dump([code, sorted(sys.modules)], sys.stderr)\n"
    )
    command = ["check", "org/absent", "--cache-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 1, done
    assert HEAVY & set(modules) == set()
