"""Programs of supervisor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.shell.syntax import Opaque
from swarmcache.project.readers.supervisor import read_programs
from swarmcache.project.readers.units import Restart, Unit
from swarmcache.project.sources import Source

TEXT = """\
[supervisord]
environment=SHARED="1"
directory=/srv
; [program:not]
[program:swarm]
command=/bin/bash -c "exec python train.py"  ; no part of it
user=joe
environment=PYTHONPATH="/a b",
    HF_HOME='%(here)s/hf',TOKEN=%(ENV_TOKEN)s
autorestart=true
startretries = 300
[program:side]
command: python side.py
directory=/srv/side
[eventlistener:x]
command=x
"""


def read(text: str) -> list[Unit]:
    """Read a text as a configuration of supervisor."""
    return list(read_programs(Source("s.conf", "/p/s.conf", text.encode())))


def test_programs() -> None:
    """Words, variables, continued lines and comments."""
    swarm, side = read(TEXT)
    assert (swarm.name, swarm.user, swarm.span.line, side.name) == ("swarm", "joe", 5, "side")
    assert [[word.literal for word in words] for words in swarm.commands] == [
        ["/bin/bash", "-c", "exec python train.py"]
    ]
    assert {one.name: one.value.parts for one in swarm.environment} == {
        "SHARED": ("1",),
        "PYTHONPATH": ("/a b",),
        "HF_HOME": ("/p", "/hf"),
        "TOKEN": (Opaque("%(ENV_TOKEN)s"),),
    }
    assert swarm.environment[2].span.line == 8
    folders = [unit.working_dir.literal for unit in (swarm, side) if unit.working_dir]
    assert folders == ["/srv", "/srv/side"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("autorestart=true\n", ("true", True)),
        ("", ("unexpected", False)),
        ("autorestart=unexpected\nstartsecs=10\n", ("unexpected", False)),
        ("autorestart=false\n", None),
        ("autorestart=true\nstartsecs=120\n", None),
    ],
)
def test_restarts(more: str, expected: tuple[str, bool] | None) -> None:
    """What lives longer than `startsecs` comes back without any limit."""
    (unit,) = read(f"[program:a]\ncommand=x\n{more}")
    found = unit.restart
    assert (found if found is None else (found.policy, found.always)) == expected
    assert found is None or isinstance(found, Restart)


@given(st.text("[program:a]\ncommand=environment\"'%(), ;", max_size=200))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read(f"[program:x]\ncommand=x\n{text}")
