"""GenRL's own trainer and game manager: a round whose training fails, then one that generates.

    python genrl_rounds.py [--verbose]

Once as GenRL is, once with its trainer guarded. Only the swarm is left out: peers, data sets and
the wallet. The trainer's `train()`, its loss and step are GenRL's, and so is the bare except around
it. The last line is JSON.
"""
# ruff: noqa: D102 - the methods are GenRL's, which names them

from __future__ import annotations

import json
import logging
import sys
import tempfile
import warnings
from typing import Any

import torch
import transformers
from genrl.game.game_manager import GameManager
from genrl.trainer.grpo_trainer import GRPOLanguageTrainerModule, GRPOTrainerConfig
from toy_task import WORDS, tokenizer
from transformers import Qwen2Config, Qwen2ForCausalLM

from swarmcache.generation import guard

ROUNDS, FAILING = 4, 1
PROMPTS = [
    [{"role": "user", "content": "w1 w5 w9 w2"}],
    [{"role": "user", "content": "w7 w3 w8 w0"}],
]
CHAT = "{% for m in messages %}{{ m.content }} {% endfor %}:"


class Swarm:
    """What the game manager asks of state, data, rewards and peers, for one stage a round."""

    stage = 1
    round = 0

    def __init__(self) -> None:
        self.actions: list[Any] = []
        self.stages = 0

    def _init_game(self, *_: Any, **__: Any) -> None:
        """Begin with nothing."""

    def get_latest_state(self) -> Any:
        return [{"prompt": prompt} for prompt in PROMPTS]

    def get_stage_state(self, _: int) -> Any:
        return self.get_latest_state()

    def get_stage_actions(self, _: int) -> Any:
        return {0: {0: self.actions}}

    def get_latest_communication(self) -> Any:
        return {0: None}

    def append_actions(self, actions: Any) -> None:
        self.actions = actions

    def advance_stage(self, _: Any) -> None:
        self.stages = 1

    def advance_round(self, *_: Any, **__: Any) -> None:
        self.stages, self.round = 0, self.round + 1

    def prepare_input(self, inputs: Any, _: int) -> Any:
        return inputs, [(0, 0, at) for at in range(len(inputs))]

    def prepare_actions(self, outputs: Any, _: Any) -> Any:
        return outputs

    def prepare_states(self, *_: Any) -> Any:
        return None

    def get_round_data(self) -> Any:
        return None

    def all_gather_object(self, payload: Any) -> Any:
        return payload

    def get_id(self) -> int:
        return 0

    def update_rewards(self, _: Any) -> None:
        """Count right words; nothing here fails."""

    def reset(self) -> None:
        """Forget nothing."""

    def __getitem__(self, _: int) -> Any:
        if self.round == FAILING:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return {0: {0: [[1.0, 0.5], [0.25, 1.0]]}}


class Game(GameManager):
    """Rounds of one stage; every rollout is kept."""

    def __init__(self, swarm: Swarm, trainer: Any) -> None:
        super().__init__(swarm, swarm, trainer, swarm, communication=swarm)
        self.found: list[dict[str, Any]] = []

    def end_of_game(self) -> bool:
        return self.state.round >= ROUNDS

    def end_of_round(self) -> bool:
        return self.state.stages > 0

    def run_game_stage(self) -> None:
        """Note the mode, generate as GenRL does, and generate the same in a clean state."""
        model = self.trainer.model
        training = model.training
        torch.manual_seed(self.state.round)
        super().run_game_stage()
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        torch.manual_seed(self.state.round)
        clean = self.trainer.generate(self.state.get_latest_state())
        for module, mode in modes:
            module.training = mode
        self.found.append({"training": training, "right": self.state.actions == clean})


def model_for(words: Any) -> Any:
    """Return a model whose words depend on all words before them."""
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=False,
        )
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return model


def played(guarded: bool, words: Any, folder: str) -> dict[str, Any]:
    """Play the rounds with GenRL's trainer, guarded or as it is."""
    trainer = GRPOLanguageTrainerModule(
        [model_for(words)],
        GRPOTrainerConfig(max_new_tokens=12, num_generations=2, learning_rate=1e-3),
        processing_class=words,
        log_dir=folder,
        log_with="none",
    )
    if guarded:
        guard(trainer)
    before = next(trainer.model.parameters()).clone()
    game = Game(Swarm(), trainer)
    game.run_game()
    flags = [getattr(module, "gradient_checkpointing", False) for module in trainer.model.modules()]
    return {
        "right": [one["right"] for one in game.found],
        "training": [one["training"] for one in game.found],
        "learnt": not torch.equal(before, next(trainer.model.parameters())),
        "checkpointing": any(flags),
    }


def main() -> None:
    """Play as it is, then guarded."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if "--verbose" not in sys.argv:
        logging.disable(logging.CRITICAL)
    words = tokenizer()
    words.chat_template = CHAT
    words.eos_token = WORDS[11]
    with tempfile.TemporaryDirectory() as folder:
        found = {name: played(name == "guarded", words, folder) for name in ("plain", "guarded")}
    print(json.dumps({**found, "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
