"""Connections: kept, through proxies, to whom a certificate trusts, and given up in time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from transfer.faulty_hub import FaultyHub, Proxy, Repo, certificates, faults, unreachable
from transfer.pulling import LARGE, NOISE, QUICK, SMALL, TEXT, holds, pull, repo, told

if TYPE_CHECKING:
    import pathlib

    from transfer.faulty_hub.tls import Certificates

pytestmark = pytest.mark.usefixtures("short_pauses")
MANY = {f"{number:03}.txt": b"%d" % number for number in range(200)}
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("tls"))


def test_connections_are_kept(tmp_path: pathlib.Path) -> None:
    """Two hundred files need no more of them than work at a time."""
    with FaultyHub(Repo("org/name", MANY)) as hub:
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route="resolve")) == 200
        assert hub.connections <= 9


def test_connections_are_kept_over_redirects(tmp_path: pathlib.Path) -> None:
    """To both origins."""
    files = {f"{number}.bin": b"%d" % number for number in range(60)}
    with FaultyHub(Repo("org/name", files), cdn=True) as hub:
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route="cdn")) == 60
        assert hub.connections <= 18


def test_a_kept_connection_that_died_is_replaced(tmp_path: pathlib.Path) -> None:
    """Without counting as a failure."""
    with FaultyHub(Repo("org/name", MANY)) as hub:
        hub.add(lambda _, answer: replace(answer, cut_at=None, close=False), route="tree")
        hub.add(lambda _, answer: replace(answer, cut_at=answer.length), route="resolve")
        assert pull(tmp_path, hub.url).error is None
        assert len(hub.seen(route="resolve")) == 200


def test_a_host_that_no_connection_comes_about_with(tmp_path: pathlib.Path) -> None:
    """Is given up in time."""
    began = time.monotonic()
    with unreachable() as nowhere:
        result = pull(tmp_path, nowhere)
    assert told(result) == ("EndpointUnreachable", 4)
    assert str(result.error) == f"{nowhere} cannot be reached: no answer in time"
    assert time.monotonic() - began < 3


def test_the_next_endpoint_is_asked_then(tmp_path: pathlib.Path) -> None:
    """In the same time."""
    began = time.monotonic()
    with unreachable() as nowhere, FaultyHub(repo()) as hub:
        result = pull(tmp_path, nowhere, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert time.monotonic() - began < 4


def test_a_name_that_leads_nowhere_is_told_as_that(tmp_path: pathlib.Path) -> None:
    """At once where the system knows at once (`.invalid`, RFC 6761); else in bounded time."""
    began = time.monotonic()
    result = pull(tmp_path, "http://hub.invalid")
    assert told(result) == ("EndpointUnreachable", 4)
    assert "http://hub.invalid" in str(result.error)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_asked_for_everything(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In either case of its variable."""
    with FaultyHub(repo(), cdn=True) as hub, Proxy() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert pull(tmp_path, hub.url).error is None
        assert len(proxy.targets) == len(hub.requests)
        hosts = {urlsplit(target).netloc for _, target in proxy.targets}
    assert hosts == {urlsplit(hub.url).netloc, urlsplit(hub.honest.cdn).netloc}


def test_a_proxy_gets_its_own_credentials_and_the_endpoint_does_not(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`user:p@ss`, escaped in the address."""
    with FaultyHub(repo()) as hub, Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://user:p%40ss@"))
        assert pull(tmp_path, hub.url).error is None
        said = {headers.get("proxy-authorization") for headers in proxy.headers}
        assert said == {"Basic dXNlcjpwQHNz"}
        assert not any("proxy-authorization" in each.headers for each in hub.requests)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["*", "127.0.0.1", "example.org,127.0.0.1"])
def test_hosts_without_a_proxy_are_asked_themselves(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """As NO_PROXY has it."""
    with FaultyHub(repo()) as hub, Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv(name, value)
        assert pull(tmp_path, hub.url).error is None
        assert proxy.targets == []


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_encrypted_connections_go_through_a_tunnel(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates, name: str
) -> None:
    """The proxy sees the host, its own credentials, and nothing of what is said."""
    with FaultyHub(repo(), tls=tls) as hub, Proxy() as proxy:
        monkeypatch.setenv(name, proxy.url.replace("://", "://user:pass@"))
        monkeypatch.setenv("SSL_CERT_FILE", tls.authority)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        assert pull(tmp_path, hub.url).error is None
        assert set(proxy.targets) == {("CONNECT", urlsplit(hub.url).netloc)}
        assert {each.get("proxy-authorization") for each in proxy.headers} == {"Basic dXNlcjpwYXNz"}
        assert not any("hf_secret" in str(each) for each in proxy.headers)
        assert not any("proxy-authorization" in each.headers for each in hub.requests)


def test_a_proxy_that_is_down_is_a_network_error(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told with the endpoint that cannot be reached."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:hidden@127.0.0.1:9")
    with FaultyHub(repo()) as hub:
        result = pull(tmp_path, hub.url)
        assert hub.requests == []
    assert told(result) == ("EndpointUnreachable", 4)
    assert "hidden" not in str(result.error)


@pytest.mark.parametrize("proxy", ["socks5://user:hidden@127.0.0.1:9", "https://127.0.0.1:9", "::"])
def test_a_proxy_of_another_kind_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """Rather than gone around."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with FaultyHub(repo()) as hub:
        result = pull(tmp_path, hub.url)
        assert hub.requests == []
    assert told(result) == ("TransferError", 4)
    assert "hidden" not in str(result.error)


@pytest.mark.parametrize("name", CA_VARIABLES)
def test_a_certificate_is_trusted_by_any_of_the_variables(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates, name: str
) -> None:
    """OpenSSL's, requests' and curl's."""
    monkeypatch.setenv(name, tls.authority)
    with FaultyHub(repo(), tls=tls, cdn=True) as hub:
        result = pull(tmp_path, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)


def test_a_certificate_of_nobody_known_is_told_at_once(
    tmp_path: pathlib.Path, tls: Certificates
) -> None:
    """With the reason, and with what to set."""
    began = time.monotonic()
    with FaultyHub(repo(), tls=tls) as hub:
        result = pull(tmp_path, hub.url)
    assert told(result) == ("EndpointUnreachable", 4)
    assert result.error is not None
    assert result.error.message.startswith(
        f"{hub.url} shows a certificate that is not trusted here: "
    )
    assert "SSL_CERT_FILE" in result.error.hint
    assert time.monotonic() - began < 1


def test_a_certificate_of_another_name_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates
) -> None:
    """The authority is known, and speaks of another host."""
    monkeypatch.setenv("SSL_CERT_FILE", tls.authority)
    monkeypatch.setenv("HTTPS_PROXY", "")
    with FaultyHub(repo(), tls=tls) as hub:
        result = pull(tmp_path, hub.url.replace("127.0.0.1", "127.0.0.2"))
    assert told(result)[1] == 4


def test_certificates_that_cannot_be_read_are_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates
) -> None:
    """Rather than the system's taken instead."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with FaultyHub(repo(), tls=tls) as hub:
        result = pull(tmp_path, hub.url)
    assert told(result) == ("TransferError", 4)
    assert "/nowhere/ca.pem" in str(result.error)


def test_no_redirect_leads_out_of_encryption(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates
) -> None:
    """https to http is refused before anything is sent there."""
    monkeypatch.setenv("SSL_CERT_FILE", tls.authority)
    with FaultyHub(repo(), tls=tls) as hub, FaultyHub(repo()) as plain:
        target = f"{plain.url}/org/name/resolve/main/{LARGE}"
        hub.add(faults.redirected(target), path=LARGE)
        result = pull(tmp_path, hub.url)
        assert plain.requests == []
    assert told(result) == ("TransferError", 4)
    assert "without encryption" in str(result.error)


def test_a_redirect_into_encryption_is_followed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tls: Certificates
) -> None:
    """http to https."""
    monkeypatch.setenv("SSL_CERT_FILE", tls.authority)
    with FaultyHub(repo()) as hub, FaultyHub(repo(), tls=tls) as secure:
        target = f"{secure.url}/org/name/resolve/main/{LARGE}"
        hub.add(faults.redirected(target), path=LARGE)
        result = pull(tmp_path, hub.url)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert holds(tmp_path, result.commit or "", SMALL, TEXT)


def test_a_server_that_promises_more_holds_nobody_up(tmp_path: pathlib.Path) -> None:
    """What was asked for is there; the rest is not waited for."""
    began = time.monotonic()
    with FaultyHub(repo()) as hub:
        hub.add(faults.cut(0.5), path=LARGE, times=1)

        def more(_: object, answer: faults.Answer) -> faults.Answer:
            promised = answer.having(content_length=str(answer.length + 1000))
            return replace(promised, silent_at=answer.length)

        hub.add(more, path=LARGE, skip=1)
        slow = replace(QUICK, stall=20, answer=20)
        result = pull(tmp_path, hub.url, bounds=slow)
    assert holds(tmp_path, result.commit or "", LARGE, NOISE)
    assert time.monotonic() - began < 5
