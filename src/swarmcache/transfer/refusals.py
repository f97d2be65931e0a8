"""What disks, networks and endpoints answer, told as our own errors."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from typing import TYPE_CHECKING

from swarmcache.errors import (
    FULL,
    AccessDenied,
    EndpointUnreachable,
    RepoDenied,
    RepoNotFound,
    SwarmcacheError,
    TransferError,
    WrongBytes,
    disk_full,
    os_reason,
)
from swarmcache.hubcache.layout import is_short_commit
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmcache.hubcache.layout import Target

_UNWRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR})
_NETWORK = (http.client.HTTPException, ssl.SSLError, ConnectionError, TimeoutError)
_GONE = frozenset({404, 410})
_DENIED = frozenset({401, 403, 451})
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may well succeed."""
DISABLED = "Access to this resource is disabled."
"""What the Hub says of a repo that was taken down (huggingface_hub 2.4.0, `utils/_http.py`)."""


def refusal(error: BaseException, endpoint: str, target: Target) -> SwarmcacheError:
    """Return our error for one that was raised while `target` was fetched."""
    if isinstance(error, SwarmcacheError):
        return error
    if isinstance(error, _NETWORK):
        return unreachable(error, endpoint)
    if isinstance(error, OSError):
        return of_disk(error) or unreachable(error, endpoint)
    return TransferError(
        t("{id} could not be fetched: {reason}", id=target.id, reason=_first_line(error))
    )


def of_disk(error: OSError) -> SwarmcacheError | None:
    """Return our error for what a disk refuses, or None when it was no disk."""
    path = error.filename or "?"
    if error.errno in FULL:
        return disk_full(path)
    if error.errno in _UNWRITABLE or (error.filename and error.errno):
        reason = os_reason(error)
        return AccessDenied(t("{path} cannot be written: {reason}.", path=path, reason=reason))
    return None


def unreachable(error: BaseException, endpoint: str) -> EndpointUnreachable:
    """Return our error for a network that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return EndpointUnreachable(
            t(
                "{endpoint} shows a certificate that is not trusted here: {reason}.",
                endpoint=endpoint,
                reason=error.verify_message,
            ),
            hint="export SSL_CERT_FILE=/path/to/ca.pem",
        )
    if isinstance(error, socket.gaierror):
        return EndpointUnreachable(
            t(
                "The name in {endpoint} cannot be looked up: {reason}.",
                endpoint=endpoint,
                reason=os_reason(error),
            )
        )
    reason = _first_line(error)
    if isinstance(error, TimeoutError):
        reason = t("no answer in time")
    elif isinstance(error, OSError) and error.strerror:
        reason = os_reason(error)
    return EndpointUnreachable(
        t("{endpoint} cannot be reached: {reason}", endpoint=endpoint, reason=reason)
    )


def is_lasting(error: BaseException) -> bool:
    """Tell whether a network fails in a way that asking again soon will not mend."""
    return isinstance(
        error, (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError)
    )


def of_status(
    status: int, headers: Mapping[str, str], endpoint: str, target: Target, *, trusted: bool
) -> TransferError:
    """Return our error for an answer that is no success.

    The codes are the Hub's (`X-Error-Code`, huggingface_hub 2.4.0 `hf_raise_for_status`). With
    `trusted`, the user's token was for this endpoint.
    """
    code, message = headers.get("X-Error-Code", ""), headers.get("X-Error-Message", "")
    where = {"endpoint": endpoint, "id": target.id, "revision": target.revision}
    if code == "RevisionNotFound":
        return RepoNotFound(_no_revision(is_short=is_short_commit(target.revision), **where))
    if code == "GatedRepo" or message == DISABLED:
        return denied(endpoint, target, trusted=trusted)
    if status == 401 and not trusted:  # noqa: PLR2004 - its own meaning
        return RepoDenied(
            t(
                "{endpoint} knows no {id}, or it is private and this mirror cannot serve it: "
                "your token is not sent there.",
                **where,
            )
        )
    if status in _GONE or code == "RepoNotFound" or status == 401:  # noqa: PLR2004 - as above
        kind = RepoDenied if status == 401 else RepoNotFound  # noqa: PLR2004 - as above
        return kind(
            t(
                "{endpoint} knows no {id}, or it is private and your token does not open it.",
                **where,
            ),
            hint="hf auth login" if kind is RepoDenied else "",
        )
    if status in _DENIED:
        return denied(endpoint, target, trusted=trusted)
    return no_success(status, endpoint)


def _no_revision(*, is_short: bool, **where: str) -> str:
    if is_short:
        return t(
            "{endpoint} knows no revision {revision} of {id}; a commit that is not cached "
            "needs all its 40 digits.",
            **where,
        )
    return t("{endpoint} knows no revision {revision} of {id}.", **where)


def no_success(status: int, endpoint: str) -> EndpointUnreachable:
    """Return our error for a status that says no more than that it is none of success."""
    return EndpointUnreachable(
        t("{endpoint} answers with error {status}.", endpoint=endpoint, status=status),
        answered=True,
    )


def denied(endpoint: str, target: Target, *, trusted: bool) -> RepoDenied:
    """Return the error for a gated repo, with the page where access is asked for."""
    if not trusted:
        return RepoDenied(
            t(
                "{id} is gated, and the mirror {endpoint} cannot serve it: your token is not sent "
                "there.",
                id=target.id,
                endpoint=endpoint,
            ),
            hint="unset HF_ENDPOINT",
        )
    message = t(
        "{id} is gated, and your token does not open it; ask for access at {page}.",
        id=target.id,
        page=f"{endpoint}/{target.name.spelled}",
    )
    return RepoDenied(message, hint="hf auth login")


def weightiest(
    errors: Sequence[SwarmcacheError],
    kinds: Sequence[type[SwarmcacheError]] = (RepoDenied, WrongBytes, EndpointUnreachable),
) -> SwarmcacheError:
    """Return the error to tell when none helped: the first of the most telling kind, or of all."""
    for kind in (*kinds, SwarmcacheError):
        for error in errors:
            if isinstance(error, kind):
                return error
    raise ValueError(errors)


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
