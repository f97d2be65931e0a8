"""Renderers: the same values as terminal lines, JSON, and more."""
