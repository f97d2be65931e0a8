"""Using models: nobody removes them meanwhile, and their use is recorded as long as it lasts."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.locate import locate_effective
from swarmcache.hubcache.use.last_use import note_use
from swarmcache.hubcache.use.leases import drop_lease, renew_lease, take_lease
from swarmcache.locale import t
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
) -> Iterator[Callable[[], None]]:
    """Hold these repos of the cache, and note their use before, after, and each `every` seconds.

    Yields what to call once the cache is there, where it was made only inside. `besides` is called
    each time, too, in a thread of its own. A command that this process becomes by exec goes on to
    hold them. Nothing here stops anybody.
    """
    names, me = list(dict.fromkeys(repos)), os.getpid()
    held = _Held(cache, environment, names)

    def beat() -> None:
        held.renew()
        note_use(cache, environment, names)
        if besides is not None:
            besides()

    held.take()
    try:
        note_use(cache, environment, names)
        with _each(every, beat):
            yield held.take
    finally:
        if os.getpid() == me:
            note_use(cache, environment, names)
            held.drop()


class _Held:
    """A lease that is taken as soon as the cache is there; several threads look after it."""

    def __init__(self, cache: str, environment: Environment, repos: Sequence[RepoName]) -> None:
        self._what = cache, environment, repos
        self._lock = threading.Lock()
        self._record: str | None = None
        self._ended = False

    def take(self) -> None:
        """Take it, unless that is done or over."""
        with self._lock:
            if self._record is None and not self._ended:
                self._record = take_lease(*self._what)

    def renew(self) -> None:
        """Tell that this process lives, to whoever cannot look at it."""
        self.take()
        if self._record is not None:
            renew_lease(self._record)

    def drop(self) -> None:
        """End it."""
        with self._lock:
            self._ended = True
            if self._record is not None:
                drop_lease(self._record)


@contextlib.contextmanager
def _each(seconds: float, beat: Callable[[], object]) -> Iterator[None]:
    """Call `beat` from time to time while the block runs; it keeps no process from ending."""
    ended, me = threading.Event(), os.getpid()

    def wait_and_beat() -> None:
        while not ended.wait(seconds):
            with contextlib.suppress(Exception):  # Nothing of ours may show in a trainer's log.
                beat()

    with contextlib.suppress(RuntimeError):  # No more threads can be had.
        threading.Thread(target=wait_and_beat, name="swarmcache-use", daemon=True).start()
    try:
        yield
    finally:
        if os.getpid() == me:  # In a forked child the event may be locked by a thread it lacks.
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
