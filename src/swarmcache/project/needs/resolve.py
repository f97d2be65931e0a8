"""What the expressions of a config yield, as OmegaConf would: known values, or why unknown.

Where a resolver draws at random the answer is every value it may yield, so that nothing is
guessed: `${oc.env:MODEL_NAME, ${gpu_model_choice:…}}` has as many values as the pool.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Protocol

import yaml
from yaml.nodes import ScalarNode, SequenceNode

from swarmcache.locale import t
from swarmcache.project.readers.hydra import Place
from swarmcache.project.readers.interpolation import (
    Argument,
    BadInterpolation,
    Call,
    Interpolation,
    Items,
    Literal,
    Quoted,
    Reference,
    Text,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment
    from swarmcache.project.readers.hydra import Config, Path

_DEPTH = 40
_ALTERNATIVES = 256

Values = tuple[object, ...]
"""What an expression may yield: one value, or several where it is drawn. Containers are Places."""


class Unresolved(Exception):
    """The value cannot be known here; the message says why."""


class Broken(Unresolved):
    """OmegaConf itself would refuse it, whatever the machine; the message says why."""


class Function(Protocol):
    """A resolver of the project that we know: from its arguments to what it may yield."""

    def __call__(self, *arguments: object) -> Values:
        """Return every value it may yield; raise Unresolved where that is not known."""


class Resolver:
    """Evaluates the expressions of one config for one environment."""

    def __init__(
        self, config: Config, environment: Environment, functions: Mapping[str, Function]
    ) -> None:
        self._config = config
        self._environment = environment
        self._functions = functions
        self._depth = 0

    def values(self, place: Place) -> Values:
        """Return every value that the place may have; raises Unresolved.

        Scalars come as Python values, lists and mappings as Places.
        """
        if not isinstance(place.node, ScalarNode):
            return (place,)
        text = place.text
        if text is None:
            return (None,)
        if text == "???":
            raise Unresolved(t("it is to be given when the program starts"))
        if "${" not in text:
            return (_scalar(place.node),)
        self._depth += 1
        try:
            if self._depth > _DEPTH:
                raise Broken(t("it refers to itself"))
            return self._text(self._parsed(text), place.path)
        finally:
            self._depth -= 1

    def source(self, place: Place) -> Place:
        """Return where the value is really written: the end of a chain of plain references."""
        for _ in range(_DEPTH):
            text = place.text
            parts = self._parsed(text) if text and "${" in text else ()
            if len(parts) != 1 or not isinstance(parts[0], Reference):
                return place
            place = self._find(parts[0], place.path)
        raise Broken(t("it refers to itself"))

    def plain(self, value: object) -> object:
        """Return a list or mapping as Python values; raises Unresolved, also where it is drawn."""
        if not isinstance(value, Place):
            return value
        if isinstance(value.node, SequenceNode):
            return [self.plain(self._only(child)) for _, child in value.children()]
        return {key: self.plain(self._only(child)) for key, child in value.children()}

    def _only(self, place: Place) -> object:
        values = self.values(place)
        if len(values) != 1:
            raise Unresolved(t("it is drawn at random"))
        return values[0]

    def _parsed(self, text: str) -> Text:
        try:
            return parse(text)
        except BadInterpolation as error:
            raise Broken(t("its interpolation is malformed")) from error

    def _text(self, parts: Text, path: Path) -> Values:
        if len(parts) == 1 and not isinstance(parts[0], str):
            return self._interpolation(parts[0], path)
        pieces = [(p,) if isinstance(p, str) else self._interpolation(p, path) for p in parts]
        return tuple("".join(map(_shown, row)) for row in _combinations(pieces))

    def _interpolation(self, part: Interpolation, path: Path) -> Values:
        if isinstance(part, Reference):
            return self.values(self._find(part, path))
        return self._call(part, path)

    def _find(self, reference: Reference, path: Path) -> Place:
        """Walk from the top, or from the mapping around `path`, to what is referred to."""
        place = self._config.top
        start = path[: -reference.dots] if reference.dots else ()
        if reference.dots > len(path):
            raise Broken(t("it refers to what is above the config"))
        keys = [_shown(self._single(key, path)) for key in reference.keys]
        for key in (*start, *keys):
            found = self._entered(place).child(key)
            if found is None:
                raise Broken(t("the config has no {key}", key=".".join([*start, *keys])))
            place = found
        return place

    def _entered(self, place: Place) -> Place:
        """Return the container that a place holds or refers to."""
        if not isinstance(place.node, ScalarNode):
            return place
        value = self._only(place)
        if not isinstance(value, Place):
            raise Broken(t("{key} is no mapping", key=".".join(place.path)))
        return value

    def _single(self, text: Text, path: Path) -> object:
        values = self._text(text, path)
        if len(values) != 1:
            raise Unresolved(t("it is drawn at random"))
        return values[0]

    def _call(self, call: Call, path: Path) -> Values:
        if call.name == "oc.env":
            return self._variable(call, path)
        if call.name == "oc.select":
            return self._select(call, path)
        function = self._functions.get(call.name)
        if function is None:
            raise Unresolved(t("what the resolver {name} yields is not known", name=call.name))
        rows = _combinations([self._argument(argument, path) for argument in call.arguments])
        results = [function(*[self.plain(value) for value in row]) for row in rows]
        return tuple(dict.fromkeys(value for result in results for value in result))

    def _variable(self, call: Call, path: Path) -> Values:
        """`oc.env`: a variable that is set wins even when empty; a default becomes text."""
        if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - name and default
            raise Broken(t("its interpolation is malformed"))
        names = self._argument(call.arguments[0], path)
        if len(names) != 1:
            raise Unresolved(t("it is drawn at random"))
        value = self._environment.get(_shown(names[0]))
        if value is not None:
            return (value,)
        if len(call.arguments) == 1:
            raise Unresolved(t("the variable {name} is not set", name=_shown(names[0])))
        defaults = self._argument(call.arguments[1], path)
        return tuple(None if value is None else _shown(value) for value in defaults)

    def _select(self, call: Call, path: Path) -> Values:
        if not 1 <= len(call.arguments) <= 2:  # noqa: PLR2004 - key and default
            raise Broken(t("its interpolation is malformed"))
        key = _shown(self._argument(call.arguments[0], path)[0])
        name = key.lstrip(".")
        reference = Reference(len(key) - len(name), tuple((part,) for part in name.split(".")))
        try:
            place = self._find(reference, path)
        except Unresolved:
            if len(call.arguments) == 1:
                return (None,)
            return self._argument(call.arguments[1], path)
        return self.values(place)

    def _argument(self, argument: Argument, path: Path) -> Values:
        if isinstance(argument, Literal):
            return (argument.value,)
        if isinstance(argument, Quoted):
            return tuple(map(_shown, self._text(argument.text, path)))
        if isinstance(argument, Items):
            rows = _combinations([self._argument(item, path) for item in argument.items])
            return tuple([self.plain(value) for value in row] for row in rows)
        return self._text(argument, path)


def _combinations(pieces: list[Values]) -> list[Values]:
    size = 1
    for piece in pieces:
        size *= len(piece)
    if size > _ALTERNATIVES:
        raise Unresolved(t("it has too many possible values"))
    return list(product(*pieces))


def _scalar(node: ScalarNode) -> object:
    loader = yaml.SafeLoader("")
    try:
        value: object = loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise Unresolved(t("YAML does not know its type")) from error
    finally:
        loader.dispose()
    return value


def _shown(value: object) -> str:
    """Return a value as it appears inside a longer text."""
    if isinstance(value, Place):
        raise Unresolved(t("a list or mapping stands inside a text"))
    return str(value)


__all__ = ["Broken", "Function", "Resolver", "Unresolved", "Values"]
