"""puffer: PufferLib's command line over Metta's worlds. `puffer train metta --train.learning-rate 0.001`."""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from metta_puffer.cli.puffer_arguments import Command, parse
from metta_puffer.config.plan import RunPlan
from metta_puffer.config.resolver import load_puffer, resolve_puffer
from metta_puffer.config.settings import Loaded
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError, did_you_mean
from metta_puffer.tracking.write_failures import NotWrittenError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status: 0, 1 not saved, 2 unusable input, 130 interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        command = parse(list(sys.argv[1:] if argv is None else argv))
        return MODES[command.mode](command)
    except UserError as error:
        print(f"puffer: {error}", file=sys.stderr)
        return EXIT_UNUSABLE_INPUT
    except NotWrittenError as error:
        print(f"puffer: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("puffer: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


# Each mode imports what it runs: a typo's message and --help need neither torch nor PufferLib.


def train(command: Command) -> int:
    from metta_puffer.cli.puffer_sinks import log_to_file, open_sink
    from metta_puffer.puffer.checkpoints import load_file, publish_model
    from metta_puffer.puffer.train import train as train_puffer

    plan = resolve(command, dashboard=sys.stdout.isatty() and not command.options.no_dashboard)
    first_rank = os.environ.get("RANK", "0") == "0"
    if (initial := checkpoint_of(command, plan)) is not None:
        load_file(initial)  # a damaged file is reported before anything is made
        plan = plan.model_copy(update={"extra": {**plan.extra, "load_model_path": initial}})
    make_run_dir(plan.run_dir)
    if first_rank:
        log_to_file(plan.run_dir)
        for note in plan.notes:
            logging.info("note: %s", note)
    with closing(open_sink(command.options, plan, first_rank=first_rank)) as sink:
        result = train_puffer(plan, sink)
    if first_rank:
        published = publish_model(result.checkpoint, plan.run_dir)
        print(
            f"{result.status} after {result.epochs} epochs, {result.agent_steps} agent-steps, "
            f"{result.wall_seconds:.0f} s; weights: {published}"
        )
        if result.status == "interrupted":
            print(f"to go on: puffer train {command.env_name} --run-dir {plan.run_dir} (and the same settings)")
    return 0 if result.status == "finished" else EXIT_INTERRUPTED


def evaluate(command: Command) -> int:
    from metta_puffer.puffer.evaluate import play

    plan = resolve(command)
    options = command.options
    play(
        plan,
        checkpoint_of(command, plan),
        episodes=options.episodes,
        deterministic=options.deterministic,
        render=options.render_mode == "ansi",
        fps=options.fps,
    )
    return 0


def sweep(command: Command) -> int:
    from metta_puffer.cli.puffer_sinks import open_sink
    from metta_puffer.puffer.sweep import Sweep

    options = command.options
    base = resolve(command, prefix="sweep-")
    centre = sweep_centre(load_puffer(command.config, command.overrides), base.extra["sweep"])
    base = base.model_copy(update={"extra": {**base.extra, "sweep_centre": centre}})

    def plan_for(overrides: dict[str, Any], run_dir: str) -> RunPlan:
        plan = resolve_puffer(command.config, {**command.overrides, **overrides}, run_dir=run_dir)
        return plan.model_copy(update={"extra": {**plan.extra, "dashboard": False}})

    done = Sweep(base, plan_for, lambda plan: open_sink(options, plan, first_rank=True)).run(options.max_runs)
    if not done:
        print(f"to go on: puffer sweep {command.env_name} --run-dir {base.run_dir} (and the same settings)")
    return 0 if done else EXIT_INTERRUPTED


def autotune(command: Command) -> int:
    from metta_puffer.puffer.autotune import autotune as measure

    measure(resolve(command), seconds=command.options.seconds)
    return 0


def profile(command: Command) -> int:
    from metta_puffer.puffer.profile import profile as record

    plan = resolve(command, prefix="profile-")
    make_run_dir(plan.run_dir)
    record(plan, rounds=command.options.rounds)
    return 0


def export(command: Command) -> int:
    from metta_puffer.puffer.export import export as write

    plan = resolve(command)
    write(plan, checkpoint_of(command, plan), Path(command.options.output or f"{command.env_name}_weights"))
    return 0


MODES: dict[str, Callable[[Command], int]] = {
    "train": train,
    "eval": evaluate,
    "sweep": sweep,
    "autotune": autotune,
    "profile": profile,
    "export": export,
}


def resolve(command: Command, *, prefix: str = "", dashboard: bool = False) -> RunPlan:
    """The command's plan, in the folder it names or a new one under train.data_dir.

    Raises UserError for everything that would stop the command later, before a file or folder is made.
    """
    from metta_puffer.puffer.vecenv import check_worlds

    plan = resolve_puffer(command.config, command.overrides, run_dir=command.options.run_dir or "")
    check_worlds(plan.env)
    update: dict[str, Any] = {"extra": {**plan.extra, "dashboard": dashboard}}
    if command.options.run_dir is None:
        update["run_dir"] = str(Path(plan.extra["data_dir"]) / f"{prefix}{command.env_name}-{_started()}")
    return plan.model_copy(update=update)


def _started() -> str:
    """Names a run; the same for all processes that one torchrun started."""
    moment = time.time()
    if "LOCAL_RANK" in os.environ:
        import psutil

        moment = psutil.Process(os.getppid()).create_time()
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(moment)) + f"-{int(moment * 1000) % 1000:03d}"


def sweep_centre(loaded: Loaded[Any], section: dict[str, Any]) -> dict[str, Any]:
    """The configured value of each swept key. Raises UserError for a key that the config does not have."""
    known = {setting.key for setting in loaded.settings()}
    centre = {}
    for group, names in section.items():
        for name in names if isinstance(names, dict) else ():
            key = f"{group}.{name}"
            options = getattr(getattr(loaded.model, group, None), "options", {})
            if key not in known and name not in options:
                raise UserError(
                    f"no such key to vary.{did_you_mean(key, known)}",
                    file=loaded.file,
                    key=f"[sweep.{key}]",
                    remedy="name a key of the config",
                )
            centre[key] = options[name] if name in options else loaded.value(key)
    return centre


def make_run_dir(run_dir: str) -> None:
    from metta_puffer.puffer.trainer import make_run_dir as make

    make(run_dir)


def checkpoint_of(command: Command, plan: RunPlan) -> str | None:
    """The model file that --load-model-path names, a path or URI. Raises UserError when there is none."""
    path: str | None = command.options.load_model_path
    if path is None:
        return None
    if path != "latest":
        from metta_puffer.puffer.checkpoints import resolve_model

        return resolve_model(path)
    data_dir = Path(plan.extra["data_dir"])
    found = [*data_dir.glob("*.pt"), *data_dir.glob("*/model_*.pt")]
    if not found:
        raise UserError(
            "no model was saved here yet",
            file=str(data_dir),
            remedy="train first, or give the path of a model_*.pt",
            key="--load-model-path",
            value="latest",
        )
    return str(max(found, key=os.path.getmtime))


if __name__ == "__main__":
    sys.exit(main())
