"""Every way in which a cached file goes bad, as a function that does it to one file.

A fault reaches either the content, and with it every path that shares it, or one entry of a
snapshot alone; `Fault.kind` is what `verify` must call it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Victim(NamedTuple):
    """A file of a snapshot."""

    snapshot: str
    path: str
    """In the repo."""

    @property
    def entry(self) -> str:
        """The link in the snapshot, or the file itself where there are no links."""
        return os.path.join(self.snapshot, self.path)

    @property
    def content(self) -> str:
        """Where the bytes lie."""
        return os.path.realpath(self.entry)

    def sharers(self) -> set[str]:
        """Return the paths of the snapshot that have the same content, the victim's included."""
        own = self.content
        others = {path: Victim(self.snapshot, path) for path in paths_of(self.snapshot)}
        return {path for path, other in others.items() if other.content == own}


@dataclass(frozen=True)
class Fault:
    """One kind of damage, and what it must be called."""

    apply: Callable[[Victim], None]
    reach: Literal["content", "entry"]
    kind: str


def paths_of(snapshot: str) -> set[str]:
    """Return the paths of all files and links of a snapshot."""
    return {
        os.path.relpath(os.path.join(folder, name), snapshot).replace(os.sep, "/")
        for folder, _, names in os.walk(snapshot)
        for name in names
    }


def flip(path: str, at: int) -> None:
    """Flip the lowest bit of the byte at `at`; negative counts from the end."""
    os.chmod(path, 0o644)  # Clients since 1.32 publish content read-only.
    with open(path, "r+b") as file:
        content = bytearray(file.read())
        content[at] ^= 1
        file.seek(0)
        file.write(content)


def flip_first(victim: Victim) -> None:
    """Flip a bit of the first byte."""
    flip(victim.content, 0)


def flip_middle(victim: Victim) -> None:
    """Flip a bit in the middle."""
    flip(victim.content, os.path.getsize(victim.content) // 2)


def flip_last(victim: Victim) -> None:
    """Flip a bit of the last byte."""
    flip(victim.content, -1)


def flip_and_restore_mtime(victim: Victim) -> None:
    """Flip a bit and hide it from whoever looks at the modification time."""
    before = os.stat(victim.content)
    flip_middle(victim)
    os.utime(victim.content, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut_one_byte(victim: Victim) -> None:
    """Take the last byte away."""
    os.chmod(victim.content, 0o644)
    os.truncate(victim.content, os.path.getsize(victim.content) - 1)


def empty(victim: Victim) -> None:
    """Take every byte away."""
    os.chmod(victim.content, 0o644)
    os.truncate(victim.content, 0)


def replace(victim: Victim) -> None:
    """Put another file of equal size in its place, as a rename does."""
    content = victim.content
    with open(content, "rb") as file:
        other = bytes(255 - byte for byte in file.read())
    with open(f"{content}.other", "wb") as file:
        file.write(other)
    os.replace(f"{content}.other", content)


def delete_blob(victim: Victim) -> None:
    """Remove the content, and leave the links that lead to it."""
    os.unlink(victim.content)


def folder_for_blob(victim: Victim) -> None:
    """Put a folder in the place of the content."""
    content = victim.content
    os.unlink(content)
    os.mkdir(content)


def link_to_nowhere(victim: Victim) -> None:
    """Let the snapshot's entry lead to what never was."""
    _link(victim, "nowhere")


def link_outside(victim: Victim) -> None:
    """Let the snapshot's entry lead to a file that is not the cache's."""
    _link(victim, os.path.realpath(__file__))


def link_to_itself(victim: Victim) -> None:
    """Let the snapshot's entry lead to itself."""
    _link(victim, os.path.basename(victim.path))


def folder_for_entry(victim: Victim) -> None:
    """Put a folder in the place of the snapshot's entry."""
    os.unlink(victim.entry)
    os.mkdir(victim.entry)


def pipe_for_entry(victim: Victim) -> None:
    """Put a pipe, of which nobody would ever read an end, in the place of the entry."""
    os.unlink(victim.entry)
    os.mkfifo(victim.entry)


def remove_entry(victim: Victim) -> None:
    """Remove the snapshot's entry; its blob, if any, becomes an orphan."""
    os.unlink(victim.entry)


def _link(victim: Victim, target: str) -> None:
    os.unlink(victim.entry)
    os.symlink(target, victim.entry)


FAULTS = {
    "first bit flipped": Fault(flip_first, "content", "wrong-hash"),
    "middle bit flipped": Fault(flip_middle, "content", "wrong-hash"),
    "last bit flipped": Fault(flip_last, "content", "wrong-hash"),
    "mtime restored": Fault(flip_and_restore_mtime, "content", "wrong-hash"),
    "cut by a byte": Fault(cut_one_byte, "content", "truncated"),
    "emptied": Fault(empty, "content", "empty"),
    "replaced": Fault(replace, "content", "wrong-hash"),
    "blob deleted": Fault(delete_blob, "content", "missing-blob"),
    "folder for a blob": Fault(folder_for_blob, "content", "not-a-file"),
    "link to nowhere": Fault(link_to_nowhere, "entry", "broken-link"),
    "link outside": Fault(link_outside, "entry", "outside-link"),
    "link to itself": Fault(link_to_itself, "entry", "broken-link"),
    "folder for an entry": Fault(folder_for_entry, "entry", "not-a-file"),
    "pipe for an entry": Fault(pipe_for_entry, "entry", "not-a-file"),
}
"""By name. What is corrupt ends `verify` with 5; what is only missing, with 1."""
OF_BLOBS = frozenset({"blob deleted", "folder for a blob"})
"""Faults that need content to lie apart from the snapshot."""
CORRUPT = frozenset({"wrong-hash", "truncated", "wrong-size", "empty", "wrong-file"})
"""Kinds of wrong bytes."""

REF_FAULTS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "newline": (lambda commit: f"{commit}\n".encode(), "bad-ref"),
    "empty": (lambda _: b"", "bad-ref"),
    "garbage": (lambda _: b"\xff\x00 not a commit", "bad-ref"),
    "another commit": (lambda _: b"0" * 40, "dangling-ref"),
}
"""Name -> what stands in the ref then, and what that is called."""


def damage_ref(repo: str, name: str, content: bytes) -> str:
    """Write `content` into a ref of a repo folder, and return the ref's path."""
    path = os.path.join(repo, "refs", name)
    assert stat.S_ISREG(os.lstat(path).st_mode)
    with open(path, "wb") as file:
        file.write(content)
    return path
