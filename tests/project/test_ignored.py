"""What git would ignore, compared with git itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmcache.project.ignored import Ignored

NAMES = st.sampled_from(["a", "b", "ab", "a.log", "b.log", ".env", "x y", "[a]"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.sampled_from(
    [
        *("a", "*.log", "/a", "a/", "a/b", "**/b", "a/**", "a/**/b", "!a", "!a.log", "?", "[ab]"),
        *("[!a]", "*", "# a", "", "\\!a", ".*", "a*", "/*.log", "x y", "a/*"),
    ]
)


def ours(folder: Path, path: str) -> bool:
    """Walk as the project's walk does: what lies in an ignored folder is ignored."""
    rules, at = Ignored.at(str(folder)), str(folder)
    *above, last = path.split("/")
    for name in above:
        at = f"{at}/{name}"
        if rules.hides(at, folder=True):
            return True
        rules = rules.inside(at)
    return rules.hides(f"{at}/{last}", folder=False)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    patterns=st.lists(PATTERNS, max_size=4),
    inner=st.lists(PATTERNS, max_size=2),
    paths=st.lists(PATHS, min_size=1, max_size=6, unique=True),
)
def test_as_git_does(
    tmp_path: Path, patterns: list[str], inner: list[str], paths: list[str]
) -> None:
    """Globs, anchors, folders, negation, files in folders below."""
    folder = Path(os.path.join(tmp_path, "repo"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "init", "-q"], cwd=folder, env=environment, check=True)
    (folder / ".gitignore").write_text("\n".join(patterns) + "\n")
    (folder / "a").mkdir()
    (folder / "a/.gitignore").write_text("\n".join(inner) + "\n")
    wanted = []
    for path in paths:
        target = folder / path
        if any(parent.is_file() for parent in target.parents) or target.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        wanted.append(path)
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=folder, env=environment, input="\0".join(wanted), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    theirs = set(filter(None, done.stdout.split("\0")))
    assert {path for path in wanted if ours(folder, path)} == theirs
