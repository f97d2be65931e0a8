"""Which files of a revision are pickle weights, and which safetensors hold the same weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.weights import weights_format
from swarmcache.hubcache.intact.verdicts import Missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.hubcache.layout import RepoName

_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_SAFETENSORS = ".safetensors"
_FORMATS = frozenset({"pickle", "training", "original"})
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})")


@dataclass(frozen=True, slots=True)
class PickleFile:
    """Cached weights, or a trainer's state, that are a pickle by their name."""

    repo: RepoName
    commit: str
    path: str
    """In the repo."""
    blob: str
    """Where the content lies, absolute."""
    twin: str | None
    """The safetensors file of the same folder that holds the same weights; of shards the first."""


class PickleFiles:
    """Collects, from the verdicts on a cache's files, those that are pickles."""

    def __init__(self) -> None:
        self._heard: dict[tuple[RepoName, str], dict[str, str]] = {}

    def hear(self, verdict: FileVerdict) -> None:
        """Take note of a file; the last verdict on a path counts."""
        path = verdict.path
        # OpenVINO describes the raw bytes of its `.bin` in an `.xml` beside it.
        if not path.endswith((*_PICKLES, _SAFETENSORS, ".xml")) or verdict.commit is None:
            return
        files = self._heard.setdefault((verdict.repo, verdict.commit), {})
        if verdict.blob is None or isinstance(verdict.outcome, Missing):
            files.pop(path, None)
        else:
            files[path] = verdict.blob

    def __iter__(self) -> Iterator[PickleFile]:
        """Yield every pickle that was heard of, in the order of repos, commits and paths."""
        for (repo, commit), files in sorted(self._heard.items()):
            twins = _whole_sets(files)
            for path in sorted(files):
                if _is_pickle(path, files):
                    yield PickleFile(repo, commit, path, files[path], twins.get(_weights_of(path)))


def _is_pickle(path: str, files: Collection[str]) -> bool:
    if not path.endswith(_PICKLES) or weights_format(path) not in _FORMATS:
        return False
    return f"{path.rpartition('.')[0]}.xml" not in files


def _whole_sets(files: Collection[str]) -> dict[str, str]:
    """Return the first file of each complete set of safetensors, by what weights it holds."""
    sets: dict[tuple[str, int], list[str]] = {}
    for path in sorted(files):
        if path.endswith(_SAFETENSORS):
            shard = _SHARD.fullmatch(path.removesuffix(_SAFETENSORS))
            count = int(shard[3]) if shard is not None else 1
            sets.setdefault((_weights_of(path), count), []).append(path)
    return {weights: paths[0] for (weights, count), paths in sets.items() if len(paths) == count}


def _weights_of(path: str) -> str:
    """Return folder and stem that a pickle and its twin share: `pytorch_model` is `model`."""
    stem = path.rpartition(".")[0]
    shard = _SHARD.fullmatch(stem)
    folder, slash, name = (shard[1] if shard is not None else stem).rpartition("/")
    return f"{folder}{slash}{name.removeprefix('pytorch_')}"
