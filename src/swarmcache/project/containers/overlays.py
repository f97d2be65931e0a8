"""Which manifests kustomize changes before they count: the files of a `kustomization.yaml`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.yaml_file import items, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.study import Project

_NAME = re.compile(r"kustomization\.ya?ml", re.IGNORECASE)
_CHANGING = ("patches", "patchesStrategicMerge", "patchesJson6902", "components", "transformers")
_RESOURCES = ("resources", "bases", *_CHANGING)
_MAX_DEPTH = 10


def changed_files(project: Project) -> frozenset[str]:
    """Return the files, absolute, that some overlay changes, and the patches themselves."""
    overlays = {
        os.path.dirname(source.path): (found, any(found.get(key) for key in _CHANGING))
        for source in project.sources("yaml")
        if _NAME.fullmatch(os.path.basename(source.path))
        for found in [dict(_listed(source.path, project))]
    }
    changed: set[str] = set()

    def reach(folder: str, depth: int) -> Iterator[str]:
        found, _ = overlays[folder]
        for path in (path for paths in found.values() for path in paths):
            if path in overlays and depth < _MAX_DEPTH:
                yield from reach(path, depth + 1)
            else:
                yield path

    for folder, (_, changes) in overlays.items():
        if changes:
            changed.update(reach(folder, 0))
    return frozenset(changed)


def _listed(path: str, project: Project) -> Iterator[tuple[str, list[str]]]:
    """Yield the files and folders that a kustomization names, by their key."""
    source = project.source(path)
    file = read_yaml(source) if source is not None else None
    if file is None:
        return
    for key in _RESOURCES:
        found = []
        for item in items(file.top.child(key)):
            inner = item.child("path")
            text = item.text or (inner.text if inner is not None else None)
            if text is not None:
                found.append(os.path.normpath(os.path.join(os.path.dirname(path), text)))
            elif key in _CHANGING:
                found.append("")  # Written in place.
        if found:
            yield key, found
