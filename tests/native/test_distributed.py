"""Two ranks on this machine, with gloo."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.distributed import RankLostError, Ranks, open_ranks
from metta_puffer.native.losses.ppo_actor import normalized
from metta_puffer.native.trainer import NativeTrainer, train
from metta_puffer.tracking.jsonl import JsonlSink, read_records
from tests.native.toys import ListSink, recall_env, toy_plan


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_two_ranks(work: Callable[[int], Any]) -> list[Any]:
    """What `work(rank)` gives on each of two forked ranks, or the text of what it raised."""
    context = multiprocessing.get_context("fork")
    port, results = free_port(), context.Queue()

    def run(rank: int) -> None:
        torch.set_num_threads(1)
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        try:
            results.put((rank, work(rank)))
        except Exception as error:
            results.put((rank, f"{type(error).__name__}: {error}"))
        results.close()
        results.join_thread()
        os._exit(0)

    children = [context.Process(target=run, args=(rank,)) for rank in range(2)]
    for child in children:
        child.start()
    collected = dict(results.get(timeout=120) for _ in children)
    for child in children:
        child.join()
    return [collected[0], collected[1]]


def parameters(trainer: NativeTrainer) -> list[float]:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.policy.parameters()]).tolist()


def test_normalization_over_ranks_is_that_of_the_whole() -> None:
    whole = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))

    def work(rank: int) -> list[list[float]]:
        with open_ranks("cpu") as ranks:
            return ranks.normalized(whole[rank * 3 : rank * 3 + 3]).tolist()

    first, second = on_two_ranks(work)
    torch.testing.assert_close(torch.tensor(first + second), normalized(whole), rtol=1e-5, atol=1e-6)


def test_two_ranks_with_half_the_rows_each_equal_one_rank(tmp_path: Path) -> None:
    """One minibatch of everything, three updates from the same buffer."""
    batch = {"batch__num_minibatches": 1, "loss__max_grad_norm": 0.5}
    whole = NativeTrainer(toy_plan(tmp_path, batch__minibatch_segments=64, **batch), ListSink(), recall_env)
    whole.run(lambda: whole.counters.epoch == 1)  # fill the buffer
    buffers = {name: value.clone() for name, value in vars(whole.experience).items() if isinstance(value, torch.Tensor)}
    start = {name: value.clone() for name, value in whole.policy.state_dict().items()}

    def updated(trainer: NativeTrainer, rows: slice) -> list[float]:
        trainer.policy.load_state_dict(start)
        for name, value in buffers.items():
            getattr(trainer.experience, name).copy_(value[rows])
        for epoch in range(3):
            trainer._update.run(trainer.experience, epoch)
        trainer.close()
        return parameters(trainer)

    def work(rank: int) -> list[float]:
        half = toy_plan(
            tmp_path / "none", env__envs=8, env__envs_per_forward=4, batch__segments=32,
            batch__minibatch_segments=32, **batch
        )  # fmt: skip
        with open_ranks("cpu") as ranks:
            trainer = NativeTrainer(half, ListSink(), recall_env, ranks)
            return updated(trainer, slice(rank * 32, rank * 32 + 32))

    first, second = on_two_ranks(work)
    fresh = NativeTrainer(toy_plan(tmp_path / "fresh", batch__minibatch_segments=64, **batch), ListSink(), recall_env)
    alone = updated(fresh, slice(None))
    whole.close()
    assert first == second
    torch.testing.assert_close(torch.tensor(first), torch.tensor(alone), rtol=1e-4, atol=1e-5)


def test_a_run_of_two_ranks_counts_all_writes_once_and_resumes(tmp_path: Path) -> None:
    def work(name: str, epochs: int) -> Callable[[int], Any]:
        def run(rank: int) -> Any:
            plan = toy_plan(tmp_path / name, batch__total_timesteps=1024 * epochs, batch__total_epochs=4)
            sink: Any = JsonlSink(tmp_path / name / "metrics.jsonl") if rank == 0 else ListSink()
            result = train(plan, sink, recall_env)
            assert rank == 0 or not sink.records
            return result.status, result.agent_steps

        return run

    assert on_two_ranks(work("whole", 4)) == [("finished", 4096)] * 2
    on_two_ranks(work("halves", 2))
    on_two_ranks(work("halves", 4))
    whole, halves = (checkpoints.load(checkpoints.resolve(tmp_path / name)) for name in ("whole", "halves"))
    for name, weights in whole.weights.items():
        assert torch.equal(weights, halves.weights[name]), name
    for name, tensor in whole.tensors.items():
        assert torch.equal(tensor, halves.tensors[name]), name
    assert any(
        not torch.equal(tensor, whole.tensors[name.replace("rank/0/", "rank/1/")])
        for name, tensor in whole.tensors.items()
        if name.startswith("rank/0/worlds") and name.endswith("actions")
    )
    records = read_records(tmp_path / "halves" / "metrics.jsonl")
    assert [record.agent_steps for record in records] == [1024, 2048, 3072, 4096]
    with pytest.raises(UserError, match="written by 2 ranks, and now there are 1"):
        train(toy_plan(tmp_path / "halves"), ListSink(), recall_env)


def test_a_lost_rank_ends_the_run_with_its_last_checkpoint_named(tmp_path: Path) -> None:
    def work(rank: int) -> Any:
        plan = toy_plan(tmp_path, checkpoint_interval_epochs=1, batch__total_timesteps=1024 * 50)
        if rank == 0:
            return train(plan, ListSink(), recall_env)
        with open_ranks("cpu") as ranks:
            trainer = NativeTrainer(plan, ListSink(), recall_env, ranks)

            def leave() -> bool:
                if trainer.counters.epoch == 2:
                    raise RuntimeError("gone")
                return False

            trainer.run(leave)

    first, second = on_two_ranks(work)
    assert second == "RuntimeError: gone"
    assert first.startswith("RankLostError: another rank ended or no longer answers")
    assert first.endswith("v000002")


def test_one_rank_changes_nothing() -> None:
    alone = Ranks()
    tensor = torch.tensor([1.0, 2.0])
    alone.average_([tensor])
    assert tensor.tolist() == [1, 2] and alone.gather(3) == [3] and not alone.any(False) and alone.first
    assert issubclass(RankLostError, RuntimeError)
