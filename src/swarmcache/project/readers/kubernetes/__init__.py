"""Manifests of Kubernetes, each file as it is written."""

from swarmcache.project.readers.kubernetes.reading import read_manifests

__all__ = ["read_manifests"]
