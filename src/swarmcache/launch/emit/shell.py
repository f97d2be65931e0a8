"""`emit shell`: the functions of the original report, as a file to source or to start."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from swarmcache.launch.emit import quoting
from swarmcache.launch.emit.filling import comment, filled
from swarmcache.launch.emit.values import Piece
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.launch.emit.values import Basis

_FILE = "./model_cache.sh"


def piece(basis: Basis) -> Piece:
    """Return a file of bash: sourced it defines functions, started it downloads the models."""
    file = basis.file_or(_FILE)
    head = comment(
        t("Made by swarmcache emit shell. In a start script, also under set -euo pipefail:"),
        "",
        f"    source {file}",
        '    check_model_cache "${MODEL_NAME:-}" || download_model_cache "${MODEL_NAME:-}" || true',
        "    clean_model_cache",
        "",
        t(
            "Started by itself, it downloads what is missing: {command}",
            command=f"{file} org/name",
        ),
    )
    about = {
        "check": t("check_model_cache [MODEL...]: 0 where all are here and complete, else not."),
        "download": t("download_model_cache [MODEL...]: fetches what is missing; 0 where it did."),
        "clean": t("clean_model_cache: asks, and 10 s without an answer mean no; always 0."),
    }
    sentences = {
        "missing": t("⚠ swarmcache is not installed: nothing is known about the models."),
        "question": t("Clean the model cache? [y/N]"),
        "cleaned": t("The cache is cleaned."),
        "kept": t("The cache stays as it is."),
    }
    size = t("Size of the cache: {size}", size="\0").replace("%", "%%").replace("\0", "%s")
    content = filled(
        "model_cache.sh",
        head=head,
        project=quoting.shell([basis.project]),
        cache=quoting.shell([basis.cache]),
        models=quoting.shell(basis.models),
        program=quoting.shell(basis.program),
        size=shlex.quote(size),
        **{f"about_{name}": comment(text) for name, text in about.items()},
        **{name: shlex.quote(text) for name, text in sentences.items()},
    )
    hints = (t("In the start script: {line}", line=f"source {file}"),)
    return Piece(content, executable=True, hints=hints)
