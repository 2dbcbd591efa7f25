"""Two ranks of metta-native under the real torchrun."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from metta_puffer.tracking.jsonl import read_records

CONFIG = Path(__file__).parents[2] / "configs" / "native" / "arena-small.yaml"
SIZES = (
    "device=cpu", "env.num_agents=2", "env.max_steps=50", "trainer.batch_size=768", "trainer.minibatch_size=384",
    "trainer.forward_pass_minibatch_target_size=12", "checkpoint.checkpoint_interval=1",
)  # fmt: skip


@contextmanager
def two_ranks(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "metta_puffer.cli.native",
    ]
    command = [*launcher, "train", "--config", str(CONFIG), *SIZES, "--run-dir", "run", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    """Until there is something at `path`."""
    while not path.exists() or not path.stat().st_size:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)


@pytest.mark.long
def test_a_lost_rank_ends_the_job_with_a_message_and_the_run_goes_on(tmp_path: Path) -> None:
    with two_ranks(tmp_path, "trainer.total_timesteps=100_000_000") as job:
        wait_for(tmp_path / "run" / "checkpoints" / "v000002", job)
        ranks = psutil.Process(job.pid).children()
        (second,) = [rank for rank in ranks if rank.environ().get("RANK") == "1"]
        second.kill()
        said, _ = job.communicate()
    assert job.returncode == 1
    assert "another rank ended or no longer answers" in said
    found = re.search(r"Last good checkpoint: \S*checkpoints/v(\d+)", said)
    assert found is not None
    saved = int(found[1])
    with two_ranks(tmp_path, "--resume", f"trainer.total_timesteps={1536 * (saved + 2)}") as job:
        said, _ = job.communicate()
    assert job.returncode == 0, said
    assert [record.epoch for record in read_records(tmp_path / "run" / "metrics.jsonl")] == list(range(1, saved + 3))


@pytest.mark.long
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_job_leaves_its_last_epoch_as_a_checkpoint(tmp_path: Path, sent: signal.Signals) -> None:
    with two_ranks(tmp_path, "trainer.total_timesteps=100_000_000", "checkpoint.checkpoint_interval=1000000") as job:
        wait_for(tmp_path / "run" / "metrics.jsonl", job)
        job.send_signal(sent)
        said, _ = job.communicate()
    assert "finishing this epoch" in said
    (version,) = (tmp_path / "run" / "checkpoints").glob("v*")
    assert int(version.name[1:]) == read_records(tmp_path / "run" / "metrics.jsonl")[-1].epoch
