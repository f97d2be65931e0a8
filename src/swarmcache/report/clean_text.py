"""`clean` for people: the selection as a sentence, the plan, what stays, and what was freed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.locale import listed, t, tn
from swarmcache.plans.clean.values import LEFTOVER_KINDS
from swarmcache.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.plans.clean import Cleaned, CleanPlan, Kept, LeftoverKind, Wishes
    from swarmcache.plans.plan import RemovalKind, Remove
    from swarmcache.report.terminal import Terminal

_DAY = 86400
_MATTERS = 20
"""What is less than a twentieth of the whole is not worth a line."""


def selection_sentence(wishes: Wishes) -> str:
    """Return what is selected, as a sentence."""
    parts = [_what(wishes)] if wishes.wants_models or wishes.limited else []
    if wishes.leftovers:
        parts.append(_leftovers(wishes.leftovers))
    return t("Selected: {parts}.", parts=t("; besides, ").join(parts))


def _leftovers(kinds: frozenset[LeftoverKind]) -> str:
    if kinds == frozenset(LEFTOVER_KINDS):
        return t("leftovers of every kind")
    return t("leftovers ({kinds})", kinds=listed(leftover_word(kind) for kind in sorted(kinds)))


def _what(wishes: Wishes) -> str:
    if wishes.models:
        names = [
            model.repo.spelled + (f"@{model.revision}" if model.revision else "")
            for model in wishes.models
        ]
        said = [listed(names)]
    else:
        said = [t("every model of the cache")]
    if wishes.detached:
        said.append(t("only revisions that no branch or tag names"))
    if wishes.older_than is not None:
        said.append(t("not used for {age}", age=_age(wishes.older_than)))
    if wishes.formats:
        formats = listed(sorted(wishes.formats))
        said.append(t("only weights in {formats} that safetensors files repeat", formats=formats))
    if wishes.spared:
        said.append(t("without {globs}", globs=listed(wishes.spared)))
    if wishes.budget is not None:
        size = human_bytes(wishes.budget)
        said.append(t("least harm first, until the cache holds {size}", size=size))
    if wishes.free is not None:
        size = human_bytes(wishes.free)
        said.append(t("least harm first, until {size} are free", size=size))
    return t(", ").join(said)


def plan_lines(plan: CleanPlan) -> Iterator[str]:
    """Yield the lines of a plan: each removal with its bytes, and the sum."""
    for step in plan.steps:
        yield t(
            "To remove: {what} ({kind}), {size}",
            what=_place(step, plan.cache),
            kind=removal_word(step.kind),
            size=human_bytes(step.bytes),
        )
    if not plan.steps:
        yield t("There is nothing to remove.")
        return
    yield t("Together {size}.", size=human_bytes(plan.freed_bytes_expected))


def kept_lines(terminal: Terminal, kept: Iterable[Kept]) -> Iterator[str]:
    """Yield a line for each thing that stays, with its reason; once for what is said twice."""
    for one in dict.fromkeys(kept):
        yield kept_line(terminal, one.what, one.reason)


def kept_line(terminal: Terminal, what: str, reason: str) -> str:
    """Return the line that says why something stays."""
    return f"{terminal.warn} " + t("Kept: {what}: {reason}", what=what, reason=reason)


def doubt_lines(terminal: Terminal, plan: CleanPlan) -> Iterator[str]:
    """Yield what could not be known, and what is missed."""
    if plan.uninspected:
        yield f"{terminal.warn} " + tn(
            "{n} process could not be looked into; what it has open is not known.",
            "{n} processes could not be looked into; what they have open is not known.",
            plan.uninspected,
        )
    if not plan.visible:
        yield f"{terminal.warn} " + t("This system does not tell which files are open.")
    if plan.shared * _MATTERS > plan.shared + plan.freed_bytes_expected:
        yield f"{terminal.warn} " + t(
            "{size} of it is shared with files that stay, here or elsewhere: that is not freed.",
            size=human_bytes(plan.shared),
        )
    if plan.short:
        size = human_bytes(plan.short)
        yield f"{terminal.bad} " + t("{size} more would have to go, and may not.", size=size)


def absent_lines(terminal: Terminal, plan: CleanPlan) -> Iterator[str]:
    """Yield a line for each model that was named and is not cached."""
    for model in plan.absent:
        name = model.repo.spelled + (f"@{model.revision}" if model.revision else "")
        yield f"{terminal.bad} " + t(
            "Nothing of {id} is cached in {cache}.", id=name, cache=plan.cache
        )


def cleaned_lines(
    terminal: Terminal, cleaned: Sequence[Cleaned], *, shared: bool = False
) -> Iterator[str]:
    """Yield what stayed after all, and what was freed; nothing for no removal.

    Of what is `shared` with another place nobody knows what it frees: no count tells of reflinks.
    """
    yield from kept_lines(terminal, (kept for one in cleaned for kept in one.kept))
    if cleaned and shared:
        count = sum(len(one.done) for one in cleaned)
        told = tn(
            "Removed {n} thing in the old place.", "Removed {n} things in the old place.", count
        )
        yield f"{terminal.ok} {told}"
    elif cleaned:
        yield _freed_line(terminal, cleaned)


def _freed_line(terminal: Terminal, cleaned: Sequence[Cleaned]) -> str:
    count = sum(len(one.done) for one in cleaned)
    size = human_bytes(sum(one.freed_bytes for one in cleaned))
    sign = terminal.ok if count or not any(one.kept for one in cleaned) else terminal.warn
    return f"{sign} " + tn(
        "Removed {n} thing; {size} are free again.",
        "Removed {n} things; {size} are free again.",
        count,
        size=size,
    )


def removal_word(kind: RemovalKind) -> str:
    """Return what a removal takes away, in the user's language."""
    words: dict[str, str] = {
        "repo": t("all of it"),
        "revision": t("a revision"),
        "ref": t("a ref"),
        "file": t("a repeated weights file"),
        "blob": t("a blob that nothing else uses"),
    }
    return words.get(kind) or leftover_word(kind)  # type: ignore[arg-type]


def leftover_word(kind: LeftoverKind) -> str:
    """Return a kind of leftover in the user's language."""
    words: dict[LeftoverKind, str] = {
        "partial": t("partial downloads"),
        "temporary": t("crash remains"),
        "orphan": t("blobs that no revision uses"),
        "payload": t("shared blobs that no repo uses"),
        "manifest": t("lists of files"),
        "marks": t("marks of absent files"),
        "broken": t("remains of broken repos"),
        "locks": t("locks of dead processes"),
        "xet": t("dead chunk caches of Xet"),
        "legacy": t("old transformers files"),
        "trash": t("trash"),
    }
    return words[kind]


def _place(step: Remove, cache: str) -> str:
    if step.repo is None:
        inside = step.path.startswith(cache + "/")
        return os.path.relpath(step.path, cache) if inside else step.path
    if step.kind == "repo":
        return step.repo.spelled
    if step.kind == "revision":
        return step.repo.at(step.commit)
    folder = step.path[len(cache) + 1 :].partition("/")[2]
    return f"{step.repo.spelled} {folder}"


def _age(seconds: float) -> str:
    days = int(seconds // _DAY)
    return tn("{n} day", "{n} days", days) if days else human_seconds(seconds)
