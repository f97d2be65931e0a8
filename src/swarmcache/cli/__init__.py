"""The command line: one file per command, each thin: parse, call the library, render."""

import atexit
import gc

# A command makes many values and hardly a cycle: collecting while modules load and folders are
# read would cost 5 % of a start-up and free nothing. Nor would a last look at the end, when the
# system takes everything back; it costs 4 ms of a `check`, unless there is nothing to look at.
gc.set_threshold(100_000, 20, 20)
atexit.register(gc.freeze)

from swarmcache.cli.start import main  # noqa: E402 - after the threshold, which its imports profit from

__all__ = ["main"]
