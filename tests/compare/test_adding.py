"""Runs made elsewhere join a comparison, as more seeds or as a further arm, and are remembered."""

import json

import pytest

from compare import command
from compare.adding import Addition, added_runs, parse_addition, read_run, remember
from compare.results import read_results
from compare.rundir import status
from metta_puffer.errors import UserError
from metta_puffer.tracking.jsonl import JsonlSink
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.plans import plan, run


def by_hand(folder, trainer="puffer", seed=0, epochs=10, score=1.0):
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(plan(trainer, seed=seed, epochs=10).model_dump_json())
    with JsonlSink(folder / "metrics.jsonl") as sink:
        for epoch in range(1, epochs + 1):
            sink.log(MetricRecord(epoch, 128 * epoch, 32 * epoch, 2 * epoch, float(epoch), {"score": score}))
    return folder


def test_a_run_by_hand_is_finished_when_it_reached_its_budget(tmp_path):
    whole = read_run(Addition("puffer", by_hand(tmp_path / "whole", seed=7)))
    part = read_run(Addition("puffer", by_hand(tmp_path / "part", seed=8, epochs=5)))
    assert (whole.arm, whole.seed, status(whole)) == ("puffer", 7, "finished")
    assert status(part) == "partial"


def test_a_third_arm_is_judged_beside_the_two_and_does_not_narrow_their_range(tmp_path):
    planned = [read_run(Addition(arm, by_hand(tmp_path / f"{arm}{seed}", arm, seed, score=seed / 10)))
               for arm in ("puffer", "native") for seed in range(3)]  # fmt: skip
    third = [read_run(Addition("mine", by_hand(tmp_path / f"mine{seed}", "native", seed, score=5 + seed / 10)))
             for seed in range(3)]  # fmt: skip
    made = {"command": ""}
    two, three = read_results(planned, None, made), read_results([*planned, *third], None, made)
    assert three.arms == ("puffer", "native", "mine")
    assert two.verdict == three.verdict
    decisions = {pair: verdict.decision for pair, verdict in three.other_verdicts.items()}
    assert decisions == {("puffer", "mine"): "b", ("native", "mine"): "b"}
    assert three.final_scores["mine-seed2"] == pytest.approx(5.2)


def test_additions_are_remembered_and_a_seed_comes_once(tmp_path):
    planned = [run(tmp_path, seed=0)]
    first = Addition("puffer", by_hand(tmp_path / "seven", seed=7))
    remember(added_runs([first], planned, tmp_path), tmp_path)
    again = added_runs([first], planned, tmp_path)
    assert (
        [one.run_id for one in again] == ["puffer-seed7"] == [one.run_id for one in added_runs([], planned, tmp_path)]
    )
    for seed in (0, 7):
        double = Addition("puffer", by_hand(tmp_path / f"double{seed}", seed=seed))
        with pytest.raises(UserError, match=f"seed {seed} of puffer is in this comparison already"):
            added_runs([double], planned, tmp_path)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="not of the form ARM=DIR"):
        parse_addition("somewhere")
    with pytest.raises(UserError, match=r"metrics\.jsonl is missing"):
        read_run(Addition("puffer", tmp_path))
    folder = by_hand(tmp_path / "old")
    (folder / "plan.json").write_text(json.dumps({"trainer": "puffer"}))
    with pytest.raises(UserError, match="not the plan of a run"):
        read_run(Addition("puffer", folder))
    (folder / "plan.json").unlink()
    with pytest.raises(UserError, match="settings are missing"):
        read_run(Addition("puffer", folder))


def test_the_option_is_documented(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "--add ARM=DIR" in capsys.readouterr().out
