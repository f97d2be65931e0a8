"""The words after a benchmark's name."""

from __future__ import annotations

import argparse


def asked(about: str | None, **defaults: int | str) -> argparse.Namespace:
    """Return the words that were typed, in this order and by these names, or their defaults.

    `--help` prints `about`, the benchmark's own docstring.
    """
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, formatter_class=style)
    for name, default in defaults.items():
        kind = type(default)
        parser.add_argument(name, nargs="?", type=kind, default=default, metavar=name.upper())
    return parser.parse_args()
