"""One pass over a cache: every layout, every oddity named, no repo ever hidden."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors, write
from other_user import open_folder, run_as_other_user
from swarmcache.errors import CacheNotFound
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.leftovers.surroundings import read_surroundings
from swarmcache.hubcache.scan import (
    Repo,
    iter_repos,
    list_cache,
    read_repo,
    repo_names,
)

if TYPE_CHECKING:
    from pathlib import Path

NAME = RepoName("model", "org/name")
FILES = {
    "config.json": b'{"model_type": "qwen2"}',
    "model.safetensors": tiny_safetensors(1),
    "sub/deep/file.txt": b"deep",
}


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    """A cache in a temporary folder."""
    return CacheMaker(tmp_path / "hub")


def read(maker: CacheMaker, name: RepoName = NAME) -> Repo:
    """Return a repo that must be there."""
    repo = read_repo(maker.path, name)
    assert repo is not None
    return repo


def kinds(repo: Repo) -> list[str]:
    """Return the kinds of a repo's problems."""
    return [problem.kind for problem in repo.problems]


@pytest.mark.parametrize(
    "layout",
    [{}, {"trees": False}, {"links": False}, {"shared": True}],
    ids=["hub-2.x", "hub-0.36", "no-symlinks", "shared-store"],
)
def test_every_layout_gives_the_same_files(maker: CacheMaker, layout: dict[str, bool]) -> None:
    """Paths and sizes are the same however a client has laid the content out."""
    commit = maker.repo("org/name", FILES, **layout)  # type: ignore[arg-type]

    repo = read(maker)

    assert kinds(repo) == []
    assert repo.refs == {"main": commit}
    (revision,) = repo.revisions
    assert revision.refs == ("main",)
    found = {file.path: file.blob.size for file in revision.files if file.blob}
    assert found == {path: len(content) for path, content in FILES.items()}


@pytest.mark.parametrize("kind", ["model", "dataset", "space", "kernel"])
def test_every_repo_type_is_found(maker: CacheMaker, kind: str) -> None:
    """Datasets, spaces and kernels lie beside models."""
    maker.repo("org/name", FILES, repo_type=kind)

    assert repo_names(maker.path) == [(kind, "org/name")]


def test_revisions_share_blobs_and_know_their_refs(maker: CacheMaker) -> None:
    """Two commits, one of them pinned by its hash alone, share what is equal."""
    old = maker.repo("org/name", FILES, refs=())
    new = maker.repo("org/name", {**FILES, "config.json": b"{}"}, refs=("main", "refs/pr/1"))

    repo = read(maker)

    assert {rev.commit: rev.refs for rev in repo.revisions} == {old: (), new: ("main", "refs/pr/1")}
    assert len(repo.blobs) == 4
    assert repo.revision(old) is not None
    assert repo.revision("refs/pr/1") is repo.revision(new)


def test_a_broken_link_is_a_problem_and_the_file_has_no_content(maker: CacheMaker) -> None:
    """A deleted blob is named; the repo stays visible."""
    maker.repo("org/name", FILES)
    repo = read(maker)
    os.unlink(next(blob.path for blob in repo.blobs.values() if blob.size == 4))

    repo = read(maker)

    assert kinds(repo) == ["broken-link"]
    assert repo.problems[0].path.endswith("sub/deep/file.txt")
    (revision,) = repo.revisions
    assert [file.path for file in revision.files if file.blob is None] == ["sub/deep/file.txt"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../etc/passwd"])
def test_a_link_out_of_the_cache_is_never_followed(maker: CacheMaker, target: str) -> None:
    """Neither an absolute nor a climbing link gives its file content."""
    commit = maker.repo("org/name", FILES)
    link = os.path.join(maker.folder("org/name"), "snapshots", commit, "evil.json")
    os.symlink(target, link)

    repo = read(maker)

    assert [(p.kind, p.path) for p in repo.problems] == [("outside-link", link)]
    assert [f.blob for f in repo.revisions[0].files if f.path == "evil.json"] == [None]


def test_a_link_to_itself_is_broken(maker: CacheMaker) -> None:
    """A loop ends in a problem, not in an error."""
    commit = maker.repo("org/name", FILES)
    link = os.path.join(maker.folder("org/name"), "snapshots", commit, "loop")
    os.symlink("loop", link)

    assert kinds(read(maker)) == ["broken-link"]


def test_absolute_links_within_the_cache_are_read(maker: CacheMaker) -> None:
    """Clients write absolute links where no relative path exists."""
    commit = maker.repo("org/name", FILES)
    repo = read(maker)
    blob = next(blob for blob in repo.blobs.values() if blob.size == 4)
    link = os.path.join(maker.folder("org/name"), "snapshots", commit, "absolute.txt")
    os.symlink(blob.path, link)

    repo = read(maker)

    assert kinds(repo) == []
    assert [
        f.blob.size for f in repo.revisions[0].files if f.path == "absolute.txt" and f.blob
    ] == [4]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("{commit}\n", "bad-ref"), ("", "bad-ref"), ("v1", "bad-ref"), ("0" * 40, "dangling-ref")],
)
def test_refs_that_lead_nowhere_are_problems(maker: CacheMaker, text: str, kind: str) -> None:
    """A newline, an empty file, no hash, or a commit that is not here."""
    commit = maker.repo("org/name", FILES)
    write(
        os.path.join(maker.folder("org/name"), "refs", "main"), text.format(commit=commit).encode()
    )

    repo = read(maker)

    assert kinds(repo) == [kind]
    assert repo.problems[0].path == os.path.join(maker.folder("org/name"), "refs", "main")
    assert repo.problems[0].message.startswith(repo.problems[0].path)
    assert repo.revision("main") is None
    assert repo.revision(commit) is not None


def test_leftovers_are_told_apart(maker: CacheMaker) -> None:
    """Partials of both kinds, crash remains and blobs that no snapshot links."""
    maker.repo("org/name", FILES)
    blobs = os.path.join(maker.folder("org/name"), "blobs")
    etag, probe = "ab" * 32, "tmp_0f8fad5b-d9cb-469f-a165-70867728950e"
    for name in (f"{etag}.incomplete", f"{etag}.0123abcd.incomplete", probe, "cd" * 32):
        write(os.path.join(blobs, name), b"x" * 5000)
    write(os.path.join(maker.folder("org/name"), "refs", "main.0123abcd.tmp"), b"x")

    repo = read(maker)

    assert sorted(left.kind for left in repo.leftovers) == [
        "orphan",
        "partial",
        "partial",
        "temporary",
        "temporary",
    ]
    assert all(left.physical >= 4096 for left in repo.leftovers)
    assert repo.problems == ()


def test_foreign_files_are_named_and_left_out(maker: CacheMaker) -> None:
    """A key beside the repos, a note in a repo, a folder where a blob should be."""
    maker.repo("org/name", FILES)
    write(os.path.join(maker.path, "swarm.pem"), b"key")
    write(os.path.join(maker.folder("org/name"), "notes.txt"), b"mine")
    os.mkdir(os.path.join(maker.folder("org/name"), "blobs", "ef" * 20))
    write(os.path.join(maker.folder("org/name"), "snapshots", "latest", "x"), b"x")

    repo = read(maker)

    assert sorted(os.path.basename(p.path) for p in repo.problems) == [
        "ef" * 20,
        "latest",
        "notes.txt",
    ]
    assert set(kinds(repo)) == {"foreign-file"}
    around = read_surroundings(list_cache(maker.path))
    assert [os.path.basename(p.path) for p in around.problems] == ["swarm.pem"]


def test_surroundings_know_the_hubs_own_files(maker: CacheMaker) -> None:
    """The tag, the locks, the shared store and legacy files are no strangers."""
    maker.repo("org/name", FILES, shared=True)
    write(os.path.join(maker.path, "CACHEDIR.TAG"), b"Signature")
    write(os.path.join(maker.path, ".locks", "models--org--name", "x.lock"), b"")
    legacy = "ab" * 32 + "." + "cd" * 32
    write(os.path.join(maker.path, legacy), b"x")
    write(os.path.join(maker.path, legacy + ".json"), b"{}")

    around = read_surroundings(list_cache(maker.path))

    assert around.problems == ()
    assert [left.kind for left in around.leftovers] == ["legacy", "legacy"]
    assert [blob.size for blob in around.shared] == [len(FILES["model.safetensors"])]


def test_names_with_spaces_unicode_and_newlines_survive(maker: CacheMaker) -> None:
    """A hostile or foreign file name is a name like any other."""
    names = ["a b.txt", "模型.json", "line\nbreak", "café/ü.bin", "%2e%2e", "-rf"]
    maker.repo("org/name", {name: name.encode() for name in names})

    repo = read(maker)

    assert sorted(file.path for file in repo.revisions[0].files) == sorted(names)
    assert repo.problems == ()


def test_a_name_that_is_no_unicode_survives(maker: CacheMaker) -> None:
    """Bytes that are not UTF-8 come back as Python's surrogate escapes."""
    commit = maker.repo("org/name", FILES)
    snapshot = os.path.join(maker.folder("org/name"), "snapshots", commit)
    with open(os.fsencode(snapshot) + b"/\xff", "wb"):
        pass

    assert "\udcff" in [file.path for file in read(maker).revisions[0].files]


def test_no_such_folder_and_a_file_for_a_folder(tmp_path: Path) -> None:
    """Both end in one sentence that names the path."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(CacheNotFound, match=path.name):
            list(iter_repos(str(path)))


def test_an_unreadable_folder_is_a_problem_of_its_repo() -> None:
    """Read by another user, a closed `blobs` folder is named and the repo still listed."""
    code = (
        "import sys; from swarmcache.hubcache.scan import read_repo; "
        "from swarmcache.hubcache.layout import RepoName; "
        "r = read_repo(sys.argv[1], RepoName('model', 'org/name')); "
        "print(sorted({p.kind for p in r.problems}), len(r.revisions))"
    )
    with open_folder() as folder:
        maker = CacheMaker(folder)
        maker.repo("org/name", FILES)
        os.chmod(os.path.join(maker.folder("org/name"), "blobs"), 0)

        done = run_as_other_user([sys.executable, "-c", code, folder])

    assert done.stdout == "['broken-link', 'unreadable'] 1\n", done.stderr


def test_a_closed_repo_is_one_problem() -> None:
    """Not one more for each folder that might be inside."""
    code = (
        "import sys; from swarmcache.environment import Environment; "
        "from swarmcache.hubcache.usage import measure_cache; "
        "u, = measure_cache(sys.argv[1], Environment.current()).repos; "
        "print([(p.kind, p.path.endswith('models--org--name')) for p in u.problems], u.state)"
    )
    with open_folder() as folder:
        maker = CacheMaker(folder)
        maker.repo("org/name", FILES)
        os.chmod(maker.folder("org/name"), 0)

        done = run_as_other_user([sys.executable, "-c", code, folder])
        os.chmod(maker.folder("org/name"), 0o700)

    assert done.stdout == "[('unreadable', True)] unknown\n", done.stderr


def test_a_repo_that_vanishes_is_not_there(maker: CacheMaker) -> None:
    """A name without a folder is None, not an error."""
    assert read_repo(maker.path, NAME) is None


def test_symlinked_cache_root(maker: CacheMaker, tmp_path: Path) -> None:
    """A cache reached through a link is read like any other."""
    maker.repo("org/name", FILES, shared=True)
    os.symlink(maker.path, tmp_path / "link")

    repo = read_repo(str(tmp_path / "link"), NAME)

    assert repo is not None
    assert repo.problems == ()
    assert all(file.blob for file in repo.revisions[0].files)


def test_what_vanishes_while_it_is_read_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prune or another download works on the same folder: what is gone is left out."""
    maker = CacheMaker(tmp_path)
    maker.repo("org/name", {"a.json": b"{}", "b.json": b"[]"})
    partial = os.path.join(maker.folder("org/name"), "blobs", "c" * 40 + ".0123abcd.incomplete")
    write(partial, b"half")
    scandir = os.scandir

    def vanishing(folder: str) -> list[os.DirEntry[str]]:
        entries = list(scandir(folder))
        for entry in entries:
            if entry.name == "a.json" or entry.path == partial:
                os.unlink(entry.path)
        return entries

    monkeypatch.setattr(os, "scandir", vanishing)
    repo = read_repo(maker.path, RepoName("model", "org/name"))
    assert repo is not None
    assert [file.path for file in repo.revisions[0].files] == ["b.json"]
    assert [left.kind for left in repo.leftovers] == ["orphan"]  # The blob of a.json.
