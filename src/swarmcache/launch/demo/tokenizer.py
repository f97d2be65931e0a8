"""A small byte-level BPE tokenizer that tokenizers and transformers load as Qwen2's."""

from __future__ import annotations

import json

_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_WORDS = ("swarm", "cache", "model", "node", "the", "ing")
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer_files() -> dict[str, bytes]:
    """Return `tokenizer.json` and `tokenizer_config.json`."""
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "model_max_length": 512,
        "chat_template": _TEMPLATE,
    }
    return {"tokenizer.json": _json(_tokenizer()), "tokenizer_config.json": _json(config)}


def vocabulary_size() -> int:
    """Return how many tokens there are, special ones included."""
    return len(_vocabulary()) + len(_SPECIAL)


def end_of_turn() -> int:
    """Return the number of `<|im_end|>`, at which generation stops."""
    return len(_vocabulary()) + _SPECIAL.index("<|im_end|>")


def padding() -> int:
    """Return the number of `<|endoftext|>`."""
    return len(_vocabulary())


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def _tokenizer() -> dict[str, object]:
    vocabulary = _vocabulary()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    return {
        "version": "1.0",
        "added_tokens": [_special(token, len(vocabulary) + i) for i, token in enumerate(_SPECIAL)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level | {"use_regex": True},
        "post_processor": byte_level | {"use_regex": False},
        "decoder": byte_level | {"use_regex": False},
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(vocabulary)},
            "merges": [list(pair) for pair in _merges()],
        },
    }


def _special(token: str, number: int) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": token, "special": True, **flags}


def _vocabulary() -> list[str]:
    return [*_alphabet(), *dict.fromkeys(left + right for left, right in _merges())]


def _merges() -> list[tuple[str, str]]:
    """Build each word from the left: s+w, sw+a, swa+r, swar+m."""
    return [(word[:end], word[end]) for word in _WORDS for end in range(1, len(word))]


def _alphabet() -> list[str]:
    """Return GPT-2's 256 letters for bytes: printable ones stand for themselves."""
    itself = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    stand_ins = iter(range(0x100, 0x200))
    return [chr(byte if byte in itself else next(stand_ins)) for byte in range(256)]
