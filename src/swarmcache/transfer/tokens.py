"""The user's token, from the Hub's standard places; it goes to one origin only.

The order is huggingface_hub's own (2.4.0, `utils/_auth.py`): HF_TOKEN, HUGGING_FACE_HUB_TOKEN,
the file that HF_TOKEN_PATH names, else `$HF_HOME/token`. HF_HUB_DISABLE_IMPLICIT_TOKEN sends none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.environment import Environment

DEFAULT_ENDPOINT = "https://huggingface.co"
"""Where the Hub's clients ask, and whom the token is for, unless HF_ENDPOINT says otherwise."""
_TRUE = frozenset({"1", "ON", "YES", "TRUE"})


def is_true(value: str | None) -> bool:
    """Tell whether the Hub's clients take a variable's value for true."""
    return (value or "").upper() in _TRUE


def is_offline(environment: Environment) -> bool:
    """Tell whether the Hub's clients would make no request in this environment."""
    return is_true(environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE"))


def find_token(environment: Environment) -> str | None:
    """Return the token, or None. It is for the endpoint of HF_ENDPOINT, else huggingface.co."""
    if is_true(environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN")):
        return None
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := _cleaned(environment.get(name) or ""):
            return token
    try:
        with open(token_path(environment), encoding="utf-8") as file:
            return _cleaned(file.read(4096))
    except (OSError, UnicodeDecodeError):
        return None


def _cleaned(text: str) -> str | None:
    """Return a token without what editors and shells leave around it; None for no token.

    A token with a line break inside would forge a header.
    """
    token = text.replace("\r", "").replace("\n", "").strip()
    return token if token.isascii() and token.isprintable() and token else None


def token_path(environment: Environment) -> str:
    """Return the file in which the Hub's clients keep the token, absolute; it may not exist."""
    named = environment.get("HF_TOKEN_PATH")
    if named is not None:
        return environment.absolute(environment.expand(named))
    home = environment.get("HF_HOME")
    if home is None:
        cache = environment.get("XDG_CACHE_HOME")
        home = f"{environment.home}/.cache" if cache is None else cache
        home = f"{home}/huggingface"
    return environment.absolute(f"{environment.expand(home)}/token")
