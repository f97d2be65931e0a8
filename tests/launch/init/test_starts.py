"""Starts on this machine come to the one folder, and doctor finds nothing of it any more."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from doctor.test_original_report import ARGUMENTS, CONFIG, LAUNCHER, PLAIN, RECIPE
from launch.init.projects import place

if TYPE_CHECKING:
    from pathlib import Path

    from launch.init.projects import Place

EXPORT = 'export HF_HUB_CACHE="${HF_HUB_CACHE:-${HOME:-~}/.cache/huggingface/hub}"'
RUN = "#!/bin/bash\nset -e\npython train.py\n"


def report(folder: Path, script: str, transformers: str = "4.51.3") -> Place:
    """Return the original report's node, after its own recipe where the script is that."""
    config = CONFIG.replace("large:", f"{ARGUMENTS}large:") if script == RECIPE else CONFIG
    files = {
        "train.py": "",
        "run_rl_swarm.sh": script,
        "rgym_exp/config/rg-swarm.yaml": config,
        "rgym_exp/runner/swarm_launcher.py": LAUNCHER,
    }
    return place(folder, files, transformers=transformers)


@pytest.mark.parametrize("script", [PLAIN, RECIPE], ids=["plain", "recipe"])
@pytest.mark.parametrize("transformers", ["4.51.3", "5.23.0"])
@pytest.mark.parametrize("layout", [None, "shared", "project", "/srv/models/hub"])
def test_the_original_reports_node(
    tmp_path: Path, script: str, transformers: str, layout: str | None
) -> None:
    """No default, no split, no old name; a second init changes nothing; undone to the byte."""
    node = report(tmp_path, script, transformers)
    before = node.files()
    assert node.findings() != []
    assert node.init(layout).left == ()
    assert node.findings() == []
    after = node.files()
    assert node.init(layout).writes == ()
    assert node.files() == after
    subprocess.run(["bash", "-n", str(node.folder / "run_rl_swarm.sh")], check=True)
    assert set(node.undo()) == {""}
    assert node.files() == before


def test_what_the_recipe_becomes(tmp_path: Path) -> None:
    """Its three variables stay to be read; the token's home is left where it is."""
    node = report(tmp_path, RECIPE)
    node.init("shared")
    lines = node.text("run_rl_swarm.sh").splitlines()
    assert EXPORT in lines
    wanted = [line for line in lines if "$ROOT/.cache" in line]
    assert wanted == [
        ': # swarmcache init: export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"',
        'export HF_HOME="$ROOT/.cache/huggingface"',
        ': # swarmcache init: export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"',
    ]
    assert "cache_dir: null\n" in node.text("rgym_exp/config/rg-swarm.yaml")


def test_a_script_that_names_the_folder_already_stays(tmp_path: Path) -> None:
    """Only what is needed."""
    node = place(tmp_path, {"run.sh": f"#!/bin/bash\n{EXPORT}\npython train.py\n"})
    assert [one.change.file for one in node.init().writes] == ["swarmcache.toml"]


def test_old_variables_of_the_users_shell(tmp_path: Path) -> None:
    """They lead transformers before 5 elsewhere, so they are led to the one folder as well."""
    old = {"TRANSFORMERS_CACHE": "/old"}
    node = place(tmp_path / "4", {"run.sh": RUN}, variables=old)
    node.init()
    assert 'export TRANSFORMERS_CACHE="$HF_HUB_CACHE"\n' in node.text("run.sh")
    newer = place(tmp_path / "5", {"run.sh": RUN}, variables=old, transformers="5.0.0")
    newer.init()
    assert "TRANSFORMERS_CACHE" not in newer.text("run.sh")


def test_the_block_stands_where_the_program_is_started(tmp_path: Path) -> None:
    """Whoever starts that script then has it: a loop, a container, a person."""
    node = place(tmp_path, {"loop.sh": "while true; do ./start.sh; done\n", "start.sh": RUN})
    node.init()
    assert EXPORT not in node.text("loop.sh")
    assert EXPORT in node.text("start.sh")
    assert node.findings() == []


@pytest.mark.parametrize(
    ("home", "after"),
    [
        ("HF_HOME=cache", 'export HF_HOME="$PWD/cache"\n'),
        ("HF_HOME=$HOME/.cache/huggingface/hub", "export HF_HOME=$HOME/.cache/huggingface\n"),
    ],
)
def test_a_home_that_is_wrong(tmp_path: Path, home: str, after: str) -> None:
    """Made absolute (SC105), and without the `hub` that belongs below it (SC106)."""
    node = place(tmp_path, {"run.sh": f"#!/bin/bash\nexport {home}\npython train.py\n"})
    assert node.findings() != []
    node.init("shared")
    assert after in node.text("run.sh")
    assert node.findings() == []


def test_a_home_that_holds_a_token_stays(tmp_path: Path) -> None:
    """Whoever is logged in stays so; what doctor still finds is told."""
    node = place(
        tmp_path,
        {"run.sh": "#!/bin/bash\nexport HF_HOME=$HOME/.cache/huggingface/hub\npython train.py\n"},
    )
    token = tmp_path / "home/.cache/huggingface/hub/token"
    token.parent.mkdir(parents=True)
    token.write_text("hf_x")
    plan = node.init("shared")
    assert "export HF_HOME=$HOME/.cache/huggingface/hub\n" in node.text("run.sh")
    assert [left.reason.split(":")[0] for left in plan.left] == ["SC106"]


def test_a_dotenv_that_is_exported_gets_the_line(tmp_path: Path) -> None:
    """And the script that sources it stays."""
    script = "#!/bin/bash\nset -a\nsource .env\nset +a\npython train.py\n"
    node = place(tmp_path, {"run.sh": script, ".env": "A=1\n"})
    node.init("/srv/hub")
    assert node.text("run.sh") == script
    assert 'HF_HUB_CACHE="${HF_HUB_CACHE:-/srv/hub}"\n' in node.text(".env")
    assert node.findings() == []
    assert node.init("/srv/hub").writes == ()
    told = ["bash", "-c", "set -eu; set -a; . ./.env; printenv A HF_HUB_CACHE"]
    shown = subprocess.run(told, cwd=node.folder, env={}, capture_output=True, check=True)
    assert shown.stdout == b"1\n/srv/hub\n"


def test_a_dotenv_that_contradicts(tmp_path: Path) -> None:
    """Its line is commented out, where a shell sources it after the block."""
    script = "#!/bin/bash\nset -a\nsource .env\nset +a\npython train.py\n"
    node = place(tmp_path, {"run.sh": script, ".env": "TRANSFORMERS_CACHE=/a\nA=1\n"})
    node.init("/srv/hub")
    assert node.text(".env").startswith("# swarmcache init: TRANSFORMERS_CACHE=/a\nA=1\n")
    assert node.findings() == []


def test_a_dotenv_that_a_container_gets_is_left_alone(tmp_path: Path) -> None:
    """A folder of this machine would be a wrong one there."""
    script = "#!/bin/bash\nset -a\nsource .env\nset +a\npython train.py\n"
    compose = "services:\n  web:\n    image: nginx\n    env_file: .env\n"
    node = place(tmp_path, {"run.sh": script, ".env": "A=1\n", "compose.yaml": compose})
    node.init()
    assert node.text(".env") == "A=1\n"
    assert EXPORT in node.text("run.sh")


def test_a_dotenv_that_only_python_loads(tmp_path: Path) -> None:
    """Where nobody starts it by a script, this is where it takes effect."""
    train = "from dotenv import load_dotenv\nload_dotenv()\nimport transformers\n"
    node = place(tmp_path, {"train.py": train, ".env": "A=1"})
    node.init("/srv/hub")
    assert node.text(".env").startswith("A=1\n")
    assert 'HF_HUB_CACHE="${HF_HUB_CACHE:-/srv/hub}"\n' in node.text(".env")


def test_a_repository_of_examples_is_not_rewritten(tmp_path: Path) -> None:
    """Nobody's own start is among so many; the line for one is told."""
    node = place(tmp_path, {f"examples/{i}.sh": RUN for i in range(9)})
    plan = node.plan()
    assert [one.change.file for one in plan.writes] == ["swarmcache.toml"]
    assert "9 scripts load models" in plan.left[0].reason
    assert plan.left[0].fix == 'eval "$(swarmcache env)"'


def test_what_code_says_is_told(tmp_path: Path) -> None:
    """Code is not edited."""
    train = 'from transformers import AutoModel\nAutoModel.from_pretrained("o/m", cache_dir="c")\n'
    node = place(tmp_path, {"run.sh": RUN, "train.py": train})
    plan = node.init()
    assert [(left.file, left.reason.split(":")[0]) for left in plan.left] == [
        ("train.py:2", "SC105")
    ]
    assert node.text("train.py") == train


def test_without_tree_sitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RL-Swarm's own script is known by name; that the rest was not looked at is told."""
    node = report(tmp_path, PLAIN)
    monkeypatch.setitem(__import__("sys").modules, "tree_sitter", None)
    from swarmcache.project.readers.grammars import parser  # noqa: PLC0415 - it remembers

    parser.cache_clear()
    plan = node.init()
    assert EXPORT in node.text("run_rl_swarm.sh")
    assert "Only the known start script" in plan.left[0].reason
    assert plan.left[0].fix == "pip install 'swarmcache[doctor]'"
    assert node.init().writes == ()
    monkeypatch.undo()
    parser.cache_clear()
    assert ("SC101", "run_rl_swarm.sh:9") not in node.findings()


def test_without_tree_sitter_a_script_with_a_cache_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which setting counts cannot be told."""
    node = report(tmp_path, RECIPE)
    monkeypatch.setitem(__import__("sys").modules, "tree_sitter", None)
    from swarmcache.project.readers.grammars import parser  # noqa: PLC0415

    parser.cache_clear()
    plan = node.init()
    parser.cache_clear()
    assert node.text("run_rl_swarm.sh") == RECIPE
    assert [left.file for left in plan.left] == ["", "run_rl_swarm.sh"]


def test_a_link_and_its_script_are_one_file(tmp_path: Path) -> None:
    """Both are scripts that load; it is written once, and the link stays one."""
    node = place(tmp_path, {"run.sh": RUN})
    (node.folder / "start.sh").symlink_to("run.sh")
    plan = node.init()
    assert [one.change.path for one in plan.writes].count(f"{node.folder}/run.sh") == 1
    assert (node.folder / "start.sh").is_symlink()
    assert node.findings() == []
    assert node.init().writes == ()
    assert set(node.undo()) == {""}
    assert node.text("run.sh") == RUN


def test_a_link_out_of_the_project_is_told(tmp_path: Path) -> None:
    """What lies elsewhere belongs to somebody else."""
    node = place(tmp_path, {})
    (tmp_path / "theirs.sh").write_text(RUN)
    (node.folder / "run.sh").symlink_to(tmp_path / "theirs.sh")
    plan = node.init()
    assert (tmp_path / "theirs.sh").read_text() == RUN
    assert "lies outside" in plan.left[0].reason


@pytest.mark.parametrize("data", [RUN.replace("\n", "\r\n"), RUN.rstrip(), f"{RUN}# 中文\n"])
def test_bytes_of_other_people_stay(tmp_path: Path, data: str) -> None:
    """CRLF, no end of the last line, and GBK."""
    node = place(tmp_path, {"run.sh": ""})
    path = node.folder / "run.sh"
    path.write_bytes(data.encode("gbk"))
    path.chmod(0o750)
    node.init()
    assert path.read_bytes() != data.encode("gbk")
    assert node.findings() == []
    assert path.stat().st_mode & 0o777 == 0o750
    assert set(node.undo()) == {""}
    assert path.read_bytes() == data.encode("gbk")


def test_a_read_only_script_is_told(tmp_path: Path) -> None:
    """Whoever closed it meant it."""
    node = place(tmp_path, {"run.sh": RUN})
    (node.folder / "run.sh").chmod(0o555)
    plan = node.init()
    assert node.text("run.sh") == RUN
    assert [(left.file, left.fix) for left in plan.left] == [("run.sh", "chmod u+w run.sh")]


def test_a_huge_script_is_told_by_nobody_and_stays(tmp_path: Path) -> None:
    """No person wrote it, and no doctor reads it."""
    node = place(tmp_path, {"run.sh": RUN + "# x\n" * 300_000})
    before = node.text("run.sh")
    node.init()
    assert node.text("run.sh") == before


def test_no_token_is_shown(tmp_path: Path) -> None:
    """A diff has the lines beside what it changes."""
    token = "hf_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7" * 2
    script = f"#!/bin/bash\nexport HF_TOKEN={token}\npython train.py\n"
    node = place(tmp_path, {"run.sh": script})
    shown = [line for one in node.plan().writes for line in one.change.diff()]
    assert any("HF_TOKEN=hf_a…" in line for line in shown)
    assert token not in "\n".join(shown)
    node.init()
    assert token in node.text("run.sh")


UNIT = "[Service]\nUser=ann\nWorkingDirectory=%s\nExecStart=%s\n"


def test_a_unit_that_starts_a_script(tmp_path: Path) -> None:
    """Its script is where the program is started, whoever calls it."""
    folder = tmp_path / "project"
    unit = UNIT % (folder, f"/bin/bash {folder}/run.sh")
    node = place(tmp_path, {"run.sh": RUN, "node.service": unit})
    node.init()
    assert EXPORT in node.text("run.sh")
    assert node.text("node.service") == unit
    assert node.findings() == []


def test_a_unit_that_starts_the_program_itself(tmp_path: Path) -> None:
    """There is no script to change; what to add is told."""
    folder = tmp_path / "project"
    node = place(tmp_path, {"node.service": UNIT % (folder, f"/usr/bin/python {folder}/train.py")})
    plan = node.plan("/srv/hub")
    assert [one.change.file for one in plan.writes] == ["swarmcache.toml"]
    assert [(left.file, left.fix) for left in plan.left] == [
        ("node.service", "HF_HUB_CACHE=/srv/hub")
    ]


def test_several_inits_are_undone_at_once(tmp_path: Path) -> None:
    """From the last to the first."""
    node = place(tmp_path, {"run.sh": RUN})
    before = node.files()
    for layout in ("shared", "project", "/srv/hub"):
        node.init(layout)
        assert node.findings() == []
    assert set(node.undo()) == {""}
    assert node.files() == before


def test_a_shell_that_names_another_folder_is_told(tmp_path: Path) -> None:
    """What the environment has comes before the block, so the user must know."""
    node = place(tmp_path, {"run.sh": RUN}, variables={"HF_HUB_CACHE": "/other"})
    assert node.plan().left == ()
    (left,) = node.plan("project").left
    assert left.reason == "HF_HUB_CACHE=/other of this shell comes first."
    assert left.fix == "unset HF_HUB_CACHE"
