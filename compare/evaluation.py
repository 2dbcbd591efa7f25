"""The score that both arms are given by the same judge: frozen policies on maps that no training draws.

Checkpoints at the same shares of every run's budget play the same episodes, with the likeliest actions and with
sampled ones; the comparison sets how often they are written.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compare.rundir import Run
from metta_puffer.config.plan import RunPlan
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord

if TYPE_CHECKING:
    from torch import nn

EVALUATIONS_FILE = "evaluations.jsonl"
PREFIX = "evaluation/"
MODES = ("sampled", "deterministic")
MARKS = 4  # frozen policies a run that play, where nothing else is asked for
EPISODES = 4  # that each of them plays, in each mode
SEED = 0  # of the held-out maps and of the sampled actions: the same for every run

LoadWeights = Callable[["nn.Module"], None]


def evaluate(run: Run, episodes: int, marks: int = 0) -> None:
    """Score the checkpoints of a finished run that have no score yet, appending to its evaluations file.

    Those that its plan's epochs ask for, and the last; for a budget of seconds the last ones before `marks` equal
    shares of it: how many there are is known only afterwards. Those in between are for resuming alone.
    Raises UserError for a damaged checkpoint.
    """
    moments = {record.epoch: record for record in read_records(run.metrics)}
    path = run.dir / EVALUATIONS_FILE
    done = {record.epoch for record in read_records(path)}
    present = {epoch: load for epoch, load in checkpoints(run) if epoch in moments}
    chosen = marked(run.plan, moments, list(present), marks)
    wanted = [(epoch, load) for epoch, load in present.items() if epoch in chosen and epoch not in done]
    if not wanted:
        return
    # Imported on use: only a worker that evaluates needs torch and the engine for it.
    from metta_puffer.env import MettaPufferEnv
    from metta_puffer.evaluation.actors import PolicyActor
    from metta_puffer.evaluation.simulate import held_out_seeds, simulate
    from metta_puffer.policies import build_policy

    plan = run.plan.env
    env = MettaPufferEnv(plan.game, plan.agents_per_world, engine=plan.engine, **plan.game_options)
    policy = build_policy(run.plan.policy, env)
    env.close()
    seeds = held_out_seeds(SEED, episodes)
    with JsonlSink(path) as sink:
        for epoch, load in wanted:
            load(policy)
            values: dict[str, float] = {}
            for mode in MODES:
                actor = PolicyActor(policy, deterministic=mode == "deterministic", seed=SEED)
                played = simulate(env.config, actor, seeds, engine=plan.engine)
                values[PREFIX + mode] = sum(episode.score for episode in played) / len(played)
            moment = moments[epoch]
            sink.log(
                MetricRecord(
                    epoch, moment.agent_steps, moment.env_steps, moment.gradient_updates, moment.wall_seconds, values
                )
            )
            print(f"evaluated the policy of epoch {epoch}: {values}")


def marked(plan: RunPlan, moments: dict[int, MetricRecord], epochs: list[int], marks: int) -> set[int]:
    """Of the checkpoints' `epochs` those to be evaluated; see `evaluate`."""
    if plan.total_wall_seconds is None:
        interval = plan.checkpoint_interval_epochs
        return {epoch for epoch in epochs if epoch % interval == 0 or epoch == max(epochs)}
    end = max((moments[epoch].wall_seconds for epoch in epochs), default=0.0)
    chosen = set()
    for mark in range(1, marks + 1):
        before = [epoch for epoch in epochs if moments[epoch].wall_seconds <= end * mark / marks]
        chosen |= {max(before)} if before else set()
    return chosen


def checkpoints(run: Run) -> Iterator[tuple[int, LoadWeights]]:
    """Epoch and loader of every complete checkpoint, oldest first."""
    if run.plan.trainer == "puffer":
        yield from _puffer_checkpoints(run.dir)
    else:
        yield from _native_checkpoints(run.dir)


def _puffer_checkpoints(folder: Path) -> Iterator[tuple[int, LoadWeights]]:
    from metta_puffer.puffer.checkpoints import load_policy

    for path in sorted(folder.glob("model_*.pt")):
        if epoch := re.fullmatch(r"model_(\d+)\.pt", path.name):
            yield int(epoch[1]), lambda policy, path=path: load_policy(policy, path)  # type: ignore[misc]


def _native_checkpoints(folder: Path) -> Iterator[tuple[int, LoadWeights]]:
    from metta_puffer.native import checkpoints as native

    for version in native.versions(folder / "checkpoints"):
        yield (
            int(version.name[1:]),
            lambda policy, version=version: policy.load_state_dict(  # type: ignore[misc]
                native.load(version).weights
            ),
        )
