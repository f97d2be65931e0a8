"""Build hook: compiles each `.po` catalogue to the `.mo` that gettext reads.

Runs for wheels and for editable installs alike; `make locale` runs it by hand.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALE = pathlib.Path(__file__).parent / "src" / "swarmcache" / "locale"


def compile_all() -> list[pathlib.Path]:
    """Return the `.mo` files written, one beside each `.po`."""
    written = []
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as file:
            catalogue = read_po(file)
        target = source.with_suffix(".mo")
        unfinished = target.with_suffix(f".{os.getpid()}")  # A process may be reading the old one.
        with unfinished.open("wb") as file:
            write_mo(file, catalogue)
        unfinished.replace(target)
        written.append(target)
    return written


class Catalogues(BuildHookInterface):  # type: ignore[misc,type-arg]
    """The hook that hatchling calls before it collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile the catalogues into the source tree, where the wheel picks them up."""
        compile_all()


if __name__ == "__main__":
    for path in compile_all():
        print(path)
