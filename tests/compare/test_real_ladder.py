"""A whole ladder with the real trainers, from two configuration files to the waterfall."""

import json
from pathlib import Path

import pytest

from compare import command
from tests.compare.configs import write_configs

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

# Every rule as PuffeRL has it but for the rewards, so that few groups of settings are left to switch.
RULES = """\
  sampling: multinomial
  advantage_refresh: minibatch
  actor_advantage: cached
  truncation: ignore
  rollout_state: reset
  reset_state_on_done: false
  row_end: ignore
  training_state: zeros
  optimizer: {learning_rate_schedule: cosine, learning_rate: 0.0003}
"""


def test_every_mixture_trains_and_the_steps_lead_from_one_arm_to_the_other(tmp_path):
    arguments = write_configs(tmp_path)
    tiny = Path(arguments[3])
    tiny.write_text(tiny.read_text() + RULES)
    out = tmp_path / "out"
    arguments += ["--seeds", "2", "--total-agent-steps", "960", "--out", str(out), "--ladder", "--evaluations", "0"]
    assert command.main(arguments) == 0
    ladder = json.loads((out / "summary.json").read_text())["ladder"]
    names = [step["group"] for step in ladder["steps"]]
    assert names == ["trainer", "agents and worlds", "rewards"]
    assert ladder["start"] + sum(step["value"] for step in ladder["steps"]) == pytest.approx(ladder["end"])
    mixtures = {path.name for path in (out / "runs").glob("ladder-*-seed0")}
    assert mixtures == {"ladder-none-seed0", "ladder-agents-and-worlds-seed0", "ladder-rewards-seed0"}
    for directory in (out / "runs").glob("ladder-*"):
        assert json.loads((directory / "result.json").read_text())["agent_steps"] == 960
    assert (out / "report.html").read_text().count('class="rung"') == len(names) + 2
