"""docs/claims.md is what the code computes, and its verdicts are those of the trainer reference."""

import shlex

import pytest

from metta_puffer.cli.audit import main
from metta_puffer.config.claims import AS_UPSTREAM, claims, page
from tests.config.claim_coverage import uncovered
from tests.config.claim_quotes import QUOTED
from tests.config.conftest import CONFIGS

ROOT = CONFIGS.parent


def test_the_page_is_what_the_code_computes() -> None:
    assert (ROOT / "docs" / "claims.md").read_text() == page(), (
        "run: python -m metta_puffer.config.claims > docs/claims.md"
    )


# (document, claimed number): the right one, from the trainer reference (spec, section 4.1)
KNOWN_WRONG = {
    ("puffer-vs-native", 49_152): 16_384,
    ("puffer-vs-native", 262_144): 32_768,
    ("puffer-vs-native", 19_073): 9612,
    ("puffer-vs-native", 192): 127.5,
    ("training-pipeline", 1_572_864): 1_040_400,
    ("training-pipeline", 12_582_912): 979_200,
    ("training-pipeline", 253_755_392): 314_572_800,
}


@pytest.mark.parametrize("key", KNOWN_WRONG, ids=str)
def test_known_mistakes_are_corrected(key: tuple[str, int]) -> None:
    corrected = [c.actual for c in claims() if (c.document, c.claimed) == key and c.verdict == "corrected"]
    assert KNOWN_WRONG[key] in corrected


def test_known_facts_are_reproduced() -> None:
    reproduced = {(c.document, c.claimed) for c in claims() if c.verdict == "reproduced"}
    for number in (2720, 1360, 8160, 8192, 256, 32, 4096, 512, 8, 1145):
        assert ("puffer-vs-native", number) in reproduced


def test_a_number_that_no_claim_covers_is_listed() -> None:
    text = "Total: 2,720 envs, 262K or 1.57M steps\n1. First\nwith 17 surprises and 16_384 * 5\n"
    assert uncovered("training-pipeline", text) == [
        (1, "Total: 2,720 envs, 262K or 1.57M steps", [262_000.0]),
        (3, "with 17 surprises and 16_384 * 5", [17.0, 5.0]),
    ]


def test_every_quotation_belongs_to_a_claim() -> None:
    assert {(document, what) for document, _, what in QUOTED} <= {(c.document, c.what) for c in claims()}


def test_every_document_is_covered_and_every_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    found = claims()
    assert {c.document for c in found} == {
        "puffer-vs-native", "training-pipeline", "experience-buffer", "architecture", "api",
    }  # fmt: skip
    commands = {c.show if " " in c.show else f"metta-audit {AS_UPSTREAM} --explain {c.show}" for c in found if c.show}
    for command in sorted(commands):
        words = [str(ROOT / word) if word.startswith("configs/") else word for word in shlex.split(command)[1:]]
        status = main(words)
        capsys.readouterr()
        assert status in (0, 1) or "num_gpus" in command, command
