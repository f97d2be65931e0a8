"""Pickle weights: code that runs when they are loaded.

`twins` tells which files are such weights, and whether a safetensors file holds the same ones;
`imports` tells what loading one would import, without loading it.
"""
