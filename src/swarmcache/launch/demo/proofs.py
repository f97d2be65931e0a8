"""What must be true after a step of the story; each proof returns the sentences that deny it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmcache.launch.demo.models import Model
    from swarmcache.launch.demo.stage import Finished

SLACK = 3.0
"""Seconds that a start may differ by chance; one wait for a dead network takes 10 or more."""


def ended_with(expected: int, finished: Finished) -> list[str]:
    """Deny that the command ended in time with the expected exit code."""
    if finished.timed_out:
        return [t("It was ended after {seconds} s.", seconds=round(finished.seconds))]
    if finished.exit_code != expected:
        found = finished.exit_code
        return [t("It ended with {found}, not {expected}.", found=found, expected=expected)]
    return []


def spoke_of(models: Sequence[Model], lines: Sequence[str]) -> list[str]:
    """Deny that the output speaks of a model, and that it is free of tracebacks."""
    text = "\n".join(lines)
    if "Traceback (most recent call last)" in text:
        return [t("It failed with a traceback.")]
    if not any(model.repo_id in text for model in models):
        return [t("It did not name any model of the project.")]
    return []


def sent(requests: int, *, some: bool) -> list[str]:
    """Deny that requests were sent, or that none were."""
    if some and not requests:
        return [t("Nothing was asked of the Hub.")]
    if requests and not some:
        return [
            tn(
                "{n} request was sent, expected none.",
                "{n} requests were sent, expected none.",
                requests,
            )
        ]
    return []


def left_out(cache: str, file_name: str) -> list[str]:
    """Deny that a second format of the same weights was not fetched."""
    found = [folder for folder, _, names in os.walk(cache) if file_name in names]
    return [t("{path} was fetched without need.", path=os.path.join(f, file_name)) for f in found]


def everything_read(record: str, models: Sequence[Model]) -> list[str]:
    """Deny that the trainer read every tensor of two models, byte for byte as on the Hub.

    `record` is the file that this start's trainer wrote.
    """
    try:
        with open(record, encoding="utf-8") as file:
            loaded: Mapping[str, Mapping[str, object]] = json.load(file)
    except (OSError, ValueError):
        return [t("The trainer left no record at {path}.", path=record)]
    known = {model.repo_id: {"tensors": model.tensors, "digest": model.digest} for model in models}
    wrong = [repo_id for repo_id, found in loaded.items() if known.get(repo_id) != found]
    if len(loaded) != 2:  # noqa: PLR2004 - the trained one and the judge
        return [t("The trainer loaded {count} models, not 2.", count=len(loaded))]
    return [t("The trainer read other tensors than {model} has.", model=name) for name in wrong]


def as_fast_as(usual: float, finished: Finished) -> list[str]:
    """Deny that a start took no longer than the usual one."""
    more = finished.seconds - usual
    if more > SLACK:
        return [t("It took {seconds} s longer than with the Hub up.", seconds=f"{more:.1f}")]
    return []
