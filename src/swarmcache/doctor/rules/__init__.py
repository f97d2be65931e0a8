"""The rules, one file each; what they share is in the project's facts, not here."""

MODULES = (
    "default_cache",
    "split_cache",
)
"""The files, by name: named here so that none is loaded that is not a rule."""
