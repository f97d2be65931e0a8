"""One cache while others use, pin, download, edit and damage it; what a clean must respect."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from cachemaker import CacheMaker, write
from cleaning import cleaned_in_child, inodes, is_below, snapshots, tree
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName, folder_name, parse_target
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.use.last_use import forget_uses, note_use
from swarmcache.hubcache.use.leases import lease
from swarmcache.hubcache.use.roots import add_root, roots
from swarmcache.plans.clean import Pin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from swarmcache.plans.clean import Cleaned, CleanPlan, Wishes

NAMES = ("org/a", "org/b")
COMMITS = ("1" * 40, "2" * 40, "3" * 40)
FILES = {
    "config.json": (b"{}", b"{}", b"{ }"),
    "model.safetensors": (b"x" * 5000, b"x" * 5000, b"y" * 9000),
    "pytorch_model.bin": (b"z" * 5000, b"x" * 5000, b"z" * 5000),
    "sub/extra.json": (b"[]", b"{}", b"[]"),
}
"""What each path holds in each commit: much of it is equal."""
LAYOUTS: tuple[dict[str, object], ...] = (
    {},
    {"trees": False},
    {"links": False},
    {"links": False, "trees": False},
    {"shared": True},
    {"no_exist": ["adapter_config.json"]},
)
STRANGERS = ("swarm.pem", "-rf", "blobs/notes.txt", "later/index", f"snapshots/{COMMITS[0]}/key")
REMAINS = (
    "{}.incomplete",
    "{}.0123abcd.incomplete",
    ".{}.0123abcd.shared",
    "tmp_01234567-89ab-cdef-0123-456789abcdef",
    "{}",
)
DAMAGES = ("forgets", "lists", "loses")


class Before(NamedTuple):
    """A cache, and what is around it, before a clean."""

    tree: dict[str, bytes | str]
    bytes: int
    snapshots: dict[str, dict[str, bytes]]
    held: set[str]
    """Snapshots that must stay."""
    frozen: set[str]
    """Repos of which nothing may change."""
    unused: set[str]
    """Blobs that no snapshot links."""
    opened: list[int]
    """Open files that have a name still."""


class LivingCache:
    """The cache, a file outside of it, and who does what with it."""

    def __init__(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="swarmcache-test-"))
        self.maker = CacheMaker(f"{self.folder}/hub")
        self.cache = self.maker.path
        self.environment = Environment.current()
        write(f"{self.folder}/outside/file", b"outside")
        self.strangers: set[str] = set()
        self.pins: list[Pin] = []
        self.rooted: list[tuple[str, str]] = []
        self.leases: dict[str, contextlib.ExitStack] = {}
        self.downloads: dict[str, contextlib.ExitStack] = {}
        self.opened: list[int] = []

    def remove(self) -> None:
        """Remove it from the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def let_go(self) -> None:
        """End every lease and download, and close every file."""
        for held in (self.leases, self.downloads):
            for stack in held.values():
                stack.close()
            held.clear()
        while self.opened:
            os.close(self.opened.pop())

    def bring(
        self, name: str, commit: str, paths: Collection[str], refs: tuple[str, ...], layout: int
    ) -> None:
        """Let a client write a revision, if it is not there."""
        if not os.path.exists(f"{self.maker.folder(name)}/snapshots/{commit}"):
            with contextlib.suppress(FileNotFoundError):
                # Left by a killed clean, of an earlier life with other files. A real commit has
                # one list of files, and clean keeps what a list does not name.
                os.unlink(f"{self.maker.folder(name)}/trees/{commit}.json")
            files = {path: FILES[path][COMMITS.index(commit)] for path in sorted(paths)}
            self.maker.repo(name, files, commit=commit, refs=refs, **LAYOUTS[layout])  # type: ignore[arg-type]

    def hard_link(self) -> None:
        """Make equal blobs of the two repos one file."""
        ours, theirs = (f"{self.maker.folder(name)}/blobs" for name in NAMES)
        for blob in set(listed(ours)) & set(listed(theirs)):
            pair = f"{ours}/{blob}", f"{theirs}/{blob}"
            if not any(os.path.islink(path) for path in pair) and bytes_of(pair[0]) == bytes_of(
                pair[1]
            ):
                os.unlink(pair[1])
                os.link(*pair)

    def put_stranger(self, name: str, place: str) -> None:
        """Keep a file of a user's own in a repo, or take it away."""
        path = f"{self.maker.folder(name)}/{place}"
        if path in self.strangers:
            self.strangers.remove(path)
            os.unlink(path)
        elif not place.startswith("snapshots/") or self._tells_strangers(os.path.dirname(path)):
            write(path, b"mine")
            self.strangers.add(path)

    def _tells_strangers(self, snapshot: str) -> bool:
        """Tell whether a user's file there differs from the Hub's: by a manifest, or by links.

        Where neither is, nothing tells (docs/adr/0015).
        """
        folder, commit = os.path.dirname(os.path.dirname(snapshot)), os.path.basename(snapshot)
        links = any(os.path.islink(f"{snapshot}/{name}") for name in listed(snapshot))
        return links or (
            os.path.isdir(snapshot) and os.path.exists(f"{folder}/trees/{commit}.json")
        )

    def leave(self, name: str, remains: str, number: int, *, old: bool) -> None:
        """Let a killed client leave something among the blobs."""
        path = f"{self.maker.folder(name)}/blobs/{remains.format(f'{number:064}')}"
        write(path, b"half" * 1500)
        if old:
            os.utime(path, (0, 0))

    def damage_store(self, number: int, damage: str) -> None:
        """Let an old client, or a copy, leave a payload whose list of users is not true."""
        store = f"{self.cache}/blobs"
        groups = [f"{store}/{one}" for one in listed(store) if len(one) == len("ab")]
        lists = sorted(f"{g}/{n}" for g in groups for n in listed(g) if n.endswith(".refs"))
        if not lists:
            return
        manifest = lists[number % len(lists)]
        if damage == "loses":
            os.unlink(manifest)
        elif damage == "forgets":
            write(manifest, b"models--org--a/blobs/none\n")
        else:
            with open(manifest, "a") as file:
                file.write("models--org--none/blobs/none\n")

    def train(self, name: str) -> None:
        """Begin a training, or end it."""
        if name in self.leases:
            self.leases.pop(name).close()
        else:
            self.leases[name] = contextlib.ExitStack()
            held = lease(self.cache, self.environment, [RepoName("model", name)])
            self.leases[name].enter_context(held)

    def fetch(self, name: str) -> None:
        """Take a download lock of the repo, or give it back."""
        if name in self.downloads:
            self.downloads.pop(name).close()
        else:
            self.downloads[name] = contextlib.ExitStack()
            held = blob_lock(self.cache, RepoName("model", name), "f" * 64)
            self.downloads[name].enter_context(held)

    def use(self, name: str) -> None:
        """Record a use of a model; or let it be long ago."""
        act = forget_uses if name in self.recent else note_use
        act(self.cache, self.environment, [RepoName("model", name)])

    @property
    def recent(self) -> set[str]:
        """The repos whose last use is recorded: it was just now."""
        used = listed(f"{self.cache}/.locks/.swarmcache/ledger/used")
        return {name for name in NAMES if home(name) in used}

    def read(self, number: int) -> None:
        """Open a file and know nothing of swarmcache, or close the last one."""
        loaded = snapshots(self.cache)
        files = sorted(f"{one}/{path}" for one, held in loaded.items() for path in held)
        files += sorted(path for path in self.unused() if os.path.exists(path))
        if self.opened and (number % 2 or not files):
            os.close(self.opened.pop())
        elif files:
            self.opened.append(os.open(files[number % len(files)], os.O_RDONLY))

    def pin(self, name: str, revision: str) -> None:
        """Pin a revision in the settings; two pins are the end of all."""
        if len(self.pins) > 1:
            self.pins.clear()
        else:
            self.pins.append(Pin(RepoName("model", name), revision, "pinned"))

    def register(self, name: str, revision: str, *, mounted: bool) -> None:
        """Let a project need a revision, its disk here or not; two are the end of all."""
        if len(self.rooted) > 1:
            for root in roots(self.cache, self.environment):
                os.unlink(root.path)
            self.rooted.clear()
            return
        project = f"{self.folder}/{'work' if mounted else 'unmounted'}/project"
        if mounted:
            os.makedirs(project, exist_ok=True)
        add_root(self.cache, self.environment, project, [parse_target(f"{name}@{revision}")])
        self.rooted.append((name, revision))

    def clean(self, wishes: Wishes, *, die_at: int = 0) -> tuple[CleanPlan, list[Cleaned]] | None:
        """Plan and carry out, in another process; None for one that died before that change."""
        return cleaned_in_child(self.cache, wishes, pins=self.pins, die_at=die_at)

    def before(self, wishes: Wishes) -> Before:
        """Return all that must be compared with what is there after a clean."""
        loaded = snapshots(self.cache)
        frozen = {*self.leases, *self.downloads}
        frozen |= self.recent - {model.repo.id for model in wishes.models}
        held = {path for path in loaded if self.has_stranger(path)}
        for name in frozen:
            held |= {path for path in loaded if is_below(path, self.maker.folder(name))}
        opened = {(one.st_dev, one.st_ino) for one in map(os.fstat, self.opened)}
        for path, files in loaded.items():
            found = [os.stat(f"{path}/{name}") for name in files]
            if opened & {(one.st_dev, one.st_ino) for one in found}:
                held.add(path)
        if not wishes.ignore_pins:
            held |= set(self._needed(loaded))
        total = sum(inodes(self.folder, self._trash).values())
        opened_files = [one for one in self.opened if os.fstat(one).st_nlink]
        return Before(tree(self.folder), total, loaded, held, frozen, self.unused(), opened_files)

    def _needed(self, loaded: Collection[str]) -> Iterator[str]:
        """Yield the snapshots that pins and projects need."""
        needed = [(pin.repo.id, pin.revision) for pin in self.pins] + self.rooted
        for name, revision in needed:
            folder = self.maker.folder(name)
            ref = f"{folder}/refs/{revision}"
            commit = bytes_of(ref).decode() if os.path.exists(ref) else revision
            here = [path for path in loaded if is_below(path, folder)]
            one = f"{folder}/snapshots/{commit}"
            if one in here or revision in COMMITS:
                yield from (path for path in here if path == one)
            else:
                yield from here  # Nobody knows which is meant.

    def is_opened(self, path: str) -> bool:
        """Tell whether somebody has a file open."""
        here = [os.stat(path)] if os.path.exists(path) else []
        return any(os.path.samestat(os.fstat(one), found) for one in self.opened for found in here)

    def unused(self) -> set[str]:
        """Return the blobs and payloads that no snapshot leads to."""
        used = set()
        for snapshot in snapshots(self.cache):
            for folder, _, names in os.walk(snapshot):
                link = [f"{folder}/{name}" for name in names]
                while link := [os.path.normpath(step) for path in link for step in followed(path)]:
                    used.update(link)
        folders = [f"{self.maker.folder(name)}/blobs" for name in NAMES]
        folders += [f"{self.cache}/blobs/{group}" for group in listed(f"{self.cache}/blobs")]
        blobs = {f"{folder}/{name}" for folder in folders for name in listed(folder)}
        # A payload without a list of users is never freed by its last one: the Hub's rule.
        listless = {path for path in blobs if path.startswith(f"{self.cache}/blobs/")}
        listless -= {path[: -len(".refs")] for path in blobs if path.endswith(".refs")}
        return {path for path in blobs if "." not in os.path.basename(path)} - used - listless

    def refuse_harm(self, before: Before, wishes: Wishes) -> None:
        """Fail unless all that must stay is as it was; after a killed clean, too."""
        after = tree(self.folder)
        frozen = tuple(f"hub/{home(name)}/" for name in before.frozen)
        for path, content in before.tree.items():
            stays = not path.startswith("hub/") or path.startswith(frozen)
            if stays or (path in after and not path.endswith(".refs")):
                assert after.get(path) == content, path
        assert after.keys() <= before.tree.keys()
        for handle in before.opened:
            assert os.fstat(handle).st_nlink > 0
        for path in self.strangers:
            assert bytes_of(path) == b"mine"
        left = snapshots(self.cache)
        assert before.held <= left.keys()
        reduced = wishes.formats or wishes.budget is not None
        for path, found in left.items():
            whole = before.snapshots[path]
            gone = whole.keys() - found.keys()
            assert found == {name: whole[name] for name in found}
            assert all(name.endswith(".bin") for name in gone) if reduced else not gone

    def refuse_lies(self, before: Before, plan: CleanPlan, groups: list[Cleaned]) -> None:
        """Fail unless the plan was carried out, and no more."""
        assert [kept for one in groups for kept in one.kept] == []
        assert [step for one in groups for step in one.done] == list(plan.steps)
        assert listed(self._trash) == []
        freed = before.bytes - sum(inodes(self.folder).values())
        assert sum(one.freed_bytes for one in groups) == freed == plan.freed_bytes_expected
        gone = before.tree.keys() - tree(self.folder).keys()
        places = [os.path.relpath(step.path, self.folder) for step in plan.steps]
        assert {path for path in gone if not any(is_below(path, one) for one in places)} == set()

    def has_stranger(self, snapshot: str) -> bool:
        """Tell whether somebody's own file lies in a snapshot."""
        return any(is_below(path, snapshot) for path in self.strangers)

    def counted_bytes(self) -> int:
        """Return what a budget counts: not strangers' files, nor the shared store's marker."""
        paths = [*self.strangers, f"{self.cache}/blobs/.huggingface-shared-blobs"]
        others = sum(os.stat(path).st_blocks * 512 for path in paths if os.path.exists(path))
        return sum(inodes(self.cache).values()) - others

    def everything(self) -> list[tuple[str, int, int]]:
        """Return every path below the folder, with its inode and the time of its last change."""
        found = []
        for folder, below, files in os.walk(self.folder):
            for name in (*below, *files):
                status = os.lstat(f"{folder}/{name}")
                found.append((f"{folder}/{name}", status.st_ino, status.st_mtime_ns))
        return sorted(found)

    @property
    def _trash(self) -> str:
        return f"{self.cache}/.locks/.swarmcache/trash"


def home(name: str) -> str:
    """Return the folder of a repo."""
    return folder_name(RepoName("model", name))


def followed(path: str) -> list[str]:
    """Return where a link leads by one step; nothing for what is none."""
    return [f"{os.path.dirname(path)}/{os.readlink(path)}"] if os.path.islink(path) else []


def bytes_of(path: str) -> bytes:
    """Return what a file holds."""
    with open(path, "rb") as file:
        return file.read()


def listed(folder: str) -> list[str]:
    """Return the names in a folder, sorted; none where there is none."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(folder))
    return []
