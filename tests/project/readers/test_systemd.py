"""Units of systemd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.shell.syntax import Opaque, Variable
from swarmcache.project.readers.systemd import read_unit
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from swarmcache.project.readers.units import Unit

TEXT = """\
[Unit]
Description=x
ExecStart=/not/here
[Service]
User=joe
# User=root
Environment=A=1 "B=two words" 'C=$A'
Environment=D=%h/x E=%i
EnvironmentFile=-/etc/x.env
ExecStartPre=-/bin/true
ExecStart=/usr/bin/python \\
  train.py --home ${HOME} \\
  "a b"
WorkingDirectory=/srv/app
[Install]
WantedBy=multi-user.target
"""


def read(text: str) -> Unit | None:
    """Read a text as a unit."""
    return read_unit(Source("a.service", "/p/a.service", text.encode()))


def test_a_unit() -> None:
    """Its words, variables and files."""
    unit = read(TEXT)
    assert unit is not None
    assert unit.user == "joe"
    assert [[w.literal for w in words] for words in unit.commands] == [
        ["/bin/true"],
        ["/usr/bin/python", "train.py", "--home", None, "a b"],
    ]
    assert unit.commands[1][3].parts == (Variable("HOME"),)
    found = {one.name: one.value.parts for one in unit.environment}
    assert found == {
        "A": ("1",),
        "B": ("two words",),
        "C": ("$A",),
        "D": (Variable("HOME"), "/x"),
        "E": (Opaque("%i"),),
    }
    assert [word.literal for word in unit.env_files] == ["/etc/x.env"]
    assert unit.commands[1][0].span.line == 11


def test_an_empty_setting_takes_back() -> None:
    """As drop-ins do it."""
    unit = read("[Service]\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\nExecStart=x\n")
    assert unit is not None
    assert [one.name for one in unit.environment] == ["B"]


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ("Restart=always\nRestartSec=3\n", 3),
        ("Restart=on-failure\nRestartSec=1min 30s\n", 90),
        ("Restart=always\n", 0.1),
        ("Restart=always\nRestartSec=200ms\n", 0.2),
        ("Restart=always\nRestartSec=5\n[Unit]\nStartLimitIntervalSec=0\n", 5),
        ("Restart=always\nRestartSec=5\n[Unit]\nStartLimitBurst=3\n", 5),
        ("Restart=always\nRestartSec=5\n[Unit]\nStartLimitIntervalSec=300\n", None),
        ("Restart=always\nRestartSec=5\nStartLimitInterval=1h\nStartLimitBurst=9\n", None),
        ("Restart=always\nRestartSec=1\nRestartSteps=5\nRestartMaxDelaySec=60\n", None),
        ("Restart=always\nRestartSec=infinity\n", None),
        ("Restart=no\n", None),
        ("", None),
    ],
)
def test_restarts(more: str, seconds: float | None) -> None:
    """With the limit that is set, else five starts in ten seconds."""
    unit = read(f"[Service]\nExecStart=x\n{more}")
    assert unit is not None
    assert (unit.restart.seconds if unit.restart else None) == seconds


@given(st.text("[Service]\nExecStart=Environment\\\"'%$ ", max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read(f"[Service]\nExecStart=x\n{text}")
