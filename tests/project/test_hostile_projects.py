"""Projects that nobody would write: doctor ends, in time, and runs nothing of them."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.cases import case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.project.files import project_files

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = Wanted(preview=True)
WORDS = st.sampled_from(
    [
        *("export ", "HF_HOME", "=", "$", "${", "}", "$(", ")", "`", '"', "'", "\\", "\n", "|"),
        *("if ", "then", "fi", "case ", " in", "esac", "for ", "do", "done", "while ", "<<EOF\n"),
        *("EOF\n", "&&", "||", ";", "#", "~", "*", "(", "{", "python train.py", "rm -rf ", ":-"),
        *("FROM x\n", "RUN ", "ENV A=", "COPY . /x\n", "services:\n", "  a:\n", "- ", ": ", "&a "),
        *("*a", "<<: ", "[", "]", "!!python/object:x ", "\t", "\r\n", "\0", "中", "import os\n"),
        *(
            "[program:a]\n",
            "command=",
            "environment=A=",
            "[Service]\nExecStart=",
            "Restart=always\n",
        ),
        *("* * * * * ", "@reboot ", "root ", "%(here)s", "cat > /x.service <<EOF\n", "| crontab -"),
        *('{"cells": [{"cell_type": "code", "source": ["', "!export A=b", "%env A=b", '"]}]}'),
        *("apiVersion: v1\n", "kind: Pod\n", "containers:\n", "- name: a\n  image: b\n", "$(A)"),
        *("os.environ[", "]", "from_pretrained(", "def f():\n ", "hf_" + "a" * 30, "%", "@"),
    ]
)
FILES = (
    *("run.sh", ".env", "Dockerfile", "docker-compose.yaml", "config.yaml", "train.py"),
    *("requirements.txt", "run.log", "config.json", "app.service"),
    *("supervisord.conf", "crontab", "k8s.yaml", "a.ipynb", "a.csh", "a.fish", "a.bat", "a.ps1"),
)


@pytest.mark.parametrize("name", FILES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.lists(WORDS, max_size=40).map("".join))
def test_any_text_is_read_without_a_crash(name: str, text: str, tmp_path: Path) -> None:
    """Of every kind of file; findings or none."""
    one = case(tmp_path, {})
    (tmp_path / "project" / name).write_bytes(text.encode())
    examined(one, EVERYTHING)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("name", FILES)
def test_any_bytes(name: str, data: bytes, tmp_path: Path) -> None:
    """No text at all."""
    one = case(tmp_path, {})
    (tmp_path / "project" / name).write_bytes(data)
    examined(one, EVERYTHING)


DEEP = 20_000
NESTED = {
    "run.sh": [
        *("(" * DEEP, "$(" * DEEP, "${A:-" * DEEP + "x" + "}" * DEEP, '"$(' * DEEP),
        *("if true; then " * DEEP, "a && " * DEEP + "b\n", "{ " * DEEP, "f() { " * DEEP),
        *("export A=$A$A\n" * 2000, "bash -c '" * 50, "A=" + "x" * 500_000),
    ],
    "train.py": ["(" * DEEP, "f(" * DEEP + ")" * DEEP, "-" * DEEP + "1", "a." * DEEP + "b"],
    "config.yaml": ["[" * DEEP, "a:\n" + " " * DEEP, "{a: " * DEEP, "a: ${" + "b" * DEEP],
    "docker-compose.yaml": ["[" * DEEP, "services: {a: {image: " + "${A:-" * DEEP + "x"],
    "Dockerfile": ["RUN \\\n" * DEEP, "FROM a\nENV A=" + "${A:-" * DEEP, "RUN (" + "(" * DEEP],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in NESTED.items() for text in texts],
    ids=lambda value: value[:12],
)
def test_nesting_without_end(name: str, text: str, tmp_path: Path) -> None:
    """Deeper than any stack; it takes no more than seconds of this process."""
    one = case(tmp_path, {name: text})
    began = time.process_time()
    examined(one, EVERYTHING)
    assert time.process_time() - began < 30


def test_pipes_loops_of_links_and_binary_files(tmp_path: Path) -> None:
    """Nothing is waited for, and nothing is followed."""
    one = case(tmp_path, {"run.sh": "python train.py\n"})
    project = tmp_path / "project"
    os.mkfifo(project / "pipe.sh")
    os.mkfifo(project / "nameless")
    (project / "loop").symlink_to("loop")
    (project / "up").symlink_to("..")
    (project / "self.sh").symlink_to("self.sh")
    (project / "binary.sh").write_bytes(bytes(range(256)) * 100)
    with (project / "large.sh").open("wb") as file:
        file.truncate(50_000_000)
    examined(one, EVERYTHING)
    assert any("up" in note for note in one.project.files.skipped)


def test_a_project_of_very_many_files_is_bounded(tmp_path: Path) -> None:
    """What is left out is told."""
    for number in range(300):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for name in range(100):
            (folder / f"{name}.txt").touch()
    found = project_files(str(tmp_path))
    assert found.count < 30_000
    assert found.skipped


def test_nothing_of_a_project_is_run(tmp_path: Path) -> None:
    """Neither its scripts nor its modules, nor what YAML and pickles would make."""
    mark = tmp_path / "ran"
    touch = f"touch {mark}"
    one = case(
        tmp_path,
        {
            "run.sh": f"{touch}\nexport A=$({touch})\n. ./env.sh\npython train.py\n",
            "env.sh": f"{touch}\n",
            "train.py": f"open({str(mark)!r}, 'w')\nimport other\n",
            "other.py": f"open({str(mark)!r}, 'w')\n",
            "config.yaml": f"a: !!python/object/apply:os.system ['{touch}']\n",
            "Dockerfile": f"FROM x\nRUN {touch}\n",
            "conftest.py": f"open({str(mark)!r}, 'w')\n",
        },
    )
    before = dict(sys.modules)
    examined(one, EVERYTHING)
    assert not mark.exists()
    assert {"other", "train", "conftest"} & (set(sys.modules) - set(before)) == set()
