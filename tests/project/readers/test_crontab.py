"""Crontabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.crontab import read_crontab
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from swarmcache.project.readers.units import Unit


def read(text: str, path: str = "/p/crontab") -> list[Unit]:
    """Read a text as a crontab."""
    return list(read_crontab(Source("crontab", path, text.encode())))


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("@reboot cd /srv && ./run.sh", "cd /srv && ./run.sh"),
        ("*/5 0-6 1,15 * mon-fri  python train.py", "python train.py"),
        ("0 0 * * * date +\\%F > x", "date +%F > x"),
        ("0 0 * * * cat > x%one%two", "cat > x"),
        ("  0 4 * * *\troot run", "run"),
    ],
)
def test_entries(line: str, command: str) -> None:
    """A command ends at a bare `%`; nobody calls a command `root`."""
    (entry,) = read(f"# 1 * * * * not this\n{line}\n")
    assert entry.script is not None
    assert (entry.script.text, entry.span.line, entry.manager) == (command, 2, "cron")


@pytest.mark.parametrize(
    "line", ["", "# x", "PATH=/bin", "nonsense", "* * * *", "1 2 3 4 5", "@x y"]
)
def test_what_is_no_entry(line: str) -> None:
    """Comments, variables, too few fields."""
    assert read(line + "\n") == []


def test_variables_hold_for_what_is_below() -> None:
    """Quotes go, and nothing is filled in."""
    first, second = read("A = 'b c'\n@daily one\nHF_HOME=$HOME/hf\n@daily two\n")
    assert [(one.name, one.value.literal) for one in first.environment] == [("A", "b c")]
    assert [one.value.literal for one in second.environment] == ["b c", "$HOME/hf"]


def test_users_in_the_systems_own() -> None:
    """Only there a name stands before the command."""
    (one,) = read("@reboot joe ./run.sh\n", "/p/cron.d/swarm")
    assert (one.user, one.script and one.script.text) == ("joe", "./run.sh")
    (other,) = read("@reboot joe ./run.sh\n")
    assert (other.user, other.script and other.script.text) == ("", "joe ./run.sh")


@given(st.text("@reboot*/,-0159 %\\=\"'\n", max_size=200), st.booleans())
def test_nothing_makes_it_fail(text: str, of_system: bool) -> None:
    """Whatever the file holds."""
    list(read_crontab(Source("c", "/p/c", text.encode()), of_system=of_system))
