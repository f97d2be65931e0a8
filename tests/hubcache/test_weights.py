"""Which weights repeat others."""

from __future__ import annotations

import pytest

from swarmcache.hubcache.complete.weights import select, weights_format


@pytest.mark.parametrize(
    ("paths", "skipped"),
    [
        (["model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"],
         {"pytorch_model.bin", "tf_model.h5", "flax_model.msgpack"}),
        (["pytorch_model.bin", "tf_model.h5"], {"tf_model.h5"}),
        (["model-00001-of-00002.safetensors", "pytorch_model.bin"],
         {"model-00001-of-00002.safetensors"}),
        (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "model.safetensors.index.json", "pytorch_model-00001-of-00001.bin",
          "pytorch_model.bin.index.json"],
         {"pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"}),
        (["model.safetensors", "model.fp16.safetensors"], {"model.fp16.safetensors"}),
        (["model.fp16.safetensors"], set()),
        (["model.safetensors", "onnx/model.onnx", "onnx/config.json", "model.onnx"],
         {"onnx/model.onnx", "onnx/config.json", "model.onnx"}),
        (["onnx/model.onnx", "config.json"], set()),
        (["a.Q4.gguf", "a.Q8.gguf"], set()),
        (["model.safetensors", "a.gguf"], {"a.gguf"}),
        (["model.safetensors", "original/consolidated.00.pth", "original/params.json",
          "consolidated.safetensors"],
         {"original/consolidated.00.pth", "consolidated.safetensors"}),
        (["model.safetensors", "training_args.bin", "optimizer.pt"],
         {"training_args.bin", "optimizer.pt"}),
        (["unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin",
          "vae/diffusion_pytorch_model.bin"],
         {"unet/diffusion_pytorch_model.bin"}),
        (["config.json", "README.md"], set()),
    ],
)  # fmt: skip
def test_one_whole_format_is_kept(paths: list[str], skipped: set[str]) -> None:
    """A format goes only where a whole preferred one is in the same folder."""
    selection = select(paths)

    assert set(selection.skipped) == skipped
    assert list(selection.kept) == [path for path in paths if path not in skipped]


def test_formats() -> None:
    """By ending, folder and name."""
    assert weights_format("a/b.safetensors") == "safetensors"
    assert weights_format("rng_state_0.pth") == "training"
    assert weights_format("tokenizer.json") is None
