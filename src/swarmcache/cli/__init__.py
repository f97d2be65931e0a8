"""The command line: one file per command, each thin: parse, call the library, render."""

from swarmcache.cli.app import main

__all__ = ["main"]
