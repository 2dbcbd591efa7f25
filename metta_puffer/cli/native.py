"""metta-native: train with our trainer, and score one of its checkpoints.

Run folders may be paths or URIs (file://, s3://, gs://, memory://); RUN:v12 and RUN:latest name versions.
"""

import argparse
import logging
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from metta_puffer import uris
from metta_puffer.config.loading import CONFIGS, load_native
from metta_puffer.config.plan import RunPlan
from metta_puffer.config.resolver import resolve_native
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError, did_you_mean
from metta_puffer.native.run_folder import CHECKPOINTS, RUNS, fetch, working_folder
from metta_puffer.tracking.jsonl import METRICS_FILE, PLAN_FILE, JsonlSink
from metta_puffer.tracking.multi import MultiSink
from metta_puffer.tracking.schema import MetricSink
from metta_puffer.tracking.write_failures import NotWrittenError

DEFAULT_CONFIG = str(CONFIGS / "native" / "metta.yaml")
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 the training itself failed, 2 unusable input, 130 stopped by Ctrl-C (and resumable)."""
    logging.basicConfig(level=logging.WARNING, format="metta-native: %(message)s", stream=sys.stderr)
    logging.getLogger("metta_puffer").setLevel(logging.INFO)  # of other packages only what is wrong
    try:
        arguments = _arguments(argv)
        status = int(arguments.run(arguments))
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"metta-native: {error}", file=sys.stderr)
        return EXIT_UNUSABLE_INPUT
    except KeyboardInterrupt:
        print("metta-native: stopped; the last checkpoint is kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # nobody reads on, as with `| head`; nor may Python try to write the rest at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """argparse takes the KEY=VALUEs before the first option only; those after it are theirs as well."""
    parser = _parser(argv)
    arguments, rest = parser.parse_known_args(argv)
    strange = [text for text in rest if text.startswith("-") or not hasattr(arguments, "overrides")]
    if strange:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    if rest:
        arguments.overrides = [*arguments.overrides, *rest]
    return arguments


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE texts. Raises UserError for a text without '='."""
    overrides: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(
                "this is no override",
                file="command line",
                key=text,
                remedy="write KEY=VALUE, as in trainer.total_timesteps=1000000",
            )
        overrides[key] = value
    return overrides


def _train(arguments: argparse.Namespace) -> int:
    location = _run_dir(arguments)
    run_dir = working_folder(location)
    plan = resolve_native(arguments.config, parse_overrides(arguments.overrides), run_dir=str(run_dir))
    if uris.is_remote(location):
        plan = plan.model_copy(update={"upload_to": location})
    first = os.environ.get("RANK", "0") == "0"  # torchrun starts several of us; one writes for all
    if first:
        _claim(location, run_dir, plan, resume=arguments.resume)

    # Imported late: a mistyped key must not wait for torch.
    from metta_puffer.native.dashboard import make_dashboard
    from metta_puffer.native.distributed import RankLostError
    from metta_puffer.native.trainer import train
    from metta_puffer.native.update import DivergedError

    sinks: list[MetricSink] = []
    if first:
        for note in plan.notes:
            print(f"metta-native: {note}", file=sys.stderr)
        sinks = [JsonlSink(run_dir / METRICS_FILE), make_dashboard(plan)]
    if first and arguments.wandb:
        from metta_puffer.tracking.wandb_sink import WandbSink

        sinks.append(
            WandbSink(
                project="metta-puffer",
                group="native",
                run_id=run_dir.name,
                run_dir=str(run_dir),
                config=plan.model_dump(mode="json"),
            )
        )
    sink = MultiSink(*sinks)
    try:
        with _closed_at_the_end(sink):
            result = train(plan, sink)
    except (DivergedError, NotWrittenError, RankLostError) as error:
        print(f"metta-native: {error}", file=sys.stderr)
        return EXIT_FAILED
    if not first:
        return EXIT_INTERRUPTED if result.status == "interrupted" else 0
    print(
        f"{result.status}: {result.agent_steps:,} agent-steps, {result.epochs:,} epochs, "
        f"{result.gradient_updates:,} gradient updates in {result.wall_seconds:.1f} s; checkpoint {result.checkpoint}"
    )
    if result.status == "interrupted":
        words = ["--config", arguments.config, "--run-dir", location, "--resume", *arguments.overrides]
        print(f"resume with: metta-native train {shlex.join(words + ['--wandb'] * arguments.wandb)}")
        return EXIT_INTERRUPTED
    return 0


@contextmanager
def _closed_at_the_end(sink: MetricSink) -> Iterator[None]:
    """Closes the sink; what that raises is only printed where something else went wrong before."""
    try:
        yield
    except BaseException:
        try:
            sink.close()
        except NotWrittenError as error:
            print(f"metta-native: {error}", file=sys.stderr)
        raise
    sink.close()


def _run_dir(arguments: argparse.Namespace) -> str:
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if arguments.run_dir:
        if several and uris.is_remote(arguments.run_dir):
            raise UserError(
                "several ranks need a run folder that all of them see",
                key="--run-dir",
                value=arguments.run_dir,
                remedy="give a shared folder, and copy it afterwards",
            )
        return str(arguments.run_dir)
    if several:
        raise UserError("every rank needs the same run folder", key="--run-dir", remedy="add --run-dir DIR")
    if arguments.resume:
        raise UserError("it is not said which run to resume", key="--resume", remedy="add --run-dir DIR")
    return str(RUNS / datetime.now().strftime("native-%Y%m%d-%H%M%S"))


def _claim(location: str, run_dir: Path, plan: RunPlan, *, resume: bool) -> None:
    """Makes the run folder and writes the plan into it, and into the place behind its URI, from where a run to be
    resumed is fetched. Raises UserError when either holds another run or is read-only."""
    kept = uris.join(location, PLAN_FILE)
    # A folder that was deleted under its run has versions and no plan.
    here = (run_dir / PLAN_FILE).exists() or any((run_dir / CHECKPOINTS).glob("v*"))
    started = here or (plan.upload_to is not None and uris.is_file(kept))
    if started and not resume:
        raise UserError(
            "this run folder holds a run already", file=location, remedy="add --resume, or name a fresh --run-dir"
        )
    if resume and not started:
        raise UserError("there is no run to resume", file=location, remedy="check --run-dir, or leave --resume out")
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if resume and plan.upload_to is not None:
            fetch(location, run_dir)
        (run_dir / PLAN_FILE).write_text(plan.model_dump_json(indent=1))
    except OSError as error:
        raise UserError(
            f"the run folder cannot be written ({error.strerror})",
            file=str(run_dir),
            remedy="choose a --run-dir that you may write to",
        ) from error
    if plan.upload_to is not None:
        uris.put(run_dir / PLAN_FILE, kept)


def _evaluate(arguments: argparse.Namespace) -> int:
    from metta_puffer.native.checkpoints import resolve
    from metta_puffer.native.evaluate import evaluate

    version = resolve(arguments.checkpoint)
    print(f"metta-native: {version} plays {arguments.episodes} episodes", file=sys.stderr)
    scores = evaluate(version, episodes=arguments.episodes, seed=arguments.seed)
    width = max(map(len, scores))
    for name, value in sorted(scores.items(), key=lambda item: (item[0] != "episode_return", item[0])):
        print(f"{name:<{width}}  {value:.4g}")
    return 0


class _Parser(argparse.ArgumentParser):
    """Its mistakes are the user's like any other: one message with the remedy."""

    def error(self, message: str) -> NoReturn:
        mistyped = re.search(r"unrecognized arguments: (--[\w-]+)", message)
        flags = ("--config", "--run-dir", "--resume", "--wandb", "--episodes", "--seed")
        near = did_you_mean(mistyped[1], flags) if mistyped else ""
        raise UserError(f"{message}.{near}", file="command line", remedy=f"see {self.prog} --help")


def _parser(argv: Sequence[str] | None) -> argparse.ArgumentParser:
    parser = _Parser(prog="metta-native", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    train = commands.add_parser(
        "train",
        help="train a policy",
        description="Train a policy. Every size is resolved and checked before a world is built; "
        "metta-audit shows the arithmetic.",
        epilog=_keys(argv),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings that win over the file")
    train.add_argument("--config", default=DEFAULT_CONFIG, metavar="FILE", help="settings (default: %(default)s)")
    train.add_argument(
        "--run-dir", metavar="DIR", help="folder or URI of checkpoints and metrics (default: runs/native-TIME)"
    )
    train.add_argument("--resume", action="store_true", help="continue from the newest checkpoint in --run-dir")
    train.add_argument("--wandb", action="store_true", help="send metrics to Weights & Biases as well")
    train.set_defaults(run=_train)
    evaluate = commands.add_parser("eval", help="play episodes with a checkpoint and print their statistics")
    evaluate.add_argument(
        "checkpoint", metavar="RUN[:VERSION]", help="a run folder or URI: its newest version, or RUN:v12"
    )
    evaluate.add_argument("--episodes", type=int, default=8, help="episodes to play (default: %(default)s)")
    evaluate.add_argument("--seed", type=int, default=1_000_000, help="seed of worlds and actions")
    evaluate.set_defaults(run=_evaluate)
    return parser


def _keys(argv: Sequence[str] | None) -> str:
    """The table of keys for `train --help`, from the file that --config names."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "train" not in arguments or not {"-h", "--help"} & set(arguments):
        return ""
    config = DEFAULT_CONFIG
    for position, argument in enumerate(arguments[:-1]):
        if argument == "--config":
            config = arguments[position + 1]
    settings = list(load_native(config).settings())
    width = max(len(f"{setting.key}={_shown(setting.value)}") for setting in settings)
    lines = [f"keys, with their values in {config}:"]
    for setting in settings:
        lines.append(f"  {f'{setting.key}={_shown(setting.value)}':<{width}}  {setting.help} ({setting.kind})")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{item}" for name, item in value.items())
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
