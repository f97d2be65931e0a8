"""One repo of a pull: its bytes to blobs, what a lock pins proven, its revision to be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import WrongBytes
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.manifest import manifest_text
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use.evictable import note_fetched
from swarmcache.plans.pinned import drop_false_manifest, lead, not_as_locked, paths_at, prove
from swarmcache.plans.pull.revision import NOTHING, Known, NewRevision
from swarmcache.plans.verbatim import made_ready
from swarmcache.transfer.contents import Content, Failed, Fetched
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.refusals import weightiest
from swarmcache.transfer.telling import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.plans.pull.values import PlannedPull, PullPlan
    from swarmcache.plans.verbatim import Ready
    from swarmcache.progress import Progress
    from swarmcache.transfer.contents import Event
    from swarmcache.transfer.crew import Crew
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.linking import Linker
    from swarmcache.transfer.listing import RemoteFile


def brought(
    model: PlannedPull, plan: PullPlan, hub: Hub, progress: Progress, known: Known = NOTHING
) -> list[Fetched]:
    """Bring the files of one repo, and return what was fetched; raises what forbids it.

    `known` is what another cache knows of the commit.
    """
    listing, pin, target, cache = model.listing, model.pin, model.target, plan.cache
    again = {file.path for file in model.again}
    kept = paths_at(target, pin.commit, cache) - again if pin else set()
    if pin is not None:
        drop_false_manifest(target, pin, cache)
    if listing is None:
        if pin is not None:
            prove(target, pin, cache, kept=kept, tiers=plan.tiers, progress=progress)
            lead(target, pin, cache)
        return []
    proven: set[str] = set()

    def is_locked() -> None:
        if pin is not None:
            prove(
                target,
                pin,
                cache,
                kept=kept,
                proven=proven,
                tiers=plan.tiers,
                progress=progress,
            )

    partials = partials_folder(cache, hub.environment)
    revision = NewRevision(cache, partials, target, listing.commit)
    blobs = [file for file in model.fetch if file.path not in model.plain]
    contents = [_content(model, file, revision) for file in _once(blobs)]
    linker = hub.linker(cache, plan.symlinked_tiers)
    with hub.crew(cache) as crew:

        def bring_back(files: Sequence[RemoteFile]) -> None:
            lost = [_content(model, file, revision) for file in _once(files)]
            gone = [replace(one, again=False) for one in lost if not crew.put_back(one.location)]
            if gone:
                found.extend(fetched(model, linker, crew, gone, progress))

        found = fetched(model, linker, crew, contents, progress)
        hashes = {one.content.etag for one in found if one.content.algorithm is not None}
        proven |= {file.path for file in blobs if file.etag in hashes}
        left_out = {file.path for file in (*model.left_out, *model.absent)}
        files = [file for file in listing.files if file.path not in left_out]
        if not revision.is_cached:
            note_fetched(cache, hub.environment, target.name, listing.commit)
        with made_ready(model, cache, partials, progress) as plain:
            revision.publish(
                _with_listed(known, model),
                files,
                again=model.again,
                plain={path: one.place for path, one in plain.items()},
                bring_back=bring_back,
                prove=is_locked,
            )
        for file in _once([file for file in files if file.path not in model.plain]):
            crew.forget(_content(model, file, revision))
    remember(found, cache, hub)
    return found + [_as_it_is(model, path, one) for path, one in plain.items()]


def fetched(
    model: PlannedPull,
    linker: Linker,
    crew: Crew,
    contents: Sequence[Content],
    progress: Progress,
) -> list[Fetched]:
    """Return what was fetched; raises the weightiest error when something could not be."""

    def events() -> Iterator[Event]:
        left: list[Content] = []
        yield from linker.run(contents, left)
        if left:
            yield from crew.run(left)

    outcomes = list(told(events(), model.target.id, contents, progress))
    failures = [one for one in outcomes if isinstance(one, Failed)]
    if failures:
        error = weightiest([one.error for one in failures])
        if model.pin is not None and isinstance(error, WrongBytes):
            wrong = [one.content.path for one in failures if isinstance(one.error, WrongBytes)]
            raise not_as_locked(model.target, model.pin, sorted(wrong)) from error
        raise error
    return [one for one in outcomes if isinstance(one, Fetched)]


def _with_listed(known: Known, model: PlannedPull) -> Known:
    """Return what is known of a commit, with the list that was fetched where that is whole."""
    if model.listing is None or not model.listing.whole:
        return known
    return known._replace(manifest=manifest_text((*model.listing.files, *model.unlocked)))


def _as_it_is(model: PlannedPull, path: str, ready: Ready) -> Fetched:
    """Return how a plain file came out."""
    commit = model.listing.commit if model.listing else ""
    content = Content(model.target.name, commit, path, "", ready.size, ready.place)
    copied, linked = (0, ready.size) if ready.shared else (ready.size, 0)
    return Fetched(content, (ready.source,), 0, 0, copied, linked)


def _content(model: PlannedPull, file: RemoteFile, revision: NewRevision) -> Content:
    listing = model.listing
    return Content(
        model.target.name,
        listing.commit if listing else "",
        file.path,
        file.etag or "",
        file.size or 0,
        revision.blob(file),
        copies=model.copies.get(file.content, ()),
        again=bool(model.again) and file in model.again,
    )


def _once(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return one file for each content."""
    return list({file.content: file for file in files}.values())


def remember(found: Sequence[Fetched], cache: str, hub: Hub) -> None:
    """Note what was hashed on the way, so that `verify` need not do it again; never raises."""
    ledger = Ledger(state_folder(cache, hub.environment))
    for one in found:
        algorithm = one.content.algorithm
        try:
            fingerprint = fingerprint_of(one.content.location)
        except OSError:
            continue
        if algorithm is not None:
            ledger.record(algorithm, fingerprint, one.content.etag, [one.content.etag])
    ledger.flush()
