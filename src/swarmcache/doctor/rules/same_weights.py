"""SC304: different repos with equal weights, so that the same bytes are fetched and kept twice.

Told by the hashes of what is cached; else, as a guess that says so, by owners who publish others'
models again.

What it cannot know: equal weights of repos that are not cached and have different names; and
whether an owner has changed a file, where it goes by names.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.scan import read_repo, repo_names
from swarmcache.locale import t
from swarmcache.project.loads.mirrors import same_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.values import Load

_WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt")
_SHA256 = 64


def check(case: Case) -> Iterator[Finding]:
    """Find pairs of repos among all that the project names."""
    named: dict[str, Load] = {}
    for load in case.project.loads:
        if load.kind not in {"dataset", "ollama"} and not load.in_tests:
            for repo in load.repos:
                named.setdefault(repo, load)
    hashes = _hashes(case, named) if len(named) > 1 else {}
    for one, other in combinations(named, 2):
        first, second = hashes.get(one), hashes.get(other)
        if first and second:
            if first == second:
                yield _found(one, other, named, hashed=True)
        elif same_model(one, other):
            yield _found(one, other, named, hashed=False)


def _hashes(case: Case, named: dict[str, Load]) -> dict[str, frozenset[str]]:
    """Return the blob names of each cached repo's weights; a blob is named by its SHA-256."""
    cache = case.node.location.path
    if not cache_exists(cache):
        return {}
    here = set(repo_names(cache))
    found: dict[str, frozenset[str]] = {}
    for repo in named:
        name = RepoName("model", repo)
        if name not in here:
            continue
        found_here = read_repo(cache, name, case.tiers)
        blobs = {
            file.blob.name
            for revision in (found_here.revisions if found_here is not None else ())
            for file in revision.files
            if file.blob is not None and file.path.endswith(_WEIGHTS)
        }
        if blobs and all(len(blob) == _SHA256 for blob in blobs):
            found[repo] = frozenset(blobs)
    return found


def _found(one: str, other: str, named: dict[str, Load], *, hashed: bool) -> Finding:
    if hashed:
        message = t("{one} and {other} have equal weights, byte for byte.", one=one, other=other)
    else:
        message = t(
            "{one} and {other} are named as the same model by two owners; whether their weights are"
            " equal is told by their hashes once both are cached.",
            one=one,
            other=other,
        )
    message += " " + t("Each is downloaded and kept on its own.")
    return RULE.finding(
        t("the same weights under two names") if hashed else t("perhaps one model under two names"),
        message,
        named[other].span,
        evidence=[Evidence(named[one].span, t("the other name"))],
        fix=Fix("display", t("Name one of them everywhere: {model}", model=one)),
        severity="warning" if hashed else "info",
        confidence="high" if hashed else "low",
    )


RULE = Rule("SC304", "same-weights", "warning", "high", check)
