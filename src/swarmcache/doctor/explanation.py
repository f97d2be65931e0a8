"""What a rule finds, by its page in the documentation."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from swarmcache.doctor.engine import all_rules
from swarmcache.errors import SettingsError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence


def explanation(code: str) -> Sequence[str]:
    """Return the lines of a rule's page; raises SettingsError for a code or name of no rule."""
    for rule in all_rules():
        if code.upper() == rule.code or code == rule.name:
            page = files("swarmcache.doctor") / "pages" / f"{rule.code}-{rule.name}.md"
            return page.read_text("utf-8").splitlines()
    raise SettingsError(
        t("{code} is none of doctor's rules.", code=code), hint="swarmcache doctor --help"
    )
