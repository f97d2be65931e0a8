"""Pulls with whatever huggingface_hub this interpreter has: ENDPOINT SILENT_ENDPOINT CACHE."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from importlib.metadata import version

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.transfer.bounds import Bounds
from swarmcache.transfer.hub import Hub

endpoint, silent, cache = sys.argv[1:]
here = Environment.current()
target = parse_target("org/name")

with Hub([endpoint], here) as hub:
    listing = hub.listing(target, cache)
    cold = plan_pull([target], cache, hub)
    (result,) = apply_pull(cold, hub)

with Hub([silent], here, bounds=Bounds(listing=3, answer=1, attempts=2)) as hub:
    # Complete: an endpoint that never answers is not even asked.
    (warm,) = plan_pull([target], cache, hub).models
    started = time.monotonic()
    failures = [type(plan_pull([parse_target("org/other")], cache, hub).models[0].error).__name__]
    planned = replace(cold.models[0], listing=replace(listing, endpoint=silent))
    (fetched,) = apply_pull(replace(cold, cache=cache + "-other", models=(planned,)), hub)
    failures.append(type(fetched.error).__name__)
    seconds = time.monotonic() - started

print(
    json.dumps(
        {
            "version": version("huggingface_hub"),
            "state": result.state,
            "error": result.error and result.error.message,
            "warm_requests": 0 if warm.listing is None else 1,
            "silent": failures,
            "silent_seconds": seconds,
        }
    )
)
