"""Complete models stay at home, everything else goes out."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

from cachemaker import CacheMaker
from swarmcache.generation.occasions import SITE
from swarmcache.hubcache.layout import parse_target
from swarmcache.launch.start.inside import reaching_inside
from swarmcache.launch.start.local_models import (
    VARIABLE,
    CompleteModel,
    complete_models,
    loading_local,
)
from swarmcache.launch.start.rollout_guard import guarded
from swarmcache.launch.start.run import Cached
from tinyswarm import fill

COMMIT = "a" * 40


def inside() -> object:
    """Return the module as it is loaded in a trainer's process."""
    place = pathlib.Path(SITE) / "_local_models.py"
    spec = importlib.util.spec_from_file_location("_local_models_tested", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCAL = inside()


def kept(method: str, *paths: str, base: str = "https://huggingface.co") -> list[bool]:
    """Tell which requests stay at home where org/name is complete but for its README."""
    table = {"org/name": {"revisions": ["main", COMMIT], "left": ["README.md"]}}
    models = LOCAL.CompleteModels(table)  # type: ignore[attr-defined]
    return [models.keeps(method, f"{base}{path}") for path in paths]


def test_its_files_and_what_the_api_says_of_it_are_kept() -> None:
    """With HEAD and GET, by branch and by commit, and files that are not there at all."""
    paths = [
        "/org/name/resolve/main/config.json",
        f"/org/name/resolve/{COMMIT}/model.safetensors",
        "/org/name/resolve/main/adapter_config.json",
        "/api/models/org/name",
        "/api/models/org/name/revision/main?expand=siblings",
        f"/api/models/org/name/tree/{COMMIT}/additional_chat_templates?recursive=true",
        "/api/models/org/name/discussions?p=0",
        "/api/agent-harnesses",
    ]
    assert kept("GET", *paths) == [True] * len(paths)
    assert kept("HEAD", *paths) == [True] * len(paths)
    assert kept("GET", *paths, base="http://mirror.lan:8080/hf") == [True] * len(paths)


def test_everything_else_goes_out() -> None:
    """Other repos, other revisions, a file that is left, names that only begin so."""
    paths = [
        "/org/other/resolve/main/config.json",
        "/org/name2/resolve/main/config.json",
        "/org/name/resolve/v2/config.json",
        "/org/name/resolve/refs%2Fpr%2F1/config.json",
        "/org/name/resolve/main/README.md",
        "/datasets/org/name/resolve/main/data.parquet",
        "/api/datasets/org/name/revision/main",
        "/api/models/org/name/revision/v2",
        f"/api/models/org/name/xet-read-token/{COMMIT}",
        "/api/models/org/name-more",
        "/api/whoami-v2",
    ]
    assert kept("GET", *paths) == [False] * len(paths)


def test_uploads_go_out_and_then_the_repo_is_asked_for() -> None:
    """A process that writes to a repo wants to read there what it wrote; other models stay."""
    entry = {"revisions": ["main"], "left": []}
    models = LOCAL.CompleteModels({"org/name": entry, "org/two": entry})  # type: ignore[attr-defined]
    read = "https://huggingface.co/org/name/resolve/main/config.json"
    assert models.keeps("GET", read)
    assert not models.keeps("POST", "https://huggingface.co/api/models/org/name/paths-info/main")
    assert models.keeps("GET", read)
    assert not models.keeps("POST", "https://huggingface.co/api/repos/create")
    assert models.keeps("GET", read)
    assert not models.keeps("POST", "https://huggingface.co/api/models/org/name/commit/main")
    assert not models.keeps("GET", read)
    assert models.keeps("GET", "https://huggingface.co/org/two/resolve/main/config.json")


def test_only_complete_models_are_named(tmp_path: pathlib.Path) -> None:
    """With their branch, their commit, and what the manifest has beside the cache."""
    maker = CacheMaker(tmp_path / "hub")
    fill(tmp_path / "hub", "tiny/one")
    fill(tmp_path / "hub", "tiny/two", absent=("model.safetensors",))
    cached = Cached(str(tmp_path / "hub"))
    targets = [parse_target(name) for name in ("tiny/one", "tiny/two", "tiny/absent")]
    (found,) = complete_models(cached, targets)
    commit = cached.state(targets[0]).commit
    assert (found.id, found.revisions, found.left) == ("tiny/one", ("main", commit), ())
    files = {"config.json": {"size": 1}, "README.md": {"size": 9}}
    trees = tmp_path / "hub" / "models--tiny--one" / "trees"
    trees.mkdir(exist_ok=True)
    (trees / f"{commit}.json").write_text(json.dumps({"format_version": 1, "files": files}))
    assert complete_models(Cached(maker.path), targets)[0].left == ("README.md",)


def test_the_environment_of_a_command() -> None:
    """Our folder once on PYTHONPATH, whatever else reaches inside; nothing for no models."""
    assert loading_local({"A": "b"}, []) == {"A": "b"}
    once = guarded(reaching_inside({"PYTHONPATH": "/mine"}, VARIABLE, "{}"))
    assert once["PYTHONPATH"] == f"{SITE}{os.pathsep}/mine"


def test_a_variable_that_the_system_would_refuse_is_not_made() -> None:
    """A repo with thousands of files that are not here: only that model may be asked for."""
    huge = CompleteModel("org/huge", ("main",), tuple(f"data/{n:05}.bin" for n in range(20_000)))
    small = CompleteModel("org/small", ("main",), ())
    variables = loading_local({}, [huge, small])
    assert list(json.loads(variables[VARIABLE])) == ["org/small"]
    assert loading_local({}, [huge]) == {}


HUB = """
class OfflineModeIsEnabled(ConnectionError): pass
"""
OLD_HTTP = """
class UniqueRequestIdAdapter:
    def send(self, request, *args, **kwargs):
        return "sent"
"""
NEW_HTTP = """
def hf_request_event_hook(request):
    return "sent"
"""
USE = """
import types
import huggingface_hub.utils._http as http
def send(url):
    request = types.SimpleNamespace(method="HEAD", url=url)
    try:
        if hasattr(http, "hf_request_event_hook"):
            return http.hf_request_event_hook(request)
        return http.UniqueRequestIdAdapter().send(request)
    except ConnectionError as error:
        return type(error).__name__
print(send("http://h/org/name/resolve/main/a"), send("http://h/org/two/resolve/main/a"))
"""


@pytest.fixture
def packages(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder with something like huggingface_hub."""
    package = tmp_path / "packages" / "huggingface_hub"
    (package / "utils").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "utils" / "__init__.py").touch()
    (package / "errors.py").write_text(HUB)
    return package


def python(code: str, packages: pathlib.Path, value: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python that finds us and that package."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages.parent)}
    return subprocess.run(
        [sys.executable, "-S", "-c", f"import sitecustomize\n{code}"],
        env=reaching_inside(variables, VARIABLE, value),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("http", [OLD_HTTP, NEW_HTTP])
def test_the_client_refuses_by_its_own_error(packages: pathlib.Path, http: str) -> None:
    """As if it were offline, for this model alone; in both generations of the library."""
    (packages / "utils" / "_http.py").write_text(http)
    table = json.dumps({"org/name": {"revisions": ["main"], "left": []}})
    done = python(USE, packages, table)
    assert (done.stdout, done.stderr) == ("OfflineModeIsEnabled sent\n", "")


def test_a_client_that_is_made_otherwise_runs_as_without_us(packages: pathlib.Path) -> None:
    """A later version may have neither hook nor adapter: one line says so."""
    (packages / "utils" / "_http.py").write_text("")
    done = python("import huggingface_hub.utils._http; print('runs')", packages, '{"a/b": {}}')
    assert done.stdout == "runs\n"
    assert done.stderr.startswith("swarmcache: the Hub is asked for complete models too: ")


def test_a_python_without_the_client_imports_nothing(packages: pathlib.Path) -> None:
    """Every tool that the command starts passes through this."""
    code = "import sys; print('json' in sys.modules, len([m for m in sys.modules if 'swarm' in m]))"
    assert python(code, packages, '{"a/b": {}}').stdout == "False 1\n"
