"""What a killed client of the Hub leaves beside what it was writing, told by name and place.

    tmp<8 characters>/                            a look whether links can be had: `dummy_file_…`
    blobs/.huggingface-shared-blobs.<8 hex>.tmp   the shared store's marker (>= 1.32)
    blobs/<ab>/<xet hash>.refs.<8 hex>.tmp        a payload's list of users (>= 1.32)
    models--org--name/tmp<8 characters>/          the same, for links within the repo
        tmp_<uuid>                                a look at the mode that files get, before 1.18
        blobs/tmp_<uuid>                          the same, since 1.18
              .<etag>.<8 hex>.shared|.new|.old    a link, or a file, on its way to its name
        refs/<ref>.<8 hex>.tmp                    a ref (>= 1.31)
        trees/tmp<8 characters>.tmp               a manifest (>= 1.22)

Partial downloads are told by `layout.INCOMPLETE`. (Sources: huggingface_hub 0.36.2, 1.5.0, 1.31.0,
2.4.0: `file_download.py`, `_tree_cache.py`, `utils/_shared_blobs.py`.)
"""

from __future__ import annotations

import os
import re
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.layout import SHARED_MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

_UUID = r"tmp_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MKSTEMP = r"tmp[a-z0-9_]{8}"
_PROBE = {"dummy_file_src", "dummy_file_dst"}


def is_blob_remains(name: str) -> bool:
    """Tell whether an entry of a repo's `blobs` was left there by a killed client."""
    odd = name.startswith(("tmp_", "."))
    return (
        odd and re.fullmatch(rf"{_UUID}|\..+\.[0-9a-f]{{8}}\.(?:shared|new|old)", name) is not None
    )


def is_ref_remains(name: str) -> bool:
    """Tell whether a file below `refs` was left there by a killed client."""
    return name.endswith(".tmp") and re.fullmatch(r".+\.[0-9a-f]{8}\.tmp", name) is not None


def is_manifest_remains(name: str) -> bool:
    """Tell whether a file in `trees` was left there by a killed client."""
    return re.fullmatch(rf"{_MKSTEMP}\.tmp", name) is not None


def is_mode_probe(path: str) -> bool:
    """Tell whether something in a repo folder is what a killed client looked at modes with."""
    if re.fullmatch(_UUID, os.path.basename(path)) is None:
        return False
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return S_ISREG(found.st_mode) and not found.st_size


def is_link_probe(path: str) -> bool:
    """Tell whether a folder of a cache, or a repo, is one in which a client looked for links."""
    if re.fullmatch(_MKSTEMP, os.path.basename(path)) is None or os.path.islink(path):
        return False
    try:
        return all(
            entry.name in _PROBE
            and not entry.is_dir(follow_symlinks=False)
            and not entry.stat(follow_symlinks=False).st_size * (not entry.is_symlink())
            for entry in os.scandir(path)
        )
    except OSError:
        return False


def store_remains(store: str) -> Iterator[str]:
    """Yield the regular files that killed clients left in the shared store at `store`."""
    marker = rf"{re.escape(SHARED_MARKER)}\.[0-9a-f]{{8}}\.tmp"
    for entry in entries_of(store):
        if entry.is_dir(follow_symlinks=False):
            for inner in entries_of(entry.path):
                is_list = re.fullmatch(r"[0-9a-f]{64}\.refs\.[0-9a-f]{8}\.tmp", inner.name)
                if is_list and inner.is_file(follow_symlinks=False):
                    yield inner.path
        elif re.fullmatch(marker, entry.name) and entry.is_file(follow_symlinks=False):
            yield entry.path
