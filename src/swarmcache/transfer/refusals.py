"""What huggingface_hub raises, told as our own errors.

Works with 0.36 (requests), 1.x (httpx) and 2.x (httpx2): the network's own exceptions are known
by the package they come from, so that none of the three need be imported.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, cast

from swarmcache.errors import (
    AccessDenied,
    DiskFull,
    EndpointUnreachable,
    RepoDenied,
    RepoNotFound,
    SwarmcacheError,
    TransferError,
    WrongBytes,
)
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.layout import Target

_NETWORK = frozenset({"requests", "httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "ssl"})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR})
_DENIALS = frozenset({"GatedRepoError", "DisabledRepoError"})
_ABSENCES = frozenset({"RepositoryNotFoundError", "RemoteEntryNotFoundError"})
_DENIED = frozenset({401, 403})
_NOT_FOUND = 404


def refusal(error: BaseException, endpoint: str, target: Target) -> SwarmcacheError:
    """Return our error for one that was raised while huggingface_hub worked on `target`."""
    if isinstance(error, SwarmcacheError):
        return error
    chain = tuple(_chain(error))
    for judge in (_of_disk, _of_hub, _of_network):
        found = next((f for e in chain if (f := judge(e, endpoint, target))), None)
        if found is not None:
            return found
    return TransferError(
        t("{id} could not be fetched: {reason}", id=target.id, reason=_first_line(error))
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from; huggingface_hub wraps the telling ones."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_disk(error: BaseException, endpoint: str, target: Target) -> SwarmcacheError | None:
    del endpoint, target
    if not isinstance(error, OSError):
        return None
    path = error.filename or "?"
    if error.errno in _FULL:
        return DiskFull(t("The disk of {path} is full.", path=path), hint="swarmcache status")
    if error.errno in _UNWRITABLE:
        reason = error.strerror or str(error)
        return AccessDenied(t("{path} cannot be written: {reason}.", path=path, reason=reason))
    if "Consistency check failed" in str(error):
        return WrongBytes(t("What arrived is not what was announced: {reason}", reason=str(error)))
    return None


def _of_hub(error: BaseException, endpoint: str, target: Target) -> SwarmcacheError | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    where = {"endpoint": endpoint, "id": target.id, "revision": target.revision}
    found: SwarmcacheError | None = None
    if names & _DENIALS or (status in _DENIED and "RepositoryNotFoundError" not in names):
        found = _denied(endpoint, target)
    elif "RevisionNotFoundError" in names:
        found = RepoNotFound(t("{endpoint} knows no revision {revision} of {id}.", **where))
    elif names & _ABSENCES or status == _NOT_FOUND:
        found = RepoNotFound(
            t(
                "{endpoint} knows no {id}, or it is private and your token does not open it.",
                **where,
            )
        )
    elif "OfflineModeIsEnabled" in names:
        message = t("HF_HUB_OFFLINE forbids the network, and {id} is not complete.", id=target.id)
        found = EndpointUnreachable(message, hint="unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE")
    elif status is not None:
        message = t("{endpoint} answers with error {status}.", endpoint=endpoint, status=status)
        found = EndpointUnreachable(message)
    return found


def _denied(endpoint: str, target: Target) -> RepoDenied:
    folder = "" if target.type == "model" else f"{target.type}s/"
    page = f"{endpoint}/{folder}{target.id}"
    message = t(
        "{id} is gated, and your token does not open it; ask for access at {page}.",
        id=target.id,
        page=page,
    )
    return RepoDenied(message, hint="hf auth login")


def _of_network(error: BaseException, endpoint: str, target: Target) -> SwarmcacheError | None:
    del target
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if packages & _NETWORK or isinstance(error, (ConnectionError, TimeoutError)):
        return EndpointUnreachable(
            t(
                "{endpoint} cannot be reached: {reason}",
                endpoint=endpoint,
                reason=_first_line(error),
            )
        )
    return None


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def packed(error: SwarmcacheError) -> dict[str, str]:
    """Return an error as what fits through a pipe."""
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def unpacked(fields: dict[str, str]) -> SwarmcacheError:
    """Return the error that `packed` took apart."""
    from swarmcache import errors  # noqa: PLC0415 - by name, one of our own tree

    kind = cast("type[SwarmcacheError]", getattr(errors, fields["error"]))
    return kind(fields["message"], hint=fields["hint"])
