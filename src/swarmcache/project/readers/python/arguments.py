"""Defaults of a program's own options: `add_argument("--model", default="org/name")`, dataclasses.

`args.model` stands for such an option where `args` is what a parser gives, or a parameter that is
called so; what the command line says comes before the default.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARSES = frozenset(
    {
        *("parse_args", "parse_known_args", "parse_args_into_dataclasses", "parse_dict"),
        *("parse_args_and_config", "parse_yaml_file", "parse_json_file", "cli", "parse"),
    }
)
_FIELDS = frozenset({"field", "dataclasses.field"})
_CUSTOMARY = frozenset({"args", "opt", "opts", "options"})
"""What people call parsed options where a function is given them."""


class Default(NamedTuple):
    """An option of a program."""

    flags: tuple[str, ...]
    """As it is spelled on a command line: `--model_name`, `--model-name`."""
    node: ast.expr | None
    """Its default; None where it has none, or where that is told in two ways."""


class Options:
    """The options of one module, by what they are called in it."""

    def __init__(self, tree: ast.Module) -> None:
        """Look through a module; only what is told once counts."""
        self._given: set[str] = set(_CUSTOMARY)
        self._defaults: dict[str, Default] = {}
        self._aliases: dict[str, ast.expr | None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self._add(_added(node))
            elif isinstance(node, ast.ClassDef) and _is_dataclass(node):
                for found in _fields(node):
                    self._add(found)
            elif isinstance(node, ast.Assign):
                self._assign(node)

    def of(self, node: ast.expr) -> Default | None:
        """Return the option that an expression stands for; None for any other."""
        if isinstance(node, ast.Name):
            aliased = self._aliases.get(node.id)
            return self.of(aliased) if isinstance(aliased, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return self._defaults.get(node.attr) if node.value.id in self._given else None
        return None

    def _add(self, found: tuple[str, Default] | None) -> None:
        if found is None:
            return
        name, default = found
        before = self._defaults.get(name)
        if before is not None:
            both = tuple(dict.fromkeys((*before.flags, *default.flags)))
            default = Default(both, default.node if _same(before.node, default.node) else None)
        self._defaults[name] = default

    def _assign(self, node: ast.Assign) -> None:
        names = [one.id for target in node.targets for one in _names(target)]
        call = node.value
        if isinstance(call, ast.Call) and _last(call.func) in _PARSES:
            self._given.update(names)
        for name in names:
            self._aliases[name] = None if name in self._aliases else node.value


def _names(target: ast.expr) -> Iterator[ast.Name]:
    if isinstance(target, ast.Name):
        yield target
    elif isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _names(one)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _same(one: ast.expr | None, other: ast.expr | None) -> bool:
    return one is not None and other is not None and ast.dump(one) == ast.dump(other)


def _added(node: ast.Call) -> tuple[str, Default] | None:
    """Return what `add_argument` adds; None for any other call."""
    if _last(node.func) != "add_argument":
        return None
    texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
    flags = [one for one in texts if isinstance(one, str) and one.startswith("--")]
    if not flags:
        return None
    given = {one.arg: one.value for one in node.keywords}
    dest = given.get("dest")
    told = dest.value if isinstance(dest, ast.Constant) else None
    name = told if isinstance(told, str) else flags[0].lstrip("-").replace("-", "_")
    return name, Default(tuple(flags), given.get("default"))


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any(
        _last(one.func if isinstance(one, ast.Call) else one) == "dataclass"
        for one in node.decorator_list
    )


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, Default]]:
    """Yield the fields of a dataclass, as HfArgumentParser and tyro make options of them."""
    for one in node.body:
        if not (isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)):
            continue
        value = one.value
        if isinstance(value, ast.Call) and ast.unparse(value.func) in _FIELDS:
            value = next((k.value for k in value.keywords if k.arg == "default"), None)
        name = one.target.id
        yield name, Default((f"--{name}", f"--{name.replace('_', '-')}"), value)
