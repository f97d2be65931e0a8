"""One explicit, complete, verified Hugging Face model cache for every training node."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # What type checkers take for true, without the cost of importing typing.
    from swarmcache.hubcache.use.using import lease

__version__ = "0.1.0"
__all__ = ["__version__", "lease"]


def __getattr__(name: str) -> object:
    """Return what is imported only when it is asked for."""
    if name == "lease":
        from swarmcache.hubcache.use.using import lease  # noqa: PLC0415 - `import swarmcache` is light

        return lease
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
