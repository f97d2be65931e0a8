"""What a user has decided once, read from `swarmcache.toml` and its kin.

values.py     Settings and the values in it
keys.py       every key: its name, its variable, what it may hold
files.py      which files speak, and what they say
loading.py    option > variable > project > user > default
"""

from swarmcache.settings.loading import explain, load_settings
from swarmcache.settings.values import (
    Claim,
    ModelSetting,
    Offline,
    Origin,
    Restart,
    Settings,
    TierSetting,
)

__all__ = [
    "Claim",
    "ModelSetting",
    "Offline",
    "Origin",
    "Restart",
    "Settings",
    "TierSetting",
    "explain",
    "load_settings",
]
