"""What pieces are made of, and what comes out."""

from __future__ import annotations

import os
import shlex
from typing import Literal, NamedTuple

from swarmcache.hubcache.folder import within

Kind = Literal["shell", "systemd", "compose", "kubernetes", "slurm", "cron"]


class Basis(NamedTuple):
    """What the project's settings and this machine say."""

    project: str
    """Its folder, absolute."""
    cache: str
    """The cache that counts, absolute."""
    models: tuple[str, ...]
    """As a user types them; empty where swarmcache is to find out in the project, at each start."""
    command: tuple[str, ...]
    """What starts the trainer."""
    program: tuple[str, ...]
    """What starts swarmcache; its first word is an absolute path."""
    user: str
    """Who runs the trainer."""
    ids: tuple[int, int]
    """The user and group that own the cache, or that would."""
    path: str
    """Where programs are found in the shell that asks for the piece: its PATH, absolute folders."""
    endpoints: tuple[str, ...]
    """Hubs that are asked; empty where it is the usual one."""
    file: str | None = None
    """Where the piece is written, absolute; None where it is printed."""

    @property
    def model_options(self) -> tuple[str, ...]:
        """The models as options of `run`."""
        return tuple(word for model in self.models for word in ("--model", model))

    def file_or(self, usual: str) -> str:
        """Return the piece's file as a word of a shell in the project; `usual` where printed."""
        if self.file is None:
            return usual
        if within(self.file, self.project):
            return shlex.quote(f"./{os.path.relpath(self.file, self.project)}")
        return shlex.quote(self.file)

    @property
    def name(self) -> str:
        """The project's folder name, as names of units and containers allow it."""
        last = self.project.rstrip("/").rpartition("/")[2].lower()
        kept = "".join(one if one.isascii() and one.isalnum() else "-" for one in last)
        return kept.strip("-")[:40].strip("-") or "trainer"


class Piece(NamedTuple):
    """One piece, ready to be pasted."""

    content: str
    executable: bool
    """Whether a file of it is to be started, not only read."""
    hints: tuple[str, ...]
    """Where it goes and how it is used: translated sentences, commands in them."""
