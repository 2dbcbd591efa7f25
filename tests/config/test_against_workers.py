"""Predictions against PufferLib's worker processes.

In a process of its own with a time limit: PufferLib's workers are no daemons and wait for ever in a busy loop, so a
process that ends without `vecenv.close()` (or whose environment's `close()` raises, which PufferEnv's own does) never
ends; multiprocessing joins them at exit.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metta_puffer.config.loading import load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import Side, puffer_side
from tests.config.conftest import CONFIGS

AGENTS = 2
WORKERS_AND_GROUP = ((4, 2, True), (4, 2, False), (3, 2, False), (2, 1, True))
TIMEOUT_SECONDS = 90


def side_of(workers: int, group: int, zero_copy: bool) -> Side:
    overrides: dict[str, Any] = {
        "vec.num_envs": workers, "vec.num_workers": workers, "vec.batch_size": group, "vec.zero_copy": zero_copy,
        "vec.overwork": True, "env.num_agents": AGENTS, "env.num_tokens": 4, "base.rnn_name": "None",
        "train.bptt_horizon": 4, "train.minibatch_size": 8, "train.device": "cpu",
    }  # fmt: skip
    return puffer_side(load_puffer(CONFIGS / "puffer" / "default.ini", overrides), Machine(64, 64))


def run_workers(workers: int, group: int, zero_copy: bool) -> dict[str, Any]:
    """Bytes that the workers share with the trainer, and how a rollout of PuffeRL on them went."""
    import gymnasium
    import numpy as np
    import pufferlib
    import pufferlib.vector

    from metta_puffer.puffer.contained import pufferl
    from tests.config.test_against_puffer import TinyPolicy, trainer_config

    class Tiny(pufferlib.PufferEnv):
        def __init__(self, buf: Any = None, seed: int = 0) -> None:
            self.single_observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
            self.single_action_space = gymnasium.spaces.Discrete(2)
            self.num_agents = AGENTS
            super().__init__(buf)

        def reset(self, seed: int | None = None) -> Any:
            return self.observations, []

        def step(self, actions: Any) -> Any:
            return self.observations, self.rewards, self.terminals, self.truncations, []

        def close(self) -> None:
            pass

    vecenv = pufferlib.vector.make(
        Tiny, backend="Multiprocessing", num_envs=workers, num_workers=workers, batch_size=group, zero_copy=zero_copy,
        overwork=True,
    )  # fmt: skip
    held = sum(array.nbytes for array in vecenv.buf.values()) + vecenv.actions.nbytes
    module = pufferl()
    module.PuffeRL.print_dashboard = lambda *args, **kwargs: None
    trainer = module.PuffeRL(trainer_config(side_of(workers, group, zero_copy)), vecenv, TinyPolicy())
    error = None
    try:
        for _ in range(2):
            trainer.evaluate()
    except RuntimeError as raised:
        error = str(raised)
    found = {"bytes": held, "error": error, "agent_steps": trainer.global_step}
    trainer.utilization.stop()
    vecenv.close()
    return found


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.config.test_against_workers"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize("case", range(len(WORKERS_AND_GROUP)), ids=lambda case: str(WORKERS_AND_GROUP[case]))
def test_workers(case: int, found: list[dict[str, Any]]) -> None:
    side = side_of(*WORKERS_AND_GROUP[case])
    # The tiny world's observation is one float32, four bytes; the audit counts four tokens of three.
    assert side.value("vector_buffer_bytes") - found[case]["bytes"] == side.value("total_agents") * (4 * 3 - 4)
    mixed = [problem for problem in side.sizes.problems if problem.finding == "groups-mixed"]
    if mixed:
        assert mixed[0].quotes is not None and mixed[0].quotes in found[case]["error"]
    else:
        assert found[case]["error"] is None
        assert found[case]["agent_steps"] == 2 * side.value("agent_steps_collected_per_epoch")


if __name__ == "__main__":
    print(json.dumps([run_workers(*case) for case in WORKERS_AND_GROUP]))
