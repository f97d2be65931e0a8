"""What programs find in their environment, on every path through a script; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case
from swarmcache.environment import Environment
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.effective.executions import Execution


def executions(folder: Path, **files: str) -> list[Execution]:
    """Write scripts, `_` for `.` in their names, and return what they run."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    environment = Environment({"USER_SET": "yes"}, "/home/me", str(folder))
    return list(Project(str(folder), environment).executions)


def values(execution: Execution, name: str) -> list[str | None]:
    """Return what a variable may be in its environment, `unset` for unset."""
    return ["unset" if s is None else s.value for s in execution.variable(name)]


def of(found: list[Execution], name: str) -> Execution:
    """Return the one execution of a program."""
    (execution,) = [one for one in found if one.program.name == name]
    return execution


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("export A=1\ntrain\n", ["1"]),
        ("A=1\ntrain\n", ["unset"]),
        ("A=1\nexport A\ntrain\n", ["1"]),
        ("export A\nA=1\ntrain\n", ["unset"]),
        ("export A=1\nA=2\ntrain\n", ["2"]),
        ("A=1 train\n", ["1"]),
        ("set -a\nA=1\nset +a\ntrain\n", ["1"]),
        ("export A=${B:-x}\ntrain\n", ["x"]),
        ('export A="$USER_SET/x"\ntrain\n', ["yes/x"]),
        ("export A=~/x\ntrain\n", ["/home/me/x"]),
        ('export A="~/x"\ntrain\n', ["~/x"]),
        ("export A=1\nunset A\ntrain\n", ["unset"]),
        ("if x; then export A=1; fi\ntrain\n", ["unset", "1"]),
        ("if x; then export A=1; else export A=2; fi\ntrain\n", ["1", "2"]),
        ("case $x in a) export A=1;; *) export A=2;; esac\ntrain\n", ["1", "2"]),
        ("export A=$(hostname)\ntrain\n", [None]),
        ("for A in a b c; do export A; case $A in a|b) train;; esac; done\n", ["a", "b"]),
        ('for A in a b c; do export A; case "${A}" in a) ;; *) train;; esac; done\n', ["b", "c"]),
        ("for A in aa ab c; do export A; case $A in a*) train;; esac; done\n", ["aa", "ab"]),
        ('for A in a b; do export A; case $A in "a") train;; esac; done\n', ["a"]),
        ("for A in a b; do export A; case $A in $X) train;; esac; done\n", ["a", "b"]),
        ("for A in a b; do export A; case x$A in xa) train;; esac; done\n", ["a", "b"]),
        ("export A=$(hostname)\ncase $A in a) train;; esac\n", [None]),
        ("(export A=1)\ntrain\n", ["unset"]),
        ("export A=1\nread -p 'name? ' A\ntrain\n", [None, ""]),
        ('read A\nif [ -n "$A" ]; then export A; train; fi\n', [None]),
        ("for A in a b; do export A; train; done\n", ["a", "b"]),
        ("f() { export A=$1; }\nf 7\ntrain\n", ["7"]),
        ("export A=1\nsudo train\n", ["unset"]),
        ("export A=1\nsudo -E train\n", ["1"]),
        ("env A=3 train\n", ["3"]),
        ("export A=1\nbash -c 'A=2 train'\n", ["2"]),
        ("cd sub\nexport A=$PWD\ntrain\n", ["{folder}/sub"]),
        ('export A="$(cd "$(dirname "$0")" && pwd)"\ntrain\n', ["{folder}"]),
        ("export A=x && train\n", ["x"]),
        ("export A=\ntrain\n", [""]),
        ("export A=${1:-x}\ntrain\n", [None, "x"]),
        ("A=1 B=2\nset -a\nA=3\ntrain\n", ["3"]),
    ],
)
def test_what_a_program_finds(script: str, expected: list[str | None], tmp_path: Path) -> None:
    """By bash's own rules: assignments, exports, branches, loops, functions, prefixes."""
    found = values(of(executions(tmp_path, run_sh=script), "train"), "A")
    assert found == [one and one.replace("{folder}", str(tmp_path)) for one in expected]


def test_a_sourced_dotenv_counts_where_it_is_exported(tmp_path: Path) -> None:
    """`set -a; . ./.env` reaches the child; without `set -a` it does not."""
    (tmp_path / ".env").write_text("A=1\n")
    found = executions(tmp_path, run_sh="set -a; . ./.env; set +a\ntrain\n")
    assert values(of(found, "train"), "A") == ["1"]
    found = executions(tmp_path, run_sh=". ./.env\ntrain\n")
    assert values(of(found, "train"), "A") == ["unset"]


def test_a_script_that_another_starts_is_no_root(tmp_path: Path) -> None:
    """It is gone through with what the other exports, and in the other's loop."""
    found = executions(
        tmp_path, a_sh="export A=1\nwhile true; do ./b.sh; sleep 3; done\n", b_sh="train\n"
    )
    train = of(found, "train")
    assert (train.root.name, values(train, "A")) == ("a.sh", ["1"])
    assert [loop.text for loop in train.loops] == ["true"]
    assert [span.file for span in train.chain] == ["a.sh"]


def test_a_script_that_starts_itself_ends(tmp_path: Path) -> None:
    """As restart loops do with `exec "$0"`."""
    found = executions(tmp_path, a_sh="train\nexec ./a.sh\n")
    assert len([one for one in found if one.program.name == "train"]) == 1


def test_functions_that_nothing_calls_are_not_certain(tmp_path: Path) -> None:
    """They may be called by whoever sources the script."""
    found = executions(tmp_path, a_sh="f() { rm -rf /x; }\ntrain\n")
    assert [(one.program.name, one.certain) for one in found] == [("train", True), ("rm", False)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('f() { train "$@"; }\nf a "b c"\n', ("train", "a", "b c")),
        ('f() { train "$@"; }\nf\n', ("train",)),
        ('train "$@"\n', ("train", None)),
        ('if x; then f() { train "$@"; }; f a; fi\n', ("train", "a")),
        ('f() { train "$@"; }\nif x; then set -- a b; fi\nf "$@"\n', ("train", None)),
    ],
)
def test_what_was_given(script: str, expected: tuple[str | None, ...], tmp_path: Path) -> None:
    """`"$@"` is as many words as were given, and one that is not known where nobody knows."""
    assert of(executions(tmp_path, a_sh=script), "train").program.words == expected


def test_what_was_given_comes_back_after_a_call(tmp_path: Path) -> None:
    """A function has its own `$1`, and leaves that of its caller alone."""
    script = 'f() { :; }\ng() { f 1 2; train "$1" "$@"; }\ng 3\n'
    assert of(executions(tmp_path, a_sh=script), "train").program.words == ("train", "3", "3")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('A=(--one two)\nrun x "${A[@]}"\n', ["x", "--one", "two"]),
        ('A=(a)\nA+=(b "c d")\nrun "${A[@]}" e\n', ["a", "b", "c d", "e"]),
        ('V=x\nA=(\n  # why\n  $V\n  "$V/y"\n)\nrun "${A[@]}"\n', ["x", "x/y"]),
        ('A=(a)\nif t; then A+=(b); fi\nrun "${A[@]}"\n', ["a", None]),
        ("local -a A=(a b)\nrun ${A[@]}\n", ["a", "b"]),
        ('A=(a b)\nrun "${A[*]}" "${#A[@]}" "${A[0]}"\n', [None, None, None]),
        ('run "${B[@]}"\n', [None]),
        ('A=(a)\nB=("${A[@]}" b)\nrun "${B[@]}"\n', ["a", "b"]),
    ],
)
def test_items_of_arrays_are_words(script: str, expected: list[str | None], tmp_path: Path) -> None:
    """Each one; where ways part, what follows is not known."""
    one = case(tmp_path, {"run.sh": script})
    (found,) = (e for e in one.project.executions if e.program.name == "run")
    assert list(found.program.words[1:]) == expected


def test_loops_go_through_arrays(tmp_path: Path) -> None:
    """As through words."""
    script = 'A=(/a /b)\nfor d in "${A[@]}"; do run "$d"; done\n'
    one = case(tmp_path, {"run.sh": script})
    (found,) = (e for e in one.project.executions if e.program.name == "run")
    assert [word.known for word in found.words()[1:]] == [("/a", "/b")]


@pytest.mark.parametrize(
    "line",
    [
        "screen -dmS node bash -c 'python train.py'",
        "screen -S node -d -m python train.py",
        "screen -L -Logfile x.log -dmS node ./start.sh",
        "tmux new-session -d -s node 'python train.py'",
        'tmux new -d -s node -c /x "python $FILE"',
        "tmux send-keys -t node:0 'python train.py' C-m",
    ],
)
def test_terminals_of_their_own(line: str, tmp_path: Path) -> None:
    """With the environment of whoever opens them."""
    files = {"run.sh": f"export HF_HOME=/x\nFILE=train.py\n{line}\n"}
    if "start.sh" in line:
        files["start.sh"] = "python train.py\n"
    (loader,) = case(tmp_path, files).project.loaders
    assert [one and one.value for one in loader.execution.variable("HF_HOME")] == ["/x"]


@pytest.mark.parametrize(
    "line",
    [
        "screen -ls",
        "screen -S node -X quit",
        "tmux kill-session -t node",
        "tmux new -d -s train.py",
    ],
)
def test_what_opens_none(line: str, tmp_path: Path) -> None:
    """Lists, ends, a terminal with nothing in it."""
    assert case(tmp_path, {"run.sh": f"{line}\n"}).project.loaders == ()
