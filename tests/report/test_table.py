"""Rows of text as aligned lines."""

from __future__ import annotations

from swarmcache.report.table import table
from swarmcache.report.width import display_width


def test_columns_align_where_a_name_is_chinese():
    lines = table(["model", "state"], [["微软/模型", "complete"], ["gpt2", "missing"]])
    assert lines == ["model      state", "微软/模型  complete", "gpt2       missing"]


def test_numbers_and_sizes_stand_to_the_right():
    lines = table(["model", "size", "files"], [["a", "1.3 GB", 12], ["b", "954 MB", 3]])
    assert lines == ["model    size  files", "a      1.3 GB     12", "b      954 MB      3"]


def test_a_column_with_one_word_stays_to_the_left():
    lines = table(["n", "last used"], [["a", "3 d"], ["b", "never"]])
    assert lines[1:] == ["a  3 d", "b  never"]


def test_the_last_column_is_cut_to_the_terminal_only():
    rows = [["a", "0123456789" * 10]]
    assert table(["n", "path"], rows, width=20)[1] == "a  0123456789012345…"
    assert table(["n", "path"], rows)[1] == "a  " + "0123456789" * 10


def test_a_window_too_small_for_the_first_columns_keeps_them_whole():
    lines = table(["name", "path"], [["a-long-repository-name", "0123456789"]], width=10)
    assert lines[1] == "a-long-repository-name  0123456…"


def test_a_name_with_a_newline_stays_on_its_row():
    lines = table(["file", "state"], [["x\ny", "ok"], ["z\x1b[1A\udcff", "ok"]])
    assert lines[1:] == ["x\\ny          ok", "z\\x1b[1A\\xff  ok"]


def test_no_rows_leave_the_header():
    assert table(["model", "size"], []) == ["model  size"]


def test_lines_never_exceed_a_window_that_fits_the_first_columns():
    rows = [["组织/模型", "1.3 GB", "说明" * 30]]
    assert max(display_width(line) for line in table(["a", "b", "c"], rows, width=40)) <= 40
