"""SC303: no commit is pinned: each start asks the Hub what `main` is, and may get another model.

Where an environment variable decides which model is loaded, what the scripts export counts.
Examples, benchmarks, documentation and tests are not looked at.

What it cannot know: names that only running tells; and pins that `swarmcache run` takes from
`swarmcache.lock`, with which nothing is said.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.loads.names import effective_names
from swarmcache.project.needs.sites import is_repo_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.values import Load

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ASIDE = re.compile(
    r".*\.ipynb$|(?:^|/)(?:examples?|benchmarks?|docs?|demos?|tutorials?|notebooks?)/"
)
_KINDS = frozenset({"model", "tokenizer", "config", "processor", "pipeline", "snapshot", "engine"})


def check(case: Case) -> Iterator[Finding]:
    """Find the first site without a commit, with the others as evidence: one finding."""
    if os.path.exists(os.path.join(case.project.folder, "swarmcache.lock")):
        return
    loads = [one for one in case.project.loads if _floats(one, case)]
    if not loads:
        return
    first, *others = loads
    repos = list(dict.fromkeys(repo for load in loads for repo in _names(load, case)))
    message = t(
        "No commit is pinned for {models}: each start asks the Hub for the newest one, and what is"
        " loaded may change without a word.",
        models=", ".join(repos[:5]) + (" …" if len(repos) > 5 else ""),  # noqa: PLR2004
    )
    yield RULE.finding(
        t("no commit pinned"),
        message,
        first.span,
        evidence=[Evidence(one.span, t("not pinned either")) for one in others[:5]],
        fix=Fix("display", "swarmcache lock && swarmcache run -- …"),
    )


def _floats(load: Load, case: Case) -> bool:
    if load.kind not in _KINDS or load.in_tests or _ASIDE.search(load.span.file):
        return False
    if not _names(load, case):
        return False
    revision = load.options.get("revision") or load.options.get("model_revision")
    if revision is None:
        return not load.open
    return isinstance(revision.value, str) and not _COMMIT.fullmatch(revision.value)


def _names(load: Load, case: Case) -> list[str]:
    found = effective_names(case.project, load)
    return [name for name in found if is_repo_id(name, case.project.folder)]


RULE = Rule("SC303", "floating-revision", "info", "high", check)
