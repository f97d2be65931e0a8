"""What is known of images that Dockerfiles begin with, or that are started as they are.

Only what their own Dockerfiles or manuals say; of any other image nothing is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image that somebody else has made."""

    variables: dict[str, str] = field(default_factory=dict)
    """Those that bear on caches; the others of these are not set."""
    homes: dict[str, str] = field(default_factory=dict)
    """By user, for those it brings beside root."""
    program: tuple[str, ...] = ()
    """What it starts, where that loads models."""


_PLAIN = BaseImage()
_KNOWN: tuple[tuple[str, BaseImage], ...] = (
    (r"(?:ubuntu|debian|alpine|fedora|rockylinux|almalinux|busybox)", _PLAIN),
    (r"(?:python|nvidia/cuda|pytorch/pytorch|continuumio/(?:mini|ana)conda3)", _PLAIN),
    (r"node", BaseImage(homes={"node": "/home/node"})),
    (r"vllm/vllm-openai(?:-cpu)?", BaseImage(program=("vllm", "serve"))),
    (r"lmsysorg/sglang", _PLAIN),
    (
        r"ghcr\.io/huggingface/text-generation-inference",
        BaseImage({"HF_HOME": "/data"}, program=("text-generation-launcher",)),
    ),
    (
        r"ghcr\.io/huggingface/text-embeddings-inference",
        BaseImage({"HUGGINGFACE_HUB_CACHE": "/data"}, program=("text-embeddings-router",)),
    ),
)


def base_image(reference: str) -> BaseImage | None:
    """Return what is known of an image by its reference; None where nothing is."""
    bare = reference.partition("@")[0]
    name, colon, tag = bare.rpartition(":")
    if not colon or "/" in tag:
        name = bare
    name = re.sub(r"^(?:docker\.io/|registry\.hub\.docker\.com/)", "", name)
    name = name.removeprefix("library/")
    return next((image for pattern, image in _KNOWN if re.fullmatch(pattern, name)), None)
