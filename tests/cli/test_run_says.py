"""What `run` says before a start, and what it asks."""

from __future__ import annotations

import os
import shlex
import sys
import time
from typing import TYPE_CHECKING

import pytest

from processes import Screen, ran, screens
from tinyswarm import fill

if TYPE_CHECKING:
    import pathlib
    import subprocess
    from collections.abc import Callable, Iterator

RUN = [sys.executable, "-m", "swarmcache", "run"]
DEAD = "http://127.0.0.1:1"
QUESTION = "Clean the model cache? [y/N]"


class Node:
    """A folder to start in, and a cache with one model."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.cache = folder / "hub"
        fill(self.cache, "tiny/one")
        self.variables = {
            **os.environ,
            "HF_HUB_CACHE": str(self.cache),
            "HF_ENDPOINT": DEAD,
            "SWARMCACHE_HUB_ENDPOINTS": DEAD,
        }

    def run(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `true` without a terminal."""
        command = [*RUN, *options, "--", "true"]
        return ran(command, cwd=self.folder, env={**self.variables, **variables})


@pytest.fixture
def node(tmp_path: pathlib.Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    yield from screens()


def test_the_banner(node: Node) -> None:
    """✓ and the size in one line each, in the words of the original report; nobody is asked."""
    lines = node.run("--model", "tiny/one").stderr.splitlines()
    assert lines[0].startswith("✓ Model tiny/one is cached (")
    assert lines[1] == "Current cache size 1.3 kB; to clean it: swarmcache clean"
    chinese = node.run("--model", "tiny/one", SWARMCACHE_LANG="zh_CN").stderr.splitlines()
    assert chinese[0].startswith("✓ 模型 tiny/one 已缓存（")
    assert chinese[1] == "当前缓存大小 1.3 kB；清理：swarmcache clean"


def test_an_empty_cache_has_no_size_to_tell(node: Node, tmp_path: pathlib.Path) -> None:
    """Nothing to clean."""
    done = node.run(HF_HUB_CACHE=str(tmp_path / "none"))
    assert "cache size" not in done.stderr


def test_quiet_says_what_is_not_as_it_should_be(node: Node) -> None:
    """⚠ and errors, and nothing else."""
    done = node.run("--quiet", "--best-effort", "--offline", "--model", "tiny/two")
    assert done.returncode == 0
    assert [line[:1] for line in done.stderr.splitlines()] == ["⚠", "⚠"]
    assert "tiny/two is not cached" in done.stderr
    assert node.run("--quiet", "--model", "tiny/one").stderr == ""


def test_without_a_terminal_nobody_is_asked(node: Node) -> None:
    """At once, whatever the option says: cron and systemd must not lose ten seconds."""
    began = time.monotonic()
    done = node.run("--ask", "--model", "tiny/one")
    assert (done.returncode, QUESTION in done.stderr) == (0, False)
    assert time.monotonic() - began < 5


def asked(node: Node, screen: Callable[..., Screen]) -> Screen:
    """Return a screen on which the question stands; its child reads a line."""
    child = ["sh", "-c", "read line; echo got:$line"]
    opened = screen(*RUN, "--ask", "--model", "tiny/one", "--", *child, **node.variables)
    opened.wait_for(QUESTION)
    return opened


def test_enter_means_no_and_the_rest_is_the_childs(
    node: Node, screen: Callable[..., Screen]
) -> None:
    """Only one line is taken of what was typed ahead."""
    opened = asked(node, screen)
    opened.type("\nhello\n")
    opened.wait_for("got:hello")
    assert os.waitstatus_to_exitcode(opened.ending()) == 0
    assert (node.cache / "models--tiny--one").is_dir()


def test_no_answer_means_no(node: Node, screen: Callable[..., Screen]) -> None:
    """After ten seconds the start goes on."""
    opened = asked(node, screen)
    began = time.monotonic()
    opened.wait_for("is cached (")
    assert 8 < time.monotonic() - began < 15
    opened.type("later\n")
    opened.wait_for("got:later")


def test_yes_opens_the_menu_of_clean(node: Node, screen: Callable[..., Screen]) -> None:
    """What it removes, the start then misses: it is told, as any model that is not there."""
    opened = asked(node, screen)
    opened.type("y\n")
    opened.wait_for("What shall go?")
    opened.type("1\n")
    opened.wait_for("[y/N]")
    opened.type("y\n")
    opened.wait_for("Not started")
    assert os.waitstatus_to_exitcode(opened.ending()) == 125
    assert not (node.cache / "models--tiny--one").exists()


def test_the_menu_may_be_left_with_nothing(node: Node, screen: Callable[..., Screen]) -> None:
    """Enter, and the start goes on."""
    opened = asked(node, screen)
    opened.type("y\n")
    opened.wait_for("What shall go?")
    opened.type("\n")
    opened.wait_for("is cached (")
    opened.type(shlex.quote("x") + "\n")
    opened.wait_for("got:")
