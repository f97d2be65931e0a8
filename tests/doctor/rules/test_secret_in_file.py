"""SC801: tokens in files, which no output shows."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places
from swarmcache.project.secrets import redacted, secrets_in

if TYPE_CHECKING:
    from pathlib import Path

_LETTERS = string.ascii_letters


def token(prefix: str = "hf_", length: int = 34, letters: str = _LETTERS) -> str:
    """Return a text that looks like a token, and is none."""
    return prefix + "".join(random.Random(prefix).choices(letters, k=length))


@pytest.mark.parametrize(
    "name",
    ["run.sh", ".env", "docker-compose.yaml", "config.json", "settings.py", "pyproject.toml"],
)
def test_in_any_file(name: str, tmp_path: Path) -> None:
    """With its place, once for each token of a file."""
    text = f"\nTOKEN={token()!r}\nAGAIN={token()!r}\n"
    assert places(case(tmp_path, {name: text}), "SC801") == [f"{name}:2"]


def test_nothing_of_it_is_shown(tmp_path: Path) -> None:
    """The message holds its first characters only."""
    (finding,) = found(case(tmp_path, {"run.sh": f"export HF_TOKEN={token()}\n"}), "SC801")
    assert token()[4:12] not in repr(finding)
    assert "hf_" in finding.message


def test_a_dotenv_file_that_git_ignores_is_the_place_for_it(tmp_path: Path) -> None:
    """By a pattern at the top, or in the folder."""
    files = {".env": f"HF_TOKEN={token()}\n", "sub/prod.env": f"HF_TOKEN={token()}\n"}
    ignored = case(tmp_path / "a", {**files, ".gitignore": ".env\n", "sub/.gitignore": "*.env\n"})
    assert places(ignored, "SC801") == []
    assert places(case(tmp_path / "b", files), "SC801") == [".env:1", "sub/prod.env:1"]


@pytest.mark.parametrize(
    ("prefix", "length", "letters"),
    [
        ("hf_", 34, _LETTERS),
        ("ghp_", 36, _LETTERS + string.digits),
        ("sk-a1b2C3d4T3BlbkFJ", 20, _LETTERS + string.digits),
        ("AKIA", 16, string.ascii_uppercase + string.digits),
        ("1020304051:", 35, _LETTERS + string.digits),
    ],
)
def test_whose_token(prefix: str, length: int, letters: str) -> None:
    """Each is found whole, and cut in what is shown."""
    text = token(prefix, length, letters)
    (secret,) = secrets_in(f"key = {text}".encode())
    assert (secret.start, secret.end) == (6, 6 + len(text))
    assert redacted(f"a {text} b") == f"a {text[:4]}… b"


@pytest.mark.parametrize(
    "text",
    [
        "hf_" + "x" * 34,
        "hf_YourTokenGoesHereAndNowhereElseOk",
        "hf_model_name_or_path_of_the_trainer",
        "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",
        "$HF_TOKEN",
        "hf_abc",
        "sk-" + "d0b5aixwfMS9S1cvjl2dQcGRPUYZ93RR28c3GL",
        "task-" + "a1B2c3D4e5F6g7H8i9J0k1L2",
    ],
)
def test_look_alikes(text: str) -> None:
    """What stands for a token, names of things, a variable, a key of nobody known."""
    assert list(secrets_in(text.encode())) == []
