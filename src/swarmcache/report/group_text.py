"""What is wrong with a shared cache, and how a folder is opened to a group, for people."""

from __future__ import annotations

import os
from stat import filemode
from typing import TYPE_CHECKING, Literal

from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.visitors import Flaw
    from swarmcache.launch.group_cache import GroupPlan, Step

_FOLDER = 0o040000


def plan_lines(plan: GroupPlan) -> Iterator[str]:
    """Yield what is to be done so that the group can use the cache, one line for each folder."""
    for path in plan.above:
        yield t("To make: {path}", path=path)
    for step in plan.steps:
        yield _step_line(step, plan.group)
    if not plan.steps:
        yield t("{path} is open to {group} already.", path=plan.path, group=plan.group)


def left_lines(plan: GroupPlan) -> Iterator[tuple[str, str]]:
    """Yield what still keeps members from the cache, each with the command that mends it."""
    if not plan.acls:
        yield (
            t(
                "The file system of {path} has no default ACLs, so that every member has to work"
                " with umask 002.",
                path=plan.path,
            ),
            "umask 002",
        )
    if plan.token:
        yield (
            t(
                "{path} is the folder of a token as well: hf auth login by its owner closes it, and"
                " the cache in it, to everybody else. Keep the token elsewhere.",
                path=os.path.dirname(plan.token),
            ),
            "export HF_TOKEN_PATH=~/.config/huggingface/token",
        )
    for flaw in plan.left:
        yield flaw_sentence(flaw), flaw.fix


def flaw_sentence(flaw: Flaw) -> str:
    """Return what is wrong for a user of the cache, without the command that mends it."""
    match flaw.kind:
        case "above" | "stranger" | "closed" | "unwritable" | "private" | "umask" as kind:
            return _of_the_cache(kind, flaw.path)
        case "folders" | "files" | "manifests" | "locks" as kind:
            return _inside(kind, flaw.path, flaw.number)


def _of_the_cache(
    kind: Literal["above", "stranger", "closed", "unwritable", "private", "umask"], path: str
) -> str:
    match kind:
        case "above":
            return t("{path} cannot be entered by everybody who is to use the cache.", path=path)
        case "stranger":
            return t("Not everybody who is to use {path} is in its group.", path=path)
        case "closed":
            return t("{path} cannot be read by everybody who is to use the cache.", path=path)
        case "unwritable":
            return t("{path} cannot be written by everybody who is to use the cache.", path=path)
        case "private":
            return t("What is made in {path} does not get its group.", path=path)
        case "umask":
            return t("What is made in {path} is closed to the group by the umask.", path=path)


def _inside(kind: Literal["folders", "files", "manifests", "locks"], path: str, n: int) -> str:
    match kind:
        case "folders":
            return tn(
                "{n} folder inside is not open to the group, or hands that not on: {path}.",
                "{n} folders inside are not open to the group, or hand that not on: {path}, …",
                n,
                path=path,
            )
        case "files":
            return tn(
                "{n} file inside cannot be read by the group: {path}.",
                "{n} files inside cannot be read by the group: {path}, …",
                n,
                path=path,
            )
        case "manifests":
            return tn(
                "{n} list of files can be read by its maker only, as huggingface_hub writes it;"
                " models load without: {path}.",
                "{n} lists of files can be read by their makers only, as huggingface_hub writes"
                " them; models load without: {path}, …",
                n,
                path=path,
            )
        case "locks":
            return tn(
                "{n} lock cannot be taken by the group's older clients: {path}.",
                "{n} locks cannot be taken by the group's older clients: {path}, …",
                n,
                path=path,
            )


def _step_line(step: Step, group: str) -> str:
    told = {"path": step.path, "mode": filemode(_FOLDER | step.mode), "group": group}
    if step.made:
        return t("To make: {path}, {mode}, group {group}", **told)
    return t("To open: {path}, {mode}, group {group}", **told)
