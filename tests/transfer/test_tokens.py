"""A token goes to the endpoint that it was configured for, to nobody else, and is never shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from swarmcache.environment import Environment
from swarmcache.transfer.tokens import find_token
from transfer.faulty_hub import FaultyHub, Repo, faults
from transfer.pulling import LARGE, NOISE, SMALL, TEXT, pull, repo, told

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.usefixtures("short_pauses")
SECRET = "hf_neverSeenByAnybodyElse"
MANY = {f"{number:03}.txt": b"%d" % number for number in range(60)}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)


def tokens(hub: FaultyHub, route: str = "*") -> set[str | None]:
    """Return the tokens that came along."""
    return {request.token for request in hub.seen(route=route)}


def test_its_own_endpoint_gets_it_with_each_request(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private repos open only so."""
    private = repo(private_to={SECRET})
    with FaultyHub(private) as hub:
        monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/")
        assert pull(tmp_path, hub.url).error is None
        assert tokens(hub) == {SECRET}


def test_a_storage_never_gets_it(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another port is another origin; nor does it when it is asked without the detour."""
    with FaultyHub(repo(gated_to={SECRET}), cdn=True) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add(faults.cut(0.5), route="cdn", times=1)
        assert pull(tmp_path, hub.url).error is None
        assert (tokens(hub, "resolve"), tokens(hub, "cdn")) == ({SECRET}, {None})
        assert len(hub.seen(route="cdn")) == 2


def test_another_name_of_the_same_host_never_gets_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is what was trusted, not a machine."""
    with FaultyHub(repo()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        there = f"http://localhost:{urlsplit(hub.url).port}/org/name/resolve/main/{LARGE}"
        hub.add(faults.redirected(there), path=LARGE, times=1)
        assert pull(tmp_path, hub.url).error is None
        assert [request.token for request in hub.seen(path=LARGE)] == [SECRET, None]


def test_a_redirect_away_and_back_does_not_carry_it_away(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The origin in between sees nothing; the home of the token sees it again."""
    with FaultyHub(repo()) as hub, FaultyHub(repo()) as away:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        target = f"/org/name/resolve/main/{LARGE}"
        hub.add(faults.redirected(f"{away.url}{target}"), path=LARGE, times=1)
        away.add(faults.redirected(f"{hub.url}{target}"), path=LARGE)
        assert pull(tmp_path, hub.url).error is None
        assert tokens(away) == {None}


def test_a_mirror_never_gets_it(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither first nor second; not with its files, nor with its lists."""
    with FaultyHub(repo()) as hub, FaultyHub(repo()) as mirror:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add(faults.refused(404), path=LARGE)
        assert pull(tmp_path / "1", hub.url, mirror.url).error is None
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # Where the first cache is not known.
        assert pull(tmp_path / "2", mirror.url, hub.url).error is None
        assert {each.path for each in mirror.seen(route="resolve")} == {LARGE, SMALL}
        assert (tokens(mirror), tokens(hub)) == ({None}, {SECRET})


def test_without_an_endpoint_of_its_own_it_is_the_hubs(tmp_path: pathlib.Path) -> None:
    """Settings may name endpoints; the token was made for huggingface.co."""
    with FaultyHub(repo()) as mirror:
        assert pull(tmp_path, mirror.url).error is None
        assert tokens(mirror) == {None}


def test_a_link_to_the_next_page_does_not_carry_it_away(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked of the endpoint itself."""
    with FaultyHub(Repo("org/name", MANY), page=50) as hub, FaultyHub() as foreign:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)

        def elsewhere(_: object, answer: faults.Answer) -> faults.Answer:
            link = answer.headers.get("Link", "")
            return answer.having(link=link.replace(hub.url, foreign.url)) if link else answer

        hub.add(elsewhere, route="tree")
        assert pull(tmp_path, hub.url).error is None
        assert (tokens(hub), foreign.seen()) == ({SECRET}, [])


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"gated_to": set()}, "org/name is gated, and your token does not open it; ask for access"),
        ({"private_to": set()}, "knows no org/name, or it is private and your token does not"),
    ],
    ids=["gated", "private"],
)
def test_a_token_that_does_not_open_a_repo(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    traits: dict[str, object],
    sentence: str,
) -> None:
    """The Hub lists gated repos to everybody; a private one it denies knowing."""
    with FaultyHub(repo(**traits)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        result = pull(tmp_path, hub.url)
    assert told(result) == (("RepoDenied", 3) if "gated_to" in traits else ("RepoNotFound", 1))
    assert sentence in str(result.error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repo_says_where_access_is_asked_for(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """With the page, whichever status the Hub chose."""
    with FaultyHub(repo()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add(faults.gated(status), route="resolve")
        result = pull(tmp_path, hub.url)
    assert told(result) == ("RepoDenied", 3)
    assert result.error is not None
    assert f"ask for access at {hub.url}/org/name." in result.error.message
    assert result.error.hint == "hf auth login"


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        ({"gated_to": {SECRET}}, "org/name is gated, and the mirror {url} cannot serve it: "),
        ({"private_to": {SECRET}}, "{url} knows no org/name, or it is private and this mirror "),
    ],
    ids=["gated", "private"],
)
def test_a_mirror_that_cannot_serve_it_is_told_plainly(
    tmp_path: pathlib.Path, traits: dict[str, object], sentence: str
) -> None:
    """The token would open it, and is not sent there."""
    with FaultyHub(repo(**traits)) as mirror:
        result = pull(tmp_path, mirror.url)
    assert sentence.format(url=mirror.url) in str(result.error)
    assert "your token is not sent there." in str(result.error)
    assert told(result) == ("RepoDenied", 3)


def test_a_storage_that_refuses_is_not_taken_for_a_gate(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its 403 tells of its own signature, and the sentence of its address."""
    with FaultyHub(repo(), cdn=True) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add(faults.refused(403), route="cdn")
        result = pull(tmp_path, hub.url)
        assert told(result) == ("EndpointUnreachable", 4)
        assert str(result.error) == f"{hub.honest.cdn} answers with error 403."


def test_an_address_whose_time_is_over_is_asked_for_anew(tmp_path: pathlib.Path) -> None:
    """Signed addresses of a storage live for minutes only."""
    with FaultyHub(repo(), cdn=True) as hub:
        hub.add(faults.cut(0.5), route="cdn", times=1)
        hub.add(faults.refused(403), route="cdn", skip=1, times=1)
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route="resolve", path=LARGE)) == 2
        assert hub.served(LARGE) == NOISE.size


COMMAND = [sys.executable, "-m", "swarmcache"]


@pytest.mark.parametrize(
    ("fault", "which", "code"),
    [
        (None, {}, 0),
        (faults.gated(), {"route": "resolve"}, 3),
        (faults.private(), {}, 3),
        (faults.wrong_bytes(), {"path": SMALL}, 5),
        (faults.redirect_loop(), {}, 4),
        (faults.redirected(f"http://user:{SECRET}@127.0.0.1:9/?token={SECRET}"), {}, 4),
        (faults.headers(etag=f'"{SECRET}"'), {}, 0),
    ],
    ids=["well", "gated", "private", "wrong", "loop", "redirect", "etag"],
)
def test_no_output_shows_it(
    tmp_path: pathlib.Path, fault: faults.Fault | None, which: dict[str, str], code: int
) -> None:
    """However it ends, said at length, and as JSON."""
    with FaultyHub(Repo("org/name", {SMALL: TEXT})) as hub:
        if fault is not None:
            hub.add(fault, **which)
        env = {**os.environ, "HF_ENDPOINT": hub.url}
        pulling = [*COMMAND, "pull", "org/name", "--all-files", "--cache-dir", str(tmp_path / "c")]
        for options in (["--verbose"], ["--verbose", "--json"], ["--dry-run", "--json"]):
            done = subprocess.run(
                [*pulling, *options],
                env=env,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                cwd=tmp_path,
            )
            assert SECRET not in done.stdout + done.stderr
            if "--dry-run" not in options:
                assert done.returncode == code, done.stderr
        assert tokens(hub) == {SECRET}
    for folder, _, files in os.walk(tmp_path):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                assert SECRET.encode() not in file.read()


def found(tmp_path: pathlib.Path, **variables: str) -> str | None:
    return find_token(Environment(variables, str(tmp_path), str(tmp_path)))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_TOKEN": "hf_a"}, "hf_a"),
        ({"HF_TOKEN": "  hf_a\n"}, "hf_a"),
        ({"HF_TOKEN": "hf_\r\na"}, "hf_a"),
        ({"HF_TOKEN": "hf_a\nX-Forged: 1"}, "hf_aX-Forged: 1"),
        ({"HF_TOKEN": "hf_\u00e9"}, None),
        ({"HF_TOKEN": "hf_\x00a"}, None),
        ({"HF_TOKEN": ""}, None),
        ({"HUGGING_FACE_HUB_TOKEN": "hf_b"}, "hf_b"),
        ({"HF_TOKEN": "hf_a", "HUGGING_FACE_HUB_TOKEN": "hf_b"}, "hf_a"),
        ({"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, None),
        ({"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0"}, "hf_a"),
    ],
    ids=str,
)
def test_where_it_is_looked_for(
    tmp_path: pathlib.Path, variables: dict[str, str], expected: str | None
) -> None:
    """As the Hub's clients do (huggingface_hub 2.4.0, utils/_auth.py)."""
    assert found(tmp_path, **variables) == expected


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({}, ".cache/huggingface/token"),
        ({"HF_HOME": "{home}/hf"}, "hf/token"),
        ({"XDG_CACHE_HOME": "{home}/xdg"}, "xdg/huggingface/token"),
        ({"HF_TOKEN_PATH": "{home}/mine"}, "mine"),
        ({"HF_TOKEN_PATH": "~/mine", "HF_HOME": "{home}/hf"}, "mine"),
    ],
    ids=str,
)
def test_which_file_it_is_read_from(
    tmp_path: pathlib.Path, variables: dict[str, str], path: str
) -> None:
    """With the line break that editors leave."""
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("hf_file\n")
    here = {name: value.format(home=tmp_path) for name, value in variables.items()}
    assert found(tmp_path, **here) == "hf_file"


def test_a_file_that_is_none_is_no_token(tmp_path: pathlib.Path) -> None:
    """A folder, or bytes that are no text."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert found(tmp_path, HF_TOKEN_PATH=str(tmp_path)) is None
    assert found(tmp_path, HF_TOKEN_PATH=str(tmp_path / "bytes")) is None


def test_the_json_names_the_gate(tmp_path: pathlib.Path) -> None:
    """So that programs can tell what people are told."""
    with FaultyHub(Repo("org/name", {SMALL: TEXT}, gated_to=set())) as hub:
        done = subprocess.run(
            [*COMMAND, "pull", "org/name", "--json", "--cache-dir", str(tmp_path / "c")],
            env={**os.environ, "HF_ENDPOINT": hub.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    (model,) = json.loads(done.stdout)["models"]
    assert (done.returncode, model["error"]["kind"]) == (3, "RepoDenied")
