"""Dockerfiles, read by BuildKit's own rules about lines; `RUN` bodies go to the shell's reader."""

from swarmcache.project.readers.dockerfile.reading import read_dockerfile

__all__ = ["read_dockerfile"]
