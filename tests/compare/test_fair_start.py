"""Both arms begin alike: the same maps in the same worlds, and the same weights where the policy allows."""

from dataclasses import replace
from pathlib import Path

import pytest

from compare.evaluation import checkpoints, marked
from compare.plan import Request, plan_runs
from metta_puffer import env as env_module
from metta_puffer.tracking.initial_weights import read_initial_weights
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from metta_puffer.tracking.schema import MetricRecord
from metta_puffer.trainers import get_trainer
from tests.compare.configs import write_configs

# Two environment objects of two worlds each, in this process; the other layout is one object of four.
OBJECTS = "backend = Serial\nnum_envs = 2\nnum_workers = 2\nbatch_size = 2"


def short_runs(folder: Path, seed: int = 0):
    """A puffer and a native run of four worlds each, two rounds long."""
    _, ini, _, yaml = write_configs(folder)
    puffer, native = Path(ini), Path(yaml)
    puffer.write_text(puffer.read_text().replace("num_worlds = 2", "num_worlds = 4"))
    sizes = native.read_text().replace("batch_size: 32", "batch_size: 64", 1)
    native.write_text(sizes.replace("target_size: 2", "target_size: 4"))
    request = Request(puffer, native, seeds=seed + 1, budget=128, out=folder / "out")
    return plan_runs(request)[2 * seed :]


def train(run):
    with JsonlSink(run.metrics) as sink:
        assert get_trainer(run.plan.trainer)(run.plan, sink).status == "finished"


@pytest.fixture
def begun(monkeypatch):
    """(engine seed, map seed) of every episode that a world's reset began."""
    seeds: list[tuple[int, int]] = []
    open_batch = env_module.open_batch

    def open_watched(*arguments, **named):
        batch = open_batch(*arguments, **named)
        begin = batch.begin_episode

        def begin_episode(world, engine_seed, map_seed):
            seeds.append((engine_seed, map_seed))
            begin(world, engine_seed, map_seed)

        monkeypatch.setattr(batch, "begin_episode", begin_episode, raising=False)
        return batch

    monkeypatch.setattr(env_module, "open_batch", open_watched)
    return seeds


def seeds_of(run, begun):
    begun.clear()
    train(run)
    return sorted(set(begun))


def test_both_arms_play_the_same_maps_however_their_worlds_are_grouped(tmp_path, begun):
    (tmp_path / "objects").mkdir()
    puffer, native = short_runs(tmp_path)
    assert native.plan.env.groups == 2 and puffer.plan.env.groups == 1
    seeds = seeds_of(puffer, begun)
    assert len(seeds) == len({map_seed for _, map_seed in seeds}) >= 4
    assert seeds_of(native, begun) == seeds
    ini = Path(write_configs(tmp_path / "objects")[1])
    ini.write_text(
        ini.read_text().replace("backend = PufferEnv\nnum_envs = 1\nnum_workers = 1\nbatch_size = 1", OBJECTS)
    )
    parted = plan_runs(Request(ini, tmp_path / "tiny.yaml", seeds=1, budget=128, out=tmp_path / "objects/out"))[0]
    assert parted.plan.env.envs == 2 and parted.plan.env.worlds == 4
    assert seeds_of(parted, begun) == seeds


def test_equal_seeds_give_both_trainers_the_same_initial_weights(tmp_path):
    runs = short_runs(tmp_path)
    for run in runs:
        train(run)
    puffer, native = (read_initial_weights(run.dir) for run in runs)
    assert puffer and puffer == native
    other = short_runs(tmp_path, seed=1)[1]
    train(other)
    again = read_initial_weights(other.dir)
    assert again and again.keys() == native.keys() and again != native


def test_a_limit_of_time_ends_the_run_with_its_round_and_counts_on_when_resumed(tmp_path):
    for run in short_runs(tmp_path):
        plan = run.plan.model_copy(update={"total_wall_seconds": 1e-9})
        for _ in range(2):
            with JsonlSink(run.metrics) as sink:
                result = get_trainer(plan.trainer)(plan, sink)
            assert (result.status, result.epochs) == ("finished", 1)
        assert [record.epoch for record in read_records(run.metrics)] == [1]
        assert result.agent_steps < plan.batch.total_timesteps


def test_checkpoints_also_come_after_so_much_time(tmp_path):
    for run in short_runs(tmp_path):
        rare = {"checkpoint_interval_epochs": 10**6}
        for seconds, epochs in ((1e-9, [1, 2]), (1e9, [2])):
            run_dir = f"{run.plan.run_dir}-{seconds}"
            update = {**rare, "checkpoint_interval_seconds": seconds, "run_dir": run_dir}
            saved = replace(run, plan=run.plan.model_copy(update=update))
            train(saved)
            assert [epoch for epoch, _ in checkpoints(saved)] == epochs


def test_checkpoints_between_the_marks_are_not_evaluated(tmp_path):
    plan = short_runs(tmp_path)[0].plan.model_copy(update={"checkpoint_interval_epochs": 4})
    moments = {epoch: MetricRecord(epoch, epoch, epoch, epoch, 10.0 * epoch, {}) for epoch in range(1, 11)}
    assert marked(plan, moments, [2, 4, 5, 7, 8, 9, 10], marks=4) == {4, 8, 10}
    in_time = plan.model_copy(update={"total_wall_seconds": 100.0})
    assert marked(in_time, moments, [2, 3, 4, 6, 7, 10], marks=4) == {2, 4, 7, 10}


def test_a_resumed_run_keeps_the_digests_of_its_beginning(tmp_path):
    for run in short_runs(tmp_path):
        train(run)
        before = read_initial_weights(run.dir)
        longer = run.plan.model_copy(update={"checkpoint_interval_epochs": 1})
        with JsonlSink(run.metrics) as sink:
            get_trainer(run.plan.trainer)(longer, sink)
        assert read_initial_weights(run.dir) == before
