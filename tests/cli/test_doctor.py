"""`swarmcache doctor` as a user types it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from swarmcache import report

if TYPE_CHECKING:
    from pathlib import Path

LAUNCHER = """\
#!/bin/bash
ROOT=$PWD
export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"
export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"
python train.py
"""
TRAIN = """\
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("org/model")
"""


QUIETLY = ("--headless", "--no-sandbox", "--disable-gpu")


def project(folder: Path) -> str:
    """Write a project with the original report's recipe, and an interpreter beside it."""
    (folder / "run.sh").write_text(LAUNCHER)
    (folder / "train.py").write_text(TRAIN)
    site = folder / "env/lib/python3.11/site-packages"
    (site / "transformers-4.51.3.dist-info").mkdir(parents=True)
    (folder / "env/bin").mkdir()
    (folder / "env/bin/python").symlink_to(sys.executable)
    (folder / "env/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return str(folder)


def doctor(*words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "swarmcache", "doctor", *words]
    variables = {**os.environ, "SWARMCACHE_LANG": language}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


@pytest.mark.parametrize(
    ("exported", "looked_at"), [("", "settled"), ("export HF_HUB_CACHE=$PWD/own", "own")]
)
def test_the_settings_name_the_cache_where_no_program_does(
    tmp_path: Path, exported: str, looked_at: str
) -> None:
    """It is what `run` gives to programs; each cache here has a partial that nobody needs."""
    for cache in ("settled", "own"):
        partial = tmp_path / cache / f"models--org--m/blobs/{'a' * 64}.01234567.incomplete"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(b"x" * 3 * 2**20)
        os.utime(partial, (1, 1))
    project(tmp_path)
    (tmp_path / "run.sh").write_text(f"{exported}\npython train.py\n")
    (tmp_path / "swarmcache.toml").write_text('[cache]\ndir = "settled"\n')
    done = doctor(str(tmp_path), "--python", str(tmp_path / "env"), "--rule", "SC704", "--json")
    messages = [one["message"] for one in json.loads(done.stdout)["findings"]]
    assert [f"in {tmp_path / looked_at} belong to no revision" in one for one in messages] == [True]


def test_the_recipe_of_the_original_report_splits_the_cache(tmp_path: Path) -> None:
    """The place is shown with a caret; exit code 1."""
    done = doctor(project(tmp_path), "--python", str(tmp_path / "env"), "--rule", "SC102")
    assert done.returncode == 1, done
    assert "SC102" in done.stdout
    assert "run.sh:3:8" in done.stdout
    assert 'export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"' in done.stdout


def test_json_is_of_its_schema(tmp_path: Path) -> None:
    """With facts, findings and counts."""
    done = doctor(project(tmp_path), "--python", str(tmp_path / "env"), "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    schema = json.loads((files(report) / "schemas" / "doctor.json").read_text())
    jsonschema.validate(document, schema)
    assert "SC102" in {finding["rule"] for finding in document["findings"]}


def test_a_folder_without_anything_has_no_findings(tmp_path: Path) -> None:
    """Exit code 0."""
    done = doctor(str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "✓ Nothing found.\n"), done


def test_markdown_has_the_original_reports_sections(tmp_path: Path) -> None:
    """In Chinese, in its order."""
    words = (project(tmp_path), "--python", str(tmp_path / "env"), "--format", "markdown")
    done = doctor(*words, language="zh_CN")
    titles = [line[3:] for line in done.stdout.splitlines() if line.startswith("## ")]
    assert titles == [
        *("当前模型缓存状态", "发现的问题", "优化建议", "具体实施方案", "性能影响评估"),
        *("注意事项", "结论"),
    ]


def test_sarif_names_places_and_never_fails(tmp_path: Path) -> None:
    """Exit code 0, as consumers of SARIF expect; regions count from 1."""
    words = (project(tmp_path), "--python", str(tmp_path / "env"), "--format", "sarif")
    done = doctor(*words, "--rule", "SC102")
    document: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, document["version"]) == (0, "2.1.0")
    (run,) = document["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["SC102"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("SC102", "error")
    (location,) = result["locations"]
    place = location["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "run.sh"}
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (3, 8)


def test_the_page_is_one_file_without_scripts(tmp_path: Path) -> None:
    """What a project's files say is text in it, never markup."""
    folder = project(tmp_path)
    launcher = LAUNCHER.replace('$ROOT/.cache/huggingface"', '$ROOT/<b>&"', 1)
    (tmp_path / "run.sh").write_text(launcher)
    page = tmp_path / "report.html"
    words = ("--python", str(tmp_path / "env"), "--format", "html", "-o", str(page))
    done = doctor(folder, *words)
    assert (done.returncode, done.stdout) == (1, ""), done
    text = page.read_text()
    assert "&lt;b&gt;&amp;" in text
    assert "<script" not in text
    assert "http" not in text.replace("huggingface", "")


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_fits_a_phone_and_a_desk(tmp_path: Path, width: int) -> None:
    """Drawn by a real browser, nothing is wider than the window."""
    page = tmp_path / "report.html"
    words = ("--python", str(tmp_path / "env"), "--format", "html", "-o", str(page))
    doctor(project(tmp_path), *words)
    told = "document.title = document.documentElement.scrollWidth + ' ' + innerWidth"
    page.write_text(page.read_text().replace("</body>", f"<script>{told}</script></body>"))
    done = subprocess.run(
        ["chromium", *QUIETLY, "--dump-dom", f"--window-size={width},800", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    match = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert match is not None, done
    assert int(match[1]) <= int(match[2])


def test_a_baseline_leaves_out_what_is_known(tmp_path: Path) -> None:
    """Also when lines have moved; a changed line is new."""
    folder, known = project(tmp_path), str(tmp_path / "known.json")
    words = ("--python", str(tmp_path / "env"), "--rule", "SC102")
    assert doctor(folder, *words, "--write-baseline", known).returncode == 1
    assert doctor(folder, *words, "--baseline", known).returncode == 0
    (tmp_path / "run.sh").write_text("# moved\n" + LAUNCHER)
    assert doctor(folder, *words, "--baseline", known).returncode == 0
    changed = LAUNCHER.replace('.cache/huggingface"', '.cache/other"', 1)
    (tmp_path / "run.sh").write_text(changed)
    assert doctor(folder, *words, "--baseline", known).returncode == 1


def test_bad_input_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A folder that is not there, two projects, a file that is no baseline."""
    (tmp_path / "x.json").write_text("[]")
    for words, code, said in (
        ((str(tmp_path / "none"),), 3, "is not a folder"),
        ((str(tmp_path), str(tmp_path)), 2, "One project at a time"),
        ((str(tmp_path), "--baseline", str(tmp_path / "x.json")), 2, "is no baseline"),
        ((str(tmp_path), "--format", "pdf"), 2, "pdf"),
        ((str(tmp_path), "--undo"), 1, "No fix of this project"),
    ):
        done = doctor(*words)
        assert (done.returncode, said in done.stderr) == (code, True), done
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("comment", ["# swarmcache: ignore[SC102]", "# swarmcache: ignore"])
def test_a_comment_ignores_a_rule(tmp_path: Path, comment: str) -> None:
    """On the line itself, or on one of its own above it."""
    folder = project(tmp_path)
    words = (folder, "--python", str(tmp_path / "env"), "--rule", "SC102")
    above = LAUNCHER.replace("ROOT=$PWD\n", f"ROOT=$PWD\n{comment}\n")
    (tmp_path / "run.sh").write_text(above)
    assert doctor(*words).returncode == 0
    first = 'huggingface"\nexport HUGG'
    told = LAUNCHER.replace(first, first.replace('"\n', f'"  {comment}\n'))
    (tmp_path / "run.sh").write_text(told)
    assert doctor(*words).returncode == 0


def test_settings_ignore_rules(tmp_path: Path) -> None:
    """Of the project that is examined, not of the working directory."""
    folder = project(tmp_path)
    (tmp_path / "swarmcache.toml").write_text('[doctor]\nignore = ["SC102"]\n')
    done = doctor(folder, "--python", str(tmp_path / "env"))
    assert "SC102" not in done.stdout


def test_explain_prints_a_rules_page() -> None:
    """By code or name; another is told."""
    done = doctor("explain", "SC102")
    assert done.stdout.startswith("# SC102 split-cache\n"), done
    assert doctor("explain", "split-cache").stdout == done.stdout
    wrong = doctor("explain", "SC999")
    assert (wrong.returncode, "none of doctor's rules" in wrong.stderr) == (2, True)
    assert doctor("--rule", "SC999").returncode == 2


@pytest.mark.parametrize("piped", [True, False])
def test_a_log_alone(tmp_path: Path, piped: bool) -> None:
    """From a file, or from standard input."""
    log = tmp_path / "swarm.log"
    line = (
        "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`."
    )
    log.write_text(f"x\n{line}\n" * 3)
    command = [sys.executable, "-m", "swarmcache", "doctor", "--log", "-" if piped else str(log)]
    with log.open() as stream:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=stream, cwd=tmp_path
        )
    assert "SC601" in done.stdout, done
    assert f"{'-' if piped else 'swarm.log'}:2:1" in done.stdout
