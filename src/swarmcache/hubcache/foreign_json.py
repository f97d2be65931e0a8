"""JSON that somebody else wrote: in a cache, an archive, a project, or an endpoint's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable


def parse(text: bytes | str, *, constant: Callable[[str], object] | None = None) -> object:
    """Return the JSON value of text, UTF-8 in bytes; raises ValueError, and nothing else.

    Python's own parser raises RecursionError for a few thousand brackets in a row. `constant` is
    called for NaN and the infinities, which JSON itself does not have.
    """
    import json  # noqa: PLC0415 - two milliseconds that caches without manifests never need

    try:
        return json.loads(text if isinstance(text, str) else text.decode(), parse_constant=constant)
    except RecursionError:
        raise ValueError(t("it is nested too deeply")) from None
