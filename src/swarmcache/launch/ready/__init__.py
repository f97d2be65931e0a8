"""Could a project start without a network: what it needs beside models, and each answer."""

from swarmcache.launch.ready.survey import readiness
from swarmcache.launch.ready.values import Need, States

__all__ = ["Need", "States", "readiness"]
