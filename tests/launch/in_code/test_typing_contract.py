"""What a type checker tells users of the public API: right uses pass, wrong ones are named."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import swarmcache

RIGHT = """\
import pathlib

import swarmcache


def path_of(model: str) -> str:
    return swarmcache.ensure(model, cache_dir=pathlib.Path("/srv/hub"), offline=True)


def told(model: str) -> str:
    outcome: swarmcache.Outcome = swarmcache.check(model, cache_dir="/srv/hub")
    match outcome:
        case swarmcache.Complete(snapshot=snapshot, size=size):
            return f"{snapshot}: {size + 1}"
        case swarmcache.Incomplete(missing=missing) | swarmcache.Missing(missing=missing):
            return ", ".join(missing)
        case swarmcache.Damaged(damaged=damaged):
            return ", ".join(damaged)
        case swarmcache.Unknown(reason=reason):
            return reason


def train() -> None:
    swarmcache.register_resolvers()
    try:
        with swarmcache.lease("org/a", "org/b"):
            print(path_of("org/a").upper())
    except swarmcache.SwarmcacheError as error:
        print(error.message, error.hint, error.exit_code + 1)
"""
WRONG = {
    "swarmcache.ensure(5)": "arg-type",
    "swarmcache.ensure()": "call-arg",
    "swarmcache.ensure('org/a', '/srv/hub')": "call-arg",
    "swarmcache.ensure('org/a', revision='main')": "call-arg",
    "swarmcache.ensure('org/a') + 1": "operator",
    "swarmcache.ensure('org/a', offline='no')": "arg-type",
    "swarmcache.check('org/a').path": "union-attr",
    "swarmcache.check('org/a').state == 'good'": "comparison-overlap",
    "swarmcache.check('org/a').snapshot.upper()": "union-attr",
    "swarmcache.check('org/a', full=True)": "call-arg",
    "swarmcache.lease('org/a').upper()": "attr-defined",
    "swarmcache.register_resolvers('here')": "call-arg",
    "swarmcache.ensured": "attr-defined",
}
"""Statements, and the code of the error that mypy has for each."""
SOURCE = pathlib.Path(swarmcache.__file__).parent.parent


def mypy(folder: pathlib.Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run mypy --strict on a user's program, with our package as it is installed for it."""
    (folder / "program.py").write_text(program)
    options = ["--strict", "--no-error-summary", "--hide-error-context", "--no-color-output"]
    options += ["--config-file=", "--cache-dir", str(folder / "cache")]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(SOURCE), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_our_package_is_typed_for_its_users(tmp_path: pathlib.Path) -> None:
    """Every right use passes, exhaustive `match` included; every wrong one is an error."""
    right = mypy(tmp_path, RIGHT)
    assert (right.returncode, right.stdout) == (0, "")

    wrong = mypy(tmp_path, "\n".join(["import swarmcache", "", *WRONG]) + "\n")
    told = [line.rpartition(" [") for line in wrong.stdout.splitlines() if ": error:" in line]
    found = {int(line.split(":")[1]): code.rstrip("]") for line, _, code in told}
    assert found == dict(enumerate(WRONG.values(), start=3)), wrong.stdout
