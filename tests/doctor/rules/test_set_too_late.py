"""SC108: code sets a variable after the import that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import os\nimport transformers\nos.environ['HF_HOME'] = '/x'\n", 3),
        ("import os\nfrom huggingface_hub import login\nos.environ['HF_HUB_OFFLINE'] = '1'\n", 3),
        ("import os\nimport datasets\nos.environ.setdefault('HF_DATASETS_CACHE', '/x')\n", 3),
        ("import os\nimport helper\nos.environ['HF_HOME'] = '/x'\n", 3),
        ("import os, peft\ndef main():\n    os.environ['HF_HUB_CACHE'] = '/x'\n", 3),
    ],
)
def test_true_cases(code: str, line: int, tmp_path: Path) -> None:
    """Directly, by `from`, by another library, by a module of the project, in a function."""
    one = case(tmp_path, {"own.py": code, "helper.py": "import transformers\n"})
    assert places(one, "SC108") == [f"own.py:{line}"]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['HF_HOME'] = '/x'\nimport transformers\n",
        "import os\nimport huggingface_hub\nos.environ['HF_HOME'] = '/x'\n",
        "import os\nimport transformers\nos.environ['HF_TOKEN'] = 'x'\n",
        "import os\nimport accelerate\nos.environ['HF_HOME'] = '/x'\n",
        "import os\nfrom vllm import LLM\nos.environ['HF_HOME'] = '/x'\n",
        "import os\nimport torch\nos.environ['HF_HOME'] = '/x'\n",
        "import os\ndef f():\n    os.environ['HF_HOME'] = '/x'\n    import transformers\n",
        (
            "import os\nimport transformers, subprocess\nos.environ['HF_HOME'] = '/x'\n"
            "subprocess.run(['x'])\n"
        ),
        (
            "import os\nfrom typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import transformers\n"
            "os.environ['HF_HOME'] = '/x'\n"
        ),
    ],
)
def test_look_alikes(code: str, tmp_path: Path) -> None:
    """Before, lazy, read at each use, libraries that read nothing, in a function, for a child."""
    assert places(case(tmp_path, {"own.py": code}), "SC108") == []
