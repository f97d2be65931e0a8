"""The flat files of transformers before 4.22, and whether anybody would still read them.

    <sha256 of the url>[.<sha256 of the etag>][.h5], and beside it .json and .lock

Later versions never look at them again: they keep everything as the Hub does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.layout import is_legacy_file
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.libraries import Libraries

_FIRST_WITHOUT = (4, 22)


def flat_files(folder: str) -> Iterator[str]:
    """Yield the regular files of this form that lie in a folder itself; others are somebody's."""
    for entry in entries_of(folder):
        if is_legacy_file(entry.name) and entry.is_file(follow_symlinks=False):
            yield entry.path


def still_read(libraries: Libraries) -> str | None:
    """Return why such files are needed yet, as a sentence for people; None when nothing says so.

    Where the interpreter's version is not known, it is taken for one of the last four years.
    """
    version = libraries.transformers
    found = re.match(r"(\d+)\.(\d+)", version or "")
    if found is None or (int(found[1]), int(found[2])) >= _FIRST_WITHOUT:
        return None
    return t(
        "transformers {version} of {python} reads it", version=version, python=libraries.python
    )
