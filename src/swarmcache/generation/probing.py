"""A checkpoint loaded and diagnosed, as it is and as training leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarmcache.generation.diagnosing import diagnose

if TYPE_CHECKING:
    from swarmcache.generation.verdicts import Diagnosis, Trial

LOADED, TRAINING = "loaded", "training"
"""The states: as `from_pretrained` leaves it; in train mode with gradient checkpointing."""


def probe(folder: str) -> dict[str, object]:
    """Return what a checkpoint's generation is in each state, or `{"error": …}`, ready for JSON."""
    try:
        import transformers  # noqa: PLC0415 - only when used

        model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001 - whatever the libraries make of a folder
        return {"error": f"{type(error).__name__}: {error}"}
    loaded = diagnose(model)
    states = {LOADED: _told(loaded)}
    if _checkpoints(model):
        states[TRAINING] = _told(diagnose(model.train()))
    return {
        "architecture": type(model).__name__,
        "versions": dict(loaded.versions),
        "states": states,
    }


def _checkpoints(model: Any) -> bool:
    """Switch gradient checkpointing on, by the name that the version has for it."""
    if not getattr(model, "supports_gradient_checkpointing", False):
        return False
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)()
    return True


def _told(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "verdict": diagnosis.verdict.value,
        "reason": diagnosis.reason.name.lower(),
        **diagnosis.flags._asdict(),
        "as_is": _trial(diagnosis.as_is),
        "clean": _trial(diagnosis.clean),
        "agreement": diagnosis.agreement,
        "deviation": diagnosis.deviation,
        "limits": [limit.value for limit in diagnosis.limits],
        "seconds": round(diagnosis.seconds, 4),
    }


def _trial(trial: Trial | None) -> dict[str, object] | None:
    return None if trial is None else trial._asdict()
