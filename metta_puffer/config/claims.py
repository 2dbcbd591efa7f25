"""The numeric claims of the users' own documents, each computed anew from the configurations they describe.

    python -m metta_puffer.config.claims > docs/claims.md

The verdict is not written down but computed: a claim is reproduced when the resolver arrives at the same number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from metta_puffer.config.loading import CONFIGS, load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import Side, native_side, puffer_side

MACHINE = Machine(physical_cores=64, logical_cpus=128, gpus=1)
WORKERS = 16
FILES = "--puffer-loop stock --puffer configs/puffer/metta.ini --native configs/native/metta.yaml"
AS_UPSTREAM = f"{FILES} --native-agents 3 --workers 16 --cores 64 --native-trainer 2025-07"
SCALE = (
    "metta-audit scale --native configs/native/metta.yaml --agents 3,4,8,24 --workers 16 --cores 64 "
    "--native-trainer 2025-07"
)


@dataclass(frozen=True)
class Claim:
    document: str
    what: str
    claimed: float | str
    actual: float | str | None  # None: nothing in a configuration decides it
    derivation: str
    show: str  # the quantity to --explain, or a command, or ''

    @property
    def verdict(self) -> str:
        if self.actual is None:
            return "not derivable"
        return "reproduced" if self.claimed == self.actual else "corrected"


def published_puffer() -> Side:
    loaded = load_puffer(CONFIGS / "puffer" / "metta.ini", {"vec.num_workers": WORKERS})
    return puffer_side(loaded, MACHINE, agents=64, loop="stock")


def published_native(agents: int = 3, **overrides: Any) -> Side:
    loaded = load_native(CONFIGS / "native" / "metta.yaml", {f"trainer.{k}": v for k, v in overrides.items()})
    return native_side(loaded, MACHINE, agents=agents, workers=WORKERS, semantics="2025-07")


def claims() -> list[Claim]:
    puffer, native = published_puffer(), published_native()
    return [
        *_puffer_vs_native(puffer, native),
        *_training_pipeline(native),
        *_experience_buffer(native),
        *_architecture(),
        *_api(),
    ]


def _plain(document: str, side: Side, rows: list[tuple[str, float, str]]) -> Iterator[Claim]:
    """Claims that are one quantity of one side."""
    for what, claimed, quantity in rows:
        entry = side.quantities[quantity]
        yield Claim(document, what, claimed, entry.value, f"{side.name} {quantity}: {entry.formula}", quantity)


def _puffer_vs_native(puffer: Side, native: Side) -> Iterator[Claim]:
    document = "puffer-vs-native"
    yield from _plain(
        document,
        puffer,
        [
            ("PufferLib: worlds", 64, "envs"),
            ("PufferLib: workers", 16, "workers"),
            ("PufferLib: agents a world", 64, "agents_per_env"),
            ("PufferLib: agents in all", 4096, "total_agents"),
            ("PufferLib: batch", 262_144, "batch_size"),
            ("PufferLib: minibatch", 32_768, "minibatch_size"),
            ("PufferLib: horizon", 64, "bptt_horizon"),
            ("PufferLib: segments", 4096, "segments"),
            ("PufferLib: segments of a minibatch", 512, "minibatch_segments"),
            ("PufferLib: minibatches", 8, "num_minibatches"),
            ("PufferLib: update epochs", 1, "update_epochs"),
            ("PufferLib: gradient updates a round", 8, "gradient_updates_per_epoch"),
            ("PufferLib: steps collected a round", 262_144, "agent_steps_collected_per_epoch"),
            ("PufferLib: training epochs (300M steps)", 1145, "total_epochs"),
            ("PufferLib: all worlds in one forward pass, no taking turns", 64, "envs_per_forward"),
            ("PufferLib: experiences for one gradient", 262_144, "agent_steps_per_gradient"),
            ("PufferLib: steps of one world a round", 4096, "steps_per_env_per_epoch"),
        ],
    )
    yield from _plain(
        document,
        native,
        [
            ("native: worlds", 2720, "envs"),
            ("native: worlds in one forward pass", 1360, "envs_per_forward"),
            ("native: workers", 16, "workers"),
            ("native: agents a world", 3, "agents_per_env"),
            ("native: agents in all", 8160, "total_agents"),
            ("native: batch", 524_288, "batch_size"),
            ("native: minibatch", 16_384, "minibatch_size"),
            ("native: horizon", 64, "bptt_horizon"),
            ("native: segments", 8192, "segments"),
            ("native: segments of a minibatch", 256, "minibatch_segments"),
            ("native: minibatches", 32, "num_minibatches"),
            ("native: update epochs", 1, "update_epochs"),
            ("native: gradient updates a round", 32, "gradient_updates_per_epoch"),
            ("native: experiences for one gradient", 49_152, "agent_steps_per_gradient"),
            ("native: training epochs", 19_073, "total_epochs"),
            ("native: steps of one world a round", 192, "steps_per_env_per_epoch"),
            ("native: steps collected a round", 524_288, "agent_steps_collected_per_epoch"),
        ],
    )

    def ratio(what: str, claimed: float, quantity: str, *, of_native: bool = False) -> Claim:
        left, right = (native, puffer) if of_native else (puffer, native)
        words = f"{quantity}: {show(left.value(quantity))} / {show(right.value(quantity))}"
        return Claim(document, what, claimed, _round(left.value(quantity) / right.value(quantity)), words, quantity)

    yield ratio("native batch is 2x PufferLib's", 2, "batch_size", of_native=True)
    yield ratio("PufferLib's minibatch is 2x native's", 2, "minibatch_size")
    yield ratio("PufferLib has half the segments", 0.5, "segments")
    yield ratio("PufferLib has twice the rows a minibatch", 2, "minibatch_segments")
    yield ratio("native makes 4x the minibatches a round", 4, "num_minibatches", of_native=True)
    yield ratio("PufferLib runs each world 21x longer a round", 21, "steps_per_env_per_epoch")
    left, right = (side.value("agent_steps_collected_per_gradient") for side in (puffer, native))
    yield Claim(
        document,
        "native makes 4x the gradient updates (from the same experience)",
        4,
        _round(left / right),
        f"{show(left)} collected agent-steps an update against {show(right)}",
        "agent_steps_collected_per_gradient",
    )
    yield Claim(
        document,
        "native is more diverse: 2,720 against 64 different worlds, 42.5x",
        42.5,
        _round(native.value("distinct_env_seeds") / puffer.value("distinct_env_seeds")),
        f"{native.value('distinct_env_seeds')} against {puffer.value('distinct_env_seeds')} distinct seeds",
        "distinct_env_seeds",
    )


def _training_pipeline(native: Side) -> Iterator[Claim]:
    document = "training-pipeline"
    trainer = native.loaded.model.trainer
    agents = native.value("agents_per_env")
    yield from _plain(
        document,
        native,
        [
            ("gradient updates of an iteration", 32, "gradient_updates_per_epoch"),
            ("workers", 16, "workers"),
            ("batch (labelled steps)", 524_288, "batch_size"),
            ("agents a world", 3, "agents_per_env"),
            ("agents in a forward pass (the target)", 4096, "agents_per_forward"),
            ("groups (async_factor)", 2, "groups"),
            ("worlds in one forward pass", 1360, "envs_per_forward"),
            ("worlds", 2720, "envs"),
            ("segments", 8192, "segments"),
            ("segments of a minibatch", 256, "minibatch_segments"),
            ("minibatch", 16_384, "minibatch_size"),
            ("minibatches", 32, "num_minibatches"),
            ("horizon", 64, "bptt_horizon"),
            ("steps of each world", 192, "steps_per_env_per_epoch"),
            ("environment steps collected", 524_288, "env_steps_per_epoch"),
            ("agent-steps collected (1.57M)", 1_572_864, "agent_steps_collected_per_epoch"),
            ("experiences of one gradient", 49_152, "agent_steps_per_gradient"),
            ("update epochs", 1, "update_epochs"),
        ],
    )
    yield Claim(document, "worlds wanted, 4,096 / 3", 1365,
                trainer.forward_pass_minibatch_target_size // agents, "forward_target // agents_per_env",
                "envs_per_forward")  # fmt: skip
    yield Claim(document, "worlds of one worker", 170, native.value("envs") // WORKERS, "envs // workers", "envs")
    yield Claim(document, "gamma", 0.977, trainer.ppo.gamma, "trainer.ppo.gamma", "")
    yield Claim(document, "lambda", 0.916, trainer.ppo.gae_lambda, "trainer.ppo.gae_lambda", "")
    for what, claimed, actual in (("lower", 0.9, 1 - trainer.ppo.clip_coef), ("upper", 1.1, 1 + trainer.ppo.clip_coef)):
        yield Claim(document, f"ratio clip, {what} end", claimed, _round(actual), "1 -+ trainer.ppo.clip_coef", "")
    yield Claim(document, "value clip", 0.1, trainer.ppo.vf_clip_coef, "trainer.ppo.vf_clip_coef", "")
    yield Claim(document, "value coefficient", 0.44, trainer.ppo.vf_coef, "trainer.ppo.vf_coef, times 0.5 in the loss",
                f"metta-audit pipeline {AS_UPSTREAM}")  # fmt: skip
    yield Claim(document, "entropy is added to the loss with", 0.0021, -trainer.ppo.ent_coef,
                "it is a bonus: minus trainer.ppo.ent_coef", f"metta-audit pipeline {AS_UPSTREAM}")  # fmt: skip
    table = ((3, 2720, 1_572_864, 49_152), (4, 2048, 2_097_152, 65_536), (8, 1024, 4_194_304, 131_072),
             (24, 320, 12_582_912, 393_216))  # fmt: skip
    for count, envs, steps, per_gradient in table:
        side = published_native(count)
        yield Claim(document, f"scaling, {count} agents: worlds", envs, side.value("envs"), "envs", SCALE)
        collected = side.value("agent_steps_collected_per_epoch")
        yield Claim(document, f"scaling, {count} agents: agent-steps", steps, collected,
                    "collected; the batch is counted in agent-steps already", SCALE)  # fmt: skip
        yield Claim(document, f"scaling, {count} agents: per gradient", per_gradient,
                    side.value("agent_steps_per_gradient"), "minibatch_segments * bptt_horizon", SCALE)  # fmt: skip
    yield Claim(document, "observation buffer, bytes (11 x 11 floats a step)", 253_755_392,
                native.value("observation_buffer_bytes"), "200 tokens of 3 bytes a step are stored",
                "observation_buffer_bytes")  # fmt: skip
    yield Claim(document, "whole buffer, bytes (1-2 GB)", 1e9, native.value("experience_bytes"),
                "tokens and 32 bytes of numbers a step", "experience_bytes")  # fmt: skip
    yield Claim(document, "nine stages of an iteration", "9", None, "`metta-audit pipeline` tells it in nine, too",
                f"metta-audit pipeline {AS_UPSTREAM}")  # fmt: skip
    yield Claim(document, "GPU memory of training, 2-4 GB", "2-4 GB", None, "depends on the policy", "")
    slow, fast = (native.value("agent_steps_collected_per_epoch") / seconds for seconds in (70, 35))
    yield Claim(document, "35-70 seconds an iteration", "35-70 s", None,
                f"would be {slow:,.0f} to {fast:,.0f} collected agent-steps a second", "")  # fmt: skip
    for what in ("observation window 11 x 11", "episode of 1,000 env-steps"):
        yield Claim(document, what, what.split(" ", 2)[2], None, "a property of the world, not of the trainer", "")


def _experience_buffer(native: Side) -> Iterator[Claim]:
    document = "experience-buffer"
    yield from _plain(
        document,
        native,
        [
            ("sequences", 8192, "segments"),
            ("length of a sequence", 64, "bptt_horizon"),
            ("timesteps in the buffer", 524_288, "agent_steps_trained_per_epoch"),
            ("minibatches", 32, "num_minibatches"),
            ("sequences of a minibatch", 256, "minibatch_segments"),
            ("timesteps of a minibatch", 16_384, "minibatch_size"),
            ("agent experiences of a minibatch", 49_152, "agent_steps_per_gradient"),
            ("every sequence is used (share, each exactly once)", 1, "seen_fraction"),
            ("every sequence is 64 consecutive steps (rows)", 8192, "clean_rows"),
            ("worlds", 2720, "envs"),
            ("worlds of one group", 1360, "envs_per_forward"),
            ("agents a world", 3, "agents_per_env"),
            ("steps of each world", 192, "steps_per_env_per_epoch"),
            ("timesteps collected", 524_288, "agent_steps_collected_per_epoch"),
            ("gradient updates", 32, "gradient_updates_per_epoch"),
            ("repetitions (~19,000)", 19_073, "total_epochs"),
        ],
    )
    rows = native.value("segments")
    full = native.value("finished_blocks") * native.value("agents_per_forward")
    yield Claim(document, "full rows when the rollout ends", rows, full, "finished_blocks * agents_per_forward",
                "finished_blocks")  # fmt: skip
    group, worlds = native.value("envs_per_forward"), native.value("envs")
    for what, claimed, actual in (("first", 0, 0), ("last", 1359, group - 1)):
        yield Claim(document, f"{what} world of group A", claimed, actual, "blocks of envs_per_forward worlds",
                    "envs_per_forward")  # fmt: skip
    for what, claimed, actual in (("first", 1360, group), ("last", 2719, worlds - 1)):
        yield Claim(document, f"{what} world of group B", claimed, actual, "blocks of envs_per_forward worlds",
                    "envs_per_forward")  # fmt: skip
    yield Claim(document, "rows of the first minibatch", "0 to 255", "any 256", "drawn at random; prio_alpha is 0",
                "seen_fraction")  # fmt: skip
    yield Claim(document, "one minibatch while it is processed (50-100 MB)", "50-100 MB", None, "depends on the policy",
                "")  # fmt: skip
    share = native.value("minibatch_segments") / rows
    minibatch = native.value("experience_bytes") * share
    yield Claim(document, "one minibatch, bytes (~50-64 MB)", 50e6, minibatch, "its share of experience_bytes",
                "experience_bytes")  # fmt: skip
    yield Claim(document, "full buffer, bytes (~2 GB)", 2e9, native.value("experience_bytes"), "experience_bytes",
                "experience_bytes")  # fmt: skip
    yield Claim(document, "a minibatch is 32x smaller than the buffer", 32, 1 / share, "segments / minibatch_segments",
                "minibatch_segments")  # fmt: skip
    for count, sequences, timesteps in ((16, 512, 32_768), (64, 128, 8192)):
        side = published_native(minibatch_size=native.value("batch_size") // count)
        command = f"metta-audit {AS_UPSTREAM} trainer.minibatch_size={side.value('minibatch_size')}"
        yield Claim(document, f"with {count} minibatches: sequences of one", sequences,
                    side.value("minibatch_segments"), "minibatch_size // bptt_horizon", command)  # fmt: skip
        yield Claim(document, f"with {count} minibatches: timesteps of one", timesteps, side.value("minibatch_size"),
                    "batch_size / minibatches", command)  # fmt: skip
    ppo = native.loaded.model.trainer.ppo
    yield Claim(document, "value coefficient of the total loss", 0.44, ppo.vf_coef, "times 0.5 in the loss",
                f"metta-audit pipeline {AS_UPSTREAM}")  # fmt: skip
    yield Claim(document, "entropy coefficient of the total loss", 0.0021, -ppo.ent_coef, "a bonus is subtracted",
                f"metta-audit pipeline {AS_UPSTREAM}")  # fmt: skip


def _architecture() -> Iterator[Claim]:
    document = "architecture"
    side = published_native(batch_size=512, minibatch_size=512)
    error = next(p.message for p in side.sizes.problems if p.finding == "segments-fewer-than-agents")
    yield Claim(document, "an example run with trainer.batch_size=512", "runs", "cannot run", error,
                f"metta-audit {AS_UPSTREAM} trainer.batch_size=512 trainer.minibatch_size=512")  # fmt: skip
    yield Claim(document, "an example run with trainer.total_timesteps=1000000", 1_000_000,
                published_native(total_timesteps=1_000_000).value("final_agent_steps"),
                "whole rounds: the run ends with the round that passes the budget",
                f"metta-audit {AS_UPSTREAM} trainer.total_timesteps=1000000")  # fmt: skip
    yield Claim(document, "several GPUs by trainer.num_gpus=4", "a key", "no such key",
                "unknown keys are refused; the launcher's environment decides",
                f"metta-audit {AS_UPSTREAM} trainer.num_gpus=4")  # fmt: skip
    for what in ("smoke tests of 10k timesteps in 5 minutes", "validation runs of 100M to 2B timesteps"):
        yield Claim(document, what, what, None, "a policy of the team, not of a configuration", "")


def _api() -> Iterator[Claim]:
    document = "api"
    sizes = {"batch_size": 16_384, "minibatch_size": 512, "bptt_horizon": 16,
             "forward_pass_minibatch_target_size": 512}  # fmt: skip
    side = published_native(4, **sizes)
    command = f"metta-audit {FILES} --native-agents 4 --workers 16 --cores 64 --native-trainer 2025-07 " + " ".join(
        f"trainer.{key}={value}" for key, value in sizes.items()
    )
    for what, claimed, quantity in (
        ("batch of the experience buffer", 16_384, "batch_size"),
        ("horizon of the experience buffer", 16, "bptt_horizon"),
        ("minibatch of the experience buffer", 512, "minibatch_size"),
        ("agents a world", 4, "agents_per_env"),
    ):
        entry = side.quantities[quantity]
        yield Claim(document, what, claimed, entry.value, entry.formula, command)
    optimizer = {"learning rate 3e-4": "3e-4", "gradient norm 0.5": "0.5", "hidden size 512, one layer": "512",
                 "10,000,000 timesteps": "10,000,000", "window of 32 x 32": "32", "clip range 0.2": "0.2",
                 "layers of the LSTM": "1", "cache of 10 policies": "10", "L2 reference every 100 epochs": "100",
                 "score 0.95 of an evaluation": "0.95"}  # fmt: skip
    for what, value in optimizer.items():
        yield Claim(document, what, value, None, "an example's own setting; nothing to derive", "")


def _round(value: float) -> float:
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def show(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def page() -> str:
    """docs/claims.md."""
    found = claims()
    counts = {verdict: sum(claim.verdict == verdict for claim in found) for verdict in VERDICTS}
    lines = [
        "# The users' numbers, checked",
        "",
        "Generated by `python -m metta_puffer.config.claims`; a test fails when this page and the code disagree.",
        "Every numeric claim of the five documents that this project started from, computed anew from the",
        "configurations they describe: the published PufferLib file with 64 worlds of 64 agents, and Metta's trainer",
        "of July 2025 with 3 agents a world and 16 workers. "
        + ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        + ".",
        "",
        "All audit commands below without arguments take these:",
        "",
        "```",
        f"metta-audit {AS_UPSTREAM}",
        "```",
    ]
    for document in dict.fromkeys(claim.document for claim in found):
        lines += ["", f"## {document}", "", "| claim | says | is | verdict | derivation | shown by |",
                  "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
        for claim in found:
            if claim.document == document:
                command = claim.show if " " in claim.show else f"--explain {claim.show}" if claim.show else ""
                cells = (claim.what, show(claim.claimed), show(claim.actual), claim.verdict, claim.derivation,
                         f"`{command}`" if command else "")  # fmt: skip
                lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


VERDICTS = ("reproduced", "corrected", "not derivable")

if __name__ == "__main__":
    print(page(), end="")
