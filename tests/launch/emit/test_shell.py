"""The functions of the original report: safe under `set -euo pipefail`, true about the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import tinyswarm
from launch.emitting import HOSTILE, MODEL, emit, project_in
from processes import Screen
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELLCHECK = os.path.join(os.path.dirname(sys.executable), "shellcheck")


@pytest.fixture(params=["plain", HOSTILE], ids=["plain", "hostile"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with a cache beside it, in a folder of any name; nothing is cached."""
    return project_in(tmp_path / request.param)


@pytest.fixture(params=["en", "zh_CN"])
def language(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    return text


def script(project: Path, body: str, *, language: str = "en", models: tuple[str, ...] = ()) -> Path:
    """Write a start script that sources the emitted functions, and return it."""
    (project / "model_cache.sh").write_text(emit(project, "shell", *models, language=language))
    start = project / "start.sh"
    start.write_text(
        "#!/bin/bash\nset -euo pipefail\ntrap 'echo >&2 failed' ERR\n"
        f"source ./model_cache.sh\n{body}\necho started\n"
    )
    return start


def bash(start: Path, language: str = "en", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as its user does, without a terminal."""
    return subprocess.run(
        ["bash", str(start)],
        cwd=start.parent,
        env={**os.environ, "SWARMCACHE_LANG": language, "HF_HUB_OFFLINE": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_shells_and_shellcheck_take_it(project: Path, language: str) -> None:
    """In both languages, with and without models; a `$` in single quotes is meant."""
    options = ["--exclude=SC2016"] if "$" in str(project) else []
    for models in ((), (MODEL, "tiny/two@v1")):
        text = emit(project, "shell", *models, language=language)
        assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
        done = subprocess.run(
            [SHELLCHECK, *options, "-"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("state", "said", "chinese"),
    [
        ("complete", "✓ Model tiny/one is cached (", "✓ 模型 tiny/one 已缓存"),
        ("partial", "⚠ Model tiny/one is cached in part: ", "⚠ 模型 tiny/one "),
        ("missing", "⚠ Model tiny/one is not cached: ", "⚠ 模型 tiny/one 未缓存"),
    ],
)
def test_a_check_tells_the_state(
    state: str, said: str, chinese: str, project: Path, language: str
) -> None:
    """The function's exit code is the answer, and no answer ends the start."""
    hub = project.parent / "hub"
    if state != "missing":
        tinyswarm.fill(hub, MODEL, absent=() if state == "complete" else ("model.safetensors",))
    body = 'if check_model_cache "$1"; then echo yes; else echo no; fi\n'
    body = body.replace("$1", MODEL)
    done = bash(script(project, body, language=language), language)

    assert done.returncode == 0, done.stderr
    assert (chinese if language == "zh_CN" else said) in done.stdout
    assert ("yes" if state == "complete" else "no") in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "started"
    assert "failed" not in done.stderr


def test_without_a_model_those_of_the_file_are_meant(project: Path) -> None:
    """An unset or empty MODEL_NAME is none."""
    tinyswarm.fill(project.parent / "hub", MODEL)
    body = 'check_model_cache "${MODEL_NAME:-}"\ncheck_model_cache\ncheck_model_cache ""'
    done = bash(script(project, body, models=(MODEL,)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓ Model tiny/one") == 3


def test_the_line_of_its_own_comment_starts_whatever_is_missing(project: Path) -> None:
    """As pasted from the head of the file."""
    text = emit(project, "shell", MODEL)
    lines = [line.removeprefix("#     ") for line in text.splitlines() if line.startswith("#     ")]
    assert lines[0] == "source ./model_cache.sh"
    done = bash(script(project, "\n".join(lines[1:]), models=(MODEL,)))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "started"), done.stderr


def test_where_swarmcache_is_gone_the_start_goes_on(project: Path) -> None:
    """Uninstalled since, and not on PATH either."""
    start = script(project, "check_model_cache || download_model_cache || true", models=(MODEL,))
    file = project / "model_cache.sh"
    text = file.read_text()
    program = text.partition("program=(")[2].partition(")")[0]
    file.write_text(text.replace(program, "/nonexistent/swarmcache"))
    done = bash(start, PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "started"), done.stderr
    assert "swarmcache is not installed" in done.stdout


def test_started_by_itself_it_downloads_what_is_missing(project: Path, tmp_path: Path) -> None:
    """From the Hub, once: what is complete is not asked for again."""
    file = project / "model_cache.sh"
    done = emit(project, "shell", MODEL, "--output", str(file))
    assert "model_cache.sh" in done
    assert os.access(file, os.X_OK)
    with running([tinyswarm.fill(tmp_path / "served", MODEL, "tiny/two").path]) as hub:
        for _ in range(2):
            got = bash(file, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0")
            assert got.returncode == 0, got.stdout + got.stderr
            requests = len(hub.requests)
        assert len(hub.requests) == requests > 0
        named = subprocess.run(
            ["bash", str(file), "tiny/two"],
            cwd="/",
            env={**os.environ, "HF_ENDPOINT": hub.url},
            check=False,
            capture_output=True,
            text=True,
        )
        assert named.returncode == 0, named.stderr
    assert os.path.isdir(project.parent / "hub/models--tiny--one/snapshots")
    assert os.path.isdir(project.parent / "hub/models--tiny--two/snapshots")


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    opened: list[Screen] = []
    yield opened
    for screen in opened:
        screen.close()


def on_terminal(start: Path, screens: list[Screen], seconds: int) -> Screen:
    variables = {"SWARMCACHE_LANG": "zh_CN", "TERM": "dumb", "SWARMCACHE_ASK_SECONDS": str(seconds)}
    bash_path = shutil.which("bash") or "/bin/bash"
    command = [bash_path, "-c", 'cd -- "$1" && ./start.sh', "bash", str(start.parent)]
    start.chmod(0o755)
    screens.append(Screen(command, {**os.environ, **variables}))
    return screens[-1]


def test_cleaning_asks_and_no_answer_means_no(project: Path, screens: list[Screen]) -> None:
    """The original report's words; the start goes on by itself."""
    maker = tinyswarm.fill(project.parent / "hub", MODEL)
    start = script(project, "clean_model_cache", language="zh_CN")
    screen = on_terminal(start, screens, 1)
    assert "当前缓存大小: " in screen.wait_for("是否清理模型缓存? [y/N] ")
    screen.wait_for("保持缓存不变")
    screen.wait_for("started")
    assert os.waitstatus_to_exitcode(screen.ending()) == 0
    assert os.path.isdir(maker.folder(MODEL))
    assert ":-10}" in (project / "model_cache.sh").read_text()


def test_a_terminal_sees_it_in_colour(project: Path, screens: list[Screen]) -> None:
    """✓ green, ⚠ yellow, as the original report has it."""
    tinyswarm.fill(project.parent / "hub", MODEL)
    start = script(project, f"check_model_cache {MODEL}\ncheck_model_cache tiny/two || true")
    start.chmod(0o755)
    variables = {"TERM": "xterm", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
    command = ["/bin/bash", "-c", 'cd -- "$1" && ./start.sh', "bash", str(project)]
    screens.append(Screen(command, {**variables, "HOME": os.environ["HOME"]}))
    shown = screens[-1].wait_for("started")
    assert "\x1b[32m✓" in shown
    assert "\x1b[33m⚠" in shown


def test_yes_leads_to_a_plan_and_enter_there_still_means_no(
    project: Path, screens: list[Screen]
) -> None:
    """Nothing is removed that was not shown."""
    maker = tinyswarm.fill(project.parent / "hub", MODEL)
    start = script(project, "clean_model_cache", language="zh_CN")
    screen = on_terminal(start, screens, 30)
    screen.wait_for("是否清理模型缓存? [y/N] ")
    screen.type("y\n")
    screen.wait_for("直接回车则不清理： ")
    screen.type("\n")
    screen.wait_for("保持缓存不变")
    screen.wait_for("started")
    assert os.path.isdir(maker.folder(MODEL))


def test_a_model_chosen_there_is_removed(project: Path, screens: list[Screen]) -> None:
    """By `swarmcache clean`, which asks once."""
    maker = tinyswarm.fill(project.parent / "hub", MODEL, "tiny/two")
    start = script(project, "clean_model_cache", language="zh_CN")
    screen = on_terminal(start, screens, 30)
    screen.wait_for("是否清理模型缓存? [y/N] ")
    screen.type("y\n")
    screen.wait_for("直接回车则不清理： ")
    screen.type("1\n")
    screen.wait_for("是否清理模型缓存? [y/N] ")
    screen.type("y\n")
    screen.wait_for("缓存已清理")
    screen.wait_for("started")
    assert [os.path.isdir(maker.folder(one)) for one in (MODEL, "tiny/two")].count(True) == 1


def test_without_a_terminal_cleaning_asks_nobody(project: Path) -> None:
    """Not at a pipe that says yes either."""
    maker = tinyswarm.fill(project.parent / "hub", MODEL)
    start = script(project, "echo y | clean_model_cache")
    done = bash(start)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "started"), done.stderr
    assert "The cache stays as it is." in done.stdout
    assert os.path.isdir(maker.folder(MODEL))


def test_cleaning_where_there_is_no_cache(project: Path) -> None:
    """`du` fails, and with pipefail would end the script."""
    done = bash(script(project, "clean_model_cache"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Size of the cache: 0")
