"""Playing whole episodes with a checkpoint, drawn as text."""

import statistics
import sys
import time
from typing import Any

import torch
from torch import nn

from metta_puffer.config.plan import RunPlan
from metta_puffer.policies import build_policy
from metta_puffer.puffer.checkpoints import load_file, load_policy
from metta_puffer.puffer.measure import SCORE_STAT
from metta_puffer.puffer.train import seed_everything
from metta_puffer.puffer.vecenv import make_env

CURSOR_HOME, CLEAR_SCREEN = "\033[0;0H", "\033[2J"


def play(
    plan: RunPlan,
    checkpoint: str | None,
    *,
    episodes: int = 1,
    deterministic: bool = False,
    render: bool = True,
    fps: float = 15,
) -> list[dict[str, float]]:
    """Plays `episodes` in one world of the plan's game and prints their scores; returns their statistics.

    Without a checkpoint the policy is untrained. The recurrent state starts from zeros in each episode. Raises
    UserError for a checkpoint that is damaged or belongs to another policy or game.
    """
    if checkpoint is not None:
        load_file(checkpoint)  # a damaged file is reported before a world is built
    seed_everything(plan.seed)
    one_world = plan.env.model_copy(update={"worlds_per_env": 1, "agents_per_env": plan.env.agents_per_world})
    env = make_env(one_world, seed=plan.env.seed)
    try:
        policy = build_policy(plan.policy, env).to(plan.device).eval()
        if checkpoint is None:
            print("no --load-model-path: the policy is untrained", file=sys.stderr)
        else:
            load_policy(policy, checkpoint)
        screen = Screen(fps) if render else None
        return _play(env, policy, plan, episodes=episodes, deterministic=deterministic, screen=screen)
    finally:
        env.close()


class Screen:
    """Draws in place on a terminal at `fps` moments a second; elsewhere one after the other, without waiting."""

    def __init__(self, fps: float) -> None:
        self.terminal = sys.stdout.isatty()
        self.pause_seconds = 1 / fps if self.terminal and fps > 0 else 0.0
        if self.terminal:
            print(CLEAR_SCREEN, end="")

    def show(self, picture: str, caption: str) -> None:
        print((CURSOR_HOME if self.terminal else "") + picture + "\n" + caption, flush=self.terminal)
        time.sleep(self.pause_seconds)


@torch.no_grad()
def _play(
    env: Any, policy: nn.Module, plan: RunPlan, *, episodes: int, deterministic: bool, screen: Screen | None
) -> list[dict[str, float]]:
    ended: list[dict[str, float]] = []
    observations, _ = env.reset(seed=plan.env.seed)
    state: dict[str, Any] = {"lstm_h": None, "lstm_c": None}
    env_steps = 0
    while len(ended) < episodes:
        if screen:
            screen.show(env.render(), f"episode {len(ended) + 1}, env step {env_steps}")
        logits, _ = policy.forward_eval(torch.as_tensor(observations).to(plan.device), state)  # type: ignore[operator]
        actions = choose(logits, deterministic)
        observations, _, _, _, infos = env.step(actions.cpu().numpy())
        env_steps += 1
        for info in infos:
            ended.append(info)
            print(f"episode {len(ended)}: score {info[SCORE_STAT]:.3f} in {env_steps} env steps")
            state, env_steps = {"lstm_h": None, "lstm_c": None}, 0
    if episodes > 1:
        scores = [info[SCORE_STAT] for info in ended]
        print(f"mean score {statistics.mean(scores):.3f}, standard deviation {statistics.stdev(scores):.3f}")
    return ended


def choose(logits: torch.Tensor, deterministic: bool) -> torch.Tensor:
    """Actions int32 [agents] from logits [agents, actions]."""
    if deterministic:
        return logits.argmax(-1).int()
    return torch.distributions.Categorical(logits=logits).sample().int()
