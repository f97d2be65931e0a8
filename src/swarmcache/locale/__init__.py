"""Message catalogues: every sentence for a person, in English and 简体中文.

English stands in the code itself as the message's name, so the code stays readable;
`zh_CN/LC_MESSAGES/swarmcache.po` holds the Chinese. A test extracts all messages from the
code and fails when one lacks its translation.

The language is chosen once per process, by the first of these that is not empty:

1. `use(...)`, which the command line calls with `SWARMCACHE_LANG` or the settings' language
2. `SWARMCACHE_LANG`
3. `LC_ALL`, `LC_MESSAGES`, `LANG`
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gettext
    from collections.abc import Iterable

_catalogue: gettext.NullTranslations | None = None
_chosen: str | None = None


def t(message: str, /, **values: object) -> str:
    """Return `message` in the user's language, with `{name}` fields filled from `values`."""
    if language() != "en":
        message = _translations().gettext(message)
    return message.format(**values) if values else message


def tn(singular: str, plural: str, n: int, /, **values: object) -> str:
    """Return the form of the message that fits the count `n`; `{n}` is filled with it."""
    return form(singular, plural, n).format(n=n, **values)


def form(singular: str, plural: str, n: int, /) -> str:
    """Return the form of the message that fits the count `n`, its fields not filled."""
    if language() != "en":
        return _translations().ngettext(singular, plural, n)
    return singular if n == 1 else plural


def listed(items: Iterable[str], /) -> str:
    """Return the items as a list inside a sentence: `a, b`, in Chinese `a、b`."""
    return t(", ").join(items)


def language() -> str:
    """Return the language in use: `en` or `zh_CN`."""
    global _chosen  # noqa: PLW0603 - one language per process, like the C library's
    if _chosen is None:
        names = ("SWARMCACHE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
        _chosen = _known(next((v for n in names if (v := os.environ.get(n))), ""))
    return _chosen


def use(name: str) -> None:
    """Choose the language by a locale name such as `zh_CN.UTF-8`, `zh` or `en`."""
    global _chosen, _catalogue
    _chosen, _catalogue = _known(name), None


def _known(name: str) -> str:
    return "zh_CN" if name.lower().startswith("zh") else "en"


def _translations() -> gettext.NullTranslations:
    global _catalogue  # noqa: PLW0603
    if _catalogue is None:
        import gettext  # noqa: PLC0415 - English start-ups never need it

        here = os.path.dirname(__file__)
        _catalogue = gettext.translation("swarmcache", here, [language()], fallback=True)
    return _catalogue
