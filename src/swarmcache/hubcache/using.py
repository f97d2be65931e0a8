"""Using models: nobody removes them meanwhile, and their use is recorded as long as it lasts."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.last_use import note_use
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.leases import lease as leased
from swarmcache.hubcache.leases import renew_lease
from swarmcache.hubcache.locate import locate_effective
from swarmcache.locale import t
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.hubcache.layout import RepoName

BEAT_SECONDS = 300.0
"""A training of days is not to look old in the middle of it."""


@contextlib.contextmanager
def lease(*models: str, cache_dir: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Keep `clean` from removing these models inside the block, and record their use.

    For training code that is not started by `swarmcache run`:

        import swarmcache

        with swarmcache.lease("Gensyn/Qwen2.5-0.5B-Instruct"):
            model = AutoModelForCausalLM.from_pretrained("Gensyn/Qwen2.5-0.5B-Instruct")
            train(model)

    A model is named as on the command line: `org/name`, `datasets/org/name`; the whole repo is
    held, whichever revision follows an `@`. The cache is the one that the command line uses in
    this working directory, or `cache_dir`. Blocks may nest and overlap, in several threads too.
    The lease is this process's: a forked child neither drops nor inherits it.

    Raises InvalidRepoId for a name that the Hub would refuse. Nothing else stops the block: where
    the settings cannot be read it warns, where the cache cannot be written nothing is recorded.
    """
    repos = [parse_target(model).name for model in models]
    found = _effective(cache_dir)
    if found is None:
        yield
        return
    with using(*found, repos):
        yield


@contextlib.contextmanager
def using(
    cache: str,
    environment: Environment,
    repos: Iterable[RepoName],
    *,
    every: float = BEAT_SECONDS,
    besides: Callable[[], object] | None = None,
) -> Iterator[None]:
    """Hold these repos of the cache, and note their use before, after, and each `every` seconds.

    `besides` is called each time, too, in a thread of its own. A command that this process becomes
    by exec goes on to hold them. Nothing here stops anybody.
    """
    names, me = list(dict.fromkeys(repos)), os.getpid()
    with leased(cache, environment, names) as record:

        def beat() -> None:
            if record is not None:
                renew_lease(record)
            note_use(cache, environment, names)
            if besides is not None:
                besides()

        note_use(cache, environment, names)
        with _each(every, beat):
            try:
                yield
            finally:
                if os.getpid() == me:
                    note_use(cache, environment, names)


@contextlib.contextmanager
def _each(seconds: float, beat: Callable[[], object]) -> Iterator[None]:
    """Call `beat` from time to time while the block runs; it keeps no process from ending."""
    ended = threading.Event()

    def wait_and_beat() -> None:
        while not ended.wait(seconds):
            with contextlib.suppress(Exception):  # Nothing of ours may show in a trainer's log.
                beat()

    with contextlib.suppress(RuntimeError):  # No more threads can be had.
        threading.Thread(target=wait_and_beat, name="swarmcache-use", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _effective(cache_dir: str | os.PathLike[str] | None) -> tuple[str, Environment] | None:
    """Return the cache that the command line would use here; None, and a warning, for none."""
    overrides = {} if cache_dir is None else {"cache.dir": os.fspath(cache_dir)}
    try:
        environment = Environment.current()
        settings = load_settings(environment.cwd, environment, overrides)
        return locate_effective(settings, environment).path, environment
    except (SwarmcacheError, OSError) as error:
        told = t("No lease was taken: {reason}", reason=error)
        warnings.warn(told, RuntimeWarning, stacklevel=4)
        return None
