"""Containers of pods, and what of them lasts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

POD = """\
apiVersion: apps/v1
kind: {kind}
metadata:
  name: server
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: main
          image: {image}
          args: [--model, {model}]
{more}      volumes:
        - name: models
          {volume}
"""
MOUNT = "          volumeMounts: [{name: models, mountPath: /root/.cache/huggingface}]\n"
PVC = "persistentVolumeClaim: {claimName: pvc}"


def pod(
    more: str = "",
    volume: str = "emptyDir: {}",
    image: str = "vllm/vllm-openai:v0.10.0",
    model: str = "org/model",
    kind: str = "Deployment",
) -> str:
    """Return a manifest."""
    return POD.format(more=more, volume=volume, image=image, model=model, kind=kind)


def env(name: str, value: str) -> str:
    """Return the lines of one variable."""
    return f"          env: [{{name: {name}, value: {value}}}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (pod(), ["k8s/a.yaml:10"]),
        (pod(MOUNT), ["k8s/a.yaml:10"]),
        (pod(MOUNT, PVC), []),
        (pod(MOUNT, "hostPath: {path: /data}"), []),
        (pod(MOUNT, "nfs: {server: a, path: /b}"), []),
        (pod(MOUNT + env("HF_HOME", "/elsewhere"), PVC), ["k8s/a.yaml:10"]),
        (pod(MOUNT + env("OTHER", "/elsewhere"), PVC), []),
        (pod(model="/models/x"), []),
        (pod(model="gs://bucket/x"), []),
        (pod(image="registry.example/private:1"), []),
        (pod(MOUNT, image="registry.example/private:1"), ["k8s/a.yaml:10"]),
        (pod(MOUNT, PVC, image="registry.example/private:1"), []),
        (pod(env("HF_HOME", "/hf"), image="registry.example/private:1"), ["k8s/a.yaml:10"]),
        (pod("          envFrom: [{secretRef: {name: s}}]\n"), []),
        (pod("          securityContext: {runAsUser: 1000}\n"), []),
    ],
)
def test_caches_that_do_not_last(text: str, expected: list[str], tmp_path: Path) -> None:
    """In the container's own layer or an `emptyDir`; of an unknown image what its manifest says."""
    assert places(case(tmp_path, {"k8s/a.yaml": text}), "SC201") == expected


def test_a_map_of_the_same_project_sets_variables(tmp_path: Path) -> None:
    """With `envFrom`."""
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {HF_HOME: /models}\n"
    taken = "          envFrom: [{configMapRef: {name: shared}}]\n"
    mounted = "          volumeMounts: [{name: models, mountPath: /models}]\n"
    files = {"a.yaml": pod(taken + mounted, PVC), "b.yaml": config}
    assert places(case(tmp_path, files), "SC201") == []
    (one,) = found(case(tmp_path / "b", {"a.yaml": pod(taken), "b.yaml": config}), "SC201")
    assert "/models/hub" in one.message


def test_an_init_container_may_bring_what_is_there(tmp_path: Path) -> None:
    """From a claim; one that downloads does not."""
    first = """\
      initContainers:
        - name: first
          image: busybox
          volumeMounts: [{name: models, mountPath: /to}%s]
      volumes:
        - name: kept
          persistentVolumeClaim: {claimName: pvc}
        - name: models"""
    text = pod(MOUNT).replace("      volumes:\n        - name: models", "%s")
    copied = text % (first % ", {name: kept, mountPath: /from}")
    assert places(case(tmp_path, {"a.yaml": copied}), "SC201") == []
    assert places(case(tmp_path / "b", {"a.yaml": text % (first % "")}), "SC201") != []


def test_what_an_overlay_changes_is_not_judged(tmp_path: Path) -> None:
    """The patch says the rest; a base that is only collected counts."""
    patch = pod(MOUNT, PVC).replace("          image: vllm/vllm-openai:v0.10.0\n", "")
    files = {
        "base/a.yaml": pod(),
        "over/kustomization.yaml": "resources: [../base/a.yaml]\npatches: [{path: p.yaml}]\n",
        "over/p.yaml": patch,
    }
    assert places(case(tmp_path, files), "SC201") == []
    plain = {**files, "over/kustomization.yaml": "resources: [../base/a.yaml]\n"}
    assert places(case(tmp_path / "b", plain), "SC201") == ["base/a.yaml:10"]


def test_the_same_server_told_in_several_files_is_one_finding(tmp_path: Path) -> None:
    """The others are its evidence."""
    files = {f"{name}.yaml": pod(model=f"org/{name}") for name in "abc"}
    (one,) = found(case(tmp_path, files), "SC201")
    assert {e.span.file for e in one.evidence} >= {"b.yaml", "c.yaml"}


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [("StatefulSet", 2, ["a.yaml:13"]), ("StatefulSet", 1, [])],
)
def test_a_claim_for_each_pod(kind: str, count: int, expected: list[str], tmp_path: Path) -> None:
    """Is a copy for each."""
    claims = "  volumeClaimTemplates: [{metadata: {name: models}}]\n"
    text = pod(MOUNT, kind=kind).replace("replicas: 2", f"replicas: {count}")
    text = text[: text.index("      volumes:")] + claims
    assert places(case(tmp_path, {"a.yaml": text}), "SC204") == expected


JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {{name: job}}
spec:
  template:
    spec:
      containers:
        - name: main
          image: registry.example/private:1
          command:
            - bash
            - -c
            - '{command}'
"""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cd /srv/source && pip install . && . scripts/train.sh", ["job.yaml:13"]),
        ("pip install x; python /srv/source/train.py", ["job.yaml:13"]),
        ("pip install huggingface_hub && hf download org/model", []),
        ("test -d x || pip install x; python /srv/source/train.py", []),
        ("if [ ! -d x ]; then pip install x; fi; python /srv/source/train.py", []),
    ],
)
def test_packages_installed_in_each_pod(command: str, expected: list[str], tmp_path: Path) -> None:
    """The project's scripts are found where the pod will have them; a fetching job is none."""
    files = {"job.yaml": JOB.format(command=command), "scripts/train.sh": "python train.py\n"}
    assert places(case(tmp_path, files), "SC501") == expected


def test_a_manifest_that_a_script_writes(tmp_path: Path) -> None:
    """Stands in the script."""
    text = f"cat <<EOF > server.yaml\n{textwrap.dedent(pod())}EOF\nkubectl apply -f server.yaml\n"
    assert places(case(tmp_path, {"install.sh": text}), "SC201") == ["install.sh:11"]
