"""Any history of a small cache: what is kept loads, what is freed is told, the rest is untouched.

Models come and go while others use, pin, download and edit them, and cleans are carried out or
killed before any of their changes.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from cleaning import contents, snapshots
from living_cache import COMMITS, DAMAGES, FILES, LAYOUTS, NAMES, REMAINS, STRANGERS, LivingCache
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.hubcache.scan import list_cache
from swarmcache.plans.clean import LEFTOVER_KINDS, Named, Wishes, plan_clean
from swarmcache.plans.clean.known import look, take_inventory

names, numbers = st.sampled_from(NAMES), st.integers(0, 9)
layouts = st.integers(0, len(LAYOUTS) - 1)
downloads = st.tuples(
    names,
    st.sampled_from(COMMITS),
    st.frozensets(st.sampled_from(sorted(FILES)), min_size=1),
    st.sampled_from([(), ("main",), ("dev", "refs/pr/1")]),
    st.one_of(st.none(), layouts),
)
"""Who brings which revision; in a layout of its own, or in that of the cache."""
revisions = st.sampled_from(["main", "gone", *COMMITS])


def wishes() -> st.SearchStrategy[Wishes]:
    """Return anything one may ask for."""
    repos = st.sampled_from([RepoName("model", name) for name in NAMES])
    named = st.builds(Named, repos, st.sampled_from([None, "main", "dev", *COMMITS]))
    some = st.lists(named, min_size=1, max_size=2).map(tuple)
    leftovers = frozenset(LEFTOVER_KINDS)
    what = {
        "detached": st.booleans(),
        "leftovers": st.sampled_from([frozenset(), leftovers]),
        "formats": st.sampled_from([frozenset(), frozenset(), frozenset({"pickle"})]),
        "spared": st.sampled_from([(), (), ("*/b",)]),
        "older_than": st.sampled_from([None, None, None, 0.0, 1e6]),
    }
    pins = {"ignore_pins": st.booleans()}
    return st.one_of(
        st.builds(Wishes, models=some, leftovers=what["leftovers"], **pins),
        st.builds(Wishes, models=some, **what, **pins),
        st.builds(Wishes, everything=st.just(True), **what, **pins),
        st.builds(Wishes, everything=st.just(True), **pins),
        st.builds(Wishes, leftovers=st.just(leftovers), **pins),
        st.builds(Wishes, budget=st.integers(0, 60_000), **pins),
    )


class Lives(RuleBasedStateMachine):
    """One cache through its life."""

    def __init__(self) -> None:
        super().__init__()
        self.world = LivingCache()
        self.layout = 0

    def teardown(self) -> None:
        """End what others do; then all that may go goes."""
        try:
            self.world.let_go()
            for name in self.world.recent:
                self.world.use(name)
            self.carry_out(Wishes(everything=True, ignore_pins=True))
            left = set(snapshots(self.world.cache))
            assert left == {path for path in left if self.world.has_stranger(path)}
        finally:
            self.world.remove()

    @initialize(layout=layouts, several=st.lists(downloads, min_size=2, max_size=5))
    def begin(self, layout: int, several: list[tuple[object, ...]]) -> None:
        """There are some models, most of one layout."""
        self.layout = layout
        self.download(several)

    @rule(several=st.lists(downloads, min_size=1, max_size=3))
    def download(self, several: list[tuple[object, ...]]) -> None:
        """Clients bring revisions."""
        for *what, layout in several:
            self.world.bring(*what, self.layout if layout is None else layout)  # type: ignore[arg-type]

    @rule()
    def hard_link(self) -> None:
        """Equal blobs become one file."""
        self.world.hard_link()

    @rule(name=names, place=st.sampled_from(STRANGERS))
    def put_stranger(self, name: str, place: str) -> None:
        """A user keeps a file of their own there, or takes it away."""
        self.world.put_stranger(name, place)

    @rule(name=names, remains=st.sampled_from(REMAINS), number=numbers, old=st.booleans())
    def leave(self, name: str, remains: str, number: int, old: bool) -> None:
        """A client is killed."""
        self.world.leave(name, remains, number, old=old)

    @rule(number=numbers, damage=st.sampled_from(DAMAGES))
    def damage_store(self, number: int, damage: str) -> None:
        """A client before 1.32 does not know the shared store."""
        self.world.damage_store(number, damage)

    @rule(how=st.sampled_from(["train", "fetch", "use"]), name=names)
    def work(self, how: str, name: str) -> None:
        """Somebody begins or ends with a model."""
        getattr(self.world, how)(name)

    @rule(number=numbers)
    def read(self, number: int) -> None:
        """A process opens a file, or closes one."""
        self.world.read(number)

    @rule(name=names, revision=revisions)
    def pin(self, name: str, revision: str) -> None:
        """Settings name a revision, or none any more."""
        self.world.pin(name, revision)

    @rule(name=names, revision=revisions, mounted=st.booleans())
    def register(self, name: str, revision: str, mounted: bool) -> None:
        """A project needs a revision, or none any more."""
        self.world.register(name, revision, mounted=mounted)

    @rule(wishes=wishes())
    def clean(self, wishes: Wishes) -> None:
        """Plan, which changes nothing at all, and carry out."""
        world = self.world
        before = world.everything()
        plan_clean(world.cache, world.environment, wishes, pins=world.pins)
        assert world.everything() == before
        self.carry_out(wishes)

    @rule(wishes=wishes(), change=st.integers(1, 30), rerun=st.booleans())
    def crash(self, wishes: Wishes, change: int, rerun: bool) -> None:
        """A clean is killed before one of its changes; and perhaps run again."""
        world = self.world
        before = world.before(wishes)
        world.clean(wishes, die_at=change)
        world.refuse_harm(before, wishes)
        if rerun:
            self.carry_out(wishes)
            left = world.unused() - before.unused
            assert {path for path in left if not world.is_opened(path)} == set()

    def carry_out(self, wishes: Wishes) -> None:
        """Clean, and look at all that there is."""
        world = self.world
        before = world.before(wishes)
        outcome = world.clean(wishes)
        assert outcome is not None
        plan, groups = outcome
        world.refuse_harm(before, wishes)
        world.refuse_lies(before, plan, groups)
        if wishes == Wishes(everything=True, ignore_pins=wishes.ignore_pins):
            assert set(snapshots(world.cache)) <= before.held
        if wishes.budget is not None:
            assert world.counted_bytes() <= wishes.budget + plan.short
        again = world.clean(wishes)
        assert again is not None
        assert again[0].steps == ()

    @invariant()
    def one_look_tells_what_two_would(self) -> None:
        """The inventory that is made beside the scan is the one that a walk of its own makes."""
        cache = self.world.cache
        for name in list_cache(cache).names:
            seen = look(cache, name)
            assert seen is not None
            alone = take_inventory(seen.repo.path, cache)
            told = seen.inventory
            assert (told.strangers, told.names) == (alone.strangers, alone.names)
            assert told.files.keys() == alone.files.keys()
            for path, found in told.files.items():
                other = alone.files[path]
                assert (found.st_ino, found.st_blocks) == (other.st_ino, other.st_blocks)

    @invariant()
    def what_counts_as_complete_loads(self) -> None:
        """Each file of a complete revision can be read."""
        for name in NAMES:
            for revision in ("main", *COMMITS):
                found = check(parse_target(f"{name}@{revision}"), self.world.cache, full=True)
                if found.state == "complete":
                    assert found.snapshot is not None
                    assert contents(found.snapshot)


TestLives = pytest.mark.timeout(600)(Lives.TestCase)
TestLives.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_long_lives() -> None:
    """Ten times as many, and twice as long."""
    many = settings(max_examples=600, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(Lives, settings=many)
