"""Tree-sitter's grammars, loaded when the first file of a kind is read."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from swarmcache.errors import ProjectError
from swarmcache.locale import t

if TYPE_CHECKING:
    from tree_sitter import Parser

Grammar = Literal["bash"]


@cache
def parser(grammar: Grammar) -> Parser:
    """Return a parser; raises ProjectError where the extra `doctor` is not installed."""
    try:
        import tree_sitter  # noqa: PLC0415 - 20 ms, and an extra

        module = import_module(f"tree_sitter_{grammar}")
    except ImportError as error:
        raise ProjectError(
            t("Reading shell scripts and Dockerfiles needs tree-sitter, which is not installed."),
            hint="pip install 'swarmcache[doctor]'",
        ) from error
    return tree_sitter.Parser(tree_sitter.Language(module.language()))
