"""Bytes from somewhere to a blob."""
