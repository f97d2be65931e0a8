"""SC601, SC602 and SC801 in logs, of a project and alone."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.cases import case, found, places
from doctor.rules.test_secret_in_file import token
from swarmcache.doctor.logs import findings_of_log
from swarmcache.project.readers.logs import MAX_KEPT, MAX_LINE, known_lines

if TYPE_CHECKING:
    from pathlib import Path

HARMLESS = (
    "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`.\n"
)
DROPPED = (
    "Caching is incompatible with gradient checkpointing in Qwen2DecoderLayer. "
    "Setting `past_key_values=None`.\n"
)
FAILED = "Error occurred during training, continuing...\n"


def told(text: str, version: str | None = None) -> list[tuple[str, str, int]]:
    """Return the findings of a log as (rule, severity, line)."""
    stream = io.BytesIO(text.encode())
    return [
        (one.rule, one.severity, one.span.line if one.span else 0)
        for one in findings_of_log(stream, "x.log", version)
    ]


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        (f"a\n{HARMLESS}", "4.51.3", [("SC601", "info", 2)]),
        (f"a\n{HARMLESS}", None, [("SC601", "info", 2)]),
        (f"{HARMLESS}b\n{DROPPED}", "4.57.1", [("SC602", "error", 3), ("SC601", "info", 1)]),
        (f"{FAILED}{DROPPED}", "5.23.0", [("SC602", "error", 1), ("SC602", "error", 2)]),
        (FAILED, None, [("SC602", "warning", 1)]),
        (FAILED, "4.51.3", [("SC601", "info", 1)]),
        (f"transformers==4.57.1\n{FAILED}", None, [("SC602", "warning", 2)]),
        ("loading use_cache tables\nSetting up\n", "5.23.0", []),
    ],
)
def test_what_a_log_tells(
    text: str, version: str | None, expected: list[tuple[str, str, int]]
) -> None:
    """By its lines together, and the version."""
    assert told(text, version) == expected


def test_a_projects_logs(tmp_path: Path) -> None:
    """With the line of the log; git may ignore them."""
    files = {"logs/swarm.log": f"start\n{HARMLESS}", ".gitignore": "logs/\n"}
    one = case(tmp_path, files, transformers="4.51.3")
    assert places(one, "SC601") == ["logs/swarm.log:2"]
    assert found(one, "SC602") == []


def test_a_token_in_a_log() -> None:
    """Its place is told, and nothing of it but the first characters."""
    (finding,) = findings_of_log(io.BytesIO(f"a\nlogin {token()}\n".encode()), "x.log")
    assert (finding.rule, finding.span and finding.span.line) == ("SC801", 2)
    assert token()[4:12] not in repr(finding)


def test_binary_is_no_log() -> None:
    """Nothing is told of it."""
    assert list(known_lines(io.BytesIO(b"\0\1\2" + HARMLESS.encode()), "x")) == []


def test_a_line_without_an_end_is_cut() -> None:
    """And the line behind it keeps its number and place."""
    data = b"x" * (3 * 2**20) + HARMLESS.encode() + HARMLESS.encode()
    lines = list(known_lines(io.BytesIO(data), "x"))
    assert lines[-1].span.line == 2
    assert data[lines[-1].span.start : lines[-1].span.end] == HARMLESS.strip().encode()
    assert all(len(line.text) <= MAX_LINE for line in lines)


@given(
    st.lists(
        st.sampled_from([b"a b\n", b"\n", b"use_cache\r\n", b"y" * 70_000 + b"\n"]), max_size=60
    )
)
@settings(deadline=None, max_examples=40)
def test_places(pieces: list[bytes]) -> None:
    """Wherever blocks end, a line is found where it stands."""
    data = b"".join(pieces)
    found = [(one.span.line, one.span.start) for one in known_lines(io.BytesIO(data), "x")]
    starts, at = [], 0
    for number, piece in enumerate(pieces, 1):
        if piece.startswith(b"use"):
            starts.append((number, at))
        at += len(piece)
    assert found == starts


def test_a_warning_that_never_stops_is_bounded() -> None:
    """What is kept of a log does not grow with it."""
    lines = list(known_lines(io.BytesIO(DROPPED.encode() * (MAX_KEPT + 100)), "x"))
    assert len(lines) == MAX_KEPT


def test_fifty_megabytes() -> None:
    """Are read to the end; that it takes no minute is all that is asked of a busy machine."""
    data = b"2026-11-26 step 17 loss 0.123 reward 1.0 some more words of a line\n" * 750_000
    begun = time.monotonic()
    (line,) = known_lines(io.BytesIO(data + DROPPED.encode()), "x")
    assert line.span.line == 750_001
    assert time.monotonic() - begun < 60
