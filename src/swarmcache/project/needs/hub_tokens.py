"""What a config says of uploads: the tokens that it hands on, and whether they are wanted at all.

A token itself is never kept: only whether there is one, and which variable it comes from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.needs.draws import pinning_variable
from swarmcache.project.needs.resolve import Unresolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.needs.resolve import Resolver
    from swarmcache.project.readers.hydra import Config

_KEY = re.compile(r"(?:\w+_)?(?:hf|hub|huggingface|auth)_(?:\w+_)?token|hub_token|hf_token")
_SWITCH = "push_to_hub"
_NONE = frozenset({"", "none", "null", "false"})
"""RL-Swarm's script exports the word `None` where its user wants no uploads."""


class HubToken(NamedTuple):
    """A token that a config hands on."""

    key: str
    variable: str
    """The environment variable that it comes from; empty for none."""
    given: bool
    """Whether there is one, as this environment stands; where nobody can tell, there is."""


def tokens_in(config: Config, resolver: Resolver) -> Iterator[HubToken]:
    """Yield the tokens that a config hands on; with `push_to_hub: true`, one under that name."""
    for place in config.walk():
        for key, child in place.children():
            if not _KEY.fullmatch(key) and key != _SWITCH:
                continue
            try:
                values = resolver.values(child)
            except Unresolved:
                values = ("",) if key == _SWITCH else ("unknown",)
            given = any(str(value).strip().lower() not in _NONE for value in values)
            yield HubToken(key, pinning_variable(child) if child.is_text else "", given)
