"""What of each repo a caller wants pulled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What of each repo is wanted."""

    all_files: bool = False
    """Every file, instead of one weights format."""
    refresh: bool = False
    """Ask the endpoint for complete repos too, except for those that the lock pins."""
    include: tuple[str, ...] = ()
    """Shell patterns; with any, only paths that match one are wanted."""
    exclude: tuple[str, ...] = ()
    """Shell patterns of paths that are not wanted."""

    @property
    def named(self) -> bool:
        """Whether files are chosen by name, so that loading does not decide what is complete."""
        return bool(self.include or self.exclude)

    def wants(self, path: str) -> bool:
        """Tell whether a path is wanted by its name; patterns as in `hf download --include`."""
        from fnmatch import fnmatchcase  # noqa: PLC0415 - few calls have patterns

        if any(fnmatchcase(path, _pattern(one)) for one in self.exclude):
            return False
        return not self.include or any(fnmatchcase(path, _pattern(one)) for one in self.include)


def _pattern(text: str) -> str:
    """Return a pattern; a folder stands for all that is in it, as for the Hub's clients."""
    return f"{text}*" if text.endswith("/") else text
