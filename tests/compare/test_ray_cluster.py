"""Runs on a Ray cluster of two nodes, as `ray start` makes it, of which one is lost."""

import json
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from compare import command, launchers, ray_launcher, rundir
from compare.baseline import Baseline
from metta_puffer.tracking.jsonl import read_records
from tests.compare.configs import write_configs

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

EPOCHS = 100
BUDGET = EPOCHS * 32


@pytest.fixture
def cluster(monkeypatch):
    ray = ray_launcher.ray_module()
    from ray.cluster_utils import Cluster

    # A node of one CPU each: with two runs at once, both have work.
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 10**8})
    made.second = made.add_node(num_cpus=1, object_store_memory=10**8)
    ray.init(
        address=made.address,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ray_launcher.ROOT), "FAKE_PAUSE_SECONDS": "0.1"}},
    )
    monkeypatch.setattr(launchers, "WORKER", (sys.executable, "-m", "tests.compare.fake_worker"))
    monkeypatch.setattr(command, "random_baseline", lambda env, out: Baseline(0.25, 0.01))
    monkeypatch.setattr(ray_launcher, "PUSH_SECONDS", 1.0)
    yield made
    ray.shutdown()
    made.shutdown()


def raylets_of_runs() -> set[int]:
    """The nodes, by their raylet's process, on which a run is at work."""
    found = set()
    for process in psutil.process_iter(["cmdline", "ppid"]):
        if (process.info["cmdline"] or [""])[0].startswith("ray::RemoteRun"):
            found.add(process.info["ppid"])
    return found


def lose_a_node(cluster, store: Path, seen: list[int]) -> None:
    """Once runs of both nodes have come some way and are at their URIs."""
    while len(list(store.glob("*/checkpoint.json"))) < 2 or len(nodes := raylets_of_runs()) < 2:
        time.sleep(0.05)
    seen += nodes
    cluster.remove_node(cluster.second, allow_graceful=False)


def test_runs_of_a_lost_node_go_on_on_another(tmp_path, cluster):
    out, store = tmp_path / "out", tmp_path / "store"
    arguments = [*write_configs(tmp_path), "--seeds", 2, "--total-agent-steps", BUDGET, "--out", out]
    arguments += ["--launcher", "ray", "--runs-uri", f"file://{store}"]
    nodes: list[int] = []
    killer = threading.Thread(target=lose_a_node, args=(cluster, store, nodes), daemon=True)
    killer.start()
    assert command.main(list(map(str, arguments))) == 0
    killer.join(timeout=10)
    assert len(nodes) == 2
    summary = json.loads((out / "summary.json").read_text())
    assert summary["completeness"]["finished"] == 4 and summary["completeness"]["problems"] == []
    resumed = 0
    for folder in sorted((out / "runs").iterdir()):
        run = rundir.load(folder)
        assert [record.epoch for record in read_records(run.metrics)] == list(range(1, EPOCHS + 1))
        starts = [line for line in run.log.read_text().splitlines() if line.startswith("training")]
        resumed += sum(not line.endswith("from epoch 0") for line in starts)
    assert resumed >= 1
