"""What a URL path asks for; and that no path leads out of a repo's folder."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarmcache.hubcache.layout import RepoName, check_repo_id, check_revision
from swarmcache.serve.refusals import BadRequest, Refusal, RepoNotFound, RevisionNotFound
from swarmcache.serve.routes import Route, parse_route

TINY = RepoName("model", "org/tiny")
COMMIT = "c" * 40


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/models/org/tiny", Route("info", TINY, "main", "")),
        ("/api/models/org/tiny/revision/v1", Route("info", TINY, "v1", "")),
        ("/api/models/gpt2", Route("info", RepoName("model", "gpt2"), "main", "")),
        ("/api/models/gpt2/revision/v1", Route("info", RepoName("model", "gpt2"), "v1", "")),
        ("/api/datasets/o/d/tree/main", Route("tree", RepoName("dataset", "o/d"), "main", "")),
        ("/api/models/org/tiny/tree/main/a%2Fb", Route("tree", TINY, "main", "a/b")),
        ("/api/models/org/tiny/tree/main/a/b/", Route("tree", TINY, "main", "a/b")),
        ("/api/models/org/tiny/tree/refs%2Fpr%2F1", Route("tree", TINY, "refs/pr/1", "")),
        ("/api/models/org/tiny/paths-info/main", Route("paths-info", TINY, "main", "")),
        ("/api/models/org/tiny/refs", Route("refs", TINY, "main", "")),
        ("/api/models/org/tiny/commits/main", Route("commits", TINY, "main", "")),
        (f"/org/tiny/resolve/{COMMIT}/a%20b.txt", Route("resolve", TINY, COMMIT, "a b.txt")),
        ("/gpt2/resolve/main/x", Route("resolve", RepoName("model", "gpt2"), "main", "x")),
        ("/spaces/o/s/resolve/main/d/x", Route("resolve", RepoName("space", "o/s"), "main", "d/x")),
        ("/kernels/o/k/resolve/main/x", Route("resolve", RepoName("kernel", "o/k"), "main", "x")),
        ("/org/tiny/resolve/refs%2Fpr%2F1/x", Route("resolve", TINY, "refs/pr/1", "x")),
    ],
)  # fmt: skip
def test_a_path_is_read_as_the_hub_reads_it(path: str, route: Route) -> None:
    assert parse_route(path) == route


@pytest.mark.parametrize(
    "path",
    ["/", "", "/api", "/api/models", "/api/models/", "/api/users/x", "/api/models/a/b/c",
     "/api/models/org/tiny/refs/x", "/api/models/org/tiny/tree", "/org/tiny",
     "/org/tiny/resolve/main", "/org/tiny/blob/main/x", "/favicon.ico"],
)  # fmt: skip
def test_any_other_path_is_no_route(path: str) -> None:
    assert parse_route(path) is None


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/org/tiny/resolve/main/../x", BadRequest),
        ("/org/tiny/resolve/main/%2e%2e/x", BadRequest),
        ("/org/tiny/resolve/main/a%2F..%2Fx", BadRequest),
        ("/org/tiny/resolve/main//etc/passwd", BadRequest),
        ("/org/tiny/resolve/main/%2Fetc/passwd", BadRequest),
        ("/org/tiny/resolve/main/a%00b", BadRequest),
        ("/org/tiny/resolve/main/%ff", BadRequest),
        ("/org/tiny/resolve/main/./x", BadRequest),
        ("/api/models/org/tiny/tree/main/..%2F..%2Fetc", BadRequest),
        ("/org/tiny/resolve/..%2F..%2Fetc/x", RevisionNotFound),
        ("/org/tiny/resolve/../x", RevisionNotFound),
        ("/org/tiny/resolve/%00/x", RevisionNotFound),
        ("/org/../resolve/main/x", RepoNotFound),
        ("/../../resolve/main/x", RepoNotFound),
        ("/org%2Ftiny/resolve/main/x", BadRequest),
        ("/api/models/org/..", RepoNotFound),
        ("/api/models/a--b/c", RepoNotFound),
    ],
)
def test_a_path_that_could_leave_its_folder_is_refused(path: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        parse_route(path)


PIECES = st.sampled_from(
    ["..", ".", "", "%2e%2e", "%2E.", "%2F", "%5c", "%00", "%0a", "a", "org", "etc", "passwd",
     "main", "resolve", "tree", "revision", "api", "models", "datasets", "refs", "é", "%C3%A9",
     "%zz", "%ff"]
)  # fmt: skip
SEGMENTS = st.lists(PIECES, max_size=3).map("".join) | st.text(max_size=8)
PATHS = st.lists(SEGMENTS, max_size=9).map(lambda parts: "/" + "/".join(parts))
BEGINNINGS = st.sampled_from(["", "/org/tiny/resolve/main", "/api/models/org/tiny/tree/main"])


@given(BEGINNINGS, PATHS)
@example("", "/%2e%2e/%2e%2e/resolve/main/x")
def test_whatever_is_asked_stays_inside(beginning: str, path: str) -> None:
    try:
        route = parse_route(beginning + path)
    except Refusal:
        return
    if route is not None:
        check_repo_id(route.repo.id)
        check_revision(route.revision)
        parts = route.path.split("/") if route.path else []
        assert not {"", ".", ".."} & set(parts)
        assert "\0" not in route.path


NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/"), min_size=1)


@given(st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=4))
def test_every_name_that_a_repo_can_hold_is_reached(parts: list[str]) -> None:
    path = "/".join(parts)
    route = parse_route(f"/org/tiny/resolve/main/{quote(path)}")
    assert route == Route("resolve", TINY, "main", path)
