"""`swarmcache demo` as a user runs it: whole, interrupted, in Chinese, and untrue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files

import jsonschema
import pytest

from swarmcache import report
from swarmcache.cli import main
from swarmcache.launch.demo import story
from swarmcache.launch.demo.story import Ended, Opened, Said, Step, Typed

DEMO = [sys.executable, "-m", "swarmcache", "demo"]
STEPS = [
    "look",
    "check-before",
    "pull",
    "check-after",
    "first-start",
    "second-start",
    "third-start",
    "fourth-start",
]


@pytest.fixture
def environment(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return {**os.environ, "HOME": str(home), "TMPDIR": str(tmp_path), "LANG": "C.UTF-8"}


def test_the_whole_story_is_true_and_leaves_nothing_behind(tmp_path, environment):
    command = [*DEMO, "--json", "--dir", str(tmp_path / "place")]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    told = json.loads(done.stdout)
    assert [(step["name"], step["faults"]) for step in told["steps"]] == [
        (name, []) for name in STEPS
    ]
    assert (told["schema"], told["ok"], told["kept"]) == ("swarmcache.demo/1", True, None)
    requests = {step["name"]: step["requests"] for step in told["steps"]}
    assert requests["pull"] > 0
    assert [requests[f"{name}-start"] for name in ("first", "second", "third")] == [0, 0, 0]
    assert requests["fourth-start"] is None
    assert done.returncode == 0
    assert os.listdir(tmp_path / "place") == []
    assert os.listdir(tmp_path / "home") == []


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path, environment, ask):
    place = tmp_path / "place"
    with subprocess.Popen(
        [*DEMO, "--dir", str(place)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if line.startswith("$ swarmcache check"):
                break
        assert os.listdir(place) != []
        process.send_signal(ask)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert os.listdir(place) == []


def test_what_is_kept_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(story, "tell", lambda _: (event for event in ()))
    assert main(["demo", "--keep", "--dir", str(tmp_path)]) == 0
    (kept,) = os.listdir(tmp_path)
    assert capsys.readouterr().out.splitlines()[-1] == f"Kept in {tmp_path / kept}."


def told_with(*faults):
    step = Step("pull", "Fetch what it needs, once", ("pull", "a b"))
    yield Opened("http://127.0.0.1:9", "/tmp/my project", ("org/model",))
    yield Typed(step)
    yield Said("\x1b[32m✓\x1b[0m org/model")
    yield Ended(step, 4, 1.25, 3, faults)


def test_a_step_that_was_not_true_is_named_and_makes_the_demo_fail(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(story, "tell", lambda _: told_with("It ended with 4, not 0."))
    assert main(["demo", "--dir", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "A Hub on this machine serves org/model.",
        "",
        "$ export HF_ENDPOINT=http://127.0.0.1:9",
        "$ cd '/tmp/my project'",
        "",
        "# Fetch what it needs, once",
        "$ swarmcache pull 'a b'",
        "\x1b[32m✓\x1b[0m org/model",
        "  (1.2 s, 3 requests)",
        "  ✗ It ended with 4, not 0.",
        "",
        "    time  requests  step",
        "✗  1.2 s         3  Fetch what it needs, once",
        "",
        "✗ 1 step did not show what it was to.",
    ]


def test_quiet_prints_the_summary_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(story, "tell", lambda _: told_with())
    assert main(["demo", "-q", "--dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "",
        "    time  requests  step",
        "✓  1.2 s         3  Fetch what it needs, once",
        "",
        "✓ The project starts from its own cache, with or without a Hub.",
    ]


def test_json_names_what_was_not_true(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(story, "tell", lambda _: told_with("It failed with a traceback."))
    assert main(["demo", "--json", "--keep", "--dir", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads((files(report) / "schemas" / "demo.json").read_text()))
    assert told == {
        "schema": "swarmcache.demo/1",
        "ok": False,
        "steps": [
            {
                "name": "pull",
                "command": ["swarmcache", "pull", "a b"],
                "ok": False,
                "exit_code": 4,
                "expected_exit_code": 0,
                "seconds": 1.25,
                "requests": 3,
                "faults": ["It failed with a traceback."],
            }
        ],
        "kept": str(tmp_path / os.listdir(tmp_path)[0]),
    }


def test_a_place_that_is_a_file_is_a_usage_error(tmp_path):
    (tmp_path / "file").touch()
    assert main(["demo", "--dir", str(tmp_path / "file")]) == 2


def test_a_hang_up_that_nohup_ignores_does_not_end_the_demo(tmp_path, monkeypatch):
    def hang_up(_):
        os.kill(os.getpid(), signal.SIGHUP)
        yield from told_with()

    monkeypatch.setattr(story, "tell", hang_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["demo", "-q", "--dir", str(tmp_path)]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
