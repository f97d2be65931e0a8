"""What takes the space of a cache, and what may go, for people who have not said what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from swarmcache.locale import listed, t, tn
from swarmcache.report.clean_text import kept_line, leftover_word
from swarmcache.units import human_age, human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.plans.clean.offers import Held, Offer, OfferKind, Offers
    from swarmcache.report.terminal import Terminal

LETTERS: dict[OfferKind, str] = {
    "leftovers": "l",
    "repeated": "r",
    "detached": "d",
    "unused": "u",
    "budget": "b",
    "all": "a",
}
"""What one types for each choice."""
_SHOWN = 30
"""Repos in the table; the others are small, and have numbers too."""


def offers_lines(terminal: Terminal, offers: Offers) -> Iterator[str]:
    """Yield the repos with their numbers, the leftovers, and each choice with its letter."""
    yield tn(
        "Cache {path}: {size} in {n} repo, {free} free on its disk",
        "Cache {path}: {size} in {n} repos, {free} free on its disk",
        len(offers.repos),
        path=offers.cache,
        size=human_bytes(offers.held_bytes),
        free=human_bytes(offers.free_bytes),
    )
    if offers.repos:
        yield ""
        yield from _table(terminal, offers.repos[:_SHOWN])
        for held in offers.repos[:_SHOWN]:
            if held.kept:
                yield kept_line(terminal, held.repo.spelled, held.kept)
    if len(offers.repos) > _SHOWN:
        yield t("… and {n} smaller ones, numbered on", n=len(offers.repos) - _SHOWN)
    if offers.leftovers:
        kinds = offers.leftovers.items()
        parts = [f"{leftover_word(kind)} {human_bytes(count)}" for kind, count in kinds]
        yield t("Leftovers: {parts}", parts=listed(parts))
    if offers.offers:
        yield ""
        yield t("What may go:")
        yield from _choices(offers.offers)


def _table(terminal: Terminal, repos: Sequence[Held]) -> list[str]:
    now = time.time()
    columns = ("", t("ON DISK"), t("CACHED"), t("LAST USED"), t("MODEL"))
    rows = [
        (
            str(number),
            human_bytes(held.bytes),
            human_age(now - held.since) if held.since else "–",
            human_age(now - held.last_used) if held.last_used else "–",
            held.repo.spelled,
        )
        for number, held in enumerate(repos, 1)
    ]
    return terminal.table(columns, rows)


def _choices(offers: Sequence[Offer]) -> Iterator[str]:
    sizes = [human_bytes(offer.freed_bytes) for offer in offers]
    width = max(map(len, sizes))
    for offer, size in zip(offers, sizes, strict=True):
        yield f"  {LETTERS[offer.kind]}  {size:>{width}}  {_what(offer)}"


def _what(offer: Offer) -> str:
    words: dict[OfferKind, str] = {
        "leftovers": t("leftovers, which no revision needs"),
        "repeated": t("weights that safetensors files repeat"),
        "detached": t("revisions that no branch or tag names"),
        "unused": t("models that were not used for 30 days"),
        "budget": t(
            "least harm first, until the cache holds {size}",
            size=human_bytes(offer.wishes.budget or 0),
        ),
        "all": t("everything that nobody needs or uses now"),
    }
    return words[offer.kind]
