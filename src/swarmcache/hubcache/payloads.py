"""Payloads of the shared store (huggingface_hub >= 1.32), which several repos may use.

A payload is named by its Xet hash, which cannot be checked here. It is replaced only when every
known user knows it under one and the same content hash.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import BLOBS, SHARED_MARKER, is_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

USERS = ".refs"
"""What the list of its users, the store's manifest, has more in its name than a payload."""


def payload_of(cache: str, blob: str) -> str | None:
    """Return the payload behind a repo's blob, present or not, when it may be replaced."""
    if not os.path.islink(blob):
        return None
    target = os.path.normpath(os.path.join(os.path.dirname(blob), os.readlink(blob)))
    if not is_payload(cache, target):
        return None
    etag = os.path.basename(blob)
    return target if _all_know_it_as(etag, _users(target)) else None


def is_payload(cache: str, path: str) -> bool:
    """Tell whether a payload of the cache's store is at `path`, or may be put there."""
    return is_payload_place(os.path.normpath(cache), path) and not os.path.islink(path)


def payload_behind(cache: str, target: str) -> str | None:
    """Return the payload that a blob's link text names, present or not; None for any other link.

    `cache` is a real path. The text decides, not the place of the link, which may be in the trash.
    """
    parts = target.split("/")
    if os.path.isabs(target):
        place = os.path.normpath(target)
    elif parts[:-2] == ["..", "..", BLOBS]:
        place = f"{cache}/{BLOBS}/{parts[-2]}/{parts[-1]}"
    else:
        return None
    return place if is_payload_place(cache, place) else None


def is_payload_place(cache: str, path: str) -> bool:
    """Tell whether a payload of the cache's store belongs at `path`."""
    group, name = os.path.split(path)
    store = f"{cache}/{BLOBS}"
    return (
        os.path.dirname(group) == store
        and is_sha256(name)
        and os.path.basename(group) == name[:2]
        and not os.path.islink(store)
        and not os.path.islink(group)
        and os.path.isfile(f"{store}/{SHARED_MARKER}")
    )


def payload_mode(cache: str) -> int:
    """Return the mode that the Hub's clients give a payload: read-only, as open as the cache."""
    mode = os.stat(cache).st_mode
    return 0o400 | (0o040 if mode & 0o010 else 0) | (0o004 if mode & 0o001 else 0)


def _users(payload: str) -> list[str]:
    """Return the manifest's lines: `<repo folder>/blobs/<etag>` of each blob that links here."""
    try:
        with open(f"{payload}{USERS}", encoding="utf-8") as file:
            return file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _all_know_it_as(etag: str, users: Iterable[str]) -> bool:
    names = {os.path.basename(line) for line in users}
    return names == {etag}
