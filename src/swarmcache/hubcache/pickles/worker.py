"""The process that reads one pickle: `python -I worker.py FOLDER_OF_PICKLESCAN FILE`.

It answers by one JSON object on standard output: `imports`, a list of [module, name, judgement],
the worst first; `more`, how many are not listed; `doubt`, why there may be others. It imports
nothing of ours, so that it starts in any environment, and never unpickles.

picklescan says of a stream that it cannot parse that it is no pickle, and forgets errors between
the pickles of torch's old format. Here whatever is not read up to its STOP is in doubt: the real
unpickler may understand what the reader does not.
"""

from __future__ import annotations

import io
import json
import logging
import os
import pickletools
import sys
from contextlib import suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY, _CPU_SECONDS = 2 * 2**30, 100
_MAX_BYTES = 256 * 2**20
"""Of one pickle in a zip, and of the texts in any; a checkpoint of 100,000 tensors takes 10 MB."""
_MAX_OPCODES = 5_000_000
"""A checkpoint of 100,000 tensors takes 3 million."""
_MAX_LISTED, _MAX_NAME = 1000, 200
_ZIP = b"PK\x03\x04"
_IN_ZIP = (".pkl", ".pickle", ".debug_pkl")
"""What torch unpickles of a zip, in any case of letters; the rest is raw bytes or source code."""
_LEGACY_MAGIC = b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
_LEGACY_PICKLES = 5
"""What torch < 1.6 writes before the raw bytes: magic, version, system, the object, its keys."""
_ORDER = {"dangerous": 0, "suspicious": 1, "innocuous": 2}


class InDoubt(Exception):
    """Not everything can be seen; the message says why."""


def main() -> None:
    """Read the file that the command line names, and answer."""
    _limit()
    sys.path.append(sys.argv[1])
    logging.disable()
    found: set[tuple[str, str, str]] = set()
    doubt = ""
    try:
        _read(sys.argv[2], found)
    except Exception as error:  # noqa: BLE001 - hostile content can raise anything
        doubt = str(error)[:_MAX_NAME] or type(error).__name__
    imports = sorted(found, key=lambda one: (_ORDER.get(one[2], 0), one))
    listed = [[word[:_MAX_NAME] for word in one] for one in imports[:_MAX_LISTED]]
    json.dump({"imports": listed, "more": len(imports) - len(listed), "doubt": doubt}, sys.stdout)


def _read(path: str, found: set[tuple[str, str, str]]) -> None:
    """Add the imports of every pickle in a file to `found`; raises where more may follow."""
    scanner: Any = import_module("picklescan.scanner")
    with open(path, "rb", opener=_open_quietly) as file:
        for pickle in _pickles(file):
            start = pickle.tell()
            flaw = _flaw(pickle)
            end = pickle.tell()
            pickle.seek(start)
            # What comes before a place that cannot be read would run nevertheless.
            result = scanner.scan_pickle_bytes(pickle, "", multiple_pickles=False)
            found |= {(one.module, one.name, one.safety.value) for one in result.globals}
            pickle.seek(end)
            if flaw:
                raise InDoubt(flaw)


def _open_quietly(path: str, flags: int) -> int:
    """Open a file without a trace in its access time, as `hubcache.reading` does it."""
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)


def _limit() -> None:
    """Bound what a hostile file can make us use; the process that started us bounds the rest."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    limits = (("AS", _MEMORY), ("CPU", _CPU_SECONDS), ("FSIZE", 0), ("CORE", 0))
    for name, limit in limits:
        with suppress(OSError, ValueError, AttributeError):  # No such limit, or a lower one.
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def _pickles(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield the streams that loading would unpickle, each at its start."""
    head = file.read(64)
    file.seek(0)
    if head.startswith(_ZIP):
        yield from _zipped(file)
        return
    for _ in range(_LEGACY_PICKLES):
        yield file  # Whoever takes it leaves it behind the pickle's STOP.
        at = file.tell()
        if not file.read(1):
            return
        file.seek(at)
    if _LEGACY_MAGIC not in head:
        msg = "something follows the pickles"
        raise InDoubt(msg)


def _zipped(file: IO[bytes]) -> Iterator[IO[bytes]]:
    # Not the standard library's: torch reads on where checksums or names do not agree.
    relaxed: Any = import_module("picklescan.relaxed_zipfile")
    with relaxed.RelaxedZipFile(file) as archive:
        members = [one for one in archive.infolist() if one.filename.lower().endswith(_IN_ZIP)]
        if not members:
            msg = "the zip holds no pickle"
            raise InDoubt(msg)
        for member in members:
            with archive.open(member) as stream:
                content = stream.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                msg = "a pickle in the zip is larger than that of any checkpoint"
                raise InDoubt(msg)
            yield io.BytesIO(content)


def _flaw(pickle: IO[bytes]) -> str:
    """Read past the pickle's STOP; return why that cannot be, or nothing.

    Raises InDoubt when it holds more than picklescan, which keeps all of it, can bear.
    """
    size = 0
    try:
        for count, (_, argument, _) in enumerate(pickletools.genops(pickle)):
            size += len(argument) if isinstance(argument, (str, bytes, bytearray)) else 8
            if count > _MAX_OPCODES or size > _MAX_BYTES:
                msg = "it is larger than that of any checkpoint"
                raise InDoubt(msg)
    except (ValueError, KeyError, AttributeError, OverflowError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Freeing millions of objects would take as long as reading them.
