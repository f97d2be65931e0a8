"""Which copy of each content is right: remembered as such, or hashed now, by several threads."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.claims import Claims
from swarmcache.hubcache.intact.cores import usable_cores
from swarmcache.hubcache.intact.crew import Crew, How
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import Hashed
from swarmcache.hubcache.intact.ledger import FOLDER, Recalled
from swarmcache.hubcache.intact.survey import Content
from swarmcache.locale import t
from swarmcache.plans.dedupe.values import Left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from swarmcache.hubcache.intact.ledger import Ledger
    from swarmcache.hubcache.state import State
    from swarmcache.plans.dedupe.values import Copy, Group
    from swarmcache.progress import Progress


class Prover:
    """Proves copies of contents in some caches."""

    def __init__(self, states: Mapping[str, State], ledgers: Mapping[str, Ledger]) -> None:
        self.kept: dict[str, Copy] = {}
        """By the key of a group, the copy that is right."""
        self._states = states
        self._ledgers = ledgers
        self._digests: dict[str, str] = {}
        """By path, what the bytes are."""

    def prove(self, groups: Iterable[Group], progress: Progress) -> Iterator[Left]:
        """Look for a right copy of each content, the first one first; yield those that are not."""
        pending = [(group, _files(group)) for group in groups]
        while pending:
            self._look_at([(group, files[0]) for group, files in pending], progress)
            left = []
            for group, files in pending:
                if self._digests.get(files[0].path) == group.etag:
                    self.kept[group.key] = files[0]
                    continue
                yield Left(
                    files[0].path,
                    t("the bytes are not the ones that their name stands for"),
                    wrong=True,
                )
                if len(files) > 1:
                    left.append((group, files[1:]))
            pending = left

    def _look_at(self, copies: list[tuple[Group, Copy]], progress: Progress) -> None:
        """Learn what the bytes of these files are."""
        unknown: dict[str, list[Content]] = {}
        for group, copy in copies:
            if copy.path in self._digests:
                continue
            known = self._recalled(group, copy)
            if known is None:
                content = Content(copy.path, group.algorithm, group.size, copy.found.inode)
                unknown.setdefault(copy.cache, []).append(content)
            else:
                self._digests[copy.path] = known.digest
        if not unknown:
            return
        task = t("Verifying")
        progress.start(task, sum(one.size for contents in unknown.values() for one in contents))
        try:
            for cache, contents in unknown.items():
                self._hash(cache, contents, lambda count: progress.advance(task, count))
        finally:
            progress.finish(task)

    def _hash(self, cache: str, contents: list[Content], on_bytes: Callable[[int], None]) -> None:
        ledger = self._ledgers[cache]
        with Claims.opened(self._states[cache], FOLDER) as claims:
            crew = Crew(How(jobs=usable_cores()), ledger, claims, on_bytes=on_bytes)
            with closing(crew.hash(contents)) as results:
                for content, result in results:
                    if isinstance(result, (Hashed, Recalled)):
                        self._digests[content.path] = result.digest
                    if isinstance(result, Hashed):  # What is wrong, `check` is to know too.
                        name = os.path.basename(content.path)
                        ledger.record(content.algorithm, result.fingerprint, result.digest, [name])
            ledger.flush()

    def _recalled(self, group: Group, copy: Copy) -> Recalled | None:
        try:
            now = fingerprint_of(copy.path)
        except OSError:
            return None  # Gone since the plan was made; hashing it will tell.
        return self._ledgers[copy.cache].recall(group.algorithm, now)


def _files(group: Group) -> list[Copy]:
    """Return one name of each file."""
    return list({copy.node: copy for copy in reversed(group.copies)}.values())[::-1]
