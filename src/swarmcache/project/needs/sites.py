"""Where a config names a model to load: the rules, and nothing but the rules.

A value counts as a model because of the key it stands under, never because it has a slash.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import check_repo_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.hydra import Config, Place

Role = Literal["trainer", "tokenizer", "proposer", "reward", "model", "settings"]
Kind = Literal["model", "ollama", "dataset"]

_NAME_KEY = re.compile(r"(?:\w+_)?(?:model|tokenizer)_name_or_path")
"""`pretrained_model_name_or_path`, the argument of every `from_pretrained`, is one of them."""
_TOKENIZER_PATH = re.compile(r"(?:\w+_)?tokenizer_path")
_ENGINE = re.compile(r"service_config|vllm\w*|sglang\w*|llm")
_DATASET_KEY = re.compile(r"dataset_id_or_path|dataset_name|dataset_name_or_path")
_TOKENIZER = re.compile(r"tokenizer|processor", re.IGNORECASE)
_REWARD = re.compile(r"reward|judge|verifier|critic", re.IGNORECASE)
_TRAINER = re.compile(r"trainer|actor|policy", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Site:
    """One value that names something to load."""

    place: Place
    kind: Kind
    role: Role
    revision: Place | None
    """Where the revision stands, if the site gives one."""
    holder: Place
    """The mapping around it, with the other arguments."""
    called: str
    """Its `_target_`; empty without one."""
    reference_only: bool
    """True where only a reference to another value counts: a plain path there may be any path."""


def load_sites(config: Config) -> Iterator[Site]:
    """Yield every place of a config that names a model, an Ollama model or a dataset to load."""
    for place in config.walk():
        target = place.child("_target_")
        called = (target.text or "") if target else ""
        for key, child in place.children():
            site = _site(key, child, place, called)
            if site is not None:
                yield site


def _site(key: str, child: Place, holder: Place, called: str) -> Site | None:
    if not child.is_text:
        return None
    if key == "ollama_model":
        return Site(child, "ollama", "model", None, holder, called, reference_only=False)
    if _DATASET_KEY.fullmatch(key):
        return Site(child, "dataset", "model", None, holder, called, reference_only=False)
    if _TOKENIZER_PATH.fullmatch(key):
        return Site(child, "model", "tokenizer", None, holder, called, reference_only=True)
    if _NAME_KEY.fullmatch(key) or (key == "model" and _is_engine(holder, called)):
        revision = holder.child("revision") or holder.child("model_revision")
        role = _role(key, called, holder)
        return Site(child, "model", role, revision, holder, called, reference_only=False)
    return None


def _is_engine(holder: Place, called: str) -> bool:
    """Tell whether a mapping configures a program that loads Hub models, and not Ollama."""
    key = holder.path[-1] if holder.path else ""
    return "ollama" not in f"{key} {called}".lower() and _ENGINE.fullmatch(key) is not None


def _role(key: str, called: str, holder: Place) -> Role:
    """Return what a model is loaded as, by the words on the way to it."""
    way = ".".join(holder.path)
    if _TOKENIZER.search(key) or _TOKENIZER.search(called):
        return "tokenizer"
    if "proposer" in way.lower():
        return "proposer"
    if _REWARD.search(way) or _REWARD.search(key):
        return "reward"
    return "trainer" if _TRAINER.search(way) else "model"


def is_repo_id(value: str, *folders: str) -> bool:
    """Tell whether a load site's value is a repo id: no path, and no folder seen from `folders`."""
    if value.startswith(("/", ".", "~")) or any(
        os.path.isdir(os.path.join(folder, value)) for folder in folders
    ):
        return False
    try:
        check_repo_id(value)
    except InvalidRepoId:
        return False
    return True
