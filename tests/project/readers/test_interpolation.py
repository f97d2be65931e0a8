"""Our resolver yields what the real OmegaConf yields, and never guesses where that refuses."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from swarmcache.environment import Environment
from swarmcache.project.needs.resolve import Resolver, Unresolved
from swarmcache.project.readers.hydra import Config, read_config
from swarmcache.project.readers.interpolation import BadInterpolation, parse

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {"SET": "val", "EMPTY": ""}
REFUSED = "refused"
SURROUNDINGS = {
    "top": "T",
    "name": "a",
    "key": "b",
    "variable": "SET",
    "a": {"b": "B", "l": ["L0", "L1"], "n": None, "t": True, "f": 1.5, "i": 7},
    "mirror": "${a}",
}


def config_of(tmp_path: Path, text: str) -> Config:
    """Write a config in which `text` stands at `deep.x`, and read it back with our reader."""
    deep = {"x": text, "near": "N", "chain": "${.near}", "inner": {"up": "${..near}"}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({**SURROUNDINGS, "deep": deep}, allow_unicode=True))
    config = read_config(str(file))
    assert config is not None
    return config


def ours(config: Config) -> object:
    resolver = Resolver(config, Environment(VARIABLES, "/", "/"), {})
    deep = config.top.child("deep")
    assert deep is not None
    place = deep.child("x")
    assert place is not None
    try:
        (value,) = resolver.values(place)
        return resolver.plain(value)
    except Unresolved:
        return REFUSED


def theirs(config: Config, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("UNSET", "SET", "EMPTY"):
            patch.delenv(name, raising=False)
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        try:
            value = OmegaConf.load(config.file).deep.x
            return (
                OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            )
        except OmegaConfBaseException:
            return REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "${a.b}",
        "${ a.b }",
        "${a[b]}",
        "${a[l][0]}",
        "${a.l.0}",
        "${a.l[1]}",
        "${a.l}",
        "${mirror.b}",
        "${.near}",
        "${.chain}",
        "${.inner.up}",
        "${..top}",
        "${..a.b}",
        "${...top}",
        "x${a.b}y",
        "x${a.n}",
        "x${a.t}${a.f}${a.i}",
        "${a.n}",
        "${${name}.b}",
        "${a.${key}}",
        "${a_${key}}",
        r"\${a.b}",
        r"\\${a.b}",
        r"\\\${a.b}",
        r"a\b${a.b}\\",
        "$a ${a.b}",
        "${oc.env:SET}",
        "${oc.env: SET }",
        '${oc.env:"SET"}',
        "${oc.env:${variable}}",
        "${oc.env:EMPTY,d}",
        "${oc.env:UNSET}",
        "${oc.env:UNSET, null}",
        "${oc.env:UNSET,true}",
        "${oc.env:UNSET,1_000}",
        "${oc.env:UNSET,007}",
        "${oc.env:UNSET,1.50}",
        "${oc.env:UNSET,1e3}",
        "${oc.env:UNSET,-inf}",
        "${oc.env:UNSET,a b }",
        r"${oc.env:UNSET,a\,b}",
        r"${oc.env:UNSET,a\ }",
        r"${oc.env:UNSET,a\b}",
        r"${oc.env:UNSET,a\\b}",
        "${oc.env:UNSET,org/name-1.5B}",
        "${oc.env:UNSET,~/x}",
        "${oc.env:UNSET,/x:y}",
        "${oc.env:UNSET,' q ,}'}",
        "${oc.env:UNSET,'it\\'s'}",
        "${oc.env:UNSET,'back\\\\'}",
        "${oc.env:UNSET,'\\${x}'}",
        '${oc.env:UNSET,"${a.b}"}',
        "${oc.env:UNSET,''}",
        "${oc.env:UNSET,'a'b}",
        "${oc.env:UNSET,}",
        "${oc.env:UNSET,a,b}",
        "${oc.env:UNSET,${a.b}/c}",
        "${oc.env:UNSET,${a.b} ${a.b}}",
        "${oc.env:UNSET,[a, null, 1]}",
        "p${oc.env:UNSET,null}",
        "${oc.select:a.b}",
        "${oc.select:nokey}",
        "${oc.select:nokey,5}",
        "${nokey}",
        "${a..b}",
        "${a. b}",
        "${a .b}",
        "${}",
        "${a.b",
        "${x.y:z}",
    ],
)
def test_each_form_yields_what_omegaconf_yields(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, text)
    assert ours(config) == theirs(config, monkeypatch)


PIECES = st.sampled_from(
    [
        *("${", "}", "[", "]", ":", ",", ".", "\\", "'", '"', " ", "$", "/", "-"),
        *("oc.env", "SET", "UNSET", "EMPTY", "a", "b", "l", "0", "top", "near", "null", "1.5"),
        *("${a.b}", "${.near}", "${oc.env:SET}", "${oc.env:UNSET,", "${..top}", "'q'"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=9).map("".join))
def test_any_text_yields_what_omegaconf_yields_or_stays_unknown(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    config = config_of(tmp_path_factory.mktemp("property"), text)
    found = ours(config)
    with pytest.MonkeyPatch.context() as patch:
        wanted = theirs(config, patch)
    if REFUSED not in (found, wanted):
        assert found == wanted


def test_a_value_that_refers_to_itself_stays_unknown(tmp_path: Path) -> None:
    assert ours(config_of(tmp_path, "${deep.x}")) == REFUSED


def test_an_unknown_resolver_stays_unknown_with_its_name(tmp_path: Path) -> None:
    config = config_of(tmp_path, "${now:%Y}")
    resolver = Resolver(config, Environment({}, "/", "/"), {})
    place = next(p for p in config.walk() if p.path == ("deep", "x"))
    with pytest.raises(Unresolved, match="what the resolver now yields is not known"):
        resolver.values(place)


def test_a_drawn_value_has_every_alternative(tmp_path: Path) -> None:
    config = config_of(tmp_path, "pre-${draw:${a.l}}")
    functions = {"draw": lambda *pools: tuple(pools[0])}
    resolver = Resolver(config, Environment({}, "/", "/"), functions)
    place = next(p for p in config.walk() if p.path == ("deep", "x"))
    assert resolver.values(place) == ("pre-L0", "pre-L1")


def test_malformed_text_is_refused_by_the_grammar() -> None:
    with pytest.raises(BadInterpolation):
        parse("${a.b")
