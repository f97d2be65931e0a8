"""A place for the token that is one project's own: what a command removes there, nobody misses.

    $XDG_STATE_HOME/swarmcache/tokens/<hash of the project>/     only this user's, 0700
    ├── token            a link to the user's token file, or the project's own login
    └── stored_tokens    a link to the user's, beside it

`hf auth logout` unlinks both names (huggingface_hub 0.36.2 and 2.4.0, `_login.py`), which takes the
links away and leaves the user's files. No token is read or copied here: through the links, what
the user logs in with later, or what a client renews, is what the command gets. A login after a
logout makes a file of the project's own, which stays. Why: docs/adr/0031.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from swarmcache.hubcache.state import users_state
from swarmcache.transfer.tokens import token_path

if TYPE_CHECKING:
    from swarmcache.environment import Environment

FOLDER = "tokens"
_TOKEN, _STORED = "token", "stored_tokens"
"""huggingface_hub keeps the second beside the first, whatever HF_TOKEN_PATH names."""


def token_variables(
    environment: Environment, project: str, instance: str = "", *, make: bool = True
) -> dict[str, str]:
    """Return the variable that leads a command to its own place for the token.

    Nothing where the user's own HF_TOKEN_PATH is such a place already: within the project, or ours.
    With `make` the place is made; raises OSError where that cannot be.
    """
    shared = token_path(environment)
    places = f"{users_state(environment)}/{FOLDER}"
    if _within(shared, places) or (
        _within(shared, project) and not _within(f"{environment.home}/", project)
    ):
        return {}
    folder = f"{places}/{_key(project, instance)}"
    if environment.expand_variables(folder) != folder:
        raise OSError(folder)  # huggingface_hub would replace the variable in its name.
    own = f"{folder}/{_TOKEN}"
    if not make:
        return {"HF_TOKEN_PATH": own}
    _make_private(folder)
    _lead(own, shared)
    if os.path.islink(own):
        _lead(f"{folder}/{_STORED}", f"{os.path.dirname(shared)}/{_STORED}")
    return {"HF_TOKEN_PATH": own}


def shares_a_token(environment: Environment) -> bool:
    """Tell whether there is a token file that a command could take away from others."""
    return os.path.lexists(token_path(environment))


def _within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _key(project: str, instance: str) -> str:
    import hashlib  # noqa: PLC0415 - 2 ms, which commands without a child need not pay

    named = f"{os.path.realpath(project)}\0{instance}"
    return hashlib.sha256(named.encode(errors="surrogateescape")).hexdigest()[:32]


def _make_private(folder: str) -> None:
    """Make a folder that only this user can enter; OSError for one that is somebody else's."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, mode=0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(folder)
    if found.st_mode & 0o077:
        os.chmod(folder, 0o700)


def _lead(own: str, shared: str) -> None:
    """Let `own` be a link to `shared` where that exists; a file of the project's own stays."""
    there = os.path.exists(shared)
    if os.path.islink(own):
        if there and os.readlink(own) == shared:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(own)
    if there:
        with contextlib.suppress(FileExistsError):  # Its own login, or another start's link.
            os.symlink(shared, own)
