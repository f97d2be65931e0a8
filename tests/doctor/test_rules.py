"""What holds of every rule: a code and name of its own, and a page that tells all."""

from __future__ import annotations

import pathlib
import re

import pytest

from swarmcache.doctor.engine import all_rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ROOT / "src/swarmcache/doctor/pages"
TABLE = ROOT / "docs/rules/README.md"
LINK = "../../src/swarmcache/doctor/pages"
RULES = all_rules()


def test_codes_and_names_are_unique() -> None:
    """Both are what people write into comments and settings."""
    assert len({rule.code for rule in RULES}) == len(RULES) == len({rule.name for rule in RULES})
    assert all(re.fullmatch(r"SC\d{3}", rule.code) for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_each_rule_has_a_page(rule) -> None:
    """With before and after, and what it cannot know; and a row in the table."""
    page = (PAGES / f"{rule.code}-{rule.name}.md").read_text()
    assert page.startswith(f"# {rule.code} {rule.name}\n")
    for part in ("Before:", "After", "**It cannot know**"):
        assert part in page, part
    row = f"| [{rule.code}]({LINK}/{rule.code}-{rule.name}.md) | {rule.name} | {rule.severity} |"
    assert row in TABLE.read_text()


def test_the_table_names_no_other() -> None:
    """A rule that went takes its page along."""
    rows = re.findall(r"^\| \[(SC\d+)\]", TABLE.read_text(), re.MULTILINE)
    assert rows == [rule.code for rule in RULES]
    pages = {path.name[:5] for path in PAGES.glob("SC*.md")}
    assert pages == {rule.code for rule in RULES}
