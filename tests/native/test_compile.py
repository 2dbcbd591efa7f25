"""Rollout and update under torch.compile."""

from pathlib import Path

import pytest
import torch

from metta_puffer.errors import UserError
from metta_puffer.native import checkpoints
from metta_puffer.native.trainer import NativeTrainer, train
from tests.native.toys import ListSink, recall_env, toy_plan


def test_a_mode_that_torch_does_not_have_is_refused(tmp_path: Path) -> None:
    plan = toy_plan(tmp_path, compile=True, extra={"compile_mode": "reduce-overheads"})
    with pytest.raises(UserError, match="Did you mean 'reduce-overhead'"):
        NativeTrainer(plan, ListSink(), recall_env)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_compiled_and_eager_runs_agree(tmp_path: Path, mode: str) -> None:
    """The same actions, statistics and, to rounding, weights after three epochs."""
    torch.set_num_threads(1)
    runs = {}
    for compiled in (False, True):
        sink, folder = ListSink(), tmp_path / str(compiled)
        train(toy_plan(folder, compile=compiled, extra={"compile_mode": mode}), sink, recall_env)
        scores = [record.values["score"] for record in sink.records]
        runs[compiled] = scores, checkpoints.load(checkpoints.resolve(folder)).weights
    assert runs[True][0] == runs[False][0]
    for name, weights in runs[False][1].items():
        torch.testing.assert_close(runs[True][1][name], weights, rtol=1e-3, atol=1e-5)
