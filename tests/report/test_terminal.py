"""Streams, marks and colours of a command, in processes and pseudo-terminals of their own."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import textwrap

import pytest

from swarmcache.report.stream import Stream, started_with
from swarmcache.report.terminal import Terminal

SHOW = textwrap.dedent("""
    import os
    from swarmcache.report.terminal import Terminal
    terminal = Terminal.current(os.environ)
    terminal.out(f"{terminal.ok} ready {terminal.warn} {terminal.bad} a\\x1b[2Kb\\udcff 模型")
""")


def show(program=SHOW, **variables):
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        check=True,
    )
    return result.stdout


def show_on_terminal(program=SHOW, **variables):
    """Return what the program writes when both its streams are one 60-column terminal."""
    main, side = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "60", **variables}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdin=side, stdout=side, stderr=side
    )
    os.close(side)
    chunks = []
    while True:
        try:
            chunk = os.read(main, 4096)
        except OSError:  # Linux reports EIO when the last writer has gone
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(main)
    assert process.wait(timeout=30) == 0
    return b"".join(chunks).decode()


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX"},
        {"LANG": "C"},
        {},
        {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"},
    ],
)
def test_marks_are_ascii_where_the_locale_names_no_utf8(variables):
    assert show(**variables).startswith(b"[ok] ready [!] [x] a\\x1b[2Kb\\xff ")


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C.UTF-8"}, {"LANG": "en_US.UTF-8"}, {"LC_CTYPE": "C.UTF-8"}]
)
def test_marks_stay_where_the_locale_names_utf8(variables):
    assert show(**variables).decode() == "✓ ready ⚠ ✗ a\\x1b[2Kb\\xff 模型\n"


def test_an_encoding_that_lacks_chinese_gets_escapes_and_no_error():
    written = show(LANG="en_US.UTF-8", PYTHONIOENCODING="latin-1")
    assert written == b"[ok] ready [!] [x] a\\x1b[2Kb\\xff \\u6a21\\u578b\n"


def test_a_pipe_gets_no_colour():
    assert b"\x1b[" not in show(LANG="en_US.UTF-8", TERM="xterm")


def test_force_color_colours_a_pipe():
    assert "\x1b[32m✓\x1b[0m ready" in show(LANG="en_US.UTF-8", FORCE_COLOR="1").decode()


def test_a_terminal_gets_green_yellow_and_red_marks():
    shown = show_on_terminal(LANG="en_US.UTF-8", TERM="xterm")
    assert shown.startswith("\x1b[32m✓\x1b[0m ready \x1b[33m⚠\x1b[0m \x1b[31m✗\x1b[0m a")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour_gets_plain_marks(variables):
    shown = show_on_terminal(**{"LANG": "en_US.UTF-8", "TERM": "xterm", **variables})
    assert shown.startswith("✓ ready ⚠ ✗ a")


def test_a_table_is_cut_on_a_terminal_and_whole_in_a_pipe():
    program = textwrap.dedent("""
        import os
        from swarmcache.report.terminal import Terminal
        terminal = Terminal.current(os.environ)
        for line in terminal.table(["n", "path"], [["a", "x" * 100]]):
            terminal.out(line)
    """)
    on_terminal = show_on_terminal(program, LANG="en_US.UTF-8").splitlines()
    assert on_terminal[1] == "a  " + "x" * 56 + "…"
    assert show(program, LANG="en_US.UTF-8").splitlines()[1] == b"a  " + b"x" * 100


def test_an_ascii_table_counts_the_width_of_spelled_marks():
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    terminal = Terminal(out, io.StringIO(), {"LC_ALL": "en_US.UTF-8"})
    assert terminal.table(["state", "model"], [["✓", "a"], ["⚠", "b"]]) == [
        "state  model",
        "[ok]   a",
        "[!]    b",
    ]


def test_quiet_silences_chatter_but_neither_results_nor_alerts():
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal(out, err, {"LANG": "en_US.UTF-8"}, quiet=True)
    terminal.out("result")
    terminal.say("chatter")
    terminal.alert("must be seen")
    with terminal.progress() as progress:
        progress.start("pull", 10)
        progress.finish("pull")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "must be seen\n")


def test_details_are_said_only_when_asked_for():
    err = io.StringIO()
    Terminal(io.StringIO(), err, {}).detail("not now")
    Terminal(io.StringIO(), err, {}, verbose=True).detail("now")
    assert err.getvalue() == "now\n"


def test_raw_text_is_written_unchanged():
    out = io.StringIO()
    Terminal(out, io.StringIO(), {"LC_ALL": "C"}).raw("export A='x\ny'\n")
    assert out.getvalue() == "export A='x\ny'\n"


def test_an_lc_ctype_that_the_user_set_is_kept():
    assert started_with({"LC_CTYPE": "zh_CN.UTF-8"}) == {"LC_CTYPE": "zh_CN.UTF-8"}


def test_a_stream_that_is_no_terminal_has_no_width():
    assert Stream(io.StringIO(), {"COLUMNS": "40"}).width == 0


def test_importing_the_terminal_leaves_rich_alone():
    program = "import sys, swarmcache.report.terminal; print('rich' in sys.modules)"
    assert show(program) == b"False\n"


PULL = textwrap.dedent("""
    import os
    from swarmcache.report.terminal import Terminal
    terminal = Terminal.current(os.environ)
    with terminal.progress() as progress:
        progress.start("model.safetensors [x]", 2_000_000)
        progress.advance("model.safetensors [x]", 1_000_000)
        terminal.out("✓ config.json")
        progress.finish("model.safetensors [x]")
""")


def test_bars_are_drawn_on_a_terminal_and_lines_stand_above_them():
    shown = show_on_terminal(PULL, LANG="en_US.UTF-8", TERM="xterm", COLUMNS="100")
    assert "model.safetensors [x]" in shown
    assert "/2.0 MB" in shown
    assert "✓\x1b[0m config.json" in shown
    assert "\x1b[?25h" in shown  # the cursor is back


@pytest.mark.parametrize(
    ("variables", "mark"), [({"TERM": "dumb", "LANG": "C.UTF-8"}, "✓"), ({"LC_ALL": "C"}, "[ok]")]
)
def test_a_terminal_that_cannot_draw_bars_gets_lines(variables, mark):
    first, second, third = show_on_terminal(PULL, **variables).splitlines()
    assert (first, second) == ("model.safetensors [x]: 2.0 MB", f"{mark} config.json")
    assert third.startswith("model.safetensors [x]: 1.0 MB in ")
