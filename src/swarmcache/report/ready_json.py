"""What a project's start needs beside models, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.launch.ready.values import Need


def need_entry(need: Need) -> dict[str, object]:
    """Return what a document says of one need."""
    return {"kind": need.kind, "name": need.name, "origin": need.origin, **need.answer._asdict()}
