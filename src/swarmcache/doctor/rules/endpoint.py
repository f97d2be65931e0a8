"""SC405: a mirror that does not reach the process, that is no address, or that Xet goes around.

HF_ENDPOINT moves the Hub's own requests. Files that are stored in Xet come from a server that the
Hub names, which a mirror does not replace (huggingface_hub 4475, padeoe/hf-mirror-site 50): where
only the mirror can be reached, large files fail or hang unless HF_HUB_DISABLE_XET=1.

What it cannot know: whether the Hub itself can be reached from here; whether a mirror hands Xet
through. So that part is told as info.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.left_behind import left_behind
from swarmcache.project.effective.settings_seen import settings_seen
from swarmcache.project.effective.values import of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.settings_seen import SeenSetting

_ADDRESS = re.compile(r"https?://\S+")
_HUB = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/?")
_PUBLIC_MIRRORS = re.compile(r"https?://(?:www\.)?hf-mirror\.com/?")


def check(case: Case) -> Iterator[Finding]:
    """Find endpoints that are none, that do not arrive, and mirrors that Xet goes around."""
    for seen in settings_seen(case.project, "HF_ENDPOINT"):
        value = seen.value.strip()
        if value and not _ADDRESS.fullmatch(value) and value[0] not in "\"'":
            yield _no_address(seen)
        elif _PUBLIC_MIRRORS.fullmatch(value) and not _is_without_xet(seen, case):
            yield _around(seen)
    for lost in left_behind(case.project, "HF_ENDPOINT"):
        if not _HUB.fullmatch(lost.value):
            message = t(
                "HF_ENDPOINT={value} is set here, and the container of {service} does not get it:"
                " it goes to huggingface.co.",
                value=lost.value,
                service=lost.container.name,
            )
            places = [Evidence(lost.container.span, t("it would have to be passed on here"))]
            title = t("the mirror does not reach the container")
            yield RULE.finding(title, message, lost.span, evidence=places)


def _no_address(seen: SeenSetting) -> Finding:
    message = t(
        "HF_ENDPOINT={value} is no address: without https:// before it every request fails.",
        value=seen.value,
    )
    fix = Fix("display", t("Set {name}={path}.", name="HF_ENDPOINT", path=f"https://{seen.value}"))
    return RULE.finding(
        t("an endpoint that is no address"), message, seen.span, fix=fix, severity="error"
    )


def _is_without_xet(seen: SeenSetting, case: Case) -> bool:
    """Tell whether Xet is off, may be off, or is not known by this huggingface_hub."""
    version = case.node.libraries.huggingface_hub
    if version is None or tuple(map(int, re.findall(r"\d+", version)[:2])) < (0, 30):
        return True  # Xet came with 0.30 (hf_xet as an extra), and by default with 0.32.
    written = any(
        write.name in {"HF_HUB_DISABLE_XET", ""} for m in case.project.modules for write in m.writes
    )
    return written or any(of(seen.variables, "HF_HUB_DISABLE_XET"))


def _around(seen: SeenSetting) -> Finding:
    message = t(
        "{value} passes the Hub's own requests on; files that are stored in Xet are fetched from a"
        " server of its own all the same. Where only the mirror can be reached, large files fail.",
        value=seen.value,
    )
    fix = Fix("display", t("Set HF_HUB_DISABLE_XET=1 beside it, unless the Hub can be reached."))
    return RULE.finding(
        t("Xet goes around the mirror"), message, seen.span, fix=fix, severity="info",
        confidence="medium",
    )  # fmt: skip


RULE = Rule("SC405", "endpoint", "warning", "high", check, preview=True)
