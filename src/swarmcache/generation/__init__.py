"""The attention's KV cache alive and correct during rollouts.

Stands apart: it runs inside the trainer's process, imports nothing of the rest of swarmcache, and
torch and transformers only when used.

    from swarmcache.generation import diagnose, generation_mode, guard, rollout

    with generation_mode(model):          # eval, checkpointing off, cache on; restored exactly
        model.generate(...)

What happens without it, when a model generates in train mode with gradient checkpointing, is told
by the version of transformers: 4.48 and before generate slowly, 4.49 to 4.52 unharmed, 4.53 and
later wrong tokens at full speed (docs/generation.md).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # What type checkers take for true, without the cost of importing typing.
    from swarmcache.generation.diagnosing import diagnose
    from swarmcache.generation.guarding import Guard, guard, rollout
    from swarmcache.generation.mode import generation_mode
    from swarmcache.generation.unfinished import UnfinishedBackwardError
    from swarmcache.generation.verdicts import Diagnosis, Limit, Reason, Verdict

__all__ = [
    "Diagnosis",
    "Guard",
    "Limit",
    "Reason",
    "UnfinishedBackwardError",
    "Verdict",
    "diagnose",
    "generation_mode",
    "guard",
    "rollout",
]

_HOMES = {
    "diagnosing": ("diagnose",),
    "guarding": ("Guard", "guard", "rollout"),
    "mode": ("generation_mode",),
    "unfinished": ("UnfinishedBackwardError",),
    "verdicts": ("Diagnosis", "Limit", "Reason", "Verdict"),
}
"""The modules that the public names stand in."""


def __getattr__(name: str) -> object:
    """Return a public name, imported when it is asked for."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module  # noqa: PLC0415 - this import is to stay light

            return getattr(import_module(f"{__name__}.{home}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
