"""What `generation_mode` does to the tokens, and what it leaves behind."""

from __future__ import annotations

import copy
import sys
import tempfile
import threading
from typing import Any

import small_models
import torch
from small_models import PROMPT, generate, make, train_with_checkpointing
from states import differences, state_of
from transformers import GenerationConfig

from swarmcache.generation import UnfinishedBackwardError, flags, generation_mode, mode


def with_lora(model: Any) -> Any:
    """Return the model with adapters on its linear layers, whose weights do something."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - slow, and for few

    linear = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if type(module).__name__ in {"Linear", "Conv1D"} and "head" not in name
    }
    torch.manual_seed(2)
    wrapped = get_peft_model(
        model, LoraConfig(target_modules=sorted(linear), lora_dropout=0.1, task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return wrapped


def mixed(model: Any) -> Any:
    """Give the modules flags of every kind: on, off, and on only by the class."""
    for index, module in enumerate(model.modules()):
        module.training = index % 3 != 0
        if "gradient_checkpointing" in module.__dict__ and index % 2:
            module.gradient_checkpointing = False
    return model


STATES = {
    "plain": train_with_checkpointing,
    "reentrant": lambda model: train_with_checkpointing(
        model, gradient_checkpointing_kwargs={"use_reentrant": True}
    ),
    "not reentrant": lambda model: train_with_checkpointing(
        model, gradient_checkpointing_kwargs={"use_reentrant": False}
    ),
    "mixed": lambda model: mixed(train_with_checkpointing(model)),
}


def tokens(architecture: str, state: str, lora: bool = False) -> dict[str, Any]:
    """Generate in eval mode, in a state of training as it is, and guarded."""
    model = make(architecture, dropout=0.1)
    if lora:
        model = with_lora(model).eval()
    clean = generate(model)
    STATES[state](model)
    if lora:
        model.enable_input_require_grads()
    before = state_of(model)
    with generation_mode(model):
        guarded = generate(model)
    changed = differences(before, state_of(model))
    return {"clean": clean, "guarded": guarded, "changed": changed, "dirty": generate(model)}


def use_cache_off(architecture: str) -> dict[str, Any]:
    """Generate with `use_cache=False` in every config that can say so."""
    model = make(architecture)
    generate(model, 4)  # On 4.51 gemma2 keeps its static cache as an attribute from then on.
    train_with_checkpointing(model)
    passed = GenerationConfig(**small_models.SPECIAL, use_cache=False)
    model.config.use_cache = model.generation_config.use_cache = False
    before = state_of(model, passed)
    fed: list[int] = []
    with generation_mode(model, passed):
        inside = [model.config.use_cache, model.generation_config.use_cache, passed.use_cache]
        hook = model.get_input_embeddings().register_forward_pre_hook(
            lambda _, arguments: fed.append(arguments[0].shape[1])
        )
        model.generate(PROMPT, generation_config=passed, max_new_tokens=4)
        hook.remove()
    after = state_of(model, passed)
    return {"inside": inside, "fed": fed, "changed": differences(before, after)}


KINDS = {"KeyboardInterrupt": KeyboardInterrupt, "ValueError": ValueError}


def exceptions(kind: str) -> dict[str, Any]:
    """Leave the block by an exception of that kind, from two blocks deep."""
    model = mixed(train_with_checkpointing(make("qwen2")))
    before, caught = state_of(model), ""
    try:
        with generation_mode(model), generation_mode(model):
            raise KINDS[kind](kind)  # noqa: TRY301 - it is to pass through
    except BaseException as error:  # noqa: BLE001 - that is the question
        caught = type(error).__name__
    return {"caught": caught, "changed": differences(before, state_of(model))}


def interruptions() -> dict[str, Any]:
    """Interrupt the restoring at each of its lines in turn; return how often, and what was left."""
    files = {flags.__file__, mode.__file__}
    model = mixed(train_with_checkpointing(make("qwen2")))
    before, hits, left = state_of(model), 0, []
    for nth in range(0, 2000, 7):
        seen = {"lines": 0, "hit": False}

        def trace(frame: Any, event: str, _: Any, nth: int = nth, seen: Any = seen) -> Any:
            if frame.f_code.co_filename not in files or frame.f_code.co_name == "generation_mode":
                return trace if frame.f_code.co_name == "generation_mode" else None
            if frame.f_code.co_name == "_insist":
                return trace
            if event == "line":
                seen["lines"] += 1
                if seen["lines"] == nth + 1:
                    seen["hit"] = True
                    raise KeyboardInterrupt
            return trace

        try:
            with generation_mode(model):
                sys.settrace(trace)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        hits += seen["hit"]
        left += differences(before, state_of(model))
        if not seen["hit"]:
            break
    return {"hits": hits, "left": left}


def nested() -> dict[str, Any]:
    """Generate inside a block in a block, after the inner one, and after a mess inside."""
    model = make("qwen2")
    clean = generate(model)
    before = state_of(train_with_checkpointing(model))
    with generation_mode(model):
        with generation_mode(model.model):
            inner = generate(model)
        outer = generate(model)
        model.train()
        with generation_mode(model):
            after_mess = generate(model)
    changed = differences(before, state_of(model))
    return {"same": [made == clean for made in (inner, outer, after_mess)], "changed": changed}


def threads(count: int) -> dict[str, Any]:
    """Generate from several threads at once, each in blocks of its own."""
    model = make("qwen2")
    clean = generate(model)
    before = state_of(train_with_checkpointing(model))
    made: list[bool] = []
    start = threading.Barrier(count)

    def work() -> None:
        start.wait()
        for _ in range(5):
            with generation_mode(model):
                made.append(generate(model) == clean)

    workers = [threading.Thread(target=work) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"made": made, "changed": differences(before, state_of(model))}


def interleaved() -> dict[str, Any]:
    """End the first of two blocks of one thread before the second, as coroutines may."""
    model = train_with_checkpointing(make("qwen2"))
    before = state_of(model)
    first, second = generation_mode(model), generation_mode(model)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    between = [module.training for module in model.modules()]
    second.__exit__(None, None, None)
    return {"any": any(between), "changed": differences(before, state_of(model))}


def loss_of(model: Any) -> Any:
    """Return a loss of a forward over the prompt."""
    return model(input_ids=PROMPT, labels=PROMPT, use_cache=False).loss


def gradients(architecture: str, state: str, lora: bool = False) -> dict[str, Any]:
    """Return whether a step's gradients are the same after guarded generation as without any."""
    model = make(architecture, dropout=0.1)
    if lora:
        model = with_lora(model)
        model.enable_input_require_grads()
    STATES[state](model)
    found = []
    for guarded in (False, True):
        if guarded:
            with generation_mode(model):
                generate(model)
        model.zero_grad()
        torch.manual_seed(7)
        loss_of(model).backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    plain, after = found
    same = plain.keys() == after.keys() and all(torch.equal(plain[n], after[n]) for n in plain)
    return {"same": same, "gradients": len(plain), "zero": not any(g.any() for g in plain.values())}


def unfinished(architecture: str, state: str, lora: bool = False) -> dict[str, Any]:
    """Try to begin at each moment of a training step."""
    model = make(architecture)
    if lora:
        model = with_lora(model)
        model.enable_input_require_grads()
    STATES[state](model)
    other = train_with_checkpointing(make(architecture))
    return {
        "before": _refused(model),
        **_moments(model, other),
        "after": _refused(model),
    }


def _moments(model: Any, other: Any) -> dict[str, bool]:
    loss = loss_of(model)
    before = state_of(model)
    found = {"between": _refused(model), "another model": _refused(other)}
    found["unchanged"] = differences(before, state_of(model)) == []
    loss.backward()
    # The loss is still a variable here, and its graph lingers.
    return {**found, "lingering": _refused(model)}


def _refused(model: Any) -> bool:
    try:
        with generation_mode(model):
            return False
    except UnfinishedBackwardError:
        return True


def wrapped(by: str) -> dict[str, Any]:
    """Generate through a wrapper that is passed as it is."""
    model = make("qwen2")
    clean = generate(model)
    train_with_checkpointing(model)
    if by == "compile":
        outer = torch.compile(model, backend="eager")
    elif by == "data parallel":
        outer = torch.nn.DataParallel(model)
    else:
        outer = _distributed(model)
    outer.train()
    before = state_of(model)
    with generation_mode(outer):
        training = [outer.training, any(module.training for module in outer.modules())]
        guarded = generate(model)
    changed = differences(before, state_of(model))
    return {
        "training": training,
        "same": guarded == clean,
        "changed": changed,
        "back": outer.training,
    }


def _distributed(model: Any) -> Any:
    place = tempfile.NamedTemporaryFile()  # noqa: SIM115 - as long as the process
    torch.distributed.init_process_group("gloo", f"file://{place.name}", rank=0, world_size=1)
    return torch.nn.parallel.DistributedDataParallel(model)


def class_flag() -> dict[str, Any]:
    """Guard a module whose class asks for checkpointing, so that it has no flag of its own."""
    model = train_with_checkpointing(make("qwen2"))
    layer = model.model.layers[0]
    layer.__dict__.pop("gradient_checkpointing", None)
    kind = type(layer)
    kind.gradient_checkpointing = True
    before = state_of(model)
    with generation_mode(model):
        inside = layer.gradient_checkpointing
    changed = differences(before, state_of(model))
    return {"inside": inside, "own": "gradient_checkpointing" in layer.__dict__, "changed": changed}


def copies() -> dict[str, Any]:
    """Copy a model inside a block: the copy has the block's state, and stays free."""
    model = train_with_checkpointing(make("qwen2"))
    with generation_mode(model):
        twin = copy.deepcopy(model)
    return {"twin": any(m.training for m in twin.modules()), "model": model.training}
