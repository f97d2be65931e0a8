"""Bring the message catalogues up to date with the code.

    make locale        # or: python tasks/catalogues.py

Every message of `t()` and `tn()` is put into each `.po`, sorted, its translation kept; a message
that the code no longer has is dropped. No line numbers and no dates, so that a change of the file
is a change of its messages. `tests/test_catalogues.py` holds the catalogues to the same list.
"""

from __future__ import annotations

import io
import pathlib
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from swarmcache.cli.app import COMMANDS
from swarmcache.cli.click_words import PLURALS, WORDS
from swarmcache.errors import OS_REASONS
from swarmcache.generation.known_lines import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "src" / "swarmcache"
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po"))
KEYWORDS: dict[str, tuple[int, ...] | None] = {"t": None, "tn": (1, 2)}
HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: swarmcache\\n"
"Language: {language}\\n"
"Plural-Forms: {plural_forms};\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def messages() -> Iterator[str | tuple[str, ...]]:
    """Yield every message of the code; a pair where it has a singular and a plural."""
    rules = [("**.py", "python")]
    for _, _, message, _, _ in extract_from_dir(str(PACKAGE), rules, keywords=KEYWORDS):
        yield message
    yield from COMMANDS.values()  # translated where help lists them
    yield from MEANINGS.values()  # translated where a log is explained
    yield from WORDS  # said by click itself, like the next
    yield from PLURALS
    yield from OS_REASONS  # said by the operating system


def updated(source: pathlib.Path) -> bytes:
    """Return what the catalogue `source` should read: today's messages, its own translations."""
    with source.open("rb") as file:
        catalogue = read_po(file)
    today = Catalog()
    for message in messages():
        today.add(message)
    catalogue.update(today, no_fuzzy_matching=True)
    text = io.BytesIO()
    options = {"no_location": True, "omit_header": True, "sort_output": True}
    write_po(text, catalogue, width=100, ignore_obsolete=True, **options)
    language, plural_forms = source.parts[-3], catalogue.plural_forms.rstrip(";")
    header = HEADER.format(language=language, plural_forms=plural_forms)
    return header.encode() + text.getvalue().lstrip()


if __name__ == "__main__":
    for path in CATALOGUES:
        path.write_bytes(updated(path))
        with path.open("rb") as written:
            untranslated = sum(not any(m.string or "") for m in read_po(written) if m.id)
        print(f"{path.relative_to(PACKAGE.parent.parent)}: {untranslated} messages to translate")
