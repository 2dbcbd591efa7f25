"""What the page says about a ladder."""

import numpy as np

from compare.ladder import Attribution, plan_ladder
from compare.report.ladder import found_sentence, ladder_section
from compare.results import read_results
from compare.rundir import RESULT_FILE, claim, plan_hash, write_json
from compare.shapley import Share
from metta_puffer.tracking.jsonl import JsonlSink
from metta_puffer.tracking.schema import MetricRecord
from tests.compare.plans import run


def walked(*steps):
    return Attribution(1.0, 1.0 + sum(step.value for step in steps), list(steps), {})


def test_only_steps_whose_interval_leaves_zero_out_are_said_to_matter():
    steps = Share("trainer", 0.5, -0.1, 1.1), Share("rewards", -0.75, -1.0, -0.5)
    said = found_sentence(walked(*steps), "puffer", "native")
    assert said.startswith("native minus puffer is -0.25 here. Shown to matter: rewards (-0.75)")
    assert "the other steps' intervals hold zero" in said and "trainers' code" not in said
    assert "of 2 steps without any effect, one or more would seem to matter up to 10% of the time" in said


def test_where_nothing_is_sure_it_says_so():
    assert "No step is shown to matter" in found_sentence(walked(Share("rewards", 1.0, -1.0, 3.0)), "a", "b")
    one_seed = walked(Share("rewards", 1.0, np.nan, np.nan))
    assert "One seed a mixture gives no intervals" in found_sentence(one_seed, "a", "b")


def test_a_step_that_changed_no_run_is_said_to():
    steps = Share("rewards", 1.0, 0.5, 1.5), Share("policy", 0.0, 0.0, 0.0)
    said = found_sentence(walked(*steps), "a", "b")
    assert said.endswith("policy changes nothing: every run scores the same with it and without.")


def written(folder, leave_out=()):
    puffer, native = ([run(folder, arm, seed) for seed in (0, 1)] for arm in ("puffer", "native"))
    ladder = plan_ladder(puffer, native, folder)
    for one in [*puffer, *native, *ladder.runs]:
        if one.run_id in leave_out:
            continue
        claim(one)
        level = 5 if one.arm in ("native", "ladder-rewards") else 3
        with JsonlSink(one.metrics) as sink:
            for epoch in range(1, 11):
                score = level + 0.125 * one.seed
                sink.log(MetricRecord(epoch, 128 * epoch, 32 * epoch, 2 * epoch, 0.5 * epoch, {"score": score}))
        write_json(one.dir / RESULT_FILE, {"plan_hash": plan_hash(one.plan)})
    return read_results([*puffer, *native], 0.5, {}, ladder=ladder)


def test_the_waterfall_shows_steps_settings_and_mixtures(tmp_path):
    results = written(tmp_path)
    page = ladder_section(results)
    assert "Shown to matter: rewards (+2)" in page
    assert page.count('class="rung"') == 2 + 3  # both arms, the trainers' code, two groups
    assert page.count(" unsure") == 2
    assert "rules.reward_clamp" in page and "The mean score of every mixture" in page
    mixtures = results.summary()["ladder"]["mixtures"]
    assert [mixture["switched"] for mixture in mixtures] == [
        [], ["agents and worlds"], ["rewards"], ["agents and worlds", "rewards"],
    ]  # fmt: skip
    assert mixtures[2]["final_scores"] == [5.0, 5.125]


def test_a_missing_mixture_is_no_waterfall(tmp_path):
    page = ladder_section(written(tmp_path, leave_out={"ladder-rewards-seed1"}))
    assert "Some of these runs are missing" in page and "rung" not in page and "rules.reward_clamp" in page
