"""The report's sentence about initial weights is read from the runs."""

import json

import pytest

from compare.fairness import initial_weights
from compare.results import read_results
from compare.rundir import claim
from metta_puffer.tracking.initial_weights import INITIAL_WEIGHTS_FILE
from tests.compare.plans import run


@pytest.fixture
def said(tmp_path):
    """What is said of two pairs of runs whose puffer and native arms recorded these digests; None: nothing."""

    def say(*pairs):
        runs = []
        for seed, pair in enumerate(pairs):
            for arm, digests in zip(("puffer", "native"), pair, strict=True):
                one = run(tmp_path, arm, seed)
                claim(one)
                if digests is not None:
                    (one.dir / INITIAL_WEIGHTS_FILE).write_text(json.dumps(digests))
                runs.append(one)
        return initial_weights(read_results(runs, None, {}))

    return say


FIRST, SECOND = {"w": [[2, 2], "a"], "b": [[2], "c"]}, {"w": [[2, 2], "x"], "b": [[2], "c"]}


def test_equal_digests_seed_by_seed_are_the_same_start(said):
    found = said((FIRST, FIRST), (SECOND, SECOND))
    assert found.same is True and "all 2 tensors are equal; pairs of runs compared: 2" in found.sentence


def test_other_weights_are_explained(said):
    found = said((FIRST, FIRST), (FIRST, SECOND))
    assert found.same is False
    assert "seeds 1: 1 of 2 tensors of the same shape have other values, w among them" in found.sentence


def test_other_policies_are_explained(said):
    assert "the policies differ: only native has extra" in said((FIRST, {**FIRST, "extra": [[1], "e"]})).sentence
    assert (
        "the policies differ: b is (2,) in puffer and (3,) in native"
        in said((FIRST, {**FIRST, "b": [[3], "c"]})).sentence
    )


def test_runs_that_recorded_nothing_leave_it_unknown(said):
    found = said((FIRST, FIRST), (FIRST, None))
    assert found.same is None and "Unknown for seeds 1" in found.sentence
