"""Pieces that a user pastes or includes: for each kind a module, and a template in `templates/`."""

from swarmcache.launch.emit.values import Basis, Kind, Piece

__all__ = ["Basis", "Kind", "Piece"]
