"""Whether a file has the form of its format, told by a few reads and without hashing.

For files that are intact it finds what was published broken; for files of which nothing tells
the hash it is all that can be known. `hubcache.formats` is the quick look that `check` takes at
each launch of a trainer; what stands here reads whole headers and tables.

    examine("model.safetensors", "/cache/…/blobs/ab12…")  ->  Sound | Flawed | Unexamined
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import os_reason
from swarmcache.hubcache.complete.structure import documents, gguf, safetensors, torch_zip
from swarmcache.hubcache.complete.structure.content import Content
from swarmcache.hubcache.complete.structure.indexes import examine_index, is_index
from swarmcache.hubcache.complete.structure.outcomes import Examined, Flawed, Sound, Unexamined
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Examined", "Flawed", "Sound", "Unexamined", "examine", "examine_index", "is_index"]

_BY_SUFFIX: dict[str, Callable[[Content], Examined]] = {
    "safetensors": safetensors.examine,
    "gguf": gguf.examine,
    "bin": torch_zip.examine,
    "pt": torch_zip.examine,
    "pth": torch_zip.examine,
    "ckpt": torch_zip.examine,
}


def examine(path: str, location: str) -> Examined:
    """Return whether the file at `path` in a repo, its content at `location`, has its form.

    Never raises for what it finds: a file that cannot be read is unexamined, and says why.
    """
    look = _BY_SUFFIX.get(path.rpartition(".")[2])
    if look is None and documents.is_document(path):
        look = documents.examine
    if look is None:
        return Unexamined(t("Files of this kind have no form to check."))
    try:
        with Content(location) as content:
            if content.size == 0:
                return Flawed("empty", t("The file is empty."), None, 0)
            return look(content)
    except OSError as error:
        reason = os_reason(error)
        return Unexamined(t("{path} cannot be read: {reason}.", path=location, reason=reason))
