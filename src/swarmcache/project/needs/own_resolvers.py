"""The resolvers that we offer to configs of OmegaConf, by name: readers know them too."""

from __future__ import annotations

PINNED_MODEL = "swarmcache.pinned_model"
"""One model of a pool, drawn once for a process."""
SNAPSHOT = "swarmcache.snapshot"
"""The folder of a model's snapshot."""
CACHE_DIR = "swarmcache.cache_dir"
"""The cache that counts."""
MODEL_VARIABLE = "MODEL_NAME"
"""What pins the model: RL-Swarm's own config and its kin read it, `run --model` exports it."""
