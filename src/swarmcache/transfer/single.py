"""One file, or one manifest, of a known commit: fetched into a cache of its own, off to the side.

The Hub's client does the work as for any download, in `scratch`, which no reader looks into; the
caller judges the bytes and publishes them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import RepoNotFound
from swarmcache.hubcache.layout import SNAPSHOTS, folder_name
from swarmcache.hubcache.manifest import manifest_path
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import Hub, RemoteFile, RepoListing


def listed(listing: RepoListing, path: str) -> RemoteFile:
    """Return what the listing says of `path`; raises RepoNotFound when it has no such file."""
    for file in listing.files:
        if file.path == path:
            return file
    raise RepoNotFound(
        t(
            "{endpoint} has no {path} in {id} at {commit}.",
            endpoint=listing.endpoint,
            path=path,
            id=listing.target.id,
            commit=listing.commit[:12],
        )
    )


def fetch_file(
    hub: Hub, listing: RepoListing, path: str, scratch: str, progress: Progress | None = None
) -> str:
    """Return where in `scratch` the bytes of one file of the listing lie now, unverified.

    Raises RepoNotFound when the commit has no such file, TransferError and its kin.
    """
    listed(listing, path)
    leave = [file.path for file in listing.files if file.path != path]
    hub.fetch(listing, scratch, leave=leave, progress=progress)
    return os.path.realpath(
        os.path.join(_folder(listing, scratch), SNAPSHOTS, listing.commit, path)
    )


def fetch_manifest(hub: Hub, listing: RepoListing, scratch: str) -> str | None:
    """Return where in `scratch` the client left the commit's manifest.

    None when the installed huggingface_hub writes none, as before 1.22.
    """
    hub.fetch(listing, scratch, leave=[file.path for file in listing.files])
    path = manifest_path(_folder(listing, scratch), listing.commit)
    return path if os.path.isfile(path) else None


def _folder(listing: RepoListing, scratch: str) -> str:
    return os.path.join(scratch, folder_name(listing.target))
