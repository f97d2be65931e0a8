"""Caches that are adopted, moved, deduped, exported, imported by processes that die at any instant.

The processes are forked, so that a kill falls into the work and not into the start of an
interpreter; otherwise they are what a user starts: `main` with the words of a command line.
"""

from __future__ import annotations

import glob
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from huggingface_hub import scan_cache_dir

import swarmcache.plans
from cachemaker import CacheMaker, git_sha1, sha256
from cleaning import contents, model
from faults.pulling import DYING
from swarmcache.cli import main
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_folder_name, parse_target

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

    from swarmcache.hubcache.layout import RepoType

BOUND = 60.0
LATER = "2" * 40
BIG = b"w" * 120_000
FILES: dict[str, dict[str, bytes]] = {
    "org/links": model(1, **{"big.dat": BIG, "sub/more.json": b"[]"}),
    f"org/links@{LATER}": model(2, **{"big.dat": BIG}),
    "org/links@v1": model(1, **{"big.dat": BIG, "sub/more.json": b"[]"}),
    "org/bare": model(3) | {"config.json": b'{"architectures": ["GPT2LMHeadModel"]}'},
    "org/plain": model(4),
    "org/as-it-is": model(6, **{"sub/more.json": b"[]"}),
    "org/shared": model(5, **{"more.bin": BIG[:5000]}),
    "org/twin": model(5, **{"more.bin": BIG[:5000]}),
    "datasets/org/data": {"train.csv": b"1,2", "sub/test.csv": b"3,4"},
}
"""What each model, or dataset, of a source holds."""
REPOS = 7
"""So many there are."""
_GUARD = "swarmcache.owner."
PARTIAL = "e" * 64
"""What names the partial download of a source."""
FILLING = DYING.replace("os.kill(os.getpid(), signal.SIGKILL)", "fill()")
"""Fills the disk of FILL instead of dying, as another program would."""
NO_LINKS = """
import errno, os
def forbidden(*_, **__):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
os.link = os.symlink = forbidden
"""
"""A value of HOOK, Python that runs first of all: no hard links and no symbolic ones, as on FAT."""
for _module in pkgutil.walk_packages(swarmcache.plans.__path__, "swarmcache.plans."):
    importlib.import_module(_module.name)
for _name in ("adopt", "move", "export", "importing", "dedupe", "clean"):
    importlib.import_module(f"swarmcache.cli.{_name}")


class Ended(NamedTuple):
    """How a command came out."""

    code: int
    """Its exit code; that of `subprocess` for a signal."""
    out: str
    said: str
    changes: int
    """To the disk, below the folder that was watched."""
    seconds: float


def build(path: str) -> CacheMaker:
    """Make a source with a repo in each layout, and a partial download of ours."""
    maker = CacheMaker(path)
    maker.repo("org/links", FILES["org/links"], refs=("main", "v1"))
    maker.repo("org/links", FILES[f"org/links@{LATER}"], commit=LATER, refs=())
    maker.repo("org/bare", FILES["org/bare"], trees=False, no_exist=["generation_config.json"])
    maker.repo("org/plain", FILES["org/plain"], links=False)
    maker.repo("org/as-it-is", FILES["org/as-it-is"], links=False, trees=False)
    maker.repo("org/shared", FILES["org/shared"], shared=True)
    maker.repo("org/twin", FILES["org/twin"], shared=True)
    maker.repo("org/data", FILES["datasets/org/data"], repo_type="dataset")
    leave_partial(path)
    return maker


def leave_partial(cache: str) -> None:
    """Leave a download that nobody works on, as a killed pull does."""
    folder = f"{cache}/.locks/.swarmcache/partial/{PARTIAL}"
    os.makedirs(folder)
    for name, content in (("owner.free", b""), ("data", b"half"), ("journal", b"")):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content)
    with open(f"{cache}/.locks/.swarmcache/VERSION", "w", encoding="ascii") as file:
        file.write("1\n")


def start(  # noqa: PLR0913 - as `run`
    words: list[str],
    folder: str,
    *,
    die_at: int = 0,
    die_of: int = signal.SIGKILL,
    cwd: str = "",
    stdin: str = "",
) -> int:
    """Start a command in a forked process; changes in `folder`, and beside it, are counted."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return child
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.setsid()
        for number, name in ((1, "out"), (2, "said")):
            os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(_piped(stdin) if stdin else os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (open(n, m) for n, m in ((0, "r"), (1, "w"), (2, "w")))  # noqa: SIM115
        os.chdir(cwd or folder)
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"
        os.environ |= {"DIE_AT": str(die_at), "DIE_IN": os.path.dirname(folder)}
        exec(os.environ.pop("HOOK", ""), {})
        dying: dict[str, Any] = {"fill": fill}
        hook = FILLING if "FILL" in os.environ else DYING
        exec(hook.replace("signal.SIGKILL", str(int(die_of))), dying)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = main(words)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        counted = dying["changes"]
        with open(f"{folder}/changes", "w") as file:
            file.write(str(counted))
    except SystemExit as error:
        code = int(str(error.code))
    except BaseException:  # noqa: BLE001 - told by the words
        os.write(2, traceback.format_exc().encode())
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def fill() -> None:
    """Take all that is free on the disk that FILL names a file of."""
    with open(os.environ["FILL"], "ab", buffering=0) as file, suppress(OSError):
        for size in (2**16, 2**12, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def ended(child: int, folder: str) -> Ended:
    """Return how a process ended, and how long that took from now."""
    began = time.monotonic()
    deadline = began + BOUND
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"no end after {BOUND} s: {_read(f'{folder}/said')}")
        time.sleep(0.001)
    code = os.waitstatus_to_exitcode(status)
    out, said = _read(f"{folder}/out"), _read(f"{folder}/said")
    for name in ("out", "said"):
        with suppress(FileNotFoundError):
            os.unlink(f"{folder}/{name}")
    counted = int(_read(f"{folder}/changes") or 0)
    return Ended(code, out, said, counted, time.monotonic() - began)


def run(  # noqa: PLR0913 - each keyword is one trait of a run
    words: list[str],
    folder: str,
    *,
    die_at: int = 0,
    die_of: int = signal.SIGKILL,
    cwd: str = "",
    stdin: str = "",
) -> Ended:
    """Run a command to its end, or to the change before which it dies; `stdin` is piped in.

    `die_of` is the signal that it then gets.
    """
    child = start(words, folder, die_at=die_at, die_of=die_of, cwd=cwd, stdin=stdin)
    return ended(child, folder)


def interrupted(  # noqa: PLR0913 - as `run`, and when which signal comes
    words: list[str], folder: str, after: float, number: int, *, cwd: str = "", stdin: str = ""
) -> Ended:
    """Run a command, and send it a signal after some seconds if it still runs."""
    child = start(words, folder, cwd=cwd, stdin=stdin)
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.0005)
    else:
        os.kill(child, number)
    return ended(child, folder)


def instants(chance: random.Random, seconds: float) -> Iterator[float]:
    """Yield when to kill one run after the other: uniformly over a time that grows.

    It begins with what an undisturbed run took. Without growth, none would ever end on a machine
    that became slower since.
    """
    while True:
        yield chance.uniform(0, seconds)
        seconds *= 1.1


def is_whole(cache: str, name: str, files: Mapping[str, Mapping[str, bytes]] = FILES) -> bool:
    """Tell whether a cache has a model with all its bytes; it fails for half a model."""
    kind: RepoType = "dataset" if name.startswith("datasets/") else "model"
    found = check(parse_target(name.removeprefix("datasets/"), default_type=kind), cache)
    assert found.state in {"complete", "missing"}, (cache, name, found)
    return found.snapshot is not None and contents(found.snapshot) == files[name]


def refuse_harm(
    *caches: str, files: Mapping[str, Mapping[str, bytes]] = FILES, names: tuple[str, ...] = ()
) -> None:
    """Fail unless each model is whole in one of the caches, and clients can use each."""
    for name in names or files:
        whole = [cache for cache in caches if is_whole(cache, name, files)]
        assert whole, name
    for cache in caches:
        refuse_illegal(cache)


def refuse_illegal(cache: str) -> None:
    """Fail unless every ref leads to a whole commit, every link to its bytes.

    But for the refs that guard a commit until its own ref is there (docs/adr/0012).
    """
    repos = [one for one in glob.glob(f"{cache}/*--*") if parse_folder_name(os.path.basename(one))]
    for path in (path for repo in repos for path in glob.glob(f"{repo}/blobs/*")):
        name = os.path.basename(path)
        if name.endswith(".incomplete"):
            continue  # A client's download goes on there.
        with open(path, "rb") as file:
            data = file.read()
        assert name == (sha256(data) if len(name) == 64 else git_sha1(data)), path
    for ref in _files([f"{repo}/refs" for repo in repos]):
        if os.path.basename(ref).startswith(_GUARD):
            continue
        with open(ref, encoding="ascii") as file:
            commit = file.read()
        repo = ref.partition("/refs/")[0]
        snapshot = f"{repo}/snapshots/{commit}"
        assert os.path.isdir(snapshot), f"{ref} leads to a missing snapshot"
        with suppress(FileNotFoundError), open(f"{repo}/trees/{commit}.json") as file:
            for path in json.load(file)["files"]:
                assert os.path.exists(f"{snapshot}/{path}"), f"{ref}: {path} is missing"
    for link in _files([f"{repo}/snapshots" for repo in repos]):
        assert os.path.exists(link), f"{link} is a dead link"


def refuse_remains(folder: str, *, partials: tuple[str, ...] = ()) -> None:
    """Fail where anything of a killed process is left, but the partial downloads that are named."""
    left = [path for path in _files([folder]) if path.endswith((".tmp", "/moving"))]
    left += glob.glob(f"{folder}/**/*.tmp", recursive=True)
    left += glob.glob(f"{folder}/**/refs/{_GUARD}*", recursive=True)
    left += glob.glob(f"{folder}/**/trash.*", recursive=True, include_hidden=True)
    for mine in glob.glob(f"{folder}/**/.locks/.swarmcache", recursive=True, include_hidden=True):
        for below in ("partial", "trash", "linking"):
            with suppress(FileNotFoundError):
                left += [
                    f"{mine}/{below}/{one}"
                    for one in os.listdir(f"{mine}/{below}")
                    if one not in partials
                ]
    assert not left, str(left)


def refuse_warnings(*caches: str) -> None:
    """Fail where huggingface_hub warns of anything."""
    for cache in caches:
        assert [str(one) for one in scan_cache_dir(cache).warnings] == []


def refuse_complaints(cache: str) -> None:
    """Fail where the real `hf cache ls --show-warnings` says anything but what is there."""
    words = ["cache", "ls", "--cache-dir", cache, "--show-warnings", "--json"]
    done = subprocess.run(
        [f"{os.path.dirname(sys.executable)}/hf", *words],
        env={**os.environ, "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)


def _piped(path: str) -> int:
    """Return the end of a pipe through which a file comes."""
    sender = subprocess.Popen(["cat", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert sender.stdout is not None
    return os.dup(sender.stdout.fileno())


def _files(folders: list[str]) -> Iterator[str]:
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                yield f"{path}/{name}"


def _read(path: str) -> str:
    with suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""
