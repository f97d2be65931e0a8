"""Results for programs."""

from __future__ import annotations

import json

import pytest

from swarmcache.report.json import document, utc


def test_the_schema_comes_first_and_fields_keep_their_order():
    text = document("check", ok=True, models=[{"id": "a/b"}])
    assert list(json.loads(text)) == ["schema", "ok", "models"]
    assert json.loads(text)["schema"] == "swarmcache.check/1"


def test_a_document_is_one_line_of_ascii_and_carries_any_name_back():
    text = document("status", path="模型\udcff\n")
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["path"] == "模型\udcff\n"


def test_a_number_that_json_lacks_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        document("pull", seconds=float("nan"))


def test_times_are_iso_8601_in_utc():
    assert utc(0) == "1970-01-01T00:00:00Z"
    assert utc(1_795_428_000.9) == "2026-11-23T10:00:00Z"
    assert utc(None) is None
