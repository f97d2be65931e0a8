"""`swarmcache clean` without a word, on a terminal: what takes the space, and a choice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from swarmcache.cli.pinning import project_pins
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.cli.invocation import Invocation
    from swarmcache.plans.clean import Wishes
    from swarmcache.plans.clean.offers import Offers

_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


def chosen(invocation: Invocation) -> Wishes | None:
    """Show what takes the space and return what its user wants to go; None for nothing."""
    from swarmcache.plans.clean.offers import survey  # noqa: PLC0415 - needs a person
    from swarmcache.report.offers_text import offers_lines  # noqa: PLC0415

    terminal = invocation.terminal
    offers = survey(
        invocation.location.path,
        invocation.environment,
        pins=project_pins(invocation),
        tiers=invocation.settings.tiers,
        budget=invocation.settings.budget,
        python=invocation.python,
    )
    terminal.lines(offers_lines(terminal, offers))
    if not (offers.repos or offers.offers):
        return None
    question = t("What shall go? Numbers such as 1,3-5, a letter, or Enter for nothing:")
    wishes: Wishes | None = click.prompt(
        question,
        default="",
        show_default=False,
        prompt_suffix=" ",
        err=True,
        value_proc=lambda answer: _wished(answer, offers),
    )
    return wishes


def _wished(answer: str, offers: Offers) -> Wishes | None:
    """Return what an answer means; click tells a BadParameter to its user, and asks again."""
    try:
        return wished(answer, offers) if answer.strip() else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def wished(answer: str, offers: Offers) -> Wishes:
    """Return what an answer means; ValueError, with a sentence, for one that means nothing.

    Numbers name models, and `l` adds the leftovers to any other choice.
    """
    from swarmcache.plans.clean import Named, Wishes  # noqa: PLC0415
    from swarmcache.report.offers_text import LETTERS  # noqa: PLC0415

    by_letter = {LETTERS[offer.kind]: offer for offer in offers.offers}
    words = [word for word in re.split(r"[\s,，、]+", answer.strip().lower()) if word]
    numbers: list[int] = []
    letters: list[str] = []
    for word in words:
        if word in by_letter:
            letters.append(word)
        else:
            numbers += _numbers(word, len(offers.repos))
    kinds = [by_letter[letter].wishes for letter in dict.fromkeys(letters)]
    if numbers:
        named = [Named(offers.repos[number - 1].repo, None) for number in dict.fromkeys(numbers)]
        kinds.insert(0, Wishes(models=tuple(named)))
    models = [one for one in kinds if one.wants_models or one.limited]
    if len(models) > 1:
        raise ValueError(t("One of these at a time, please; only l goes with another."))
    leftovers = frozenset(kind for one in kinds for kind in one.leftovers)
    return (models[0] if models else Wishes())._replace(leftovers=leftovers)


def _numbers(word: str, count: int) -> range:
    found = _RANGE.fullmatch(word)
    first = int(found[1]) if found else 0
    last = int(found[2] or first) if found else 0
    if not 1 <= first <= last <= count:
        raise ValueError(t("{text} is none of the choices.", text=word))
    return range(first, last + 1)
