"""SC603: train mode that is left on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found

if TYPE_CHECKING:
    from pathlib import Path

TRAINER = """\
class Trainer:
    def train(self, state):
        self.model.train()
        for stage in state:
            self.step(stage)
        self.model.eval()

    def rollout(self, ids):
        return self.model.generate(ids)
"""
MANAGER = """\
def run(trainer, state):
    while True:
        trainer.rollout(state)
        try:
            trainer.train(state)
        except:
            log("Error occurred during training, continuing...")
"""


def test_a_swallowed_failure(tmp_path: Path) -> None:
    """The finding stands at `.train()`, and names who goes on."""
    (finding,) = found(case(tmp_path, {"t.py": TRAINER, "m.py": MANAGER}), "SC603")
    assert finding.span is not None
    assert (finding.span.file, finding.span.line) == ("t.py", 3)
    assert [(e.span.file, e.span.line) for e in finding.evidence] == [("m.py", 6)]


UNSURE = """\
        for stage in state:
            self.step(stage)
        self.model.eval()
"""
SURE = """\
        try:
            self.step(state)
        finally:
            self.model.eval()
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("except:", "except ValueError:"),
        ('log("Error', 'raise\n            log("Error'),
        ('log("Error', 'break\n            log("Error'),
        ('log("Error', 'trainer.model.eval()\n            log("Error'),
        ("trainer.train(state)", "trainer.prepare(state)"),
    ],
)
def test_look_alikes_among_callers(before: str, after: str, tmp_path: Path) -> None:
    """One error only, raised again, the loop left, mended, another method."""
    changed = MANAGER.replace(before, after)
    assert changed != MANAGER
    assert found(case(tmp_path, {"t.py": TRAINER, "m.py": changed}), "SC603") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UNSURE, SURE),
        ("        self.model.eval()\n", ""),
        ("        self.model.eval()\n", "        self.critic.eval()\n"),
        ("        for stage in state:\n            self.step(stage)\n", ""),
        ("return self.model.generate(ids)", "return ollama.generate(ids)"),
    ],
)
def test_look_alikes_among_trainers(before: str, after: str, tmp_path: Path) -> None:
    """`finally`, never back, another model, nothing between, nothing that generates."""
    changed = "import ollama\n" + TRAINER.replace(before, after)
    assert found(case(tmp_path, {"t.py": changed, "m.py": MANAGER}), "SC603") == []
