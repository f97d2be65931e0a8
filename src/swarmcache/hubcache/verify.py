"""`verify`: are the bytes right? Offline, each content hashed once, remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.expectations import nothing_locked
from swarmcache.hubcache.gaps import why_unreadable
from swarmcache.hubcache.hashing import Changed, NotAFile, hash_file
from swarmcache.hubcache.survey import judged, survey
from swarmcache.hubcache.verdicts import Corrupt, Missing, Verified
from swarmcache.locale import t
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.expectations import Locked
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.survey import Content
    from swarmcache.hubcache.verdicts import FileVerdict, Outcome
    from swarmcache.progress import Progress


class Verification:
    """A run of `verify`: iterate it for the verdicts, as they come."""

    def __init__(
        self,
        targets: Sequence[Target] | None,
        cache: str,
        *,
        locked: Locked = nothing_locked,
        progress: Progress | None = None,
    ) -> None:
        self._survey = survey(targets, cache, locked=locked)
        self._progress = progress or Silent()
        self.bytes_hashed = 0
        """Bytes read and hashed so far."""

    def __iter__(self) -> Iterator[FileVerdict]:
        yield from self._survey.settled
        task = t("Verifying")
        contents = sorted(self._survey.contents.values(), key=lambda content: -content.size)
        self._progress.start(task, sum(content.size for content in contents))
        for content in contents:
            yield from self._verdicts(content, task)
        self._progress.finish(task)

    def _verdicts(self, content: Content, task: str) -> Iterator[FileVerdict]:
        def on_bytes(count: int) -> None:
            self.bytes_hashed += count
            self._progress.advance(task, count)

        problem: Outcome
        try:
            result = hash_file(content.path, content.algorithm, on_bytes=on_bytes)
        except NotAFile:
            problem = Missing("not-a-file")
        except FileNotFoundError:
            problem = Missing("missing-blob")
        except OSError:
            problem = Missing("unreadable", why_unreadable(content.path))
        else:
            if isinstance(result, Changed):
                problem = Corrupt("changed-while-reading", content.algorithm)
            else:
                for place in content.places:
                    yield place.verdict(judged(place, result.digest, Verified()))
                return
        yield from (place.verdict(problem) for place in content.places)


def verify(
    targets: Sequence[Target] | None,
    cache: str,
    *,
    locked: Locked = nothing_locked,
    progress: Progress | None = None,
) -> Verification:
    """Return a run that tells whether the bytes of `targets` are right; None: the whole cache.

    Nothing is hashed before it is iterated. Raises CacheNotFound for no such folder.
    """
    return Verification(targets, cache, locked=locked, progress=progress)
