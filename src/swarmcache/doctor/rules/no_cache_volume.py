"""SC201: a container keeps its models in its own layer, which goes with it.

What lies under no bind mount and no named volume is lost when the container is made anew: by
`compose run --rm`, `down` and `up`, a new image, another option. A volume without a name, such as
that of VOLUME in a Dockerfile, is lost with `--rm` and `down -v`, and found again by nobody. An
`emptyDir` of Kubernetes lives as long as its pod.

What it cannot know: what an image that is not the project's own sets or starts (then nothing is
said, unless the project names a cache for it); mounts that others add on the command line.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.containers.kept import ContainerCache


_SHOWN = 6


def check(case: Case) -> Iterator[Finding]:
    """Find caches that do not last; services of one stack that lose the same are one finding."""
    groups: dict[tuple[str, str], list[ContainerCache]] = {}
    for cache in container_caches(case.project, case.node.libraries):
        if not cache.lasts:
            one = cache.container
            key = one.stack.name if one.stack is not None else f"{one.span}"
            key = one.name if one.pod is not None else key
            groups.setdefault((key, cache.path), []).append(cache)
    for caches in groups.values():
        yield _found(caches, case)


def _found(caches: Sequence[ContainerCache], case: Case) -> Finding:
    first = caches[0]
    names = ", ".join(dict.fromkeys(cache.container.name for cache in caches))
    if first.mount is None:
        message = t(
            "{names}: models go to {path} in the container, where nothing is mounted. They are"
            " gone with the container, and every new one downloads them again.",
            names=names,
            path=first.path,
        )
    elif first.mount.kind == "pod":
        message = t(
            "{names}: models go to {path}, into an emptyDir ({target}). It goes with its pod, and"
            " every new pod downloads them again.",
            names=names,
            path=first.path,
            target=first.mount.target,
        )
    else:
        message = t(
            "{names}: models go to {path} in the container, into a volume without a name or in"
            " memory ({target}). A new container does not find them, and downloads them again.",
            names=names,
            path=first.path,
            target=first.mount.target,
        )
    places = [Evidence(c.container.span, t("the same holds here")) for c in caches[1:_SHOWN]]
    if first.loader is not None:
        places.append(Evidence(first.loader, t("this loads the models")))
    return RULE.finding(
        t("container without a mount over its cache"),
        message,
        first.container.span,
        evidence=places,
        fix=Fix("display", _mount(caches, case)),
        confidence=None if first.loader is not None else "medium",
    )


def _mount(caches: Sequence[ContainerCache], case: Case) -> str:
    """Return the lines that mount this user's cache there, or a folder for what is no hub."""
    first = caches[0]
    ours = case.node.location.path
    home = case.node.environment.home
    ours = f"~{ours[len(home) :]}" if ours.startswith(f"{home}/") else ours
    source = ours if posixpath.basename(first.path) == "hub" else "./models"
    if first.container.pod is not None:
        return _claim(first)
    if first.container.stack is None:
        return t("Add to docker run: {option}", option=f"-v {_absolute(source)}:{first.path}")
    lines = [f"# {_override(first.container.stack.name)}"]
    user = first.container.user
    if user not in {None, "root", "0"}:
        lines.append("# " + t("The folder must belong to {user} of the container.", user=user))
    lines.append("services:")
    for name in dict.fromkeys(cache.container.name for cache in caches):
        lines += [f"  {name}:", "    volumes:", f"      - {source}:{first.path}"]
    return "\n".join(lines)


def _claim(cache: ContainerCache) -> str:
    """Return the lines by which a pod keeps its models in a claim."""
    taken = cache.mount.target if cache.mount is not None else cache.path
    return "\n".join(
        [
            "volumes:",
            "  - name: models",
            "    persistentVolumeClaim: { claimName: models }",
            "containers:",
            "  - volumeMounts:",
            f"      - {{ name: models, mountPath: {taken} }}",
        ]
    )


def _absolute(source: str) -> str:
    return (
        source.replace("~", "$HOME", 1)
        if source.startswith("~")
        else source.replace(".", "$PWD", 1)
    )


def _override(file: str) -> str:
    """Return the name of the file that compose reads beside the default one by itself."""
    stem, suffix = posixpath.splitext(file)
    return f"{stem}.override{suffix}"


RULE = Rule("SC201", "no-cache-volume", "warning", "high", check)
