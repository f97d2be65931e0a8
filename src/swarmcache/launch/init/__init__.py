"""`init`: one cache folder, proposed with reasons and written where it takes effect."""

from swarmcache.launch.init.applying import apply_following, apply_setup, undo_setup
from swarmcache.launch.init.following import Following, plan_following
from swarmcache.launch.init.planning import plan_init
from swarmcache.launch.init.staying import staying_projects
from swarmcache.launch.init.values import Folder, Left, Reason, SetupPlan, Write

__all__ = [
    "Folder",
    "Following",
    "Left",
    "Reason",
    "SetupPlan",
    "Write",
    "apply_following",
    "apply_setup",
    "plan_following",
    "plan_init",
    "staying_projects",
    "undo_setup",
]
