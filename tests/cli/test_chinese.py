"""The command line in 简体中文: every help, click's own words, streams without the characters."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from cachemaker import CacheMaker
from swarmcache.cli.app import COMMANDS
from swarmcache.cli.click_words import translate_click, wrap_text
from swarmcache.errors import OS_REASONS
from swarmcache.locale import t, tn
from swarmcache.report.width import display_width

if TYPE_CHECKING:
    import pathlib

CHINESE = {"SWARMCACHE_LANG": "zh_CN"}
RESOLVER_REASONS = ("Name or service not known", "Temporary failure in name resolution")
"""What `getaddrinfo` says; its words have numbers of their own."""
ENGLISH_SENTENCE = re.compile(r"(?<![\w./=-])[A-Za-z][a-z]+(?: [a-z]{2,}){2,}")
"""Three words in a row; names, options, METAVARS and commands are never that."""


def swarmcache(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as its users do: what it says is chosen before it is imported."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", *words],
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_all_chinese(command: str) -> None:
    """No sentence of ours or of click is left in English, and no line is wider than 80 columns."""
    shown = swarmcache(*command.split(), "--help", **CHINESE)

    assert (shown.returncode, shown.stderr) == (0, "")
    prose = "\n".join(line for line in shown.stdout.splitlines() if "例：" not in line)
    assert ENGLISH_SENTENCE.findall(prose) == []
    assert "用法: swarmcache" in shown.stdout
    assert "显示此帮助并退出。" in shown.stdout
    assert "例：" in shown.stdout
    assert [line for line in shown.stdout.splitlines() if display_width(line) > 80] == []


def test_the_list_of_commands_is_aligned() -> None:
    """One Chinese line for each command, all beginning in one column."""
    listed = swarmcache("--help", **CHINESE).stdout.splitlines()

    assert "  check   在不在、全不全？几毫秒，不联网" in listed
    assert "  serve   按 Hub 的协议把缓存提供给其他机器" in listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--ful"], "错误：没有选项 '--ful'。 您是不是要用：'--full'？"),
        (["chek"], "错误：没有命令 'chek'。"),
        (["completion"], "错误：缺少参数 '{bash|zsh|fish}'. 可选值：\n\tbash,\n\tzsh,\n\tfish"),
        (["completion", "bash", "zsh"], "错误：多余的参数：zsh"),
        (["pull", "--revision"], "错误：选项 '--revision' 需要 1 个值。"),
        (["status", "--limit", "-1"], "错误：'--limit' 的值无效：-1 不在范围 x>=0 内。"),
        (["status", "--limit", "x"], "'x' 不是有效的数值（integer range）。"),
        (["pull", "--pool", "x"], "错误：'--pool' 的值无效：'x' 不在可选值之中："),
        (["check", "--cache-dir", "", "a/b"], "错误：'--cache-dir' 的值无效：路径为空。"),
    ],
)  # fmt: skip
def test_usage_errors_are_chinese(words: list[str], said: str) -> None:
    """click's message, in our words."""
    failed = swarmcache(*words, **CHINESE)

    assert (failed.returncode, failed.stdout) == (2, "")
    assert said in failed.stderr


def test_a_usage_error_leads_to_the_help() -> None:
    """All three parts of it are Chinese."""
    assert swarmcache("check", "--ful", **CHINESE).stderr.splitlines() == [
        "用法: swarmcache check [OPTIONS] [MODEL[@REV]]...",
        "查看帮助：swarmcache check --help",
        "",
        "错误：没有选项 '--ful'。 您是不是要用：'--full'？",
    ]


def test_an_error_of_ours_is_chinese(tmp_path: pathlib.Path) -> None:
    """The sentence and the next step."""
    failed = swarmcache("status", "--cache-dir", str(tmp_path / "none"), **CHINESE)

    assert failed.returncode == 3
    assert failed.stderr.splitlines() == [
        f"swarmcache: 缓存目录 {tmp_path / 'none'} 不存在。",
        "下一步：swarmcache env --explain",
    ]


def test_what_the_system_says_is_chinese_too(tmp_path: pathlib.Path) -> None:
    """Python has its words in English, whatever the locale."""
    place = str(tmp_path / "no/where")
    failed = swarmcache("emit", "cron", "-o", place, **CHINESE)
    assert failed.stderr.splitlines() == [f"swarmcache: {place}：没有那个文件或目录"]
    known = {*map(os.strerror, errno.errorcode), *RESOLVER_REASONS}
    assert set(OS_REASONS) <= known


def test_a_table_with_chinese_headings_is_aligned(tmp_path: pathlib.Path) -> None:
    """A Chinese character takes two columns, so its column begins where the figures do."""
    maker = CacheMaker(tmp_path / "hub")
    files = {"config.json": b"{}", "model.safetensors": b"x" * 9}
    for name in ("org/a", "organisation/longer-name"):
        maker.repo(name, files)

    lines = swarmcache("status", "--cache-dir", maker.path, **CHINESE).stdout.splitlines()
    heading = next(line for line in lines if line.startswith("模型"))
    rows = lines[lines.index(heading) + 1 :][:2]
    place = display_width(heading[: heading.index("状态")])
    assert {display_width(row[: re.search("[✓⚠]", row).start()]) for row in rows} == {place}  # type: ignore[union-attr]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_stream_cannot_carry_is_escaped(encoding: str) -> None:
    """Nothing fails where Chinese cannot be encoded: each character is written as its number."""
    shown = swarmcache("check", "org/name", PYTHONIOENCODING=encoding, **CHINESE)

    assert (shown.returncode, shown.stderr) == (1, "")
    assert shown.stdout.startswith("[!] \\u6a21\\u578b org/name \\u672a\\u7f13\\u5b58")


def test_chinese_works_in_the_c_locale() -> None:
    """Python makes UTF-8 of it (PEP 538); marks that the locale may lack are spelled out."""
    shown = swarmcache("check", "org/name", LC_ALL="C", SWARMCACHE_LANG="zh")

    assert shown.returncode == 1
    assert shown.stdout.startswith("[!] 模型 org/name 未缓存：")


def test_english_never_touches_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module with click's words is not even imported, and so costs nothing."""
    monkeypatch.setenv("SWARMCACHE_LANG", "en")
    code = (
        "import sys; from swarmcache.cli import main; main(['--help'])\n"
        "assert 'swarmcache.cli.click_words' not in sys.modules, 'imported'\n"
        "assert 'gettext' in sys.modules  # click's own import of it"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_click_speaks_english_again_when_the_language_is_english() -> None:
    """What replaces click's gettext asks for the language at each word."""
    translate_click()

    assert vars(click.core)["_"]("Options") == "Options"
    assert vars(click.core)["ngettext"]("{n} file", "{n} files", 2) == "{n} files"


def test_wrapping_keeps_paragraphs_and_the_hanging_indent() -> None:
    """As click's own does, but by columns."""
    assert wrap_text("一二三，四五\n\n六七", 8, "  ", "  ", preserve_paragraphs=True) == (
        "  一二\n  三，四\n  五\n\n  六七"
    )
    assert wrap_text("[OPTIONS] [MODEL]...", 24, "用法: x ", " " * 8) == (
        "用法: x [OPTIONS]\n        [MODEL]..."
    )


def test_english_counts_and_fills() -> None:
    """The message itself is the English."""
    assert t("{n} of {m}", n=1, m=2) == "1 of 2"
    assert tn("{n} file", "{n} files", 1) == "1 file"
