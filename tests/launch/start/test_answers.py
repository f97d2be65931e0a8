"""Prompts of bash scripts are answered, and every other `read` is bash's own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes import BOUND
from swarmcache.launch.start.answers import Answering, Input, answering
from swarmcache.launch.start.prompts import find_script

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Mapping

NOTHING = Input(os.devnull, ended=True)
ASKS = 'read -p "The model: " MODEL_NAME\necho "got:$MODEL_NAME"\n'
ENDED = "swarmcache: standard input is at its end: prompts get what Enter gives.\n"
UNUSED = "swarmcache: what was typed here is not used; --model or launch.answers decides.\n"


class Asking:
    """A bash script, and what happens when it asks."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def run(  # noqa: PLR0913 - each is one circumstance
        self,
        script: str,
        typed: str | None = None,
        *,
        answers: Mapping[str, str] | None = None,
        model: str | None = "org/pinned",
        command: tuple[str, ...] = ("./start.sh",),
        head: str = "#!/bin/bash\nset -euo pipefail\n",
    ) -> subprocess.CompletedProcess[str]:
        """Run it, with `typed` in a pipe that ends then, or with nothing at all."""
        file = self.folder / "start.sh"
        file.write_text(head + script)
        file.chmod(0o755)
        found = find_script(command, str(self.folder))
        reading, writing = os.pipe()
        os.write(writing, (typed or "").encode())
        os.close(writing)
        ours = Input(f"/proc/{os.getpid()}/fd/{reading}", ended=False)
        source = NOTHING if typed is None else ours
        try:
            return subprocess.run(
                command,
                cwd=self.folder,
                env=Answering(found, source).added_to(self.variables, answers or {}, model),
                stdin=subprocess.DEVNULL if typed is None else reading,
                capture_output=True,
                text=True,
                timeout=BOUND,
                check=False,
            )
        finally:
            os.close(reading)


@pytest.fixture
def asking(tmp_path: pathlib.Path) -> Asking:
    return Asking(tmp_path)


@pytest.mark.parametrize("typed", [None, "", "\n", "org/pinned\n"])
def test_the_model_is_answered_without_a_word(asking: Asking, typed: str | None) -> None:
    """With nothing on standard input, with Enter and with the right name: under `set -e` too."""
    done = asking.run(ASKS, typed)
    assert (done.returncode, done.stdout) == (0, "got:org/pinned\n")
    assert done.stderr == "The model: [swarmcache: org/pinned]\n"


def test_another_model_that_was_typed_is_told(asking: Asking) -> None:
    """It is not loaded, since nothing has checked it; and not shown: it may be a token."""
    done = asking.run(ASKS, "org/other\n")
    assert done.stdout == "got:org/pinned\n"
    assert done.stderr == f"The model: [swarmcache: org/pinned]\n{UNUSED}"


def test_later_prompts_get_their_own_lines(asking: Asking) -> None:
    """The line for the model is taken although it is not used."""
    script = 'read -p "a " first\n' + ASKS + 'read -p "b " second\necho "$first-$second"\n'
    done = asking.run(script, "one\n\ntwo\n")
    assert done.stdout == "got:org/pinned\none-two\n"


@pytest.mark.parametrize(
    "form",
    [
        "read MODEL_NAME",
        "read -r MODEL_NAME",
        "read -rp 'The model: ' MODEL_NAME",
        "read -p'The model: ' -r -- MODEL_NAME",
        "read -e -i default -p 'The model: ' MODEL_NAME",
        "read -t 5 -n 40 -p 'The model: ' MODEL_NAME",
        "IFS= read -r MODEL_NAME",
        "if true; then\n  read MODEL_NAME\nfi",
        "f() { local MODEL_NAME; read -p 'The model: ' MODEL_NAME; echo in:$MODEL_NAME; }; f",
        "case y in [Yy]*) read -p 'The model: ' MODEL_NAME ;; esac",
    ],
)
def test_every_form_of_a_prompt_is_answered(asking: Asking, form: str) -> None:
    """Options in one word or several; a function's own variable."""
    done = asking.run(f"{form}\necho ${{MODEL_NAME-}}\n")
    assert (done.returncode, "org/pinned" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(
    "form",
    [
        "read -p 'The model: ' MODEL_NAME < file",
        "read -p 'The model: ' MODEL_NAME <<< from-file",
        "MODEL_NAME=$(echo from-file | { read -r MODEL_NAME; echo $MODEL_NAME; })",
        "exec 3< file; read -u 3 -p 'The model: ' MODEL_NAME",
        "read -p 'The model: ' -a MODEL_NAME < file",
        "read -p 'The model: ' MODEL_NAME other < file",
        "read -d '' -p 'The model: ' MODEL_NAME < file || true",
        "exec < file; read -p 'The model: ' MODEL_NAME",
        "for f in file; do while read -r MODEL_NAME; do break; done < $f; done",
        "builtin read -p 'The model: ' MODEL_NAME < file",
    ],
)
@pytest.mark.parametrize("typed", [None, "typed\n"])
def test_what_is_no_prompt_is_left_alone(asking: Asking, form: str, typed: str | None) -> None:
    """A file, a pipe, another descriptor, several variables: data, no question to a person."""
    (asking.folder / "file").write_text("from-file\n")
    done = asking.run(f"{form}\necho $MODEL_NAME\n", typed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "from-file\n", "")


def test_lines_of_standard_input_are_data_to_a_loop(asking: Asking) -> None:
    """`while read` takes what comes, even where its variable has the model's name."""
    done = asking.run("while read -r MODEL_NAME; do echo $MODEL_NAME; done\n", "a\nb\n")
    assert done.stdout == "a\nb\n"
    assert asking.run("while read -r MODEL_NAME; do echo $MODEL_NAME; done\n").stdout == ""


def test_prompts_get_enter_where_nothing_can_come(asking: Asking) -> None:
    """In cron and systemd: bash's own `read` would fail there, and end a script under `set -e`."""
    script = (
        'read -p "Push? [y/N] " yn\n'
        'read -e -i 5 -p "How many? " count\n'
        'read -n 1 -s -r -p "Press any key"\n'
        'echo "${yn:-N} $count ${REPLY:-none}"\n'
    )
    done = asking.run(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "N 5 none\n", ENDED)


def test_a_question_asked_again_and_again_gets_the_end_at_last(asking: Asking) -> None:
    """Enter is no answer to it; under `set -e` the script then ends as it would without us."""
    script = 'while true; do read -p "y or n? " yn; [ -n "$yn" ] && break; echo again; done\n'
    done = asking.run(script)
    assert (done.returncode, done.stdout) == (1, "again\n" * 3)


def test_answers_of_the_settings_come_first(asking: Asking) -> None:
    """By part of the prompt, by part of what is printed before it, by the variable."""
    script = (
        'read -p ">> Push to the Hub? [y/N] " yn\n'
        'echo "Which swarm would you like to join?"\n'
        "read ab\n"
        "read -sp 'Word: ' WORD\n"
        'echo "$yn $ab $WORD $MODEL_NAME"\n'
    )
    answers = {"Push to": "N", "Which swarm": "A", "WORD": "sesame", "MODEL_NAME": "{model}-x"}
    done = asking.run('read -p "? " MODEL_NAME\n' + script, answers=answers)
    assert done.stdout.splitlines()[-1] == "N A sesame org/pinned-x"
    assert done.stderr.splitlines() == [
        "? [swarmcache: org/pinned-x]",
        ">> Push to the Hub? [y/N] [swarmcache: N]",
        "[swarmcache: A]",
        "Word: [swarmcache: ***]",
    ]


def test_without_a_model_nothing_is_said_about_one(asking: Asking) -> None:
    """The prompt is the script's own again, and so is an answer that would need the model."""
    answers = {"The model": "{model}"}
    done = asking.run(ASKS, "org/typed\n", answers=answers, model=None)
    assert (done.stdout, done.stderr) == ("got:org/typed\n", "")


@pytest.mark.parametrize("options", ["-E", "-u", "-x", "-f"])
def test_options_of_the_script_change_nothing(asking: Asking, options: str) -> None:
    """Traps are run once, and a trace shows the command that the script has."""
    script = f"set {options}\ntrap 'echo trapped' ERR\n{ASKS}read a < /dev/null || true\nfalse\n"
    done = asking.run(script)
    assert (done.returncode, done.stdout) == (1, "got:org/pinned\ntrapped\n")
    assert "__swarmcache_letter" not in done.stderr


def test_scripts_that_the_script_starts_are_answered_too(asking: Asking) -> None:
    """A wrapper around RL-Swarm's script, as restart loops are."""
    (asking.folder / "inner.sh").write_text(ASKS)
    for wrapper in ("bash inner.sh\n", "(. ./inner.sh)\n"):
        assert asking.run(wrapper).stdout == "got:org/pinned\n"
    dash = asking.run("exec bash inner.sh\n", head="#!/bin/sh\n")
    assert dash.stdout == "got:org/pinned\n"


def test_shells_that_are_not_bash_ask_themselves(asking: Asking) -> None:
    """They read no BASH_ENV; `unanswered` says so beforehand."""
    script = "read MODEL_NAME\necho got:$MODEL_NAME\n"
    for command in (("sh", "start.sh"), ("bash", "--posix", "start.sh")):
        done = asking.run(script, "typed\n", command=command, head="")
        assert (done.stdout, done.stderr) == ("got:typed\n", "")
    found = find_script(["sh", "start.sh"], str(asking.folder))
    assert Answering(found, NOTHING).unanswered == {"MODEL_NAME"}
    found = find_script(["bash", "start.sh"], str(asking.folder))
    assert Answering(found, NOTHING).unanswered == frozenset()
    assert Answering(found, None).unanswered == {"MODEL_NAME"}


def test_a_script_on_standard_input_keeps_its_lines(asking: Asking) -> None:
    """`curl … | bash`: the line after the prompt is the script's, not an answer."""
    script = 'read -p "The model: " MODEL_NAME\necho "$MODEL_NAME"\n'
    done = asking.run("", script, command=("bash",))
    assert done.stdout == "org/pinned\n", done.stderr


def test_the_users_own_bash_env_is_read(asking: Asking) -> None:
    """Expanded as bash does it; it may define a `read` of its own; what is missing is nothing."""
    (asking.folder / "their env.bash").write_text('THEIRS="$0"\n')
    asking.variables |= {"BASH_ENV": "$THERE/their env.bash", "THERE": str(asking.folder)}
    done = asking.run(ASKS + 'echo "$THEIRS"\n')
    assert (done.stdout, done.stderr.count("\n")) == ("got:org/pinned\n./start.sh\n", 1)
    asking.variables["BASH_ENV"] = "/nonexistent"
    assert asking.run(ASKS).stdout == "got:org/pinned\n"


SHOWS_INPUT = (
    "from swarmcache.launch.start.answers import standard_input\n"
    "found = standard_input()\n"
    "print(found.path.rpartition('/')[2], found.ended)\n"
)


@pytest.mark.parametrize(
    ("redirection", "expected"),
    [
        ("< /dev/null", "null True"),
        ("<&-", "closed True"),
        ("< /etc/hostname", "0 False"),
        ("< empty", "0 True"),
        ("< <(sleep 5)", "0 False"),
        ("< <(echo a)", "0 False"),
    ],
)
def test_what_standard_input_is(tmp_path: pathlib.Path, redirection: str, expected: str) -> None:
    """Nothing can come from the null device, from a closed or an empty file."""
    (tmp_path / "empty").write_text("")
    command = ["bash", "-c", f'"$0" -c "$1" {redirection}', sys.executable, SHOWS_INPUT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_a_pipe_that_nobody_writes_into_is_at_its_end(tmp_path: pathlib.Path) -> None:
    """As cron gives it."""
    reading, writing = os.pipe()
    os.close(writing)
    command = [sys.executable, "-c", SHOWS_INPUT]
    done = subprocess.run(command, stdin=reading, capture_output=True, text=True, check=False)
    os.close(reading)
    assert done.stdout == "0 True\n"


def test_a_closed_standard_input_is_told_from_a_file(asking: Asking) -> None:
    """Number 0 may be given to a file of the script."""
    (asking.folder / "start.sh").write_text(f"#!/bin/bash\nset -e\n{ASKS}")
    found = find_script(["bash", "start.sh"], str(asking.folder))
    variables = Answering(found, Input("closed", ended=True)).added_to(
        asking.variables, {}, "org/pinned"
    )
    command = ["bash", "-c", "exec bash start.sh <&-"]
    done = subprocess.run(
        command, cwd=asking.folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout == "got:org/pinned\n", done.stderr


def test_commands_without_a_script_are_given_nothing(tmp_path: pathlib.Path) -> None:
    """A trainer started directly has no prompts of a shell."""
    found = answering(["python", "train.py"], str(tmp_path))
    assert found.added_to({"A": "1"}, {"x": "y"}, "org/pinned") == {"A": "1"}


def test_a_run_inside_a_run_keeps_the_users_file(asking: Asking) -> None:
    """Ours is not its own user's BASH_ENV."""
    (asking.folder / "start.sh").write_text("#!/bin/bash\n")
    found = Answering(find_script(["./start.sh"], str(asking.folder)), NOTHING)
    once = found.added_to({"BASH_ENV": "/users"}, {}, None)
    twice = found.added_to(once, {}, None)
    assert once["SWARMCACHE_PROMPTS_BASH_ENV"] == "/users"
    assert twice == once
