"""`init`: one cache folder, proposed with reasons and written where it takes effect."""

from swarmcache.launch.init.applying import apply_setup, undo_setup
from swarmcache.launch.init.planning import plan_init
from swarmcache.launch.init.values import Folder, Left, Reason, SetupPlan, Write

__all__ = [
    "Folder",
    "Left",
    "Reason",
    "SetupPlan",
    "Write",
    "apply_setup",
    "plan_init",
    "undo_setup",
]
