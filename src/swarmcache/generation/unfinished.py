"""Whether a checkpointed forward still waits for its backward.

Gradient checkpointing runs a layer's forward again inside the backward. If that happened while the
flags are off, the second run would differ from the first (no dropout), and the gradients with it,
silently. So `generation_mode` refuses to begin between the two.

Nothing in torch lists the graphs that wait. What tells is: as long as any graph exists, it holds
the node at which each parameter accumulates its gradient; that is asked first, in microseconds. A
finished graph may also linger (`loss` is still a variable), so only then are the checkpoints
themselves looked for, among the objects of the interpreter, which takes tens of milliseconds.
"""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from swarmcache.generation.flags import is_in_the_way
from swarmcache.generation.modules import is_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from swarmcache.generation.modules import Module


class UnfinishedBackwardError(RuntimeError):
    """A checkpointed forward of the model waits for its backward."""


def waits_for_backward(model: Module, modules: Sequence[Module]) -> bool:
    """Tell whether a checkpointed forward of `model` still waits for its backward.

    `modules` are the model's own.
    """
    if not any(is_in_the_way(module) for module in modules) or not _may_have_graph(model):
        return False
    owned = {id(module) for module in modules}
    return any(
        id(module) in owned for function in _waiting() for module in _modules_behind(function)
    )


def _may_have_graph(model: Module) -> bool:
    """Return False only if no graph can exist that would run one of the layers again.

    With `use_reentrant=True` the parameters inside a checkpointed layer are in no graph before the
    backward, so only those outside of the layers (embedding, norm, head) can prove that. A LoRA
    model trains none of these.
    """
    outer = [parameter for parameter in _outer_parameters(model) if parameter.requires_grad]
    return not outer or any(map(_is_in_graph, outer))


def _outer_parameters(model: Module) -> Iterator[Tensor]:
    """Yield the parameters that stand in no list of layers."""
    waiting = [model]
    while waiting:
        own = waiting.pop().__dict__
        yield from (tensor for tensor in own["_parameters"].values() if tensor is not None)
        waiting.extend(
            child
            for child in own["_modules"].values()
            if child is not None and type(child).__name__ != "ModuleList"
        )


class _Mark:
    """Something whose end can be observed."""


def _is_in_graph(parameter: Tensor) -> bool:
    """Tell whether somebody else holds the node that accumulates this parameter's gradient.

    The parameter holds it weakly: without a graph the node that we are given ends with our own
    reference, and a mark on it too.
    """
    mark = _Mark()
    seen = weakref.ref(mark)
    node = _accumulator(parameter)
    if node is None:
        return True  # Inside inference_mode nothing tells.
    node.metadata[_Mark] = mark
    del mark, node
    if seen() is None:
        return False
    del _accumulator(parameter).metadata[_Mark]
    return True


def _accumulator(parameter: Tensor) -> Any:
    import torch  # noqa: PLC0415 - torch only when used

    with torch.enable_grad():
        view = parameter.view_as(parameter).grad_fn
    return None if view is None else view.next_functions[0][0]


def _waiting() -> list[object]:
    """Return the functions of all checkpoints that will run them again, of any model.

    Not a generator: a suspended one would keep every object that it was going to look at.
    """
    from torch.utils import checkpoint  # noqa: PLC0415 - torch only when used

    frame = getattr(checkpoint, "_CheckpointFrame", None)  # Since torch 2.1, and not public.
    functions: list[object] = []
    for found in gc.get_objects():
        kind = type(found)
        if kind is frame:  # use_reentrant=False
            if any(holder() is not None for holder in found.weak_holders):
                functions.append(found.recompute_fn)
        elif kind.__name__ == "CheckpointFunctionBackward" and _has_buffers(found):
            functions.append(found.run_function)
    return functions


def _has_buffers(node: Any) -> bool:
    """Tell whether a node with `use_reentrant=True` can still run backward."""
    try:
        return bool(node.saved_tensors)
    except RuntimeError:  # Freed: the backward is done.
        return False


def _modules_behind(function: Any, depth: int = 5) -> Iterator[object]:
    """Yield the modules that a checkpointed function is bound to, partially or by closure."""
    if is_module(function):
        yield function
    elif depth:
        for part in _parts(function):
            yield from _modules_behind(part, depth - 1)


def _parts(function: Any) -> Iterator[object]:
    if isinstance(function, partial):
        yield from (function.func, *function.args)
    elif isinstance(function, MethodType):
        yield function.__self__
    elif isinstance(function, FunctionType):
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # Not filled yet.
                yield cell.cell_contents
