"""Answers other than the thing asked for, as the Hub's clients read them.

A client decides by `X-Error-Code` and shows `X-Error-Message` (huggingface_hub 0.36 to 2.4.0,
`hf_raise_for_status`). Any other code on a 404 makes it fall back to what it has cached, and
fail with our message where it has nothing. Messages stay English: they travel to other machines.
"""

from __future__ import annotations


class Refusal(Exception):
    """The root: a status, the code that clients branch on, and one sentence."""

    status = 404
    code = ""

    def __init__(self, message: str, *, commit: str | None = None) -> None:
        super().__init__(message)
        self.commit = commit
        """Sent as `X-Repo-Commit`; on EntryNotFound it lets clients remember the absence."""

    def headers(self) -> dict[str, str]:
        """Return the response headers; a header holds no line break and no other script."""
        text = str(self).encode("unicode_escape").decode("ascii")
        headers = {"X-Error-Message": text}
        if self.code:
            headers["X-Error-Code"] = self.code
        if self.commit:
            headers["X-Repo-Commit"] = self.commit
        return headers


class RepoNotFound(Refusal):
    """No served cache holds the repo, or the Hub would refuse its name."""

    code = "RepoNotFound"


class RevisionNotFound(Refusal):
    """The repo is cached, but no snapshot of that revision."""

    code = "RevisionNotFound"


class EntryNotFound(Refusal):
    """The revision has no such file, or, without `commit`, none that is known here."""

    code = "EntryNotFound"


class FileNotCached(Refusal):
    """The commit has the file, but no served cache does: not an EntryNotFound.

    Clients write down an EntryNotFound as "this commit has no such file", for ever.
    """

    code = "FileNotCached"


class FileDamaged(Refusal):
    """The file on disk cannot be right. 404 rather than 503: clients repeat a 503 for 20 s."""

    code = "FileDamaged"


class BadRequest(Refusal):
    """A path or body that no client of the Hub sends."""

    status = 400
    code = "BadRequest"


class MethodRefused(Refusal):
    """This Hub is read-only."""

    status = 405

    def headers(self) -> dict[str, str]:
        """Return the headers with the methods that are served."""
        return super().headers() | {"Allow": "GET, HEAD"}


class Unauthorised(Refusal):
    """The bearer token is absent or wrong.

    The message is the one by which clients tell a wrong token from a missing repo.
    """

    status = 401

    def __init__(self) -> None:
        super().__init__("Invalid credentials in Authorization header")

    def headers(self) -> dict[str, str]:
        """Return the headers with the scheme that is expected."""
        return super().headers() | {"WWW-Authenticate": "Bearer"}
