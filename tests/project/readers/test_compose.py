"""Compose files in the short and the long syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.readers.compose import read_compose
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from swarmcache.project.readers.compose.syntax import Service

TEXT = """\
x-base: &base
  environment:
    A: 1
services:
  one:
    <<: *base
    image: img:${TAG:-1}
    command: run --x "a b" $$HOME
    volumes:
      - ./a:/b:ro
      - name:/c
      - /d
      - ${DIR:-./e}:/e
      - {type: bind, source: ./f, target: /f}
    tmpfs: /t
  two:
    build: {context: ., dockerfile: Dockerfile.x, args: {B: y}}
    environment:
      - A="x"
      - B
      - C=1=2
    entrypoint: ["sh", "-c", "a b"]
    env_file: [a.env, {path: b.env, format: raw}]
    deploy: {replicas: 3}
"""


def services() -> dict[str, Service]:
    """Read the services of the text."""
    found = read_compose(Source("compose.yaml", "/p/compose.yaml", TEXT.encode()))
    assert found is not None
    return {one.name: one for one in found.services}


def test_mounts() -> None:
    """By kind where it is said, by the source elsewhere; a colon in braces parts nothing."""
    mounts = services()["one"].mounts
    assert [(m.kind, m.target.literal) for m in mounts] == [
        (None, "/b"),
        (None, "/c"),
        ("anonymous", "/d"),
        (None, "/e"),
        ("bind", "/f"),
        ("tmpfs", "/t"),
    ]


def test_environment() -> None:
    """As a mapping that is merged in, and as a list, where quotes are part of the value."""
    both = services()
    assert [(v.name, v.value and v.value.literal) for v in both["one"].environment] == [("A", "1")]
    assert [(v.name, v.value and v.value.literal) for v in both["two"].environment] == [
        ("A", '"x"'),
        ("B", None),
        ("C", "1=2"),
    ]


def test_what_is_started() -> None:
    """A text is parted at its blanks, and two dollars are one."""
    both = services()
    assert [w.literal for w in both["one"].command or ()] == ["run", "--x", "a b", "$HOME"]
    assert [w.literal for w in both["two"].entrypoint or ()] == ["sh", "-c", "a b"]


def test_positions() -> None:
    """The name of a service, and an item of a list."""
    both = services()
    assert both["one"].span.line == 5
    assert both["two"].environment[0].span.line == 19


def test_the_rest() -> None:
    """Files of variables and replicas."""
    two = services()["two"]
    assert [(file.path.literal, file.raw) for file in two.env_files] == [
        ("a.env", False),
        ("b.env", True),
    ]
    assert two.replicas is not None
    assert two.replicas.literal == "3"


def test_what_is_no_compose_file() -> None:
    """Broken YAML, a list, and services that are none."""
    for text in ("services: [", "- a", "a: 1", "services: 3", "services: [a]", "\t"):
        found = read_compose(Source("c", "/c", text.encode()))
        assert found is None or found.services == (), text
