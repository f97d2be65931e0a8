"""Functions that put a model into train mode and back, and who swallows what they raise."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.python.syntax import Module
    from swarmcache.project.sources import Source, Span

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BROAD = {"Exception", "BaseException", "RuntimeError"}
_LEAVES = (ast.Raise, ast.Return, ast.Break)


class Leak(NamedTuple):
    """A function whose `.eval()` is not reached when something in it fails."""

    function: str
    """Its plain name."""
    train: Span
    eval: Span


class Swallow(NamedTuple):
    """An `except` for everything that goes on as if nothing had happened."""

    function: str
    """The method whose call it is around."""
    span: Span


def leaks(modules: Iterable[Module]) -> Iterator[Leak]:
    """Yield functions that call `x.train()`, other things, then `x.eval()`, not in `finally`."""
    for module in modules:
        if b".train()" in module.source.data and b".eval()" in module.source.data:
            for node in ast.walk(ast.parse(module.source.data)):
                if isinstance(node, _Function):
                    yield from _leak(node, module.source)


def swallows(modules: Iterable[Module], functions: set[str]) -> Iterator[Swallow]:
    """Yield who calls one of these methods, and goes on after whatever it raises."""
    for module in modules:
        if any(f".{name}(".encode() in module.source.data for name in functions):
            for node in ast.walk(ast.parse(module.source.data)):
                if isinstance(node, ast.Try):
                    yield from _swallow(node, functions, module.source)


def generates(modules: Iterable[Module]) -> bool:
    """Tell whether anything calls `x.generate(…)`, as rollouts do."""
    return any(
        call.callee.endswith(".generate") and not call.callee.startswith(("ollama.", "vllm."))
        for module in modules
        for call in module.calls
    )


def _leak(function: _Function, source: Source) -> Iterator[Leak]:
    entered: dict[str, ast.Call] = {}
    between = False
    for statement in function.body:
        found = _switch(statement)
        if found is None:
            between = between or any(isinstance(n, ast.Call) for n in ast.walk(statement))
        elif found[0] == "train":
            entered[found[1]], between = found[2], False
        elif found[1] in entered and between:
            yield Leak(function.name, _span(entered[found[1]], source), _span(found[2], source))


def _switch(statement: ast.stmt) -> tuple[str, str, ast.Call] | None:
    """Return (`train` or `eval`, the model, the call) of a statement that is nothing but that."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or call.args or call.keywords:
        return None
    name = call.func
    if not isinstance(name, ast.Attribute) or name.attr not in {"train", "eval"}:
        return None
    return name.attr, ast.unparse(name.value), call


def _swallow(node: ast.Try, functions: set[str], source: Source) -> Iterator[Swallow]:
    called = {name for name in _methods(node.body) if name in functions}
    if not called or _evals(node.finalbody):
        return
    for handler in node.handlers:
        broad = handler.type is None or ast.unparse(handler.type) in _BROAD
        inside = [n for statement in handler.body for n in ast.walk(statement)]
        leaves = any(isinstance(n, _LEAVES) for n in inside) or "exit(" in ast.unparse(handler)
        if broad and not leaves and not _evals(handler.body):
            yield Swallow(min(called), _span(handler, source))


def _methods(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names of the methods that a block calls with arguments of its own."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr


def _evals(body: Iterable[ast.stmt]) -> bool:
    return any(name == "eval" for name in _methods(body))


def _span(node: ast.expr | ast.excepthandler, source: Source) -> Span:
    start = source.at(node.lineno, node.col_offset)
    if isinstance(node, ast.excepthandler):
        return source.line_span(node.lineno)
    end = source.at(node.end_lineno or node.lineno, node.end_col_offset or 0)
    return source.span(start, end)
