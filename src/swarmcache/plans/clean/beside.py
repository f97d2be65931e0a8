"""Leftovers beside the repos: partials of ours, locks, payloads, trash, and what the home holds."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.layout import BLOBS
from swarmcache.hubcache.leftovers.crash_remains import is_link_probe, store_remains
from swarmcache.hubcache.payloads import USERS
from swarmcache.hubcache.soft_locks import soft_locks
from swarmcache.hubcache.state import is_download, state_folder
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.plans.clean.drafting import Draft
from swarmcache.plans.clean.homes import dead_chunk_caches, dead_flat_files
from swarmcache.plans.clean.payloads import store_links, stored_payloads
from swarmcache.plans.clean.protection import is_settled
from swarmcache.plans.clean.remains import FOLDER, is_empty, trash_files
from swarmcache.plans.clean.values import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.soft_locks import SoftLock
    from swarmcache.plans.clean.protection import Protection
    from swarmcache.plans.clean.values import LeftoverKind


class Beside(NamedTuple):
    """What of it goes, and what stays."""

    drafts: tuple[Draft, ...]
    kept: tuple[Kept, ...]


def beside(
    cache: str,
    environment: Environment,
    kinds: frozenset[LeftoverKind],
    protection: Protection,
    *,
    python: str | None = None,
) -> Beside:
    """Return what of these kinds of leftovers lies beside the repos; the trash always.

    `cache` is a real path, `python` the interpreter whose libraries count.
    """
    state = state_folder(cache, environment)
    drafts: list[Draft] = []
    kept: list[Kept] = []
    trash = f"{state.beside}/{FOLDER}"
    if not is_empty(trash, cache):
        drafts.append(Draft("trash", trash, None, dict(trash_files(trash, cache))))
    if "partial" in kinds:
        drafts += _partials(state.partials, kept)
    if "temporary" in kinds:
        drafts += _remains(cache)
    if "locks" in kinds:
        drafts += _locks(cache, kept)
    if "xet" in kinds:
        drafts += dead_chunk_caches(cache, environment, protection, kept)
    if "legacy" in kinds:
        drafts += dead_flat_files(cache, environment, python, protection, kept)
    if "payload" in kinds:
        drafts += _payloads(cache, protection, kept)
    return Beside(tuple(drafts), tuple(kept))


def _partials(folder: str, kept: list[Kept]) -> Iterator[Draft]:
    with suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if not entry.is_dir(follow_symlinks=False):
                continue
            if not (is_download(entry.name) or owners.is_half_made(entry.path)):
                continue
            if owners.is_owned(entry.path):
                kept.append(Kept(entry.path, t("a download of it is under way"), busy=True))
                continue
            paths = [f"{path}/{name}" for path, _, names in os.walk(entry.path) for name in names]
            yield Draft("partial", entry.path, None, {path: os.lstat(path) for path in paths})


def _remains(cache: str) -> Iterator[Draft]:
    """Yield what killed clients left in the cache folder itself and in the shared store."""
    for name in sorted(os.listdir(cache)):
        path = f"{cache}/{name}"
        if is_link_probe(path):
            files = {one.path: one.stat(follow_symlinks=False) for one in os.scandir(path)}
            if is_settled(os.lstat(path)):
                yield Draft("temporary", path, None, files)
    for path in store_remains(f"{cache}/{BLOBS}"):
        found = os.lstat(path)
        if is_settled(found):
            yield Draft("temporary", path, None, {path: found})


def _locks(cache: str, kept: list[Kept]) -> Iterator[Draft]:
    """Yield the locks by existence whose owners are proven dead; no file of a kernel lock."""
    for path, lock in soft_locks(cache):
        if lock.standing == "dead":
            with suppress(OSError):
                yield Draft("locks", path, None, {path: os.lstat(path)})
        elif lock.standing == "alive":
            kept.append(Kept(path, t("process {pid} holds this lock", pid=lock.pid), busy=True))
        else:
            kept.append(Kept(path, _doubt(lock)))


def _doubt(lock: SoftLock) -> str:
    if not lock.pid:
        return t("this lock does not tell whose it is")
    return t(
        "process {pid} on {host} took this lock, and nothing tells here whether it lives",
        pid=lock.pid,
        host=lock.host,
    )


def _payloads(cache: str, protection: Protection, kept: list[Kept]) -> Iterator[Draft]:
    """Yield the payloads of the store that no blob links to, listed or not, and lone lists."""
    payloads = sorted(stored_payloads(cache))
    users = store_links(cache) if payloads else {}
    for payload in payloads:
        files = {}
        for path in (payload, f"{payload}{USERS}"):
            with suppress(OSError):
                files[path] = os.lstat(path)
        if not files or users.get(payload) or not all(map(is_settled, files.values())):
            continue
        opened = protection.opened_files(files)
        if opened is not None:
            kept.append(Kept(payload, opened, busy=True))
        else:
            yield Draft("payload", next(iter(files)), None, files)
