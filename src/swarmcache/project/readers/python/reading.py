"""From `ast` to the facts of a module, in the order of their lines."""

from __future__ import annotations

import ast
import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.lone_export import exported_alone
from swarmcache.project.readers.python.arguments import Options
from swarmcache.project.readers.python.parsing import parsed
from swarmcache.project.readers.python.syntax import (
    Argument,
    Call,
    EnvironmentWrite,
    Import,
    Module,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.python.syntax import Constant
    from swarmcache.project.sources import Source, Span

_ENVIRON = "os.environ"
_READS = {"os.environ.get", "os.getenv", "os.environ.setdefault"}
_OPTIONS = re.compile(rb"add_argument\(|HfArgumentParser|TrlParser|tyro\.cli|parse_args")
"""Without one of these a module has no options of its own."""
_SHELLS = {
    *("os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_call"),
    *("subprocess.Popen", "subprocess.check_output", "subprocess.getoutput"),
}
_TELLING = re.compile(
    rb"from_pretrained|environ|getenv|putenv|unsetenv|load_dotenv|load_dataset|_download|pipeline"
    rb"|\bLLM\b|SentenceTransformer|ollama|push_to_hub|resolver|hydra|subprocess|multiprocessing"
    rb"|os\.(?:exec|spawn|system|fork)|\bray\b|reload|generate|hub\.load|load_state_dict_from_url"
    rb"|GRPOConfig"
)
"""Without one of these a module has no call that any fact is made of; its imports still count."""


def read_module(source: Source, project: str) -> Module | None:
    """Return what a Python file says; None where it is not Python of our own version."""
    tree = parsed(source.data)
    if tree is None:
        return None
    relative = os.path.relpath(source.path, project)
    parts = os.path.splitext(relative)[0].split(os.sep)
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    reader = _Reader(source, tree, name)
    try:
        reader.block(tree.body, ())
    except RecursionError:
        return None
    return Module(
        source,
        name,
        tuple(reader.imports),
        tuple(reader.writes),
        tuple(reader.calls),
        tuple(reader.lost),
    )


class _Reader:
    """Goes through one tree."""

    def __init__(self, source: Source, tree: ast.Module, name: str) -> None:
        self.imports: list[Import] = []
        self.writes: list[EnvironmentWrite] = []
        self.calls: list[Call] = []
        self.lost: list[EnvironmentWrite] = []
        self._source = source
        self._package = name.rpartition(".")[0]
        self._names: dict[str, str] = {}
        self._tells = _TELLING.search(source.data) is not None
        self._constants = dict(_constants(tree.body)) if self._tells else {}
        optional = self._tells and _OPTIONS.search(source.data) is not None
        self._options = Options(tree) if optional else None
        self._typing = False
        self._optional = False

    def block(self, body: Iterable[ast.stmt], around: tuple[str, ...]) -> None:
        """Go through statements; `around` are the functions that they stand in."""
        for statement in body:
            self._statement(statement, around)

    def _statement(self, node: ast.stmt, around: tuple[str, ...]) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, around)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for outer in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
                self._expression(outer, around)
            self.block(node.body, (*around, node.name))
        elif isinstance(node, ast.ClassDef):
            for outer in (*node.decorator_list, *node.bases):
                self._expression(outer, around)
            # The body of a class is run at import; its methods are not.
            self.block(node.body, around)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            before, self._typing = self._typing, True
            self.block(node.body, around)
            self._typing = before
            self.block(node.orelse, around)
        elif isinstance(node, ast.Try) and any(map(_catches_import, node.handlers)):
            before, self._optional = self._optional, True
            self.block(node.body, around)
            self._optional = before
            for handler in node.handlers:
                self._other(handler, around)
            self.block((*node.orelse, *node.finalbody), around)
        else:
            self._simple(node, around)

    def _simple(self, node: ast.stmt, around: tuple[str, ...]) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, node, around)
        if isinstance(node, ast.Delete):
            for target in node.targets:
                self._delete(target, node, around)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child, around)
            elif isinstance(child, ast.expr):
                self._expression(child, around)
            else:
                self._other(child, around)

    def _other(self, node: ast.AST, around: tuple[str, ...]) -> None:
        """Go through handlers, `with` items and cases of `match`."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child, around)
            elif isinstance(child, ast.expr):
                self._expression(child, around)
            else:
                self._other(child, around)

    def _import(self, node: ast.Import | ast.ImportFrom, around: tuple[str, ...]) -> None:
        span = self._span(node)
        for alias in node.names:
            if isinstance(node, ast.Import):
                module = alias.name
                bound = alias.asname or module.partition(".")[0]
                self._names[bound] = module if alias.asname else bound
            else:
                module = ".".join(p for p in (self._from(node), alias.name) if p and p != "*")
                self._names[alias.asname or alias.name] = module
            found = Import(module, span, not around, self._typing, self._optional)
            self.imports.append(found)

    def _from(self, node: ast.ImportFrom) -> str:
        """Return the module of `from … import`, relative ones resolved."""
        if not node.level:
            return node.module or ""
        package = self._package.split(".") if self._package else []
        package = package[: len(package) - node.level + 1]
        return ".".join((*package, *([node.module] if node.module else [])))

    def _expression(self, node: ast.expr | None, around: tuple[str, ...]) -> None:
        if node is None or not self._tells:
            return
        waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(node, around)]
        found: list[tuple[ast.Call, tuple[str, ...]]] = []
        while waiting:
            one, where = waiting.pop()
            if isinstance(one, ast.Call):
                found.append((one, where))
            inside = (*where, "<lambda>") if isinstance(one, ast.Lambda) else where
            waiting += [(child, inside) for child in ast.iter_child_nodes(one)]
        found.sort(key=lambda pair: (pair[0].lineno, pair[0].col_offset))
        for call, where in found:
            self._call(call, where)

    def _call(self, node: ast.Call, around: tuple[str, ...]) -> None:
        callee = self._dotted(node.func)
        if not callee:
            return
        plain = [one for one in node.args if not isinstance(one, ast.Starred)]
        keywords = {k.arg: self._argument(k.value) for k in node.keywords if k.arg is not None}
        is_open = len(plain) < len(node.args) or len(keywords) < len(node.keywords)
        arguments = tuple(map(self._argument, plain))
        span = self._span(node)
        call = Call(callee, arguments, keywords, is_open, span, not around, ".".join(around))
        self.calls.append(call)
        self._written_by(call)
        lost = exported_alone(_shown(node.args[0])) if callee in _SHELLS and node.args else None
        if lost is not None:
            self.lost.append(EnvironmentWrite(lost, None, "set", span, not around))

    def _written_by(self, call: Call) -> None:
        """Note what a call does to the environment."""
        first = call.argument("key", 0)
        name = first.value if first is not None else None
        shown = name if isinstance(name, str) else ""
        if call.callee == "os.environ.setdefault":
            value = call.argument("value", 1)
            self._write(shown, value, "default", call)
        elif call.callee in {"os.environ.pop", "os.unsetenv"}:
            self._write(shown, None, "delete", call)
        elif call.callee == "os.putenv":
            self._write(shown, call.argument("value", 1), "set", call)
        elif call.callee == "os.environ.update":
            for key, value in call.keywords.items():
                self._write(key, value, "set", call)
        elif call.callee in {"dotenv.load_dotenv", "dotenv.main.load_dotenv"}:
            self._write("", call.argument("dotenv_path", 0), "dotenv", call)

    def _write(self, name: str, value: Argument | None, kind: str, call: Call) -> None:
        write = EnvironmentWrite(name, value, kind, call.span, call.at_import)  # type: ignore[arg-type]
        self.writes.append(write)

    def _assign(
        self, target: ast.expr, value: ast.expr, node: ast.stmt, around: tuple[str, ...]
    ) -> None:
        if not (isinstance(target, ast.Subscript) and self._dotted(target.value) == _ENVIRON):
            return
        key = self._argument(target.slice).value
        name = key if isinstance(key, str) else ""
        found = self._argument(value)
        self.writes.append(EnvironmentWrite(name, found, "set", self._span(node), not around))

    def _delete(self, target: ast.expr, node: ast.stmt, around: tuple[str, ...]) -> None:
        if isinstance(target, ast.Subscript) and self._dotted(target.value) == _ENVIRON:
            key = self._argument(target.slice).value
            name = key if isinstance(key, str) else ""
            self.writes.append(EnvironmentWrite(name, None, "delete", self._span(node), not around))

    def _argument(self, node: ast.expr) -> Argument:
        span = self._span(node)
        if isinstance(node, ast.Constant):
            plain = isinstance(node.value, str | bool | int | float) or node.value is None
            return Argument((node.value,) if plain else (), span)  # type: ignore[arg-type]
        if isinstance(node, ast.BoolOp | ast.IfExp):
            return self._alternatives(node, span)
        read = self._environment(node, span)
        if read is not None:
            return read
        name = self._dotted(node)
        option = self._options.of(node) if self._options is not None else None
        if option is not None:
            default = None if option.node is None else self._argument(option.node)
            values = default.values if default is not None else ()
            variable = default.variable if default is not None else ""
            return Argument(values, span, variable, name, option.flags)
        known = (self._constants[name],) if name in self._constants else ()
        return Argument(known, span, name=name)

    def _alternatives(self, node: ast.BoolOp | ast.IfExp, span: Span) -> Argument:
        """Read `os.environ.get(…) or "default"`, and `a if … else b` where both are known."""
        if isinstance(node, ast.BoolOp):
            first, *rest = map(self._argument, node.values)
            is_default = isinstance(node.op, ast.Or) and first.variable
            return Argument(rest[-1].values if is_default else (), span, variable=first.variable)
        both = (self._argument(node.body), self._argument(node.orelse))
        known = all(one.known for one in both)
        return Argument(tuple(one.value for one in both) if known else (), span)

    def _environment(self, node: ast.expr, span: Span) -> Argument | None:
        """Return what is read from the environment; None for what is not."""
        if isinstance(node, ast.Subscript) and self._dotted(node.value) == _ENVIRON:
            key = self._argument(node.slice).value
            return Argument((), span, variable=key if isinstance(key, str) else "")
        if not (isinstance(node, ast.Call) and node.args and self._dotted(node.func) in _READS):
            return None
        key = self._argument(node.args[0]).value
        default = self._argument(node.args[1]).values if len(node.args) > 1 else (None,)
        return Argument(default, span, variable=key if isinstance(key, str) else "")

    def _dotted(self, node: ast.expr) -> str:
        """Return a name as it is imported; empty for what is no dotted name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Call) and parts:
            # `AutoModel.from_config(…).to(…)`: what is called stays told by its last name.
            return f"().{'.'.join(reversed(parts))}"
        if not isinstance(node, ast.Name):
            return ""
        return ".".join((self._names.get(node.id, node.id), *reversed(parts)))

    def _span(self, node: ast.expr | ast.stmt) -> Span:
        start = self._source.at(node.lineno, node.col_offset)
        end = self._source.at(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self._source.span(start, end)


def _shown(node: ast.expr) -> str:
    """Return a text, with a sign for what an f-string fills in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_shown, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _shown(node.left) + _shown(node.right)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "?"


def _catches_import(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler is for modules that are not there."""
    return handler.type is not None and "ImportError" in ast.unparse(handler.type).replace(
        "ModuleNotFoundError", "ImportError"
    )


def _constants(body: Iterable[ast.stmt]) -> Iterator[tuple[str, Constant]]:
    """Yield the names at the top of a module that are given one plain value, and only once.

    What stands in functions gives a module's name another value only after `global`.
    """
    given: dict[str, list[ast.expr | None]] = {}
    top: set[str] = set()
    for node, depth in _statements_of(body):
        if isinstance(node, ast.Global):
            for name in node.names:
                given.setdefault(name, []).append(None)
        for target, value in _bound(node):
            given.setdefault(target, []).append(value)
            if not depth:
                top.add(target)
    for name, values in given.items():
        value = values[0]
        if len(values) > 1 or name not in top or not isinstance(value, ast.Constant):
            continue
        if isinstance(value.value, str | bool | int | float) or value.value is None:
            yield name, value.value


def _statements_of(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.stmt, int]]:
    """Yield every statement with its depth; of functions only what is `global`."""
    waiting: list[tuple[ast.AST, int, bool]] = [(node, 0, False) for node in body]
    while waiting:
        node, depth, inside = waiting.pop()
        if isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.stmt) and (not inside or isinstance(node, ast.Global)):
            yield node, depth
        scope = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inside = inside or scope
        waiting += [(child, depth + 1, inside) for child in ast.iter_child_nodes(node)]


def _bound(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a statement gives a value; None for one that is not written there."""
    if isinstance(node, ast.Assign):
        yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, None if isinstance(node, ast.AugAssign) else node.value
