"""What a test tells of a variable: behind `[ -n "$NAME" ]` it is neither unset nor empty.

In an arm of `case $NAME in` it matches the arm's patterns and none of those before.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
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


def matching(
    variables: dict[str, Alternatives], subject: str, patterns: str, *, holds: bool
) -> dict[str, Alternatives]:
    """Return what variables may still be in an arm of `case`, or behind it.

    `patterns` are as written, with blanks between; one that depends on anything tells nothing.
    """
    match = re.fullmatch(_NAME, subject.strip())
    if (
        match is None
        or match["name"] not in variables
        or re.search(r"[$`()\\]|[\"'].*\s", patterns)
    ):
        return variables
    wanted = [pattern.strip("\"'") for pattern in patterns.split()]
    left = [s for s in of(variables, match["name"]) if _may_match(s, wanted, holds=holds)]
    return {**variables, match["name"]: tuple(left)} if left else variables


def _may_match(setting: Setting | None, patterns: list[str], *, holds: bool) -> bool:
    found = "" if setting is None else setting.value
    return found is None or any(fnmatchcase(found, one) for one in patterns) is holds


def _may_be_filled(setting: Setting | None, *, filled: bool) -> bool:
    if setting is None or setting.value == "":
        return not filled
    return filled or setting.value is None


def _may_equal(setting: Setting | None, value: str, *, equal: bool) -> bool:
    found = "" if setting is None else setting.value
    return found is None or (found == value) is equal
