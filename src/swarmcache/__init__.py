"""One explicit, complete, verified Hugging Face model cache for every training node."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # What type checkers take for true, without the cost of importing typing.
    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.complete.integrity import (
        Complete,
        Damaged,
        Incomplete,
        Missing,
        Outcome,
        Unknown,
    )
    from swarmcache.hubcache.use.using import lease
    from swarmcache.launch.in_code.library import check, ensure
    from swarmcache.launch.in_code.resolvers import register_resolvers

__version__ = "0.1.0"
__all__ = [
    "Complete",
    "Damaged",
    "Incomplete",
    "Missing",
    "Outcome",
    "SwarmcacheError",
    "Unknown",
    "__version__",
    "check",
    "ensure",
    "lease",
    "register_resolvers",
]
_OUTCOMES = "swarmcache.hubcache.complete.integrity"
_HOMES = {
    "Complete": _OUTCOMES,
    "Damaged": _OUTCOMES,
    "Incomplete": _OUTCOMES,
    "Missing": _OUTCOMES,
    "Outcome": _OUTCOMES,
    "Unknown": _OUTCOMES,
    "SwarmcacheError": "swarmcache.errors",
    "check": "swarmcache.launch.in_code.library",
    "ensure": "swarmcache.launch.in_code.library",
    "lease": "swarmcache.hubcache.use.using",
    "register_resolvers": "swarmcache.launch.in_code.resolvers",
}
"""Where each public name lives; `import swarmcache` itself loads none of them."""


if not TYPE_CHECKING:  # To a type checker, a module with __getattr__ has every name.

    def __getattr__(name: str) -> object:
        """Return what is imported only when it is asked for."""
        home = _HOMES.get(name)
        if home is None:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415 - `import swarmcache` is light

        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
