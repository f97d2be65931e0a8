"""Shell scripts, read by tree-sitter's grammar of bash; nothing is run."""

from swarmcache.project.readers.shell.reading import read_script

__all__ = ["read_script"]
