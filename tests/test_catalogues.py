"""Every message exists in all languages, and says the same fields in each."""

from __future__ import annotations

import ast
import string
from typing import TYPE_CHECKING

import catalogues
import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog, Message

MESSAGES = sorted(set(catalogues.messages()), key=str)
DYNAMIC = {"cli/app.py", "doctor/logs.py", "errors.py", "report/generation_text.py"}
"""Files that translate a message out of a table; `catalogues.messages` knows the tables."""


@pytest.fixture(params=catalogues.CATALOGUES, ids=lambda path: path.parts[-3])
def source(request: pytest.FixtureRequest) -> pathlib.Path:
    path: pathlib.Path = request.param
    return path


@pytest.fixture
def catalogue(source: pathlib.Path) -> Catalog:
    with source.open("rb") as file:
        return read_po(file)


def fields(text: str) -> set[str]:
    """Return the names of the `{fields}` of a message."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(message: Message) -> tuple[str, ...]:
    """Return the translations of a message: one, or one for each plural form."""
    found = message.string or ""
    return (found,) if isinstance(found, str) else tuple(found)


def message_id(message: Message) -> tuple[str, ...]:
    """Return the English of a message: one text, or singular and plural."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def test_chinese_is_there() -> None:
    """The glob above finds something."""
    assert [path.parts[-3] for path in catalogues.CATALOGUES] == ["zh_CN"]


def test_the_extraction_sees_both_kinds_of_messages() -> None:
    """A sentence of the errors room, and one line of the help."""
    assert "Interrupted." in MESSAGES
    assert "what is cached, where, how large, complete or not" in MESSAGES


def test_every_message_is_translated(catalogue: Catalog) -> None:
    """A message exists in both languages or not at all; `make locale` lists the new ones."""
    missing = [m for m in MESSAGES if not (e := catalogue.get(m)) or not all(forms(e))]
    assert missing == []


def test_no_translation_is_left_over(catalogue: Catalog) -> None:
    """What the code no longer says is not kept, and no guess stands for a translation."""
    known = {message if isinstance(message, str) else message[0] for message in MESSAGES}
    assert [m.id for m in catalogue if m.id and m.id not in {*known, *MESSAGES}] == []
    assert [m.id for m in catalogue if m.id and m.fuzzy] == []
    assert list(catalogue.obsolete) == []


def test_translations_keep_the_fields(catalogue: Catalog) -> None:
    """A field that one language forgets or misspells would be lost or fail in that language."""
    wrong = []
    for message in catalogue:
        wanted = message_id(message)[-1]
        if any(form and fields(form) != fields(wanted) for form in forms(message) if wanted):
            wrong.append(message.id)
    assert wrong == []


def test_catalogues_are_as_make_locale_writes_them(source: pathlib.Path) -> None:
    """One order and one form, so that a change of the file is a change of its messages."""
    assert source.read_bytes() == catalogues.updated(source)


def test_compiled_catalogues_are_fresh(source: pathlib.Path, catalogue: Catalog) -> None:
    """What runs is what was translated."""
    with source.with_suffix(".mo").open("rb") as file:
        compiled = {message_id(m): forms(m) for m in read_mo(file) if m.id}
    assert compiled == {message_id(m): forms(m) for m in catalogue if m.id and any(forms(m))}


def test_no_message_escapes_the_extraction() -> None:
    """Before Python 3.12 an f-string hides what stands in its braces from the extraction."""
    known = {message if isinstance(message, str) else message[0] for message in MESSAGES}
    escaped = [(where, text) for where, text in said() if text not in known]
    assert escaped == []


def said() -> Iterator[tuple[str, str]]:
    """Yield every literal message of the code, and where: as `file:line`."""
    for file in sorted(catalogues.PACKAGE.rglob("*.py")):
        name = file.relative_to(catalogues.PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) in {"t", "tn"}
                and isinstance(node.args[0], ast.Constant)
            ):
                yield f"{name}:{node.lineno}", str(node.args[0].value)


def test_messages_are_literal_where_they_are_said() -> None:
    """A message built at run time escapes the extraction, and so its translation."""
    found = []
    for file in sorted(catalogues.PACKAGE.rglob("*.py")):
        name = file.relative_to(catalogues.PACKAGE).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"t", "tn"}:
                said = node.args[: 2 if ast.unparse(node.func) == "tn" else 1]
                if name not in DYNAMIC and not all(isinstance(s, ast.Constant) for s in said):
                    found.append(f"{name}:{node.lineno}")
    assert found == []
