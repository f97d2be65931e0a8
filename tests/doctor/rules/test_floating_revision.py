"""SC303: no commit is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def code(revision: str) -> str:
    """Return a program that loads a model with this further argument."""
    return f"import transformers\ntransformers.AutoModel.from_pretrained('org/m'{revision})\n"


@pytest.mark.parametrize("revision", ["", ", revision='main'"])
def test_true_cases(revision: str, tmp_path: Path) -> None:
    """None, or a branch."""
    assert places(case(tmp_path, {"train.py": code(revision)}), "SC303") == ["train.py:2"]


@pytest.mark.parametrize(
    "files",
    [
        {"train.py": code(f", revision='{COMMIT}'")},
        {"train.py": code(", revision=args.revision")},
        {"train.py": code(", **kwargs")},
        {"train.py": code("").replace("org/m", "./here")},
        {"swarmcache.lock": "{}"},
        {"train.py": "", "tests/test_x.py": code("")},
    ],
)
def test_look_alikes(files: dict[str, str], tmp_path: Path) -> None:
    """A commit, what only running tells, a folder, a lock, tests."""
    assert places(case(tmp_path, files), "SC303") == []
