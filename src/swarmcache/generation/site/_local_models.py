"""Keeps a process's requests for complete models at home: its client then takes what is cached.

The same as the Hub's own offline mode, and by the same exception, but for some models only, so that
streaming datasets, uploads and logins go on. `swarmcache run` says which models these are; why it
is done here and not by names, revisions or `local_files_only` in the project: docs/adr/0030.

Runs inside the trainer's process, with nothing but the standard library.
"""

from __future__ import annotations

import json
import os
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VARIABLE = "SWARMCACHE_COMPLETE_MODELS"
"""JSON: repo id -> {"revisions": [name, commit], "left": [files of the commit not in the cache]}.

A file that is left is fetched as ever: somebody asks for more than loading needs."""
_HARNESSES = "/api/agent-harnesses"
"""huggingface_hub 2.4 asks for this before its first request, 3 s long; it is for statistics."""
_READS = ("GET", "HEAD")


class CompleteModels:
    """Which requests need not be made, because everything that they could tell is here."""

    def __init__(self, models: dict[str, dict[str, list[str]]]) -> None:
        self._models = models

    def keeps(self, method: str, url: str) -> bool:
        """Tell whether a request is to stay at home.

        What this process writes to a repo, it also wants to read there: from the first upload to
        a repo on, requests for it go out.
        """
        path = urlsplit(url).path
        if method in _READS and path.endswith(_HARNESSES):
            return bool(self._models)
        for repo_id, model in list(self._models.items()):
            api, files = _behind(path, f"/api/models/{repo_id}"), _behind(path, f"/{repo_id}")
            if api is not None:
                if method not in _READS and not api.startswith("/paths-info/"):
                    del self._models[repo_id]
                    return False
                return method in _READS and _is_told_here(api, model["revisions"])
            if files is not None and files.startswith("/resolve/"):
                revision, _, name = files.removeprefix("/resolve/").partition("/")
                known = unquote(revision) in model["revisions"]
                return method in _READS and known and unquote(name) not in model["left"]
        return False


def _behind(path: str, name: str) -> str | None:
    """Return what follows a repo's name in a path; None where the path is of something else."""
    before, found, rest = path.partition(name)
    if not found or (rest and not rest.startswith("/")):
        return None
    # An endpoint may have a path of its own, but a dataset of the same name is another repo.
    return None if before.endswith(("/datasets", "/spaces", "/kernels", "/api/models")) else rest


def _is_told_here(rest: str, revisions: list[str]) -> bool:
    """Tell whether an API request is about a cached revision, or about the repo as a whole."""
    what, _, more = rest.lstrip("/").partition("/")
    if what in {"revision", "tree", "commits"}:
        return unquote(more.partition("/")[0]) in revisions
    return what in {"", "refs", "discussions"}


def keep(http: Any) -> None:
    """Have the module `huggingface_hub.utils._http` refuse what need not be asked.

    Its hook for each request from 1.0 on (httpx, httpx2), its adapter before (requests).
    """
    from huggingface_hub.errors import OfflineModeIsEnabled

    models = CompleteModels(json.loads(os.environ[VARIABLE]))

    def refuse(request: Any) -> None:
        if models.keeps(request.method, str(request.url)):
            raise OfflineModeIsEnabled(f"{request.url}: complete in the cache, so it is not asked.")

    if hasattr(http, "hf_request_event_hook"):
        http.hf_request_event_hook = _after(refuse, http.hf_request_event_hook)
    else:
        adapter = http.UniqueRequestIdAdapter
        adapter.send = _sending(refuse, adapter.send)


def _after(refuse: Callable[[Any], None], hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def hf_request_event_hook(request: Any) -> Any:
        refuse(request)
        return hook(request)

    return hf_request_event_hook


def _sending(refuse: Callable[[Any], None], old: Callable[..., Any]) -> Callable[..., Any]:
    def send(self: Any, request: Any, *arguments: Any, **options: Any) -> Any:
        refuse(request)
        return old(self, request, *arguments, **options)

    return send
