"""How something of ours gets into the Pythons that a command starts, its code untouched.

Our folder comes first on PYTHONPATH, and the `sitecustomize` in it runs in every Python that the
command starts, whatever shell scripts stand between; that is how tracing agents do it. A Python
started with `-I` or `-E` reads no such variable, and runs as without us.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.generation.occasions import SITE

if TYPE_CHECKING:
    from collections.abc import Mapping


def reaching_inside(variables: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """Return an environment whose Pythons find us, and what we have to do there in a variable."""
    after = variables.get("PYTHONPATH")
    # Nothing behind a colon would be the working directory.
    others = [path for path in after.split(os.pathsep) if path != SITE] if after else []
    return {**variables, "PYTHONPATH": os.pathsep.join([SITE, *others]), name: value}
