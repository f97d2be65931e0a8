"""Lines that keep a cache inside of the project out of git, and out of its images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.locale import t
from swarmcache.project.changes import Change
from swarmcache.project.containers.paths import within
from swarmcache.project.ignored import is_ignored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.launch.init.values import Write
    from swarmcache.project.study import Project

_MAX_BYTES = 1_000_000


def ignore_writes(project: Project, folder: str) -> Iterator[Write]:
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


def _line(project: Project, file: str, entry: str, why: str) -> Iterator[Write]:
    from swarmcache.launch.init.values import Write  # noqa: PLC0415

    path = os.path.join(project.folder, file)
    try:
        with open(path, "rb") as stream:
            before = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        yield Write(Change(path, file, None, f"{entry}\n".encode()), why)
        return
    except OSError:
        return
    lines = [line.strip().strip(b"/") for line in before.splitlines()]
    if len(before) > _MAX_BYTES or entry.strip("/").encode() in lines:
        return
    end = "\r\n" if b"\r\n" in before else "\n"
    gap = "" if before.endswith(b"\n") or not before else end
    yield Write(Change(path, file, before, before + f"{gap}{entry}{end}".encode()), why)
