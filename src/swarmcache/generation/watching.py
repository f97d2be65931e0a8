"""Generate a few tokens and see what is fed and kept, without a hook on any module.

Everything is seen where it passes through torch's functions: the ids at the embedding, and every
dropout, which is left out so that train mode by itself changes nothing.
"""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from swarmcache.generation.verdicts import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT_LENGTH = 12
_DROPOUTS = {
    functional.dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
}


class Watched(NamedTuple):
    """A trial with its logits, one row for each new token: (tokens, vocabulary)."""

    trial: Trial
    logits: torch.Tensor | None = None


def watch(core: Any, new_tokens: int, generation_config: Any) -> Watched:
    """Let a model generate greedily as it is, and return what was seen."""
    weight = core.get_input_embeddings().weight
    ids = torch.tensor([[7 + 11 * at % (len(weight) - 8) for at in range(PROMPT_LENGTH)]])
    ids = ids.to(weight.device)
    seen = _Seen(weight)
    with torch.no_grad(), _silence(), _same_random_state(weight.device):
        try:
            with seen:
                made = core.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    generation_config=_greedy(core, new_tokens, generation_config),
                )
        except Exception as error:  # noqa: BLE001 - whatever the state makes of the model
            told = f"{type(error).__name__}: {error}"
            return Watched(Trial((), tuple(seen.positions), None, told))
    tokens = tuple(made.sequences[0].tolist()[-new_tokens:])
    held = _held(getattr(made, "past_key_values", None))
    logits = torch.cat(list(made.logits)).float().cpu()
    return Watched(Trial(tokens, tuple(seen.positions), held), logits)


class _Seen(TorchFunctionMode):  # type: ignore[misc] # torch is in the trainer's environment
    """Notes what is embedded; leaves dropout out."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.positions: list[int] = []
        self._weight = weight

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in _DROPOUTS:
            return args[0] if args else kwargs["input"]
        if function is functional.scaled_dot_product_attention and "dropout_p" in kwargs:
            kwargs = {**kwargs, "dropout_p": 0.0}
        elif function is functional.embedding and self._weight is _second(args, kwargs):
            self.positions.append(args[0].shape[-1])
        return function(*args, **kwargs)


def _second(args: Any, kwargs: Any) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("weight")


def _greedy(core: Any, new_tokens: int, generation_config: Any) -> Any:
    """Return a generation config that decides about the cache as the model's own does."""
    import transformers  # noqa: PLC0415 - only when used

    own = generation_config or core.generation_config
    kept = ("use_cache", "cache_implementation", "bos_token_id", "decoder_start_token_id")
    ids = {"pad_token_id": _first(own.pad_token_id, own.eos_token_id)}
    return transformers.GenerationConfig(
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        **{name: getattr(own, name, None) for name in kept},
        **ids,
    )


def _first(*ids: Any) -> Any:
    for found in ids:
        if found is not None:
            return found[0] if isinstance(found, list) else found
    return 0


def _held(cache: Any) -> int | None:
    """Return how many positions a cache of any version holds."""
    if cache is None:
        return None
    if hasattr(cache, "get_seq_length"):
        return int(cache.get_seq_length())
    return int(cache[0][0].shape[-2])  # Up to 4.4x: a tuple of keys and values, by layer.


@contextmanager
def _silence() -> Iterator[None]:
    """Say nothing of a trial, and use up none of the warnings that are said only once."""
    logger, kind = logging.getLogger("transformers"), logging.Logger
    level, once = logger.level, vars(kind).get("warning_once")
    if once is not None:
        kind.warning_once = lambda *_, **__: None  # type: ignore[attr-defined] # theirs, by patch
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if once is not None:
            kind.warning_once = once  # type: ignore[attr-defined] # see above


@contextmanager
def _same_random_state(device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        yield


def versions() -> dict[str, str]:
    """Return the versions of what decides, of those that are imported."""
    names = ("torch", "transformers", "peft")
    return {name: str(sys.modules[name].__version__) for name in names if name in sys.modules}
