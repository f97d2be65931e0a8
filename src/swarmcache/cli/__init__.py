"""The command line: one file per command, each thin: parse, call the library, render."""

import gc

# A command makes many values and hardly a cycle: collecting while modules load and folders are
# read would cost 5 % of a start-up and free nothing.
gc.set_threshold(100_000, 20, 20)

from swarmcache.cli.start import main  # noqa: E402 - after the threshold, which its imports profit from

__all__ = ["main"]
