"""What a process tells the disk, in order, as strace sees it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = "pwrite64,write,fdatasync,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)")
_FILE = re.compile(r"\d+<([^>]*)>")
_NAMES = re.compile(r'"([^"]*)"')


@dataclass
class Call:
    """A system call that succeeded, at its start and again at its end."""

    name: str
    text: str
    """Its arguments."""
    ended: bool

    @property
    def file(self) -> str:
        """The path of the open file that it is about."""
        found = _FILE.match(self.text)
        return found[1] if found else ""

    @property
    def names(self) -> list[str]:
        """The paths, or the content, that it gives."""
        return _NAMES.findall(self.text)

    @property
    def part(self) -> tuple[int, int]:
        """The bytes that a pwrite64 is for."""
        _, count, at = self.text.rsplit(", ", 2)
        return int(at), int(at) + int(count)


def strace(log: str) -> list[str]:
    """Return the words before a command that is to be traced into `log`."""
    probe = ["strace", "-f", "-e", "trace=fsync", "true"]
    if (
        shutil.which("strace") is None
        or subprocess.run(probe, capture_output=True, check=False).returncode
    ):
        pytest.skip("no strace that may trace")
    return ["strace", "-f", "-y", "-s", "4096", "-o", log, "-e", f"trace={CALLS}"]


def calls(log: str) -> Iterator[Call]:
    """Yield the calls in the order in which they started and ended."""
    begun: dict[str, str] = {}
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            if whole := _WHOLE.match(line):
                if int(whole[4]) >= 0:
                    yield Call(whole[2], whole[3], ended=False)
                    yield Call(whole[2], whole[3], ended=True)
            elif start := _BEGUN.match(line):
                begun[start[1]] = start[3]
                yield Call(start[2], start[3], ended=False)
            elif (end := _RESUMED.match(line)) and int(end[4]) >= 0:
                yield Call(end[2], begun.pop(end[1]) + end[3], ended=True)
