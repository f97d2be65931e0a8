"""The code of the miniature node."""
