"""Payloads of the shared store (huggingface_hub >= 1.32) freed by the store's own protocol.

Each payload's manifest, `<payload>.refs`, lists the blobs that link to it. It is a hint: what it
lists counts only where that link stands, and a link that it lacks counts too, since older clients
and people copy and delete without it. Links to a payload are only made under its lock.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from swarmcache.errors import CacheBusy
from swarmcache.hubcache.layout import BLOBS, SHARED_MARKER, parse_folder_name
from swarmcache.hubcache.locks import payload_lock
from swarmcache.hubcache.payloads import USERS, is_payload_place, payload_behind
from swarmcache.hubcache.publishing import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


def store_links(cache: str) -> dict[str, set[str]]:
    """Return payload -> the paths of the blobs that link to it, of all repos."""
    found: dict[str, set[str]] = {}
    for entry in _entries(cache):
        if parse_folder_name(entry.name) is None:
            continue
        for blob in _entries(f"{entry.path}/{BLOBS}"):
            if blob.is_symlink():
                with contextlib.suppress(OSError):
                    payload = payload_behind(cache, os.readlink(blob.path))
                    if payload is not None:
                        found.setdefault(payload, set()).add(blob.path)
    return found


def has_manifest(payload: str) -> bool:
    """Tell whether a payload's users are listed; without, the Hub's clients never free it."""
    try:
        with open(f"{payload}{USERS}", encoding="utf-8") as file:
            file.read()
    except (OSError, UnicodeDecodeError):
        return False
    return not os.path.islink(f"{payload}{USERS}")


def stored_payloads(cache: str) -> Iterator[str]:
    """Yield every payload of the store, and those of which only the list of users is left."""
    if not os.path.isfile(f"{cache}/{BLOBS}/{SHARED_MARKER}"):
        return
    for group in _entries(f"{cache}/{BLOBS}"):
        for entry in _entries(group.path) if group.is_dir(follow_symlinks=False) else ():
            payload = entry.path.removesuffix(USERS)
            if not (entry.is_file(follow_symlinks=False) and is_payload_place(cache, payload)):
                continue
            if payload == entry.path or not os.path.lexists(payload):
                yield payload


def free_payloads(
    cache: str,
    payloads: Collection[str],
    unlink: Callable[[str], None],
    staging: str,
    *,
    unlisted: bool = False,
) -> list[str]:
    """Remove those of the payloads that nothing links to any more; return the ones that are busy.

    `unlink` takes the path; `staging` is a folder of the cache, which may not exist yet, for
    what is to be renamed into place. Manifests of the others are rewritten to what is true. With
    `unlisted`, payloads without a manifest go too: no link in the cache leads to them. All locks
    are taken without waiting, in order, and held to the end.
    """
    busy: list[str] = []
    with contextlib.ExitStack() as locks:
        locked = []
        for payload in sorted(payloads):
            if not (os.path.lexists(payload) or os.path.lexists(f"{payload}{USERS}")):
                continue
            try:
                locks.enter_context(payload_lock(payload, 0))
                locked.append(payload)
            except (CacheBusy, OSError):
                busy.append(payload)
        users = store_links(cache) if locked else {}
        for payload in locked:
            if users.get(payload):
                if has_manifest(payload):  # Where none is, the Hub's clients leave it so.
                    _rewrite(cache, payload, users[payload], staging)
                continue
            absent = not os.path.lexists(payload)  # A killed removal left its manifest.
            regular = os.path.isfile(payload) and not os.path.islink(payload)
            if absent or (regular and (unlisted or has_manifest(payload))):
                for path in (payload, f"{payload}{USERS}"):
                    with contextlib.suppress(FileNotFoundError):
                        unlink(path)
    return busy


def _rewrite(cache: str, payload: str, users: Collection[str], staging: str) -> None:
    """List a payload's true users, as the Hub's client does (2.4.0, `_rewrite_manifest`)."""
    lines = sorted(os.path.relpath(user, cache) for user in users)
    text = "".join(f"{line}\n" for line in lines if "\n" not in line)
    temporary = f"{staging}/{os.urandom(8).hex()}"
    with contextlib.suppress(OSError):
        make_folder(staging)
        try:
            with open(temporary, "x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666)  # noqa: S103 - as the Hub's clients do: every user's
            os.replace(temporary, f"{payload}{USERS}")
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
