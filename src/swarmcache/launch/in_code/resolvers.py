"""Resolvers for configs of OmegaConf and Hydra: one model and one folder for a whole process.

    pretrained_model_name_or_path: ${swarmcache.pinned_model:${large_pool},${small_pool}}
    pretrained_model_name_or_path: ${swarmcache.snapshot:org/model}
    cache_dir: ${swarmcache.cache_dir:}

A resolver is called at each access, and again for each deep copy that `hydra.utils.instantiate`
makes of a config: one that draws at random gives the trainer, its rewards and its proposer
different models (SC302). What these three have said once they say until the process ends.

They mean the project in whose folder they were registered: Hydra may change the working directory
later (`hydra.job.chdir`). Hydra registers them by itself at each of its starts
(`hydra_plugins/swarmcache_resolvers.py`), so what they need is imported when one is first asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import LaunchError
from swarmcache.locale import t
from swarmcache.project.needs.own_resolvers import CACHE_DIR, PINNED_MODEL, SNAPSHOT

if TYPE_CHECKING:
    from swarmcache.launch.in_code.said_once import SaidOnce


def register_resolvers() -> None:
    """Make `swarmcache.pinned_model`, `swarmcache.snapshot` and `swarmcache.cache_dir` known.

    Calling it again does no harm. Raises LaunchError where omegaconf is not installed.
    """
    try:
        from omegaconf import OmegaConf  # noqa: PLC0415 - the caller's, no dependency of ours
    except ImportError as error:
        raise LaunchError(
            t("OmegaConf is not installed in this environment."), hint="pip install omegaconf"
        ) from error
    register = OmegaConf.register_new_resolver
    if OmegaConf.register_resolver.__kwdefaults__:  # Its name from 2.4 on; before, an older one's.
        register = OmegaConf.register_resolver
    asked = _Asked(os.getcwd())
    for name, function in (
        (PINNED_MODEL, asked.pinned_model),
        (SNAPSHOT, asked.snapshot),
        (CACHE_DIR, asked.cache_dir),
    ):
        if not OmegaConf.has_resolver(name):
            register(name, function)


class _Asked:
    """The resolvers as OmegaConf calls them."""

    def __init__(self, project: str) -> None:
        self._project = project

    def pinned_model(self, *models: object) -> str:
        return self._said.pinned_model(*models)

    def snapshot(self, model: object) -> str:
        return self._said.snapshot(str(model))

    def cache_dir(self) -> str:
        return self._said.cache_dir()

    @property
    def _said(self) -> SaidOnce:
        from swarmcache.launch.in_code.said_once import said_once  # noqa: PLC0415 - see the module

        return said_once(self._project)
