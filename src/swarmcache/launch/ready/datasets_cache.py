"""The cache of the library `datasets`: whether a dataset is there as a table that loads offline.

    <HF_DATASETS_CACHE>/<namespace>___<name>/<config>/<version>/<hash>/
        dataset_info.json           the splits, and how many files each has
        <name>-<split>.arrow        or <name>-<split>-00000-of-00002.arrow

Name and namespace as in `CachedDatasetModuleFactory` of datasets 2.21 to 5.2 (`load.py`,
`packaged_modules/cache/cache.py`). Measured with these versions: without a network, `load_dataset`
of a Hub dataset reads only this cache, never the repo in the Hub's own cache; and a dataset that
was loaded once without `streaming=True` is then streamed from here, too.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.foreign_json import parse
from swarmcache.launch.ready.values import Answer
from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = (re.compile(r"([A-Z]+)([A-Z][a-z])"), re.compile(r"([a-z\d])([A-Z])"))


class _Table(NamedTuple):
    config: str
    path: str
    lacking: tuple[str, ...]
    """Splits of which a file is absent or empty."""


def dataset_answer(cache: str, name: str, config: str | None, streaming: bool | None) -> Answer:
    """Return whether `load_dataset(name, config)` can do without a network; `cache` is absolute."""
    if not name:
        return Answer("unknown", t("which dataset, only running tells"))
    folder = os.path.join(cache, _folder(name))
    tables = list(_tables(folder))
    fitting = [one for one in tables if config is None or one.config == config]
    whole = [one for one in fitting if not one.lacking]
    configs = sorted({one.config for one in whole})
    if config is None and len(configs) > 1:
        reason = t("several configurations are cached: {names}", names=listed(configs))
        return Answer("unknown", reason, _once(name, configs[0]), folder)
    if not whole:
        return _absent(folder, name, config, fitting, tables, streaming=streaming)
    return Answer("yes", t("it is a table in {path}", path=whole[-1].path), path=whole[-1].path)


def files_answer(files: tuple[str, ...] | None, folder: str) -> Answer:
    """Return whether the files that a dataset is made of are here, seen from `folder`."""
    if files is None:
        return Answer("unknown", t("which files, only running tells"))
    away = [one for one in files if "://" in one]
    if away:
        return Answer("no", t("it is read from {address}", address=away[0]))
    lacking = [one for one in files if not glob.glob(os.path.join(folder, one))]
    if lacking:
        return Answer("no", t("{path} does not exist", path=lacking[0]))
    return Answer("yes", t("its files are here"), path=os.path.join(folder, files[0]))


def _absent(  # noqa: PLR0913 - what was looked for, and what was found
    folder: str,
    name: str,
    config: str | None,
    fitting: list[_Table],
    tables: list[_Table],
    *,
    streaming: bool | None,
) -> Answer:
    advice = _once(name, config)
    if fitting:
        lacking = listed(dict.fromkeys(split for one in fitting for split in one.lacking))
        return Answer("no", t("its table lacks {splits}", splits=lacking), advice, folder)
    if tables:
        others = listed(sorted({one.config for one in tables}))
        reason = t("only other configurations are cached: {names}", names=others)
        return Answer("no", reason, advice, folder)
    if streaming:
        reason = t("it is streamed, which stores nothing: every start asks the Hub")
        return Answer("no", reason, advice, folder)
    return Answer("no", t("it is not in the cache of datasets"), advice, folder)


def _once(name: str, config: str | None) -> str:
    """Return the command that fills the cache: loaded once, and not streamed."""
    arguments = ", ".join(json.dumps(one) for one in (name, config) if one is not None)
    code = f"from datasets import load_dataset; load_dataset({arguments})"
    return shlex.join(["python", "-c", code])


def _folder(name: str) -> str:
    *namespace, last = name.split("/")
    for pattern in _WORDS:
        last = pattern.sub(r"\1_\2", last)
    return "___".join([*namespace, last.lower()])


def _tables(folder: str) -> Iterator[_Table]:
    """Yield each prepared table, the oldest first: the library takes the newest."""
    found = []
    for config in entries_of(folder):
        for version in entries_of(config.path):
            for one in entries_of(version.path):
                info = _info(one.path)
                if info is not None and info.get("config_name", config.name) == config.name:
                    lacking = tuple(_lacking(one.path, info))
                    found.append((one.stat().st_mtime, _Table(config.name, one.path, lacking)))
    yield from (table for _, table in sorted(found))


def _info(folder: str) -> dict[str, object] | None:
    try:
        with open(os.path.join(folder, "dataset_info.json"), encoding="utf-8") as file:
            document = parse(file.read())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _lacking(folder: str, info: dict[str, object]) -> Iterator[str]:
    splits = info.get("splits")
    sizes = {one.name: one.stat().st_size for one in entries_of(folder)}
    for split, traits in (splits if isinstance(splits, dict) else {}).items():
        lengths = traits.get("shard_lengths") if isinstance(traits, dict) else None
        count = len(lengths) if isinstance(lengths, list) else 1
        shards = [n for n in sizes if re.search(rf"-{re.escape(split)}(?:-\d+-of-\d+)?\.", n)]
        if len(shards) < count or not all(sizes[name] for name in shards):
            yield str(split)
