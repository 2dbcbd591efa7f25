"""Why the likeliest actions score so little: the same frozen policies played between drawing and always choosing.

`python -m benchmarks.greedy_play RUN_DIR [RUN_DIR ...]` with the directories of finished runs of a comparison.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compare import rundir
from compare.evaluation import checkpoints
from metta_puffer.env import MettaPufferEnv
from metta_puffer.evaluation import held_out_seeds, simulate
from metta_puffer.policies import build_policy

EPISODES = 16
SEED = 0

Choose = Callable[[Tensor, torch.Generator], Tensor]  # logits [rows, actions] -> actions [rows]


def drawn(temperature: float) -> Choose:
    def choose(logits: Tensor, generator: torch.Generator) -> Tensor:
        return torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]

    return choose


def likeliest(random_share: float = 0.0) -> Choose:
    """The likeliest action, but for this share of moments, in which every action is equally likely."""

    def choose(logits: Tensor, generator: torch.Generator) -> Tensor:
        best = logits.argmax(-1)
        other = torch.randint(logits.shape[-1], best.shape, generator=generator)
        return torch.where(torch.rand(best.shape, generator=generator) < random_share, other, best)

    return choose


class Player:
    """An actor that also counts how often an agent sees exactly what it saw one env step before."""

    def __init__(self, policy: nn.Module, choose: Choose) -> None:
        self._policy, self._choose = policy.eval(), choose
        self._generator = torch.Generator().manual_seed(SEED)
        self._before: np.ndarray | None = None
        self.repeats: list[float] = []

    @torch.no_grad()
    def act(self, observations: np.ndarray, first: bool) -> np.ndarray:
        if first:
            self._state: dict[str, Any] = {}
        elif self._before is not None:
            self.repeats.append(float((observations == self._before).all(axis=(1, 2)).mean()))
        self._before = observations.copy()
        logits, _ = self._policy.forward_eval(torch.from_numpy(observations), self._state)  # type: ignore[operator]
        return self._choose(logits.float(), self._generator).numpy()


def through_environment(policy: nn.Module, run: rundir.Run, choose: Choose) -> float:
    """Mean score of as many episodes in the trainers' own environment: another way from policy to worlds."""
    plan = run.plan.env
    options = {**plan.game_options, "desync_episodes": False}
    env = MettaPufferEnv(plan.game, plan.agents_per_world, EPISODES, engine=plan.engine, seed=1, **options)
    player, scores = Player(policy, choose), []
    observations, _ = env.reset(seed=1)
    first = True
    while len(scores) < EPISODES:
        observations, *_, infos = env.step(player.act(observations, first).astype(np.int32))
        first = False
        scores += [info["episode_return"] for info in infos if "episode_return" in info]
    env.close()
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_dirs", nargs="+", type=Path)
    torch.set_num_threads(1)
    ways: dict[str, Choose] = {f"drawn at temperature {t:g}": drawn(t) for t in (1.0, 0.5, 0.25, 0.1)}
    ways |= {"likeliest": likeliest(), "likeliest, 1 in 10 random": likeliest(0.1), "all random": likeliest(1.0)}
    for directory in parser.parse_args().run_dirs:
        run = rundir.load(directory)
        env = MettaPufferEnv(run.plan.env.game, run.plan.env.agents_per_world, **run.plan.env.game_options)
        policy = build_policy(run.plan.policy, env)
        env.close()
        *_, (epoch, load) = checkpoints(run)
        load(policy)
        print(f"{run.run_id}, epoch {epoch}: score, moves that fail, moments that repeat the one before")
        for name, choose in ways.items():
            player = Player(policy, choose)
            played = simulate(env.config, player, held_out_seeds(SEED, EPISODES), engine="native")
            stats = [episode.stats for episode in played]
            moves = sum(s["agent/action.move.success"] + s["agent/action.move.failed"] for s in stats)
            failed = sum(s["agent/action.move.failed"] for s in stats) / moves if moves else 0.0
            score = np.mean([episode.score for episode in played])
            print(f"  {name:26} {score:6.2f} {failed:6.0%} {np.mean(player.repeats):6.0%}")
        for name in ("drawn at temperature 1", "likeliest"):
            print(f"  {name} in MettaPufferEnv: {through_environment(policy, run, ways[name]):.2f}")


if __name__ == "__main__":
    main()
