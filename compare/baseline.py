"""The random policy's score on the worlds that are compared: what a policy must beat to have learned anything."""

from dataclasses import asdict, dataclass
from pathlib import Path

from compare import rundir
from compare.defaults import written_out
from metta_puffer.config.plan import EnvPlan, RunPlan

BASELINE_FILE = "baseline.json"
EPISODES = 16
SEED = 0


@dataclass(frozen=True)
class Baseline:
    mean: float  # score over EPISODES episodes
    standard_error: float


def worlds_of(env: EnvPlan) -> dict[str, object]:
    """What decides how hard the worlds are, whoever trains in them."""
    return {"game": env.game, "game_options": env.game_options, "agents_per_world": env.agents_per_world}


def same_worlds(a: RunPlan, b: RunPlan) -> bool:
    """Whether both play the same game: an option left out is one at its default."""
    one, other = written_out(a, b)
    return worlds_of(one.env) == worlds_of(other.env)


def random_baseline(env: EnvPlan, out: Path) -> Baseline:
    """Measured once and kept in `out`. Raises UserError for worlds that cannot be built."""
    question = {**worlds_of(env), "engine": env.engine, "episodes": EPISODES, "seed": SEED}
    kept = rundir.read_json(out / BASELINE_FILE)
    if kept is not None and kept["question"] == question:
        return Baseline(**kept["answer"])
    # Imported on use: it pulls in torch and the engine.
    from metta_puffer.evaluation.baseline import random_policy_score

    measured = random_policy_score(env, EPISODES, SEED)
    baseline = Baseline(measured.mean, measured.standard_error)
    rundir.write_json(out / BASELINE_FILE, {"question": question, "answer": asdict(baseline)})
    return baseline
