"""Fixes of variables where they are set: only the value that is meant changes, and only once."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.cases import case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.fixing import plan_fixes
from swarmcache.project.edits import Unfit
from swarmcache.project.proofs import refuse_wide

if TYPE_CHECKING:
    from pathlib import Path

SAFE = frozenset({"safe"})
BOTH = frozenset({"safe", "unsafe"})


def mended(folder: Path, files: dict[str, str], code: str, kinds: frozenset = SAFE) -> dict:
    """Return what the fixes of one rule make of a project's files."""
    one = case(folder, files)
    for name, text in files.items():
        (folder / "project" / name).write_bytes(text.encode())  # Line ends as they are.
    found = examined(one, Wanted(only=(code,), preview=True))
    plan = plan_fixes(one.project.folder, found, kinds)
    assert plan.left == ()
    return {change.file: change.after.decode() for change in plan.changes}


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("SC104", 'export HF_HOME=""  # x\n', "unset HF_HOME  # x\n"),
        ("SC104", "  export HF_HUB_CACHE=\n", "  unset HF_HUB_CACHE\n"),
        ("SC112", "export HF_HOME=/x\r\n", "export HF_HOME=/x\n"),
        ("SC112", 'export HF_HOME="/x\\n"\n', 'export HF_HOME="/x"\n'),
        ("SC112", 'export TRANSFORMERS_CACHE="~/x"\n', 'export TRANSFORMERS_CACHE="$HOME/x"\n'),
        ("SC401", "export HF_HUB_DOWNLOAD_TIMEOUT=2m\n", "export HF_HUB_DOWNLOAD_TIMEOUT=120\n"),
        (
            "SC401",
            'export HF_HUB_DOWNLOAD_TIMEOUT="30s"\n',
            'export HF_HUB_DOWNLOAD_TIMEOUT="30"\n',
        ),
        ("SC402", "export HF_HUB_ETAG_TIMEOUT=2.5\n", "export HF_HUB_ETAG_TIMEOUT=3\n"),
        (
            "SC402",
            "  export HF_HUB_DOWNLOAD_TIMEOUT=120 # slow\n",
            "  export HF_HUB_DOWNLOAD_TIMEOUT=120 # slow\n  export HF_HUB_ETAG_TIMEOUT=30\n",
        ),
        ("SC107", "export HF_HUB_CACH=/x\n", "export HF_HUB_CACHE=/x\n"),
        ("SC107", "export HF_HUB_OFLINE=1\n", "export HF_HUB_OFFLINE=1\n"),
    ],
)
def test_what_is_certain(code: str, before: str, after: str, tmp_path: Path) -> None:
    """Comments, quotes and blanks stay."""
    files = {"run.sh": f"{before}python train.py\n"}
    assert mended(tmp_path, files, code) == {"run.sh": f"{after}python train.py\n"}


@pytest.mark.parametrize(
    ("code", "before"),
    [
        ("SC104", 'export HF_HOME=""; echo "$HF_HOME"\n'),
        ("SC104", 'HF_HOME="" python train.py\n'),
        ("SC104", 'export HF_HOME=""\necho "$HF_HOME"\n'),
        ("SC112", "export TRANSFORMERS_CACHE='~/x'\n"),
        ("SC401", "export HF_HUB_DOWNLOAD_TIMEOUT=soon\n"),
        ("SC401", "T=2m\nexport HF_HUB_DOWNLOAD_TIMEOUT=$T\n"),
        ("SC401", "export HF_HUB_DOWNLOAD_TIMEOUT=5\n"),
        ("SC402", "export HF_HUB_DOWNLOAD_TIMEOUT=120; echo x\n"),
        ("SC403", "export HF_HUB_OFFLINE=y\n"),
        ("SC107", "export HF_HUB_CACH=/x\necho HF_HUB_CACH\n"),
        ("SC107", "export HF_HUB_CACH=/x HF_HUB_CACHE=/y\n"),
    ],
)
def test_what_a_person_decides(code: str, before: str, tmp_path: Path) -> None:
    """Where more stands in the line, something reads it, or what is meant is not plain."""
    assert mended(tmp_path, {"run.sh": f"{before}python train.py\n"}, code) == {}


def test_offline_is_for_a_person_to_switch_on(tmp_path: Path) -> None:
    """With --unsafe-fixes."""
    files = {"run.sh": "export HF_HUB_OFFLINE=' 1'\npython train.py\n"}
    wanted = {"run.sh": "export HF_HUB_OFFLINE='1'\npython train.py\n"}
    assert mended(tmp_path, files, "SC403") == {}
    assert mended(tmp_path / "b", files, "SC403", BOTH) == wanted


COMPOSE = "services:\n  a:\n    build: .\n    env_file: .env\n"
IMAGE = 'FROM python:3.11\nWORKDIR /a\nCOPY *.py .\nCMD ["python", "train.py"]\n'


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("SC104", "A=1\nHF_HOME=\nB=2\n", "A=1\nB=2\n"),
        ("SC104", "A=1\r\nHF_HOME=\r\nB=2\r\n", "A=1\r\nB=2\r\n"),
        (
            "SC402",
            "HF_HUB_DOWNLOAD_TIMEOUT=120\r\nB=2\r\n",
            "HF_HUB_DOWNLOAD_TIMEOUT=120\r\nHF_HUB_ETAG_TIMEOUT=30\r\nB=2\r\n",
        ),
    ],
)
def test_dotenv_files(code: str, before: str, after: str, tmp_path: Path) -> None:
    """With their line ends."""
    files = {".env": before, "compose.yaml": COMPOSE, "Dockerfile": IMAGE}
    assert mended(tmp_path, files, code) == {".env": after}


NAMES = st.sampled_from(
    [
        *("HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_HUB_DOWNLOAD_TIMEOUT"),
        *("HF_HUB_ETAG_TIMEOUT", "HF_HUB_OFFLINE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_CACH", "OTHER"),
    ]
)
VALUES = st.sampled_from(
    ['""', "", "/x", '"/x\\n"', "'/y'", '"~/x"', "2m", '"30s"', "120", "5", "y", "' 1'", "$A", "1"]
)
LINES = st.one_of(
    st.builds("export {}={}".format, NAMES, VALUES),
    st.builds("{}={}".format, NAMES, VALUES),
    st.builds("  export {}={}  # why".format, NAMES, VALUES),
    st.builds('if [ -z "${0}" ]; then export {0}={1}; fi'.format, NAMES, VALUES),
    st.builds('echo "${}" {}'.format, NAMES, VALUES),
    st.builds("{}={} python train.py".format, NAMES, VALUES),
    st.sampled_from(
        ["python train.py", "# a comment", "", "cat <<EOF\nHF_HOME=\nEOF", "f() { :; }"]
    ),
)
SCRIPTS = st.builds(
    lambda lines, end: end.join([*lines, "python train.py", ""]),
    st.lists(LINES, max_size=8),
    st.sampled_from(["\n", "\n", "\r\n"]),
)
QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def reads(data: bytes) -> bool:
    """Tell whether bash itself can read a script; nothing of it is run."""
    done = subprocess.run(["bash", "-n"], input=data, capture_output=True, check=False, timeout=20)
    return done.returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@QUIET
@given(text=SCRIPTS)
def test_fixing_scripts_twice_changes_nothing(text: str, tmp_path: Path) -> None:
    """Bash still reads them, and lines that no fix is for stay byte for byte."""
    one = case(tmp_path, {})
    path = tmp_path / "project/run.sh"
    path.write_bytes(text.encode())
    after = _until_nothing_is_left(one, path)
    assert reads(after) or not reads(text.encode())
    kept = [line for line in text.split("\n") if "=" not in line]
    assert [line for line in after.decode().split("\n") if line in kept and "=" not in line] == kept


def _until_nothing_is_left(one: object, path: Path) -> bytes:
    """Carry fixes out until there are none; a few rounds are enough for any file."""
    folder = path.parents[1]
    for _ in range(6):
        fresh = case(folder, {})
        found = examined(fresh, Wanted(preview=True))
        plan = plan_fixes(fresh.project.folder, found, SAFE)
        if not plan.changes:
            return path.read_bytes()
        for change in plan.changes:
            (path.parent / change.file).write_bytes(change.after)
    raise AssertionError("fixes without end")


DOTENV = st.builds(
    lambda lines, end: end.join([*lines, ""]),
    st.lists(
        st.one_of(st.builds("{}={}".format, NAMES, VALUES), st.sampled_from(["# x", "", "A=b"])),
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
)


@QUIET
@given(text=DOTENV)
def test_fixing_dotenv_files_twice_changes_nothing(text: str, tmp_path: Path) -> None:
    """And everything else in them stays."""
    one = case(tmp_path, {"compose.yaml": COMPOSE, "Dockerfile": IMAGE})
    path = tmp_path / "project/.env"
    path.write_bytes(text.encode())
    after = _until_nothing_is_left(one, path).decode()
    kept = [line for line in text.splitlines() if not line.startswith("H") and "CACHE" not in line]
    assert [line for line in after.splitlines() if line in kept] == kept


CONFIG = """\
# 中 a comment
trainer:   # kept
  models:
    - _target_: transformers.AutoModelForCausalLM.from_pretrained
      pretrained_model_name_or_path: org/model   # also kept
      force_download: {forced}
{more}"""
MORE = st.sampled_from(["", "\nother: {a: [1, 2], b: 'x'}\n", "text: |\n  force_download: true\n"])


@QUIET
@given(forced=st.sampled_from(["true", "True", "false", "yes", "${x}"]), more=MORE)
def test_fixing_configs_twice_changes_nothing(forced: str, more: str, tmp_path: Path) -> None:
    """Only the value that is meant is another."""
    run = 'python train.py --config-path "$PWD" --config-name a.yaml\n'
    one = case(tmp_path, {"run.sh": run})
    path = tmp_path / "project/a.yaml"
    before = CONFIG.format(forced=forced, more=more)
    path.write_bytes(before.encode())
    after = _until_nothing_is_left(one, path).decode()
    expected = before.replace("force_download: True\n", "force_download: False\n", 1)
    expected = expected.replace("      force_download: true\n", "      force_download: false\n", 1)
    assert after in {before, expected}
    assert (after == before) == (forced not in {"true", "True"})


@pytest.mark.parametrize(
    ("path", "before", "after", "fits"),
    [
        ("a.sh", b"export A=1\nB=2\n", b"export A=2\nB=2\n", True),
        ("a.sh", b"export A=1\nB=2\nC=3\n", b'export A="1\nB=2\nC=3\n"\n', False),
        ("a.sh", b"a\nb\nc\n", b"if x; then\na\nb\nc\nfi\n", False),
        (".env", b"A=1\nB=2\n", b"B=2\n", True),
        ("a.yaml", b"a: 1\nb: 2\n", b"a: 3\nb: 2\n", True),
        ("a.yaml", b"a: 1\nb: 2\nc: 3\n", b"x:\n  a: 1\n  b: 2\n  c: 3\n", False),
        ("a.py", b"a = 1\n", b"b = 2\nc = 3\n", True),
    ],
)
def test_an_edit_changes_as_little_as_it_should(
    path: str, before: bytes, after: bytes, fits: bool
) -> None:
    """Told by the grammar; of other kinds of file nothing is told."""
    if fits:
        refuse_wide(path, before, after, 1)
    else:
        with pytest.raises(Unfit):
            refuse_wide(path, before, after, 1)
