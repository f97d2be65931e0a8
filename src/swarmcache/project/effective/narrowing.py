"""What a test tells of a variable: behind `[ -n "$NAME" ]` it is neither unset nor empty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.values import of

if TYPE_CHECKING:
    from swarmcache.project.effective.values import Alternatives, Setting

_NAME = r"[\"']?\$\{?(?P<name>\w+)(?::?-)?\}?[\"']?"
_TEST = re.compile(
    rf"(?P<not>!\s*)?(?:\[\[?|test)\s+(?:(?P<unary>-n|-z)\s+)?{_NAME}"
    r"(?:\s+(?P<operator>==?|!=)\s+(?P<value>\"[^\"$`]*\"|'[^']*'|[\w./:-]*))?\s*(?:\]\]?)?"
)
"""One test of one variable; anything longer tells nothing."""


def narrowed(
    variables: dict[str, Alternatives], test: str, *, holds: bool
) -> dict[str, Alternatives]:
    """Return what variables may still be where a test holds, or does not."""
    match = _TEST.fullmatch(test.strip())
    if match is None or match["name"] not in variables:
        return variables
    if match["not"]:
        holds = not holds
    if match["operator"]:
        value = match["value"].strip("\"'")
        equal = holds is (match["operator"] != "!=")
        left = [s for s in of(variables, match["name"]) if _may_equal(s, value, equal=equal)]
    else:
        filled = holds is (match["unary"] != "-z")
        left = [s for s in of(variables, match["name"]) if _may_be_filled(s, filled=filled)]
    # Where nothing is left, this way is never taken; then what was there is as good as any.
    return {**variables, match["name"]: tuple(left)} if left else variables


def _may_be_filled(setting: Setting | None, *, filled: bool) -> bool:
    if setting is None or setting.value == "":
        return not filled
    return filled or setting.value is None


def _may_equal(setting: Setting | None, value: str, *, equal: bool) -> bool:
    found = "" if setting is None else setting.value
    return found is None or (found == value) is equal
