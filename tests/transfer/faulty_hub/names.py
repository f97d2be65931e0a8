"""Paths that a list of files may hold and that no client may write to, or not both of."""

from __future__ import annotations

FOREIGN = {
    "parent": "../../x",
    "parent within": "a/../../../x",
    "parent at the end": "a/..",
    "dot": "./x",
    "absolute": "/tmp/x",
    "NUL": "a\0b",
    "line break": "a\nb",
    "empty": "",
    "empty part": "a//b",
    "folder": "a/",
    "backslash": "..\\..\\x",
    "drive": "C:\\x",
    "long": "x" * 5000,
    "long in parts": "/".join(["x" * 200] * 25),
    "half a surrogate pair": "a\ud800b",
    "git": ".git/config",
}
"""By what is wrong with each."""
COLLIDING = {
    "case": ("README.md", "readme.md"),
    "case of a folder": ("a/x", "A/x"),
    "file and folder": ("a", "a/b"),
    "composed and not": ("\u00e9", "e\u0301"),
}
"""Pairs that some file systems, or all, cannot hold side by side."""
