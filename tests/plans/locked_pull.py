"""Pulls under a lock with whatever huggingface_hub this interpreter has: ENDPOINT CACHE PROJECT."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import read_ref
from swarmcache.lockfile import read_lock
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.transfer.hub import Hub

endpoint, cache, project = sys.argv[1:]
target = parse_target("org/name")

with Hub([endpoint], Environment.current()) as hub:
    plan = plan_pull([target], cache, hub, lock=read_lock(project))
    (result,) = apply_pull(plan, hub)

print(
    json.dumps(
        {
            "version": version("huggingface_hub"),
            "state": result.state,
            "error": result.error and type(result.error).__name__,
            "main": read_ref(cache, target.name, "main"),
        }
    )
)
