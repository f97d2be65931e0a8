"""Who works on something in a shared folder, alive or dead, without trusting locks.

    owner.<id>.<boot>.<pid namespace>.<pid>.<start time>

The record is the name of an empty file, so that taking over from a dead owner is one rename of
exactly that owner's record, which one process alone can win. Its mtime is the heartbeat, by the
file system's own clock. A process of this boot and pid namespace is dead when its pid is gone, or
was given to a process of another start time; of others only the heartbeat tells. Nothing correct
may rest on this: it only keeps work from being done twice where kernel locks do nothing (NFS,
Lustre; huggingface_hub #4228).
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import cache
from typing import Literal, NamedTuple

from swarmcache.hubcache.state import NEW

BEAT_SECONDS = 2.0
"""Owners touch their record this often."""
SILENT_SECONDS = 20.0
"""An owner that cannot be looked at counts as dead after so long without a heartbeat."""
_ABANDONED_SECONDS = 24 * 3600
"""After so long nobody of another machine is still making something."""
_PREFIX = "owner."
_FREE = "owner.free"

Liveness = Literal["alive", "dead", "silent"]
"""`dead` is proven; `silent` is only likely: such an owner may yet wake and go on."""


class Owner(NamedTuple):
    """One process, as its record names it."""

    id: str
    """Random, new for each record."""
    boot: str
    """The machine's boot id, shortened; empty where the system tells none."""
    namespace: str
    """The inode of its pid namespace; empty where the system tells none."""
    pid: int
    start: str
    """When the process began, in clock ticks since boot; empty where the system tells none."""

    @property
    def record(self) -> str:
        """The name of its record."""
        return f"{_PREFIX}{self.id}.{self.boot}.{self.namespace}.{self.pid}.{self.start}"

    @property
    def is_near(self) -> bool:
        """Whether its pid means here what it meant there."""
        return bool(self.boot) and (self.boot, self.namespace) == (boot_id(), pid_namespace())


def this_process() -> Owner:
    """Return a new record for this process."""
    pid = os.getpid()
    return Owner(os.urandom(8).hex(), boot_id(), pid_namespace(), pid, _own_start(pid))


def find_owner(folder: str) -> Owner | None:
    """Return whose record lies in a folder; None for nobody's. OSError when it cannot be read."""
    for name in os.listdir(folder):
        owner = parse_record(name)
        if owner is not None:
            return owner
    return None


def parse_record(name: str) -> Owner | None:
    """Return the owner that a file name tells, or None when it is no record."""
    fields = name.split(".")
    if len(fields) != 6 or fields[0] != _PREFIX[:-1] or not fields[4].isdecimal():  # noqa: PLR2004
        return None
    return Owner(fields[1], fields[2], fields[3], int(fields[4]), fields[5])


def liveness(folder: str, owner: Owner) -> Liveness:
    """Tell whether the owner of a record in `folder` still works on it."""
    if owner.is_near:
        started = start_time(owner.pid)
        return "alive" if started and owner.start in {"", started} else "dead"
    try:
        beaten = os.stat(f"{folder}/{owner.record}").st_mtime
        silent = file_system_time(folder) - beaten > SILENT_SECONDS
    except OSError:
        return "alive"  # Gone or unreadable: nothing is known, so nothing is taken.
    return "silent" if silent else "alive"


def take_free(folder: str, me: Owner) -> bool:
    """Become the owner of a folder that its last owner gave back; False when it is not free."""
    return _renamed(folder, _FREE, me.record)


def take_over(folder: str, dead: Owner, me: Owner) -> bool:
    """Become the owner in the place of a dead one; False when another process was first."""
    return _renamed(folder, dead.record, me.record)


def give_back(folder: str, me: Owner) -> bool:
    """Let others own the folder; False when somebody has taken it over meanwhile."""
    return _renamed(folder, me.record, _FREE)


def is_owned(folder: str) -> bool:
    """Tell whether somebody works on a partial download of ours, or may yet."""
    try:
        owner = find_owner(folder)
    except OSError:
        return True
    return owner is not None and liveness(folder, owner) != "dead"


def is_gone(path: str, maker: Owner | None, *, renamed: bool = False) -> bool:
    """Tell whether whoever made something half is dead, or so long silent that it is forgotten.

    None is a maker of whom nothing is known; `renamed` is what was made by a rename alone, which
    changes ctime and nothing else.
    """
    if maker is not None and maker.is_near:
        return start_time(maker.pid) != maker.start
    with contextlib.suppress(OSError):
        made = os.lstat(path).st_ctime if renamed else os.stat(path).st_mtime
        return time.time() - made > _ABANDONED_SECONDS
    return False


def is_half_made(folder: str) -> bool:
    """Tell whether a folder among the partials is one that a killed process was about to rename."""
    name = os.path.basename(folder)
    return name.startswith(NEW) and is_gone(folder, parse_record(name.removeprefix(NEW)))


def made_ours(folder: str) -> bool:
    """Become the owner of a partial download that nobody works on; False when somebody does."""
    if is_owned(folder):
        return False
    me = this_process()
    try:
        owner = find_owner(folder)
        return take_over(folder, owner, me) if owner else take_free(folder, me)
    except OSError:
        return False


def sign(folder: str, me: Owner) -> None:
    """Lay a record into a folder that nobody else can see yet."""
    os.close(os.open(f"{folder}/{me.record}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))


def beat(folder: str, me: Owner) -> bool:
    """Tell that this owner lives; False when somebody has taken the folder over."""
    try:
        os.utime(f"{folder}/{me.record}")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # A full or failing disk tells nothing about owners.
    return True


def file_system_time(folder: str) -> float:
    """Return the time by the clock of the file system itself, in seconds; OSError."""
    probe = f"{folder}/clock.{os.urandom(4).hex()}"
    handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        return os.fstat(handle).st_mtime
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.unlink(probe)


def start_time(pid: int) -> str:
    """Return when a living process began; empty when there is none, or nothing tells."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name, in brackets, may hold spaces and brackets itself.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {b"Z", b"X"} else fields[19].decode()


@cache
def _own_start(pid: int) -> str:
    """Return when this process began; its pid tells a forked child from its parent."""
    return start_time(pid)


@cache
def boot_id() -> str:
    """Return what names this boot of this machine; empty where the system tells none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(36).replace("-", "")[:16]
    except OSError:
        return ""


@cache
def pid_namespace() -> str:
    """Return what names the pid namespace of this process; empty where there are none."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _renamed(folder: str, old: str, new: str) -> bool:
    try:
        os.rename(f"{folder}/{old}", f"{folder}/{new}")
    except FileNotFoundError:
        return False
    try:
        os.utime(f"{folder}/{new}")
    except PermissionError:
        _made_anew(folder, new)  # Another user's file: only a file of our own can be touched.
    return True


def _made_anew(folder: str, record: str) -> None:
    own = f"{folder}/clock.{os.urandom(4).hex()}"
    with open(own, "x", encoding="ascii"):
        pass
    os.replace(own, f"{folder}/{record}")
