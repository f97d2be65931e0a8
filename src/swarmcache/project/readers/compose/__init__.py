"""Compose files, each as it is written; what several come to is told in `effective.stacks`."""

from swarmcache.project.readers.compose.reading import read_compose

__all__ = ["read_compose"]
