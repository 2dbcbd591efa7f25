"""The predicted resident memory of training processes against that of real ones, within 10 percent.

Measured is the peak resident set of the training process (VmHWM) plus the pages that each worker process has to
itself (USS), both without pages of mapped files: how many pages of the same libraries are resident is up to the kernel,
and not to the run. The coefficients come from benchmarks/process_memory.py, never from these runs.
"""

from typing import Any

import pytest

from benchmarks.measured_run import measured_run
from benchmarks.process_memory import weighing
from metta_puffer.config.arithmetic import trained_bytes
from metta_puffer.config.derivations_bytes import OF_PROCESS
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.memory import policy_memory, table
from metta_puffer.config.sides import Side, native_side, puffer_side
from tests.config.conftest import CONFIGS

NATIVE = CONFIGS / "native" / "arena-small.yaml"
PUFFER = CONFIGS / "puffer" / "arena-small.ini"
TOLERANCE = 0.10

LARGE_NATIVE = {"trainer.batch_size": 98_304, "trainer.minibatch_size": 24_576, "trainer.update_epochs": 1,
                "trainer.forward_pass_minibatch_target_size": 1536}  # fmt: skip
WORKERS = {"vec.backend": "Multiprocessing", "vec.num_envs": 8, "vec.num_workers": 4, "vec.batch_size": 4,
           "vec.overwork": True}  # fmt: skip
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "native small": ("native", {}),
    "native large batch": ("native", LARGE_NATIVE),
    "native fast": ("native", {"policy.name": "fast", "trainer.minibatch_size": 3072, "trainer.update_epochs": 1}),
    "native lstm, multinomial": ("native", {"policy.name": "lstm", "trainer.sampling": "multinomial"}),
    "native memory-free": ("native", {"policy.name": "memory-free", "policy.recurrent": False}),
    "native cortex": ("native", {"policy.name": "cortex", "trainer.update_epochs": 1}),
    "native cortex without recurrence": ("native", {"policy.name": "cortex", "policy.recurrent": False,
                                                    "trainer.update_epochs": 1}),
    "native mamba": ("native", {"policy.name": "mamba", "trainer.update_epochs": 1}),
    "native vit-small": ("native", {"policy.name": "vit-small", "trainer.update_epochs": 1}),
    "native vit-medium": ("native", {"policy.name": "vit-medium", "trainer.update_epochs": 1}),
    "native vit-medium without recurrence": ("native", {"policy.name": "vit-medium", "policy.recurrent": False,
                                                        "trainer.update_epochs": 1}),
    "native wider": ("native", {"policy.hidden_size": 256, "policy.conv_channels": 64}),
    "native published engine, 4 workers": (
        "native", {"env.engine": "published", "trainer.num_workers": 4, "trainer.overwork": True},
    ),
    "puffer small": ("puffer", {}),
    "puffer large minibatch": ("puffer", {"train.minibatch_size": 6144}),
    "puffer fast, muon": ("puffer", {"base.policy_name": "fast", "train.minibatch_size": 3072,
                                     "train.optimizer": "muon", "train.update_epochs": 1}),
    "puffer vit-tiny": ("puffer", {"base.policy_name": "vit-tiny", "train.update_epochs": 1}),
    "puffer 4 workers": ("puffer", WORKERS),
}  # fmt: skip


def predicted(trainer: str, overrides: dict[str, Any]) -> Side:
    machine = Machine.detect()
    if trainer == "puffer":
        return puffer_side(load_puffer(PUFFER, overrides), machine)
    return native_side(load_native(NATIVE, overrides), machine)


def test_trained_bytes_lie_on_the_line_through_what_was_measured() -> None:
    curve = [(100.0, 1000.0), (200.0, 1400.0)]
    asked = [0, 50, 100, 150, 200, 300]
    assert [trained_bytes(curve, steps) for steps in asked] == [0, 500, 1000, 1200, 1400, 1800]
    assert [weighing(peak, [(100, 1000), (200, 1400)]) for peak in (500, 1200, 1800)] == [50, 150, 300]


def test_an_option_weighs_as_much_as_the_agent_steps_it_stands_for() -> None:
    law = table()["policies"]["lstm"]["options"]["token_width"]
    default, wide = (policy_memory("lstm", True, {"token_width": width}) for width in (law["default"], 256))
    assert default and wide
    factor = (256 / law["default"]) ** law["trained_agent_steps"]
    assert factor > 2
    assert trained_bytes(wide.trained_bytes, 1000) == pytest.approx(
        trained_bytes(default.trained_bytes, round(1000 * factor)), rel=0.01
    )
    assert policy_memory("no such policy", True, {}) is None


def test_nothing_is_predicted_for_a_gpu() -> None:
    machine = Machine(physical_cores=16, logical_cpus=16, gpus=1)
    for device, expected in (("auto", False), ("cuda", False), ("cpu", True)):
        native = native_side(load_native(NATIVE, {"device": device}), machine)
        puffer = puffer_side(load_puffer(PUFFER, {"train.device": device}), machine)
        for side in (native, puffer):
            added = [name for name in OF_PROCESS if name in side.quantities]
            assert added == [name for name in OF_PROCESS if expected and (side is native or name != "action_log_bytes")]


@pytest.mark.parametrize(
    "case", [case if case == "native small" else pytest.param(case, marks=pytest.mark.long) for case in CASES]
)
def test_process_bytes(case: str) -> None:
    trainer, overrides = CASES[case]
    whole = predicted(trainer, overrides).quantities["process_bytes"]
    files = next(entry.value for entry in whole.inputs if entry.name == "file_pages_bytes")
    found = measured_run(trainer, PUFFER if trainer == "puffer" else NATIVE, overrides, timeout_seconds=280)
    own, measured = whole.value - files, found.own_bytes + sum(found.worker_bytes)
    print(case, *(f"{n / 2**20:.0f} MiB {what}" for n, what in [(own, "predicted"), (measured, "measured")]))
    assert own == pytest.approx(measured, rel=TOLERANCE)
