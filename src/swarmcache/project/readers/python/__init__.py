"""Python source, read by the standard library's `ast`; nothing is imported or run."""

from swarmcache.project.readers.python.reading import read_module

__all__ = ["read_module"]
