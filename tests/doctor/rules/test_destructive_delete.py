"""SC203: commands that delete the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

START = "python train.py\n"


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf ~/.cache/huggingface/hub/*\n",
        "rm -rf ~/.cache/huggingface\n",
        "rm -rf ~/.cache/hugg*\n",
        'sudo rm -r -f "$HOME/.cache"\n',
        "clean() {\n  case $yn in [Yy]*) rm -rf ~/.cache/huggingface/hub/* ;; esac\n}\n",
        "find ~/.cache/huggingface -type f -mtime +30 -delete\n",
        "find ~/.cache/huggingface/hub -atime +7 -exec rm -rf {} +\n",
        "export HF_HOME=$PWD/.cache/hf\nrm -rf .cache\n",
        "export HF_HUB_CACHE=/srv/hub\nrm -rf /srv/hub/models--*\n",
    ],
)
def test_true_cases(script: str, tmp_path: Path) -> None:
    """Deleted as a whole or by age, by hand or at each start, the default or the project's own."""
    (finding,) = found(case(tmp_path, {"run.sh": script + START}), "SC203")
    assert finding.severity == "error"


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf ~/.cache/pip\n",
        "rm -rf ~/.cache/torch*\n",
        "rm -rf ~/.cache/huggingface/datasets\n",
        "rm -rf ~/.cache/huggingface/modules/transformers_modules/X*\n",
        "rm -rf build dist\n",
        "rm -f ~/.cache/huggingface/token\n",
        "rm -rf ~/.cache/huggingface/hub/.locks\n",
        "find ~/.cache/huggingface -name '*.incomplete' -delete\n",
        "find ~/.cache/huggingface -type f -mtime +30\n",
        'rm -rf "$SOMEWHERE"\n',
        'rm -rf "~/.cache/huggingface"\n',
        "echo rm -rf ~/.cache/huggingface\n",
        "# rm -rf ~/.cache/huggingface\n",
        "cd /tmp/x && rm -rf *\n",
        "rm -rf /srv/hub-old\nexport HF_HUB_CACHE=/srv/hub\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """Other folders, single files, locks and partials, texts, a name that only begins alike."""
    assert places(case(tmp_path, {"run.sh": script + START}), "SC203") == []


def test_the_wrong_home_is_told(tmp_path: Path) -> None:
    """The original report cleans the user's cache, and its own lies in the project."""
    script = "export HF_HOME=$PWD/.cache/huggingface\nrm -rf ~/.cache/huggingface/hub/*\n"
    (finding,) = found(case(tmp_path, {"run.sh": script + START}), "SC203")
    assert "project/.cache/huggingface/hub, is not even touched" in finding.message


def test_a_model_that_goes_at_each_start(tmp_path: Path) -> None:
    """It is downloaded again each time; where somebody is asked first, that is their wish."""
    line = "rm -rf ~/.cache/huggingface/hub/models--org--m\n"
    (finding,) = found(case(tmp_path / "a", {"run.sh": line + START}), "SC203")
    assert finding.severity == "warning"
    asked = f'if [ -n "$RESET" ]; then\n{line}fi\n'
    assert places(case(tmp_path / "b", {"run.sh": asked + START}), "SC203") == []


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("shutil.rmtree(os.path.expanduser('~/.cache/huggingface'))", 1),
        ("shutil.rmtree(Path.home() / '.cache' / 'huggingface' / 'hub')", 1),
        ("shutil.rmtree(Path('~/.cache/huggingface').expanduser())", 1),
        ("subprocess.run(['find', str(where), '-type', 'f', '-mtime', '+30', '-delete'])", 1),
        ("os.system('rm -rf ~/.cache/huggingface/hub')", 1),
        ("subprocess.run('sudo rm -rf $HOME/.cache/huggingface', shell=True)", 1),
        ("shutil.rmtree(os.path.join(where, 'tmp'))", 0),
        ("shutil.rmtree(path)", 0),
        ("print('rm -rf ~/.cache/huggingface')", 0),
        ("subprocess.run(['rm', '-f', str(where)])", 0),
    ],
)
def test_in_python(code: str, lines: int, tmp_path: Path) -> None:
    """Paths are read through `os.path`, `pathlib` and names that are given one value."""
    text = (
        "import os, shutil, subprocess\nfrom pathlib import Path\n"
        "def clean(path):\n    where = Path.home() / '.cache' / 'huggingface'\n"
        f"    {code}\n"
    )
    one = case(tmp_path, {"fix.py": text})
    assert places(one, "SC203") == ["fix.py:5"] * lines
