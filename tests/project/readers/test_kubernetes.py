"""Manifests of Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.project.readers.kubernetes import read_manifests
from swarmcache.project.readers.shell.syntax import Variable
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from swarmcache.project.readers.kubernetes.syntax import Manifests

TEXT = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shared}
data:
  HF_HOME: /models
---
# 中
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: swarm
spec:
  replicas: 3
  template:
    spec:
      securityContext: {runAsUser: 1000}
      initContainers:
        - name: first
          image: busybox
      containers:
        - name: main
          image: org/image:1
          command: [sh, -c]
          args: ["echo $HOME $(NAME) $$(NAME)"]
          workingDir: /srv
          securityContext: {runAsUser: 0}
          env:
            - name: NAME
              value: "1"
            - name: EMPTY
            - name: TOKEN
              valueFrom: {secretKeyRef: {name: a, key: b}}
          envFrom:
            - configMapRef: {name: shared}
            - secretRef: {name: hidden, optional: true}
              prefix: S_
          volumeMounts:
            - {name: each, mountPath: /models, subPath: hub}
            - {name: gone, mountPath: /tmp/x}
      volumes:
        - name: gone
          emptyDir: {}
        - name: host
          hostPath: {path: /data}
        - name: claim
          persistentVolumeClaim: {claimName: pvc}
        - name: bare
        - name: net
          nfs: {server: a, path: /b}
  volumeClaimTemplates:
    - metadata: {name: each}
"""


def read(text: str) -> Manifests | None:
    """Read a text as manifests."""
    return read_manifests(Source("a.yaml", "/p/a.yaml", text.encode()))


def test_a_file() -> None:
    """Pods with their containers and volumes, and maps of variables."""
    found = read(TEXT)
    assert found is not None
    (pod,) = found.pods
    assert (pod.kind, pod.name, pod.count) == ("StatefulSet", "swarm", 3)
    first, main = pod.containers
    assert [(one.name, one.first, one.user) for one in (first, main)] == [
        ("first", True, "1000"),
        ("main", False, "0"),
    ]
    assert [v.literal for v in main.command or ()] == ["sh", "-c"]
    assert [word.parts for word in main.arguments or ()] == [
        ("echo $HOME ", Variable("NAME"), " ", "$", "(NAME)")
    ]
    values = {one.name: one.value.literal if one.value else None for one in main.environment}
    assert values == {"NAME": "1", "EMPTY": "", "TOKEN": None}
    assert [(f.kind, f.name, f.prefix) for f in main.env_from] == [
        ("ConfigMap", "shared", ""),
        ("Secret", "hidden", "S_"),
    ]
    assert [(m.volume, m.path, m.below) for m in main.mounts] == [
        ("each", "/models", "hub"),
        ("gone", "/tmp/x", ""),
    ]
    assert [(v.name, v.kind, v.source, v.each) for v in pod.volumes] == [
        ("gone", "pod", None, False),
        ("host", "host", "/data", False),
        ("claim", "claim", "pvc", False),
        ("bare", "pod", None, False),
        ("net", "other", None, False),
        ("each", "claim", "each", True),
    ]
    assert main.span.line == 21
    assert [(one.name, [v.name for v in one.variables]) for one in found.maps] == [
        ("shared", ["HF_HOME"])
    ]


@pytest.mark.parametrize(
    ("head", "path"),
    [
        ("kind: Pod", "spec"),
        ("kind: Deployment", "spec.template.spec"),
        ("kind: CronJob", "spec.jobTemplate.spec.template.spec"),
        ("kind: PyTorchJob", "spec.pytorchReplicaSpecs.Worker.template.spec"),
        ("kind: LeaderWorkerSet", "spec.leaderWorkerTemplate.workerTemplate.spec"),
    ],
)
def test_whatever_makes_a_pod(head: str, path: str) -> None:
    """Kinds of others too."""
    text = f"apiVersion: x/v1\n{head}\nmetadata: {{name: a}}\n"
    for depth, key in enumerate(path.split(".")):
        text += f"{'  ' * depth}{key}:\n"
    text += f"{'  ' * (depth + 1)}containers: [{{name: c, image: i}}]\n"
    found = read(text)
    assert found is not None
    assert [(pod.name, pod.containers[0].image) for pod in found.pods] == [("a", "i")]


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: b}}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
        'apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: "{{ .Values.x }}"}]}\n',
        "trainer:\n  apiVersion: 1\n  containers: []\n",
    ],
)
def test_what_is_none(text: str) -> None:
    """Compose, other objects, charts, configs."""
    found = read(text)
    assert found is None or not found.pods


WORDS = st.sampled_from(
    [
        *(
            "containers:",
            "\n",
            "  ",
            "- ",
            "name: a",
            "image: b",
            "env:",
            "value: $(",
            "{",
            "}",
            "[",
        ),
        *(
            "volumes:",
            "emptyDir: {}",
            "---\n",
            "&x ",
            "*x",
            "<<: ",
            "kind: ConfigMap",
            "data:",
            "!!a ",
        ),
    ]
)


@given(st.lists(WORDS, max_size=40).map("".join))
def test_nothing_makes_it_fail(text: str) -> None:
    """Whatever the file holds."""
    read(f"apiVersion: v1\nkind: Pod\ncontainers:\n{text}")
