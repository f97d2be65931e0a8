"""RL-Swarm's start script, unmodified, under `swarmcache run`: the pinned model is what is loaded.

Login, installs and trainer are commands on PATH that do nothing, but for the trainer, which says
what it was told to load. The script of our own asks as RL-Swarm's does; the real ones of several
versions are taken from a checkout (SWARMCACHE_RL_SWARM).
"""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING

import pytest

from processes import Screen, screens
from rl_swarm_checkout import PACKAGES, exported
from stubbed_node import RUN, StubbedNode, loaded
from tinyswarm import CONFIG, fill

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

PUSH = "[y/N] "
MARKET = "[Y/n] "
MODEL = "press [Enter]"
PINNED = {
    "own": "tiny/two",
    "HEAD": "Qwen/Qwen2.5-Coder-0.5B-Instruct",
    "v0.6.4": "Qwen/Qwen3-0.6B",
    "v0.5.0": "tiny/two",
}
"""Each script, and the one model of its pool that is cached."""


@pytest.fixture(params=PINNED)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(version: str, tmp_path: pathlib.Path, outside: dict[str, str]) -> StubbedNode:
    """A node with the start script of this version, where one model of its pool is cached."""
    node = StubbedNode(tmp_path)
    if version == "own":
        node.write_own_script()
    else:
        exported(outside, version, node.project, (*PACKAGES, "configs"))
    if version == "v0.5.0":  # Its config is in a repository that the script clones first.
        node.write("genrl-swarm/recipes/rgym/rg-swarm.yaml", CONFIG)
        node.write("configs/rg-swarm.yaml", CONFIG)
    fill(node.cache, PINNED[version])
    return node


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    yield from screens()


def test_without_standard_input_the_pin_is_loaded(node: StubbedNode, version: str) -> None:
    """As in systemd, cron and `docker run` without -i: no prompt ends the script either."""
    done = node.start("--pool", "small")
    assert loaded(done.stdout) == PINNED[version], done.stderr
    assert f"[swarmcache: {PINNED[version]}]\n" in done.stderr


@pytest.mark.parametrize("typed", ["\n\n\n", "N\n\nn\n", "N\norg/other\nn\n"])
def test_with_prepared_answers_the_pin_is_loaded(
    node: StubbedNode, version: str, typed: str
) -> None:
    """From a pipe: Enter, and another model's name; the answers to the other prompts are theirs."""
    done = node.start("--pool", "small", typed=typed)
    assert loaded(done.stdout) == PINNED[version], done.stderr
    assert ("what was typed here is not used" in done.stderr) is ("org/other" in typed)
    if version == "own":
        assert f"market: {'n' if 'n' in typed else 'Enter'}\n" in done.stdout
    if version == "v0.6.4":
        assert f"PRG game: {'false' if 'n' in typed else 'true'}" in done.stdout


@pytest.mark.parametrize("ahead", ["", "org/other\n"], ids=["Enter", "typed ahead"])
def test_on_a_terminal_the_pin_is_loaded(
    node: StubbedNode, version: str, ahead: str, screen: Callable[..., Screen]
) -> None:
    """Enter at each prompt that waits; the one for the model does not wait."""
    node.log_in()
    opened = screen(
        "/bin/sh",
        "-c",
        'cd "$0" && exec "$@"',
        str(node.project),
        *(*RUN, "--offline", "--pool", "small", "--", "./run_rl_swarm.sh"),
        **node.variables,
    )
    opened.wait_for(PUSH)
    opened.type("\n" + ahead)
    opened.wait_for(MODEL)
    opened.wait_for(f"[swarmcache: {PINNED[version]}]")
    if ahead:
        opened.wait_for("what was typed here is not used")
    if version in {"own", "v0.6.4"}:
        opened.wait_for(MARKET)
        opened.type("n\n")
    opened.wait_for(f"trainer loads: {PINNED[version]}")
    opened.ending()


def test_without_run_the_script_erases_the_model(node: StubbedNode, version: str) -> None:
    """The control: Enter makes MODEL_NAME empty, and without standard input no trainer starts."""
    node.log_in()
    plainly = {**node.variables, "MODEL_NAME": PINNED[version]}
    start = functools.partial(
        subprocess.run, ["./run_rl_swarm.sh"], cwd=node.project, env=plainly, text=True
    )
    entered = start(input="\n\n\n", capture_output=True, start_new_session=True, check=False)
    assert loaded(entered.stdout) == ""
    node.log_in()
    nothing = start(
        stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, check=False
    )
    assert "trainer loads" not in nothing.stdout


def test_a_named_model_is_the_answer(node: StubbedNode) -> None:
    """`--model` decides over the pool."""
    fill(node.cache, "org/named")
    done = node.start("--model", "org/named")
    assert loaded(done.stdout) == "org/named", done.stderr


def test_settings_answer_the_other_prompts(node: StubbedNode, version: str) -> None:
    """By part of the question or the variable; `{model}` is the pin."""
    node.write(
        "swarmcache.toml",
        '[launch]\nanswers = { "Would you like to push" = "n", "name of the model" = "{model}" }\n',
    )
    done = node.start("--pool", "small", typed="\n\nn\n")
    assert loaded(done.stdout) == PINNED[version], done.stderr
    assert "[y/N] [swarmcache: n]\n" in done.stderr


def test_a_script_that_asks_the_terminal_is_answered(
    tmp_path: pathlib.Path, screen: Callable[..., Screen]
) -> None:
    """`read < /dev/tty` while standard input is a pipe, as under `curl … | bash`."""
    node = StubbedNode(tmp_path)
    node.write_own_script(
        '#!/bin/bash\nread -p "The model: " MODEL_NAME < /dev/tty\n'
        'read -p "Other: " other < /dev/tty\npython "$other"\n'
    )
    fill(node.cache, "org/named")
    run = [*RUN, "--offline", "--model", "org/named", "--", "./run_rl_swarm.sh"]
    piped = 'cd "$0" && echo piped | "$@"'
    opened = screen("/bin/sh", "-c", piped, str(node.project), *run, **node.variables)
    opened.wait_for("[swarmcache: org/named]")
    opened.wait_for("Other: ")
    opened.type("\n")
    opened.wait_for("trainer loads: ")
    opened.ending()


def test_becoming_the_command_answers_where_input_can_be_told(tmp_path: pathlib.Path) -> None:
    """`--exec` on /dev/null, not on a pipe: nobody is left whose input could be compared."""
    node = StubbedNode(tmp_path)
    node.write_own_script()
    fill(node.cache, "tiny/two")
    done = node.start("--pool", "small", "--exec")
    assert loaded(done.stdout) == "tiny/two", done.stderr
    piped = node.start("--pool", "small", "--exec", typed="\n\n\n")
    assert "CMD asks for MODEL_NAME by itself, so no model is drawn." in piped.stderr


def test_a_start_after_the_first_gets_enter_where_the_answers_are_used_up(
    tmp_path: pathlib.Path,
) -> None:
    """From a pipe with one line: the first start takes it, the second finds none."""
    node = StubbedNode(tmp_path)
    node.write_own_script(
        "#!/bin/bash\nset -e\n"
        'read -p "Which? " which\n'
        'echo "got:${which:-Enter}"\n'
        '[ -z "$which" ]\n'
    )
    fill(node.cache, "tiny/two")
    done = node.start("--pool", "small", "--restart", "on-failure", typed="first\n")
    assert (done.returncode, done.stdout) == (0, "got:first\ngot:Enter\n"), done.stderr
