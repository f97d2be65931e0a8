"""Ollama's own store, read without its server: whether a model is there with all its layers.

    <OLLAMA_MODELS, else ~/.ollama/models>/
        manifests/<registry>/<namespace>/<model>/<tag>    JSON: config and layers, with sizes
        blobs/sha256-<hex>

Without a registry and a namespace these are `registry.ollama.ai` and `library`, without a tag it
is `latest` (ollama 0.11, `types/model/name.go`). Linux's installer runs the server as a user of its
own, whose home is /usr/share/ollama.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from swarmcache.hubcache.foreign_json import parse
from swarmcache.launch.ready.values import Answer
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment

_SERVICE = "/usr/share/ollama/.ollama/models"
_LOCAL = ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "::1")  # noqa: S104 - nothing is bound


def ollama_answer(name: str, environment: Environment, project: str) -> Answer:
    """Return whether Ollama has a model, and all of it."""
    advice = f"ollama pull {name}"
    if not name:
        return Answer("unknown", t("which model, only running tells"))
    host = environment.get("OLLAMA_HOST") or ""
    if host and _host(host) not in _LOCAL:
        return Answer("unknown", t("the server {host} keeps its own models", host=host), advice)
    first, *others = _stores(environment, project)
    found = _in_store(first, name)
    if found is not None:
        return found
    for store in others:
        if (elsewhere := _in_store(store, name)) is not None and elsewhere.ready == "yes":
            reason = t("it is in {path}, which the server may use or not", path=store)
            return Answer("unknown", reason, advice, store)
    return Answer("no", t("{path} does not have it", path=first), advice, first)


def _host(value: str) -> str:
    rest = value.partition("://")[2] or value
    rest = rest.partition("/")[0]
    return rest if rest.startswith("[") and rest.endswith("]") else rest.rpartition(":")[0] or rest


def _stores(environment: Environment, project: str) -> Iterator[str]:
    """Yield the folders where a server may keep models, the one of this user's own first."""
    named = environment.get("OLLAMA_MODELS")
    own = environment.absolute(os.path.join(environment.home, ".ollama", "models"))
    yield environment.absolute(named) if named else own
    yield from dict.fromkeys((own, _SERVICE, os.path.join(project, "ollama-data", "models")))


def _in_store(store: str, name: str) -> Answer | None:
    """Return the answer of one store; None where it does not know the model."""
    manifest = os.path.join(store, "manifests", *_parts(name))
    try:
        with open(manifest, encoding="utf-8") as file:
            document: Any = parse(file.read())
        layers = [document["config"], *document["layers"]]
        blobs = {str(one["digest"]).replace(":", "-"): int(one["size"]) for one in layers}
    except FileNotFoundError:
        return None
    except PermissionError:
        return Answer("unknown", t("{path} cannot be read", path=manifest), path=manifest)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return Answer("no", t("{path} is damaged", path=manifest), f"ollama pull {name}", manifest)
    lacking = [one for one, size in blobs.items() if _size(f"{store}/blobs/{one}") != size]
    if lacking:
        n, count = len(lacking), len(blobs)
        reason = t("{path} lacks {n} of {count} parts", path=store, n=n, count=count)
        return Answer("no", reason, f"ollama pull {name}", manifest)
    return Answer("yes", t("it is whole in {path}", path=store), path=manifest)


def _parts(name: str) -> tuple[str, ...]:
    path, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    parts = path.split("/")
    if len(parts) == 1:
        parts = ["library", *parts]
    if len(parts) == 2:  # noqa: PLR2004 - namespace and model
        parts = ["registry.ollama.ai", *parts]
    return (*parts, tag or "latest")


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return -1
