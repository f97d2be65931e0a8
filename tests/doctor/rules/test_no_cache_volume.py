"""SC201: a container's models go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = """\
FROM python:3.11
WORKDIR /app
COPY . .
CMD ["python", "train.py"]
"""
NODE = """\
FROM ubuntu
RUN useradd gensyn --create-home
USER gensyn
WORKDIR /home/gensyn/swarm
COPY . .
CMD ["bash", "-c", "/home/gensyn/swarm/run.sh"]
"""


def service(*lines: str) -> str:
    """Return a compose file with one service that builds the Dockerfile."""
    return "\n".join(["services:", "  one:", "    build: .", *(f"    {line}" for line in lines)])


@pytest.mark.parametrize(
    "compose",
    [
        service(),
        service("volumes: ['./logs:/app/logs']"),
        service("environment: [HF_HOME=/models]", "volumes: ['m:/model']"),
        service("tmpfs: /root/.cache"),
        service("volumes: ['/root/.cache/huggingface']"),
        service("user: '0'", "volumes: ['./c:/home/app/.cache/huggingface']"),
        service("environment: {HF_HUB_CACHE: /a}", "volumes: ['./c:/root/.cache/huggingface']"),
    ],
)
def test_true_cases(compose: str, tmp_path: Path) -> None:
    """Nothing mounted, beside it, a name that looks like it, memory, no name, another home."""
    one = case(tmp_path, {"compose.yaml": compose, "Dockerfile": DOCKERFILE})
    assert places(one, "SC201") == ["compose.yaml:2"]


@pytest.mark.parametrize(
    "compose",
    [
        service("volumes: ['hf:/root/.cache/huggingface']"),
        service("volumes: ['./x:/root/.cache']"),
        service("environment: [HF_HOME=/models]", "volumes: ['m:/models/hub']"),
        service("environment: [HF_HOME=/models]", "volumes: ['m:/models/hub/models--a--b']"),
        service("environment: ['HF_HOME=${ELSEWHERE}']"),
        service("volumes: ['./x:${CACHE}']"),
        service("command: python other.py"),
        service("user: '1234'"),
        service("entrypoint: ['']", "command: sleep infinity"),
    ],
)
def test_look_alikes(compose: str, tmp_path: Path) -> None:
    """Mounted at, above, below; not known where; nothing that loads."""
    files = {"compose.yaml": compose, "Dockerfile": DOCKERFILE, "other.py": "print(1)\n"}
    assert places(case(tmp_path, files), "SC201") == []


def test_an_override_mounts_it(tmp_path: Path) -> None:
    """Compose reads it without being told."""
    files = {
        "docker-compose.yml": service(),
        "docker-compose.override.yml": "services: {one: {volumes: ['h:/root/.cache/huggingface']}}",
        "Dockerfile": DOCKERFILE,
    }
    assert places(case(tmp_path, files), "SC201") == []


def test_the_start_script_of_rl_swarm(tmp_path: Path) -> None:
    """Two services of one image lose the same: that is one finding, and it shows the mount."""
    both = "services:\n  cpu: &one\n    build: .\n    volumes: ['./keys:/keys']\n  gpu: *one\n"
    files = {"compose.yaml": both, "Dockerfile": NODE, "run.sh": "#!/bin/bash\npython train.py\n"}
    (finding,) = found(case(tmp_path, files), "SC201")
    assert finding.confidence == "high"
    assert "/home/gensyn/.cache/huggingface/hub" in finding.message
    assert [(e.span.file, e.span.line) for e in finding.evidence] == [
        ("compose.yaml", 5),
        ("run.sh", 2),
    ]
    assert finding.fix is not None
    assert finding.fix.description.split("\n") == [
        "# compose.override.yaml",
        "# The folder must belong to gensyn of the container.",
        "services:",
        "  cpu:",
        "    volumes:",
        "      - ~/.cache/huggingface/hub:/home/gensyn/.cache/huggingface/hub",
        "  gpu:",
        "    volumes:",
        "      - ~/.cache/huggingface/hub:/home/gensyn/.cache/huggingface/hub",
    ]


@pytest.mark.parametrize(
    ("compose", "expected"),
    [
        ("{image: 'vllm/vllm-openai:v1', command: --model org/m}", 1),
        ("{image: 'vllm/vllm-openai:v1', command: --model /models/m}", 0),
        ("{image: 'vllm/vllm-openai:v1', command: --model org/m --download-dir /x}", 0),
        ("{image: 'vllm/vllm-openai:v1', command: '--model org/m ${MORE}'}", 0),
        ("{image: vllm/vllm-openai, volumes: ['~/hf:/root/.cache/huggingface']}", 0),
        (
            "{image: 'lmsysorg/sglang', command: python3 -m sglang.launch_server --model-path a/b}",
            1,
        ),
        ("{image: 'ghcr.io/huggingface/text-generation-inference:3', command: --model-id a/b}", 1),
        ("{image: 'ghcr.io/huggingface/text-generation-inference:3', volumes: ['./d:/data']}", 0),
        ("{image: 'ollama/ollama'}", 1),
        ("{image: 'ollama/ollama', volumes: ['o:/root/.ollama']}", 0),
        ("{image: corp/thing}", 0),
        ("{image: corp/thing, environment: [HF_HOME=/x]}", 1),
        ("{image: corp/thing, environment: [HF_HOME=/x], volumes: ['x:/x']}", 0),
        ("{image: redis}", 0),
    ],
)
def test_images_of_others(compose: str, expected: int, tmp_path: Path) -> None:
    """Known ones by what they start; others only where the project names a cache for them."""
    one = case(tmp_path, {"compose.yaml": f"services:\n  one: {compose}\n"})
    assert len(places(one, "SC201")) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("docker run --gpus all -p 8000:8000 vllm/vllm-openai --model org/m\n", 1),
        ("docker run -v ~/.cache/huggingface:/root/.cache/huggingface vllm/vllm-openai -q\n", 0),
        ("docker build -t mine . && docker run --rm mine\n", 1),
        ("docker run $OPTIONS vllm/vllm-openai\n", 0),
    ],
)
def test_docker_run(script: str, expected: int, tmp_path: Path) -> None:
    """As a script starts it; options that are not known may mount anything."""
    one = case(tmp_path, {"serve.sh": script, "Dockerfile": DOCKERFILE})
    assert len(places(one, "SC201")) == expected


def test_the_working_directory_of_the_image(tmp_path: Path) -> None:
    """`$PWD` in a start script is the container's."""
    files = {
        "compose.yaml": service(),
        "Dockerfile": NODE,
        "run.sh": 'export HF_HOME="$PWD/.cache"\npython train.py\n',
    }
    (finding,) = found(case(tmp_path, files), "SC201")
    assert "/home/gensyn/swarm/.cache/hub" in finding.message


def test_code_that_names_its_own_place(tmp_path: Path) -> None:
    """Then the environment does not tell where models go."""
    code = 'from transformers import AutoModel\nAutoModel.from_pretrained("a/b", cache_dir="/m")\n'
    files = {"compose.yaml": service(), "Dockerfile": DOCKERFILE, "train.py": code}
    assert places(case(tmp_path, files), "SC201") == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN python train.py",
        "RUN hf download org/model",
        "RUN python -c 'import x; x.from_pretrained(1)'",
        "COPY models /root/.cache/huggingface/hub/",
        "COPY --from=other /root/.cache /root/.cache",
    ],
)
def test_models_may_be_in_the_image(line: str, tmp_path: Path) -> None:
    """Then a new container has them from the start."""
    image = f'FROM python:3.11\nWORKDIR /app\nCOPY . .\n{line}\nCMD ["python", "train.py"]\n'
    files = {"compose.yaml": service(), "Dockerfile": image, "models/x": ""}
    assert places(case(tmp_path, files), "SC201") == []


@pytest.mark.parametrize("line", ["RUN pip install -r r.txt", "RUN python -m pip install x"])
def test_what_makes_an_image_without_models(line: str, tmp_path: Path) -> None:
    """Packages are none."""
    image = f'FROM python:3.11\nWORKDIR /app\nCOPY . .\n{line}\nCMD ["python", "train.py"]\n'
    files = {"compose.yaml": service(), "Dockerfile": image}
    assert places(case(tmp_path, files), "SC201") == ["compose.yaml:2"]
