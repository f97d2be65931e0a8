"""Text as a terminal shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.report.width import display_width, shorten, visible, wrapped


@pytest.mark.parametrize(
    ("text", "columns"),
    [("Qwen", 4), ("模型", 4), ("模型 a", 6), ("e\u0301", 1), ("✓", 1), ("", 0), ("Ａ", 2)],
)
def test_display_width_counts_columns_not_characters(text, columns):
    assert display_width(text) == columns


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name 模型", "plain name 模型"),
        ("a\nb", "a\\nb"),
        ("\x1b[2Kgone", "\\x1b[2Kgone"),
        ("tab\tbell\x07", "tab\\tbell\\x07"),
        ("rtl\u202efdp.exe", "rtl\\u202efdp.exe"),
        ("line\u2028sep", "line\\u2028sep"),
        ("bytes\udcff\udc80", "bytes\\xff\\x80"),
        ("half\ud800", "half\\ud800"),
        ("full\u3000width", "full\u3000width"),
    ],
)
def test_visible_spells_out_what_a_terminal_would_act_upon(name, shown):
    assert visible(name) == shown


@given(st.text(st.characters()))
def test_visible_text_never_moves_the_cursor(text):
    shown = visible(text)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("模型缓存", 5, "模型…"), ("模型", 2, "…")],
)
def test_shorten_cuts_at_columns(text, width, short):
    assert shorten(text, width) == short


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_shorten_never_exceeds_the_width(text, width):
    assert display_width(shorten(text, width)) <= width


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("模型缓存", 4, ["模型", "缓存"]),
        ("模型，缓存", 4, ["模", "型，", "缓存"]),
        ("缓存（模型）", 6, ["缓存", "（模", "型）"]),
        ("用 HF_HOME 指定", 9, ["用", "HF_HOME", "指定"]),
        ("Supercalifragilistic 模型", 6, ["Supercalifragilistic", "模型"]),
        ("", 5, [""]),
    ],
)
def test_lines_end_at_blanks_and_between_chinese_characters(text, width, lines):
    assert wrapped(text, width) == lines


@given(st.text(st.sampled_from("ab 模型，（。）“”-…/"), max_size=60), st.integers(8, 40))
def test_wrapping_loses_nothing_but_blanks_and_keeps_signs_in_place(text, width):
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(line == line.strip() for line in lines)
