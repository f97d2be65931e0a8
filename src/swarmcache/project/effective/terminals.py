"""What is started in a terminal of its own: by screen, and by tmux, to which commands are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.project.effective.programs import Words

_SCREEN_VALUES = "SthpscTe"
"""Letters of screen's options that take a value, at the end of a cluster: `-dmS name`."""
_TMUX_STARTS = frozenset(
    {
        *("new-session", "new", "new-window", "neww", "split-window", "splitw"),
        *("respawn-pane", "respawnp", "respawn-window"),
    }
)
_TMUX_TYPES = frozenset({"send-keys", "send"})
_TMUX_VALUES = frozenset({"-s", "-n", "-t", "-c", "-x", "-y", "-e", "-F", "-l", "-p", "-N"})
_KEYS = frozenset({"C-m", "C-c", "Enter", "ENTER", "C-l", "C-d", "Escape", "Space"})


def in_screen(words: Words) -> Words:
    """Return the command that `screen -dmS name command` starts; nothing for its other uses."""
    at = 1
    while at < len(words) and (words[at] or "").startswith("-"):
        word = words[at] or ""
        if word in {"-ls", "-list", "-X", "-wipe", "-XS"}:
            return ()
        at += 2 if word == "-Logfile" or word[-1] in _SCREEN_VALUES else 1
    return words[at:]


def typed(words: Words) -> int | None:
    """Return which word of a tmux command is a command of a shell; None where none is."""
    at = next((i for i, w in enumerate(words) if w in _TMUX_STARTS or w in _TMUX_TYPES), None)
    if at is None:
        return None
    at += 1
    while at < len(words):
        word = words[at] or ""
        if words[at] is not None and not word.startswith("-") and word not in _KEYS:
            return at
        at += 2 if word in _TMUX_VALUES else 1
    return None
