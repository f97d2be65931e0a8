"""What Python code deletes: `shutil.rmtree`, and `rm` or `find` that it starts."""

from __future__ import annotations

import ast
import os
import shlex
from typing import TYPE_CHECKING

from swarmcache.project.commands.deleting import Deletion, deleted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.python.syntax import Module

_SIGNS = (b"rmtree", b"-delete", b"rm -r", b"'rm'", b'"rm"')
"""Without one of these a module deletes nothing."""
_STARTS = {"run", "call", "check_call", "check_output", "Popen", "system"}
_SAME = {
    *("str", "Path", "pathlib.Path", "os.fspath"),
    *("os.path.abspath", "os.path.realpath", "os.path.expanduser", "expanduser"),
}
"""What gives back the path that it is given."""
_MAX_DEPTH = 8
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


def deletions_in(modules: Iterable[Module], home: str) -> Iterator[Deletion]:
    """Yield what modules delete where the path can be read; `home` is what `~` means."""
    for module in modules:
        if any(sign in module.source.data for sign in _SIGNS):
            tree = ast.parse(module.source.data)
            yield from _of_scope(module, tree, {}, home)


def _of_scope(
    module: Module, scope: _Scope, outer: dict[str, ast.expr], home: str
) -> Iterator[Deletion]:
    """Yield what one function deletes; names that are given two values are not known."""
    inside = list(_own(scope))
    names: dict[str, list[ast.expr]] = {}
    for node in inside:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names.setdefault(target.id, []).append(node.value)
    known = {**outer, **{name: values[0] for name, values in names.items() if len(values) == 1}}
    for node in inside:
        if isinstance(node, ast.Call):
            yield from _of_call(module, node, known, home)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_scope(module, node, known, home)


def _own(scope: _Scope) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of the functions in it."""
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def _of_call(
    module: Module, call: ast.Call, names: dict[str, ast.expr], home: str
) -> Iterator[Deletion]:
    name = ast.unparse(call.func)
    if not call.args:
        return
    found: list[tuple[str | None, bool]] = []
    if name in {"shutil.rmtree", "rmtree"}:
        found = [(_path(call.args[0], names, home), False)]
    elif name.rpartition(".")[2] in _STARTS and name.startswith(("subprocess.", "os.")):
        found = list(deleted(_words(call.args[0], names, home)))
    source = module.source
    for path, by_age in found:
        if path is not None and path.startswith("/"):
            start = source.at(call.lineno, call.col_offset)
            end = source.at(call.end_lineno or call.lineno, call.end_col_offset or 0)
            yield Deletion(os.path.normpath(path), by_age, source.span(start, end), None)


def _words(node: ast.expr, names: dict[str, ast.expr], home: str) -> tuple[str | None, ...]:
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_path(one, names, home) for one in node.elts)
    text = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(text, str):
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        return ()
    words = words[1:] if words[:1] == ["sudo"] else words
    return tuple(_expanded(word, home) for word in words)


def _expanded(text: str, home: str) -> str:
    """Return a word of a shell as it would expand the home in it."""
    for spelled in ("~", "$HOME", "${HOME}"):
        if text == spelled or text.startswith(f"{spelled}/"):
            return home + text[len(spelled) :]
    return text


def _path(node: ast.expr, names: dict[str, ast.expr], home: str, depth: int = 0) -> str | None:
    """Return the text or path that an expression gives; None where only running tells."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        given = names.get(node.id)
        return None if given is None else _path(given, names, home, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined([node.left, node.right], names, home, depth)
    return _called(node, names, home, depth) if isinstance(node, ast.Call) else None


def _called(node: ast.Call, names: dict[str, ast.expr], home: str, depth: int) -> str | None:
    """Return the path that a call of `os.path` or `pathlib` gives."""
    name = ast.unparse(node.func)
    if name in {"Path.home", "pathlib.Path.home"}:
        return home
    if name in {"os.path.join", "Path", "pathlib.Path"} and len(node.args) > 1:
        return _joined(node.args, names, home, depth)
    inner: ast.expr | None = node.args[0] if node.args else None
    if name.endswith(").expanduser") and isinstance(node.func, ast.Attribute):
        inner = node.func.value
    elif name not in _SAME:
        return None
    found = None if inner is None else _path(inner, names, home, depth + 1)
    return found and (_expanded(found, home) if name.endswith("expanduser") else found)


def _joined(
    parts: Iterable[ast.expr], names: dict[str, ast.expr], home: str, depth: int
) -> str | None:
    found = [_path(part, names, home, depth + 1) for part in parts]
    known = [one for one in found if one is not None]
    return os.path.join(*known) if len(known) == len(found) else None
