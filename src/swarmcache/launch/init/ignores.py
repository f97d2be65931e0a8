"""Lines that keep a cache inside of the project out of git, and out of its images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.folder import within
from swarmcache.launch.init.values import Left
from swarmcache.launch.init.writing import edited_writes, whole_write
from swarmcache.locale import t
from swarmcache.project.edits import Edit, line_end
from swarmcache.project.ignored import is_ignored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.launch.init.writing import Outcome
    from swarmcache.project.study import Project


def ignore_writes(project: Project, folder: str) -> Iterator[Outcome]:
    """Yield what hides the folder, where it lies in the project and is not hidden yet."""
    if not within(folder, project.folder) or folder == project.folder:
        return
    entry = os.path.relpath(folder, project.folder)
    # All of a home that exists for the cache alone: locks and chunks lie beside it.
    entry = ".cache" if entry == ".cache/huggingface/hub" else entry
    if _has_git(project.folder) and not is_ignored(f"{folder}/x", project.folder):
        yield from _line(project, ".gitignore", f"/{entry}/", t("keeps the models out of git"))
    if _is_copied(project, folder):
        why = t("keeps the models out of the image")
        yield from _line(project, ".dockerignore", entry, why)


def _has_git(folder: str) -> bool:
    return any(os.path.lexists(f"{folder}/{name}") for name in (".git", ".gitignore"))


def _is_copied(project: Project, folder: str) -> bool:
    """Tell whether an image of the project has all of a folder that the cache lies in."""
    try:
        containers = project.containers
    except ProjectError:  # Dockerfiles cannot be read here.
        return False
    copied = (one.outside for container in containers for one in container.image.copied)
    return any(outside is not None and within(folder, outside) for outside in copied)


def _line(project: Project, file: str, entry: str, why: str) -> Iterator[Outcome]:
    """Yield a file with one more line, unless it has that already."""
    path = os.path.join(project.folder, file)
    if not os.path.lexists(path):
        yield whole_write(project.folder, file, None, f"{entry}\n", why)
        return
    source = project.source(file)
    if source is None or not os.path.isfile(path):
        yield Left(file, t("It cannot be read as text."))
        return
    data = source.data
    if entry.strip("/").encode() in (line.strip().strip(b"/") for line in data.splitlines()):
        return
    end = line_end(data)
    gap = "" if data.endswith(b"\n") or not data else end
    edit = Edit(file, len(data), len(data), f"{gap}{entry}{end}")
    yield from edited_writes(project.folder, [edit], why)
