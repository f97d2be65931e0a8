"""The list of the Hub's variables, against the sources that are installed here."""

from __future__ import annotations

import ast
import importlib.util
import pathlib
import re

import pytest

from swarmcache.hubcache.variables import KNOWN, is_unknown, nearest

_NAME = re.compile(r"(?:HF|HUGGING_?FACE|TRANSFORMERS)_[A-Z0-9_]+")
_READ = re.compile(r"environ|getenv|_as_int|_is_true|env_var")


def names_read_by(library: str) -> set[str]:
    """Return the names that a library's sources read from the environment."""
    spec = importlib.util.find_spec(library)
    if spec is None or spec.origin is None:
        pytest.skip(f"{library} is not installed here")
    found: set[str] = set()
    for path in pathlib.Path(spec.origin).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call | ast.Subscript) and _READ.search(ast.unparse(node)[:200]):
                inner = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
                found |= {one for one in inner if isinstance(one, str) and _NAME.fullmatch(one)}
    return found


def test_what_huggingface_hub_reads_is_known() -> None:
    """All of it, so that nobody is told that a real variable is none."""
    read = names_read_by("huggingface_hub")
    assert {"HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"} <= read
    assert sorted(name for name in read if is_unknown(name)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HF_HUB_DOWNLOAD_TIMOUT", ("HF_HUB_DOWNLOAD_TIMEOUT", True)),
        ("HF_MODELS_CACHE", ("HF_HUB_CACHE", False)),
        ("HF_CACHE", ("HF_HUB_CACHE", False)),
        ("HF_MIRROR_URL", ("HF_ENDPOINT", False)),
        ("HF_USERNAME", None),
    ],
)
def test_the_nearest_name(name: str, expected: tuple[str, bool] | None) -> None:
    """By its spelling, else by the word that tells what was meant."""
    assert nearest(name) == expected


def test_known_names_are_not_unknown() -> None:
    """Nor are hf_xet's, nor what has nothing of the Hub's."""
    assert not any(map(is_unknown, [*KNOWN, "HF_XET_ANYTHING", "HOME", "HFX_Y"]))
    assert is_unknown("HF_CACHE")
