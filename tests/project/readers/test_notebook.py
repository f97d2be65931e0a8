"""Notebooks."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.notebook import Notebook, Setting, read_notebook
from swarmcache.project.sources import Source

CELLS = ["# a title", "import os\n%env HF_HOME=/x\n!export A=b\n", "model = f('中')\n"]


def notebook(*cells: str, listed: bool = True) -> str:
    """Return a notebook, its lines in a list each or in one string."""
    found = [
        {
            "cell_type": "markdown" if cell.startswith("# a title") else "code",
            "metadata": {},
            "outputs": [{"text": ["import transformers\n"]}],
            "source": cell.splitlines(keepends=True) if listed else cell,
        }
        for cell in cells
    ]
    return json.dumps({"cells": found, "nbformat": 4}, indent=1)


def read(text: str) -> Notebook:
    """Read a text as a notebook."""
    found = read_notebook(Source("a.ipynb", "/p/a.ipynb", text.encode()))
    assert found is not None
    return found


@pytest.mark.parametrize("listed", [True, False])
def test_a_program_line_for_line(listed: bool) -> None:
    """Magics in Python's words; positions are those of the strings in the file."""
    text = notebook(*CELLS, listed=listed)
    found = read(text)
    lines = found.program.text.split("\n")
    assert [line for line in lines if line] == [
        "import os",
        "os.environ['HF_HOME'] = '/x'",
        "pass",
        "model = f('中')",
    ]
    at = found.program.data.index(b"model")
    span = found.program.span(at, at + 5)
    assert span.line == text[: text.index("model = ")].count("\n") + 1
    assert "model" in text.encode()[span.start : span.end].decode()


def test_what_it_hands_to_shells() -> None:
    """In order, joined where a backslash joins."""
    cell = "%env A=b c\n%env B $x\n!one \\\n  two\nx = !three\n"
    found = read(notebook(cell, "%%bash\nfour\nfive\n", "%%html\n<six>\n"))
    told = [
        (step.name, step.value) if isinstance(step, Setting) else step.source.text
        for step in found.steps
    ]
    assert told == [("A", "b c"), ("B", None), "one \\\n  two", "four\nfive"]


@pytest.mark.parametrize(
    ("cell", "program"),
    [
        ("if x:\n    !pip install y\n", "if x:\n    pass"),
        ("%%time\nf()\n", "pass\nf()"),
        ("%%writefile a.py\nimport x\n", "\n"),
        ("files = !ls\nf?\n", "files = None\npass"),
        ("this is (no Python\n", ""),
        ("a = 7 % 3\n", "a = 7 % 3"),
    ],
)
def test_cells(cell: str, program: str) -> None:
    """What is no Python is left out, line for line."""
    assert read(notebook(cell)).program.text == program


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cells": 1}', '{"cells": [', '{"cells" []}', "["]
)
def test_what_is_none(text: str) -> None:
    """Another JSON, or half of one."""
    assert read_notebook(Source("a.ipynb", "/p/a.ipynb", text.encode())) is None


PIECES = st.sampled_from(
    [
        *'{}[],:"\\',
        '"cells"',
        '"source"',
        '"cell_type"',
        '"code"',
        '"!x\\n"',
        "1",
        "null",
        " ",
        "\n",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read_notebook(Source("a.ipynb", "/p/a.ipynb", f'{{"cells": {text}'.encode()))


@given(st.lists(st.text("!%?ab =\\\n'\"(", max_size=40), max_size=4))
def test_no_cell_makes_it_fail(cells: list[str]) -> None:
    """Nor the program that is made of them."""
    compile(read(notebook(*cells)).program.data, "a", "exec", dont_inherit=True)
