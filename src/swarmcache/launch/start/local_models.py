"""The environment in which complete models are loaded without a request, and all else as ever.

For commands that need the Hub for something else, so that HF_HUB_OFFLINE would break them. What it
does in the command's Pythons stands in `generation/site/_local_models.py`; docs/adr/0030 tells what
else was measured.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.layout import SNAPSHOTS, folder_name
from swarmcache.hubcache.manifest import manifest_entries
from swarmcache.launch.start.inside import reaching_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.hubcache.layout import Target
    from swarmcache.launch.start.run import Cached

VARIABLE = "SWARMCACHE_COMPLETE_MODELS"
"""What `_local_models.py` reads."""
_MOST_CHARACTERS = 100_000
"""Linux takes 128 KiB for one variable; JSON of ours is ASCII."""


class CompleteModel(NamedTuple):
    """A model that the cache can tell everything of."""

    id: str
    revisions: tuple[str, ...]
    """The names under which it is here: a branch or tag, and its commit."""
    left: tuple[str, ...]
    """Files of the commit that loading does not need and the cache has not, as far as known."""


def complete_models(cached: Cached, targets: Iterable[Target]) -> list[CompleteModel]:
    """Return the models among `targets` that are complete in the cache."""
    found = []
    for target in targets:
        outcome = cached.state(target)
        if target.type == "model" and outcome.state == "complete" and outcome.commit:
            revisions = tuple(dict.fromkeys([target.revision, outcome.commit]))
            left = _left(f"{cached.path}/{folder_name(target)}", outcome.commit)
            found.append(CompleteModel(target.id, revisions, left))
    return found


def loading_local(variables: Mapping[str, str], models: Iterable[CompleteModel]) -> dict[str, str]:
    """Return an environment in which nobody asks the Hub for these models.

    Of a repo with thousands of files that are not here, it may be asked: a variable that the
    system refuses would stop the start.
    """
    table: dict[str, dict[str, list[str]]] = {}
    for model in models:
        entry = table.setdefault(model.id, {"revisions": [], "left": []})
        entry["revisions"] += model.revisions
        entry["left"] += model.left
    while table and len(text := json.dumps(table)) > _MOST_CHARACTERS:
        del table[max(table, key=lambda name: len(table[name]["left"]))]
    return reaching_inside(variables, VARIABLE, text) if table else dict(variables)


def _left(repo: str, commit: str) -> tuple[str, ...]:
    """Return what the manifest of a commit has and the snapshot has not."""
    snapshot = f"{repo}/{SNAPSHOTS}/{commit}"
    entries = manifest_entries(repo, commit) or {}
    return tuple(path for path in entries if not os.path.lexists(f"{snapshot}/{path}"))
