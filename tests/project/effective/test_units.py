"""What systemd, supervisor and cron start, wherever they are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.effective.loaders import Loader

UNIT = """\
[Service]
User=root
WorkingDirectory=/opt/swarm
Environment=HF_HOME=/srv/hf
ExecStart=/usr/bin/python train.py
"""
CRON = "HF_HOME=/srv/hf\n@reboot cd /opt/swarm && python train.py\n"
SUPERVISOR = """\
[program:swarm]
command=python /opt/swarm/train.py
environment=HF_HOME="/srv/hf"
"""


def loader_of(folder: Path, files: dict[str, str]) -> Loader:
    """Return the one program that loads models and is not called by hand."""
    (found,) = (one for one in case(folder, files).project.loaders if one.execution.root.alone)
    return found


def value(loader: Loader, name: str) -> list[str | None]:
    """Return what a program may find in a variable."""
    return [one and one.value for one in loader.execution.variable(name)]


def script(text: str, path: str, mark: str = "'EOF'") -> str:
    """Return a script that writes a file."""
    return f"sudo tee {path} > /dev/null <<{mark}\n{text}EOF\n"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"a.service": UNIT}, "a.service"),
        ({"deploy/supervisord.conf": SUPERVISOR}, "swarm"),
        ({"crontab": CRON}, "crontab:2"),
        ({"etc/cron.d/swarm": CRON.replace("cd", "root cd")}, "swarm:2"),
        ({"install.sh": script(UNIT, "/etc/systemd/system/a.service")}, "a.service"),
        ({"install.sh": script(UNIT, "/etc/systemd/system/a.service", "EOF")}, "a.service"),
        ({"install.sh": script(SUPERVISOR, '"$DIR/s.conf"')}, "swarm"),
        ({"install.sh": script(CRON.replace("cd", "root cd"), "/etc/cron.d/swarm")}, "swarm:2"),
        ({"install.sh": f"cat <<EOF | sudo tee /etc/x/a.service\n{UNIT}EOF\n"}, "a.service"),
        ({"install.sh": f"cat <<EOF > a.service\n{UNIT}EOF\n"}, "a.service"),
    ],
)
def test_each_feeds_the_walk(files: dict[str, str], name: str, tmp_path: Path) -> None:
    """Also where a script writes it; `/opt/swarm` is where the project will lie."""
    loader = loader_of(tmp_path, files)
    assert (loader.execution.root.name, loader.modules) == (name, ("train",))
    assert value(loader, "HF_HOME") == ["/srv/hf"]


def test_an_entry_handed_to_crontab(tmp_path: Path) -> None:
    """By `echo`, as most installers do it."""
    line = '(crontab -l; echo "@reboot cd /opt/swarm && python train.py") | crontab -\n'
    loader = loader_of(tmp_path, {"install.sh": line})
    assert (loader.execution.root.kind, loader.execution.span.line) == ("cron", 1)
    assert value(loader, "HF_HOME") == [None]
    other = case(tmp_path / "b", {"install.sh": line.replace("| crontab -", "> note.txt")})
    assert other.project.loaders == ()


def test_what_a_shell_fills_in(tmp_path: Path) -> None:
    """Is in the unit that it writes, unless its mark is quoted."""
    text = UNIT.replace("/srv/hf", "$ROOT/hf")
    path = "/etc/systemd/system/a.service"
    written = script(text, path, "EOF")
    asked = f"read ROOT\n{written}"
    assert value(loader_of(tmp_path / "a", {"i.sh": asked}), "HF_HOME") != ["$ROOT/hf"]
    known = f"ROOT=/data\n{written}"
    assert value(loader_of(tmp_path, {"i.sh": known}), "HF_HOME") == ["/data/hf"]
    quoted = loader_of(tmp_path / "b", {"i.sh": script(text, path)})
    assert value(quoted, "HF_HOME") == ["$ROOT/hf"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", [None]),
        (". /opt/venv/bin/activate && ", [None]),
        (". ~/.profile && ", [None, None]),
        ("source /etc/swarm.env; ", [None, None]),
    ],
)
def test_cron_reads_no_profile(before: str, expected: list[None], tmp_path: Path) -> None:
    """Unless it is told to: then anything may be set."""
    line = f"@reboot cd /opt/swarm && {before}python train.py\n"
    found = loader_of(tmp_path, {"crontab": line}).execution.variable("HF_HOME")
    assert [one and one.value for one in found] == expected


def test_login_shells_read_profiles(tmp_path: Path) -> None:
    """`bash -lc`."""
    line = "@reboot bash -lc 'cd /opt/swarm && python train.py'\n"
    found = loader_of(tmp_path, {"crontab": line}).execution.variable("HF_HOME")
    assert len(found) == 2


def test_supervisor_hands_on_what_it_has(tmp_path: Path) -> None:
    """Which is not known."""
    text = "[program:swarm]\ncommand=python /opt/swarm/train.py\n"
    found = loader_of(tmp_path, {"s.conf": text}).execution.variable("HF_HUB_CACHE")
    assert [one and one.value for one in found] == [None, None]
    assert len(found) == 2


def test_a_script_that_a_script_writes_is_started(tmp_path: Path) -> None:
    """With the environment of that moment."""
    text = (
        "export HF_HOME=/srv/hf\ncat > start.sh <<'EOF'\n#!/bin/bash\nexport A=1\n"
        "python train.py\nEOF\nbash start.sh\n"
    )
    (loader,) = case(tmp_path, {"run.sh": text}).project.loaders
    assert value(loader, "HF_HOME") == ["/srv/hf"]
    assert loader.execution.span.line == 5
