"""Write the torch samples beside this file: python write_torch.py, where torch 2 is installed."""

from __future__ import annotations

import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent

if __name__ == "__main__":
    weights = {"a.weight": torch.arange(12.0).reshape(3, 4), "b.bias": torch.zeros(3)}
    torch.save(weights, FOLDER / "zipped.bin")
    torch.save(weights, FOLDER / "bare.bin", _use_new_zipfile_serialization=False)
