"""What endpoints say of commits, each asked for once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import NotRepairable, SwarmcacheError
from swarmcache.hubcache.layout import Target
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.listing import RepoListing


class Asking:
    """The endpoints of one run."""

    def __init__(self, hub: Hub | None, cache: str) -> None:
        self._hub = hub
        self._cache = cache
        self._answers: dict[tuple[RepoName, str], RepoListing | SwarmcacheError] = {}

    @property
    def hub(self) -> Hub:
        """Where files are fetched from; raises NotRepairable when no endpoint may be asked."""
        if self._hub is None:
            raise NotRepairable(t("No copy is on this machine, and no endpoint may be asked."))
        return self._hub

    def listing(self, repo: RepoName, commit: str) -> RepoListing:
        """Return what the commit holds; raises TransferError and its kin, NotRepairable."""
        key = (repo, commit)
        if key not in self._answers:
            self._answers[key] = self._ask(Target(repo.type, repo.id, commit))
        answer = self._answers[key]
        if isinstance(answer, SwarmcacheError):
            raise answer
        return answer

    def _ask(self, target: Target) -> RepoListing | SwarmcacheError:
        try:
            return self.hub.listing(target, self._cache)
        except SwarmcacheError as error:
            return error
