"""What a project's own code asks of the Hub beside its models, read at each start and so by words.

`doctor` reads the same files with a parser, and takes 30 times as long. Here a mention counts for a
use: what only looks like one costs a few requests, what was missed would break a start offline.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.hubcache.folder import entries_of

if TYPE_CHECKING:
    from collections.abc import Iterator

UseKind = Literal["stream", "dataset", "upload", "login", "download", "model"]

MAX_FILES = 400
MAX_BYTES = 8 * 2**20
"""What is read at most, of all files together."""
MAX_CPU_SECONDS = 0.15
MAX_SECONDS = 2.0
"""A project that takes longer counts as not read: a start is not to wait for this."""
_MAX_DEPTH = 8
_SKIPPED = frozenset(
    {
        *("node_modules", "site-packages", "venv", "env", "__pycache__", "third_party", "vendor"),
        *("build", "dist", "logs", "outputs", "multirun", "runs", "wandb", "tests", "test", "docs"),
    }
)
_SOURCE = re.compile(r".*\.(?:sh|bash)|(?!test_|conftest\.|setup\.).*(?<!_test)\.py")
_TELLING = re.compile(
    rb"load_dataset|push_to_hub|huggingface_hub|huggingface-cli|\bhf (?:auth|download|upload|repo)"
    rb"|from_pretrained|evaluate\.load|\bLLM\(|argparse|ArgumentParser|MODEL|--model|vllm"
)
_COMMENT = re.compile(r"(?m)^[ \t]*#.*$")
_STRING = r"(?:[\"'](?P<name>[\w.-]+(?:/[\w.-]+)?)[\"'])?"
_CALL = re.compile(
    r"\b(?P<call>load_dataset|load_dataset_builder|push_to_hub|login|notebook_login|whoami"
    r"|hf_hub_download|snapshot_download|upload_file|upload_folder|create_repo|create_commit"
    r"|evaluate\.load|from_pretrained)\(\s*(?:path=|repo_id=)?"
    + _STRING
    + r"(?P<rest>[^()]{0,400})"
)
_NAMED = re.compile(
    r"(?im)^(?=.*(?:model|tokenizer|checkpoint)).*?[=:,(]\s*[\"'](?P<name>[a-z0-9][\w.-]*/[\w.-]+)[\"']"
)
"""A repo's name as a default or a constant, as in `add_argument("--model", default="org/name")`."""
_FILE = re.compile(r".*\.(?:json|ya?ml|py|txt|safetensors|pth?|bin|gguf|sh|log|csv)", re.IGNORECASE)
_SWITCH = re.compile(r"\bpush_to_hub\s*=\s*True\b")
_STREAMING = re.compile(r"\bstreaming\s*=\s*True\b")
_TOKEN = re.compile(r"\b(?:use_auth_)?token\s*=\s*(?P<value>[\w.]+)")
_FIRST = re.compile(r"\s*(?P<value>[\w.]+)")
_COMMAND = re.compile(
    r"(?m)^[^#\n]*?\b(?:huggingface-cli|hf)\s+(?P<verb>download|upload\S*|repo\S*|auth\s+login"
    r"|login|auth\s+whoami|whoami)\b"
)
_IN_COMMANDS = re.compile(
    r"(?m)^[^#\n]*?(?:\bvllm\s+serve\s+|--(?:model|tokenizer)[\w-]*[= ]\s*|\b\w*MODEL\w*=)[\"']?"
    r"(?P<name>[A-Za-z0-9][\w.-]*/[\w.-]+)[\"']?(?=[\s;&|]|$)"
)
"""A repo's name in a command or an assignment of a script."""
_KINDS: dict[str, UseKind] = {
    **dict.fromkeys(("load_dataset", "load_dataset_builder"), "dataset"),
    **dict.fromkeys(("login", "notebook_login", "whoami"), "login"),
    **dict.fromkeys(("hf_hub_download", "snapshot_download", "evaluate.load"), "download"),
    "from_pretrained": "model",
}
FILE_BUILDERS = frozenset({"json", "csv", "parquet", "text", "arrow", "imagefolder", "audiofolder"})
"""Names that `load_dataset` takes for a kind of file, not for a repo: those that projects use."""
_CONSTANTS = frozenset({"", "True", "False", "None"})


class HubUse(NamedTuple):
    """One mention of something that needs the Hub."""

    kind: UseKind
    name: str
    """The repo, where it is named there; else empty."""
    origin: str
    """`file:line`, the file relative to the project."""
    token: str = ""
    """The last word of the expression that the token comes from, where one is passed on:
    `hf_token` of `login(self.hf_token)`. Empty where it is whatever the user's token is."""


class HubUses(NamedTuple):
    """What was found in a project."""

    uses: tuple[HubUse, ...]
    whole: bool
    """Whether every file of the project was read."""
    files: int
    """How many."""


def hub_uses(project: str) -> HubUses:
    """Return what the Python files and shell scripts of a project mention; never raises."""
    found: list[HubUse] = []
    count = size = 0
    spent, began = time.thread_time(), time.monotonic()
    for path in _sources(project):
        late = (
            time.thread_time() - spent > MAX_CPU_SECONDS or time.monotonic() - began > MAX_SECONDS
        )
        if late or path == "" or count >= MAX_FILES or size >= MAX_BYTES:
            return HubUses(tuple(found), whole=False, files=count)
        if path is None:
            continue
        try:
            with open(path, "rb") as file:
                content = file.read(MAX_BYTES)
        except OSError:
            return HubUses(tuple(found), whole=False, files=count)
        count, size = count + 1, size + len(content)
        if _TELLING.search(content):
            found += _uses(content.decode("utf-8", "replace"), path, project)
    return HubUses(tuple(dict.fromkeys(found)), whole=True, files=count)


def _sources(project: str) -> Iterator[str | None]:
    """Yield the project's Python files and shell scripts, nearest first.

    None stands for a folder that was listed, so that who counts the time can do it; an empty text
    for folders that are too deep.
    """
    level = [project]
    for _ in range(_MAX_DEPTH):
        deeper: list[str] = []
        for folder in level:
            yield None
            for entry in entries_of(folder):
                if entry.is_dir(follow_symlinks=False):
                    if _is_own(entry):
                        deeper.append(entry.path)
                elif _SOURCE.fullmatch(entry.name) and entry.is_file():
                    yield entry.path
        level = deeper
    if level:
        yield ""


def _is_own(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".") or entry.name in _SKIPPED
    return not hidden and not os.path.exists(f"{entry.path}/pyvenv.cfg")


def _uses(text: str, path: str, project: str) -> Iterator[HubUse]:
    where = os.path.relpath(path, project)
    # Comments become spaces, so that positions still tell the line.
    code = _COMMENT.sub(lambda match: " " * len(match[0]), text)

    def origin(match: re.Match[str]) -> str:
        return f"{where}:{code.count(chr(10), 0, match.start()) + 1}"

    if not path.endswith(".py"):
        for match in _IN_COMMANDS.finditer(code):
            yield HubUse("model", match["name"], origin(match))
        for match in _COMMAND.finditer(code):
            verb = match["verb"].split()[-1]
            kind: UseKind = "download" if verb == "download" else "login"
            yield HubUse(
                "upload" if verb.startswith(("upload", "repo")) else kind, "", origin(match)
            )
        return
    for match in _SWITCH.finditer(code):
        yield HubUse("upload", "", origin(match))
    for match in _NAMED.finditer(code):
        if not _FILE.fullmatch(match["name"]):
            yield HubUse("model", match["name"], origin(match))
    for match in _CALL.finditer(code):
        use = _use(match, origin(match))
        if use is not None and not (use.kind == "login" and "huggingface_hub" not in code):
            yield use


def _use(match: re.Match[str], origin: str) -> HubUse | None:
    call, name, rest = match["call"], match["name"] or "", match["rest"]
    kind = _KINDS.get(call, "upload")
    if kind == "dataset":
        if name in FILE_BUILDERS:
            return None
        return HubUse("stream" if _STREAMING.search(rest) else "dataset", name, origin)
    if kind in {"model", "download"}:
        return HubUse(kind, name, origin) if name or kind == "download" else None
    return HubUse(kind, "", origin, _token(call, rest))


def _token(call: str, rest: str) -> str:
    """Return the last word of the expression that a call takes its token from."""
    match = _TOKEN.search(rest) or (_FIRST.match(rest) if call == "login" else None)
    value = match["value"].rpartition(".")[2] if match is not None else ""
    return "" if value in _CONSTANTS else value
