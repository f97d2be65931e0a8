"""Found by Hydra, which imports all of `hydra_plugins` at its start: makes our resolvers known.

`hydra_plugins` itself has no `__init__.py`, so that other plugins share the name. Nothing but Hydra
imports this.
"""

from swarmcache.launch.in_code.resolvers import register_resolvers

register_resolvers()
