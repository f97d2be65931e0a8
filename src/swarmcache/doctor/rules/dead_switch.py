"""SC406: a switch that this version of huggingface_hub no longer reads.

HF_HUB_ENABLE_HF_TRANSFER does nothing from 1.0 on (`hf_transfer` is gone, Xet has
HF_XET_HIGH_PERFORMANCE); `resume_download` and `local_dir_use_symlinks` are ignored with a warning
from 1.0 on (run with 1.5, 1.31 and 2.4), and nothing takes a killed download up again since 1.18.

What it cannot know: the version, where the trainer's interpreter is not in sight: then it says
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.doctor.variables import seen_values
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.readers.python.syntax import Call

_TRANSFER = "HF_HUB_ENABLE_HF_TRANSFER"
_PARAMETERS = ("resume_download", "local_dir_use_symlinks")
_FUNCTIONS = ("huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download")
_ON = frozenset({"1", "ON", "YES", "TRUE"})


def check(case: Case) -> Iterator[Finding]:
    """Find the variable where it is switched on, and calls with parameters that are gone."""
    version = case.node.libraries.huggingface_hub
    if version is None or not _is_1(version):
        return
    for seen in seen_values(case, _TRANSFER):
        if seen.value.upper() in _ON:
            message = t(
                "{name} is not read by huggingface_hub {version}: downloads are as fast as without"
                " it, and a warning is printed.",
                name=_TRANSFER,
                version=version,
            )
            fix = Fix("display", t("Set {name} instead.", name="HF_XET_HIGH_PERFORMANCE=1"))
            yield RULE.finding(t("a switch without effect"), message, seen.span, fix=fix)
    for module in case.project.modules:
        for call in module.calls:
            for name in _PARAMETERS:
                if call.callee in _FUNCTIONS and name in call.keywords:
                    yield _ignored(call, name, version)


def _ignored(call: Call, name: str, version: str) -> Finding:
    message = t(
        "{function} of huggingface_hub {version} ignores {name} and warns each time.",
        function=call.callee.rpartition(".")[2],
        version=version,
        name=name,
    )
    fix = Fix("display", t("Take {name} away.", name=name))
    return RULE.finding(t("an argument without effect"), message, call.keywords[name].span, fix=fix)


def _is_1(version: str) -> bool:
    major = version.partition(".")[0]
    return major.isdecimal() and int(major) >= 1


RULE = Rule("SC406", "dead-switch", "info", "high", check)
