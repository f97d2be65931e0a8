"""Write the GGUF samples beside this file: python write_gguf.py, where gguf 0.19.0 is installed.

The samples are kept because the gguf package brings numpy along, which no other test needs.
"""

from __future__ import annotations

import pathlib

import gguf
import numpy as np

FOLDER = pathlib.Path(__file__).parent


def write(name: str, *, endianess: gguf.GGUFEndian, alignment: int | None, tensors: bool) -> None:
    """Write one file with metadata of many types, and tensors of several."""
    writer = gguf.GGUFWriter(FOLDER / name, "llama", endianess=endianess)
    if alignment is not None:
        writer.add_custom_alignment(alignment)
    writer.add_block_count(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_bool("sample.flag", val=True)
    writer.add_array("sample.numbers", [1, 2, 3])
    writer.add_token_list(["<s>", "</s>", "你好", "hello"])
    writer.add_token_scores([0.0, 0.5, 1.0, 1.5])
    if tensors:
        writer.add_tensor("token_embd.weight", np.arange(35, dtype=np.float32).reshape(5, 7))
        writer.add_tensor("blk.0.norm", np.arange(3, dtype=np.float16))
        blocks = np.arange(2 * 34, dtype=np.uint8).reshape(2, 34)
        writer.add_tensor("blk.0.q8", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    LITTLE, BIG = gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG
    write("little.gguf", endianess=LITTLE, alignment=None, tensors=True)
    write("aligned.gguf", endianess=LITTLE, alignment=64, tensors=True)
    write("big.gguf", endianess=BIG, alignment=None, tensors=True)
    write("vocabulary.gguf", endianess=LITTLE, alignment=None, tensors=False)
