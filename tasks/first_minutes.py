"""The beginner's path as a transcript: the README's own commands, in both languages.

    SWARMCACHE_RL_SWARM=~/rl-swarm python tasks/first_minutes.py

Writes docs/first-five-minutes.md. In a fresh home, with RL-Swarm's own start script and config at
HEAD of that checkout, each command of the README's first block is typed on a terminal, and Enter at
the script's questions. What stands in is told in the page.
"""

from __future__ import annotations

import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from rl_swarm_checkout import CHECKOUT, PACKAGES, exported  # noqa: E402 - from the tests' folder
from stubbed_node import STUBS  # noqa: E402
from swarmcache.serve.running import running  # noqa: E402
from tinyswarm import fill  # noqa: E402

PAGE = ROOT / "docs/first-five-minutes.md"
READMES = {"en": ROOT / "README.md", "zh_CN": ROOT / "README.zh-CN.md"}
POOL = ("Qwen/Qwen2.5-Coder-0.5B-Instruct",)
"""RL-Swarm's pool for a machine without a large GPU."""
TRAINER = 'echo "the trainer starts: $MODEL_NAME from $HF_HUB_CACHE"'
PARTS = (*PACKAGES, "docker-compose.yaml", "containerfiles", "README.md", ".gitignore")
PATIENCE = 60
ENDED = 143
"""RL-Swarm's script ends its own process group when its trainer has ended, itself included."""
QUESTION = re.compile(r"\[[yYnN]/[yYnN]\] (?:\x1b\[[\d;]*m)?$")
CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")
HEAD = """\
# The first five minutes, as typed

Made by `tasks/first_minutes.py` on {date}, rl-swarm at {commit}: in a fresh home, the commands of
the README's first block, word for word and in their order, on a terminal; Enter at the start
script's questions.

**What is real.** RL-Swarm's `run_rl_swarm.sh`, its YAML, `docker-compose.yaml` and image files,
unmodified; swarmcache.

**What stands in.** Commands on PATH take the place of login, installs and Ollama, and say nothing;
`python` says what the trainer would get. The model has the real name and tiny files, from
`swarmcache serve` as the Hub, by `HF_ENDPOINT`. The first line, the installation, is left out, and
so are RL-Swarm's banner and colours. A real trainer runs until Ctrl-C; this one ends at once, and
then RL-Swarm's script shuts itself down.

[简体中文](#简体中文)
"""
TITLES = {"en": "## English", "zh_CN": "## 简体中文"}


def main() -> None:
    """Type both READMEs' commands, and write the page."""
    checkout = os.environ[CHECKOUT]
    shown = subprocess.run(
        ["git", "-C", checkout, "log", "-1", "--format=%h"],
        capture_output=True,
        text=True,
        check=True,
    )
    date = time.strftime("%Y-%m-%d", time.gmtime())
    parts = [HEAD.format(date=date, commit=shown.stdout.strip())]
    for language, readme in READMES.items():
        parts.append(f"{TITLES[language]}\n\n```console\n{transcript(readme, language)}```\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def transcript(readme: pathlib.Path, language: str) -> str:
    """Return what a person sees who types the commands of a README's first block."""
    with tempfile.TemporaryDirectory(dir=pathlib.Path.home()) as name:
        folder = pathlib.Path(name).resolve()
        project = folder / "node/rl-swarm"
        exported({CHECKOUT: os.environ[CHECKOUT]}, "HEAD", project, PARTS)
        log_in(project)
        fill(folder / "served", *POOL)
        tools = stubs(folder / "stubs")
        with running([str(folder / "served")]) as hub:
            environment = {
                "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(folder / "node"),
                "HF_ENDPOINT": hub.url,
                "SWARMCACHE_LANG": language,
                "LANG": "C.UTF-8",
                "TERM": "dumb",
                "NO_COLOR": "1",
                "COLUMNS": "100",
            }
            lines = [typed(command, project, environment) for command in commands(readme)]
        text = "\n".join(lines).replace(hub.url, "http://127.0.0.1:8080")
        return text.replace(f"{folder}/node", "/home/node")


def commands(readme: pathlib.Path) -> list[str]:
    """Return the commands of the block that a beginner types, but for installation and `cd`."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    block = next(one for one in blocks if "cd rl-swarm" in one)
    lines = [line.split("#")[0].strip() for line in block.splitlines()]
    return lines[lines.index("cd rl-swarm") + 1 :]


def stubs(folder: pathlib.Path) -> pathlib.Path:
    """Write what stands in for commands, and `swarmcache` itself."""
    folder.mkdir()
    own = f'exec {sys.executable} -m swarmcache "$@"'
    for name, script in {**STUBS, "python": TRAINER, "swarmcache": own}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def log_in(project: pathlib.Path) -> None:
    """Leave what RL-Swarm's login in the browser would."""
    login = project / "modal-login"
    (login / "temp-data").mkdir(parents=True)
    (login / ".env").write_text("A=1\nB=2\nC=3\n")
    (login / "temp-data/userData.json").write_text('{\n  "org": "1"\n}\n')


def typed(command: str, folder: pathlib.Path, environment: dict[str, str]) -> str:
    """Return a command and what it shows on a terminal; fails where it does not end well."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve("/bin/bash", ["bash", "-c", command], environment)
    shown, deadline = b"", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            if QUESTION.search(shown.decode("utf-8", "replace")):
                os.write(terminal, b"\n")
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = CONTROL.sub("", shown.decode("utf-8"))
    if code not in {0, ENDED}:
        raise SystemExit(f"{command} ended with {code}:\n{text}")
    lines = [line for line in text.splitlines() if not re.search("[█╗╔═╝]", line)]
    return f"~/rl-swarm$ {command}\n" + re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip()) + "\n"


if __name__ == "__main__":
    main()
