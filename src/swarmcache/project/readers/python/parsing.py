"""Python code as a tree, of whatever somebody has written."""

from __future__ import annotations

import ast
import warnings


def parsed(data: bytes) -> ast.Module | None:
    """Return the tree of a module; None where it is not Python of our own version."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Odd escapes are not ours to tell.
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
