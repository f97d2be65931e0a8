"""click's own words, "Usage:", "No such option …", in the user's language.

click takes them from `gettext`, which every one of its modules imports by name, so the one way
to give it another catalogue than a system-wide one is to replace those names. English never
comes here. The translations stand in our catalogue; what click says beside `WORDS` and
`PLURALS` no option of ours can lead to.
"""

from __future__ import annotations

from importlib import import_module

from swarmcache.locale import form, t
from swarmcache.report.width import display_width, wrapped

WORDS = (
    "Usage:",
    "Options",
    "default: {default}",
    "required",
    "Show this message and exit.",
    "Error: {message}",
    "Try '{command} {option}' for help.",
    "No such command {name!r}.",
    "No such option {name!r}.",
    "No such option: {name}",  # before 8.5
    "Option {name!r} does not take a value.",
    "Missing command.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "Choose from:\n\t{choices}",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.",
    "{name} {filename!r} does not exist.",
    "{name} {filename!r} is a file.",
    "{name} {filename!r} is a directory.",
    "{name} {filename!r} is not readable.",
    "{name} {filename!r} is not writable.",
    "file",
    "directory",
    "path",
    "Error: invalid input",
    "Error: The value you entered was invalid.",  # before 8.5
)
PLURALS: tuple[tuple[str, str], ...] = (
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
)
_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")


def translate_click() -> None:
    """Let click say its words in the language that is in use, and wrap lines by their columns."""
    ours = {"_": t, "ngettext": form, "wrap_text": wrap_text}
    for module in map(import_module, [f"click.{name}" for name in _MODULES]):
        for name in ours.keys() & vars(module).keys():
            setattr(module, name, ours[name])


def wrap_text(
    text: str,
    width: int = 78,
    initial_indent: str = "",
    subsequent_indent: str = "",
    preserve_paragraphs: bool = False,
) -> str:
    """Return `text` in lines of at most `width` columns; click's own counts characters.

    Paragraphs, between empty lines, are kept apart with `preserve_paragraphs`.
    """
    del subsequent_indent  # Always blanks below the first indent, whose columns count.
    hanging = " " * display_width(initial_indent)
    paragraphs = text.split("\n\n") if preserve_paragraphs else [text]
    filled = (wrapped(" ".join(part.split()), width - len(hanging)) for part in paragraphs)
    return "\n\n".join(initial_indent + f"\n{hanging}".join(lines) for lines in filled)
