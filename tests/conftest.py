"""What every test has: a clean environment, and marked suites that say how to run them.

A test marked with one of `SUITES` is skipped unless its suite is asked for by `pytest -m …` or
FULL=1; the end of the run says how many were skipped and which command runs them.
"""

from __future__ import annotations

import collections
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest

from swarmcache import locale
from swarmcache.hubcache import layers, linking

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITES = {
    "compat": "make test-compat",
    "torch": "make test-torch",
    "browser": "pytest -m browser",
    "slow": "make test FULL=1",
}
"""Every suite that a plain run leaves out, and the command that runs it."""
OUTSIDE = dict(os.environ)
"""The environment that the tests were started in: its index settings are for tests that install."""
SURPRISES = re.compile(
    r"(?:HF|HUGGING_?FACE|TRANSFORMERS|PYTORCH|TORCH|SWARMCACHE|XDG|LC|PIP|UV)_.*"
    r"|LANG|LANGUAGE|.*_PROXY|MODEL_NAME|VIRTUAL_ENV|NO_COLOR|FORCE_COLOR|COLUMNS"
    r"|PYTHON(?:UNBUFFERED|DONTWRITEBYTECODE|IOENCODING|UTF8|WARNINGS|OPTIMIZE)",
    re.IGNORECASE,
)
HARMLESS = frozenset({"SWARMCACHE_COMPAT_ENVS", "SWARMCACHE_JUDGED"})
"""Where the compat environments and clones of judged projects are: they decide no answer."""

IGNORED_BY_STARTERS = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGQUIT: signal.SIG_DFL,
}
"""What `nohup`, cron and a shell's `&` leave ignored, and every child would inherit from us."""
for _number, _action in IGNORED_BY_STARTERS.items():
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _action)


def clean_environment(home: str) -> dict[str, str]:
    """Return OUTSIDE without what could decide a test's answer, its home in `home`."""
    kept = {
        name: value
        for name, value in OUTSIDE.items()
        if name in HARMLESS or not SURPRISES.fullmatch(name)
    }
    return {**kept, "HOME": home, "LANG": "C.UTF-8"}


@pytest.fixture(autouse=True)
def _clean(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    cleaned = clean_environment(str(tmp_path_factory.mktemp("home")))
    for name in set(os.environ) - set(cleaned) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in cleaned.items():
        monkeypatch.setenv(name, value)
    locale.use("en")
    # One test's disk gets the device number that another's had.
    layers._is_overlays.cache_clear()
    linking.may_reflink.cache_clear()
    linking._disks.clear()
    yield
    locale.use("en")


@pytest.fixture(scope="session")
def outside() -> dict[str, str]:
    """Return the environment that the tests were started in, for those that install packages."""
    return dict(OUTSIDE)


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's own variables from libraries that read them once, at import.

    Not in the process that only hands tests out: its workers are to see OUTSIDE as it was.
    """
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        os.environ.clear()
        os.environ.update(clean_environment("/nonexistent"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the suites that were not asked for."""
    asked = set(re.findall(r"\w+", config.option.markexpr or ""))
    full = {"slow"} if OUTSIDE.get("FULL") else set()
    for item in items:
        suites = SUITES.keys() & {mark.name for mark in item.iter_markers()}
        if not suites & asked and not suites <= full:
            suite = next(name for name in SUITES if name in suites - full)
            item.add_marker(pytest.mark.skip(reason=f"{suite}: {SUITES[suite]}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out: suites with their command, other tests with their reason."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = collections.Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped
    )
    for reason, count in sorted(reasons.items()):
        suite = reason.partition(":")[0]
        what = f"{suite} tests, run by: {SUITES[suite]}" if suite in SUITES else f"tests: {reason}"
        terminalreporter.write_line(f"left out: {count} {what}")
