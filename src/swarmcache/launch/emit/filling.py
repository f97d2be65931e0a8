"""Templates and what goes into them: `@name@` becomes the value, which is quoted already."""

from __future__ import annotations

import re
from importlib.resources import files


def filled(template: str, **values: str) -> str:
    """Return a template of the package with its values; each must have one."""
    folder = files("swarmcache.launch.emit") / "templates"
    text = (folder / template).read_text("utf-8")
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], text)


def comment(*lines: str) -> str:
    """Return lines as comments of shells, units and YAML."""
    return "\n".join(f"# {line}" if line else "#" for line in lines)
