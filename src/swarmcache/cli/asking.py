"""Asking before something is removed: on a terminal only, and never when told not to."""

from __future__ import annotations

import sys

import click

from swarmcache.locale import t


def somebody_is_there() -> bool:
    """Tell whether there is a terminal on which somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def refuse_unasked(sentence: str = "") -> None:
    """Raise UsageError where nobody can be asked; without a `sentence` something is removed."""
    if not somebody_is_there():
        removes = t("Without a terminal nothing can be asked; add --yes to remove, or --dry-run.")
        raise click.UsageError(sentence or removes)


def agreed(question: str) -> bool:
    """Return the answer; Enter means no."""
    return click.confirm(question, prompt_suffix=" ", err=True)
