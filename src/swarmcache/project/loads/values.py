"""Where a project loads something from the Hub or from Ollama: in code, config or commands.

Each way of finding load sites is a function of its own; this is what they find.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.readers.python.syntax import Constant
    from swarmcache.project.sources import Span

LoadKind: TypeAlias = Literal[
    "model", "tokenizer", "config", "processor", "pipeline", "engine", "snapshot", "file",
    "dataset", "ollama",
]  # fmt: skip
Library: TypeAlias = Literal[
    "transformers", "huggingface_hub", "datasets", "vllm", "sentence_transformers", "diffusers",
    "unsloth", "ollama", "peft", "other",
]  # fmt: skip

_TESTS = re.compile(r"(?:^|/)(?:tests?/|test_[^/]*$|conftest\.py$|[^/]*_test\.py$)")


@dataclass(frozen=True, slots=True)
class Option:
    """An argument of a load site, such as `cache_dir`."""

    values: tuple[Constant, ...]
    """What it may be; empty where only running tells."""
    span: Span
    variable: str = ""
    """The environment variable that decides it when it is set."""
    flags: tuple[str, ...] = ()
    """The option of the program that decides it when it is given."""

    @property
    def value(self) -> Constant:
        """The one value that is known whatever the environment and the command line, else None."""
        known = len(self.values) == 1 and not self.variable and not self.flags
        return self.values[0] if known else None


@dataclass(frozen=True, slots=True)
class Load:
    """One place that loads something."""

    kind: LoadKind
    library: Library
    callee: str
    """`transformers.AutoTokenizer.from_pretrained`, `vllm serve`."""
    name: Option | None
    """What is loaded; None where nothing names it."""
    options: dict[str, Option]
    """`cache_dir`, `revision`, `local_files_only`, `force_download`, `streaming`, … as given."""
    open: bool
    """Whether further arguments may come that are not in sight (`**kwargs`)."""
    span: Span
    way: Literal["python", "config", "command"]
    group: str = ""
    """The expression that yields the name; sites with one expression share what they draw."""

    @property
    def repos(self) -> tuple[str, ...]:
        """The names that may be loaded, as far as they are known."""
        values = self.name.values if self.name is not None else ()
        return tuple(value for value in values if isinstance(value, str))

    @property
    def in_tests(self) -> bool:
        """Whether it stands in a file of tests, which no start of the project runs."""
        return _TESTS.search(self.span.file) is not None
