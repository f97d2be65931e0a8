"""The cache of `torch.hub`: code from GitHub and weights from any address.

    <TORCH_HOME, else $XDG_CACHE_HOME/torch, else ~/.cache/torch>/hub/
        <owner>_<repo>_<branch>/     what `load("owner/repo:branch")` takes without asking anybody
        checkpoints/<file>           what `load_state_dict_from_url` has fetched

Source: `torch/hub.py` of torch 2.13. Without a branch it asks GitHub for the main one, and takes
`main` or `master` of the cache where that fails.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.launch.ready.values import Answer
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment


def torch_code_answer(name: str, environment: Environment) -> Answer:
    """Return whether the code of `torch.hub.load` is here; its weights only running tells."""
    if not name:
        return Answer("unknown", t("which repo, only running tells"))
    folder = _hub(environment)
    repo, _, branch = name.partition(":")
    for one in (branch,) if branch else ("main", "master"):
        path = os.path.join(folder, f"{repo}_{one}".replace("/", "_"))
        if os.path.isdir(path):
            reason = t("its code is here; which weights it fetches, only running tells")
            return Answer("unknown", reason, path=path)
    reason = t("{path} does not have its code", path=folder)
    return Answer("no", reason, t("start it once with a network"), folder)


def torch_weights_answer(url: str, environment: Environment) -> Answer:
    """Return whether the weights of an address are here."""
    if not url:
        return Answer("unknown", t("which address, only running tells"))
    path = os.path.join(_hub(environment), "checkpoints", url.partition("?")[0].rpartition("/")[2])
    if os.path.isfile(path) and os.path.getsize(path):
        return Answer("yes", t("it is in {path}", path=path), path=path)
    reason = t("{path} does not exist", path=path)
    return Answer("no", reason, t("start it once with a network"), path)


def _hub(environment: Environment) -> str:
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("TORCH_HOME") or os.path.join(cache, "torch")
    return environment.absolute(environment.expand_user(os.path.join(home, "hub")))
