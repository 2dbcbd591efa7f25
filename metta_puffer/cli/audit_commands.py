"""The commands of metta-audit and their arguments: parse, call, print."""

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from metta_puffer.config.audit import Audit, as_json, audit
from metta_puffer.config.derivations_bytes import OF_PROCESS
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.pair import Pair
from metta_puffer.config.reconcile import MATCHES, Reconciled, reconcile, write_pair
from metta_puffer.config.sides import Side, native_side, puffer_side
from metta_puffer.errors import UserError, did_you_mean

EXIT_ERRORS_FOUND = 1
PUFFER_SECTIONS = ("base", "vec", "rnn", "train", "sweep")
NATIVE_SECTIONS = ("trainer", "checkpoint", "seed", "device", "precision")


def run(words: list[str]) -> int:
    """The exit status of a command line. Raises UserError for unusable input."""
    first = words[0] if words else ""
    if first in COMMANDS:
        return COMMANDS[first](_parser(first).parse_intermixed_args(words[1:]))
    if first and not first.startswith("-") and "=" not in first:
        raise UserError(
            f"no such command.{did_you_mean(first, COMMANDS)}",
            remedy=f"use one of {', '.join(COMMANDS)}, or KEY=VALUE",
            file="command line",
            key=first,
        )
    return run_audit(_parser("audit").parse_intermixed_args(words))


def run_audit(arguments: argparse.Namespace) -> int:
    result = _audit(arguments)
    if arguments.explain:
        return _explain(result, arguments.explain)
    if arguments.format == "json":
        _print_json(as_json(result, _reconciled(arguments)))
    elif arguments.format == "html":
        from metta_puffer.config.report_html import page

        print(page(result))
    else:
        from metta_puffer.config.report_text import print_audit

        print_audit(result, _console())
    return EXIT_ERRORS_FOUND if result.has_errors else 0


def run_reconcile(arguments: argparse.Namespace) -> int:
    from metta_puffer.config.report_text import print_reconciled

    machine = _machine(arguments)
    pair = _pair(arguments, machine)
    result = reconcile(pair, arguments.match, arguments.toward)
    heading = (
        f"Written by `metta-audit reconcile --match {arguments.match} --toward {arguments.toward}` from\n"
        f"{arguments.puffer} and {arguments.native}."
    )
    files = write_pair(pair, arguments.out, heading)
    if arguments.format == "json":
        _print_json(_reconciled_json(result, files))
    else:
        print_reconciled(result, files, _console())
    return EXIT_ERRORS_FOUND if result.constraints or result.audit.has_errors else 0


def run_scale(arguments: argparse.Namespace) -> int:
    from metta_puffer.config.report_text import print_scale

    machine, overrides = _machine(arguments), split_overrides(arguments.overrides)[1]
    loaded = load_native(arguments.native, overrides)
    sides = [
        native_side(loaded, machine, agents=agents, workers=workers, semantics=arguments.native_trainer)
        for workers in arguments.workers
        for agents in arguments.agents
    ]
    if arguments.format == "json":
        _print_json([side.quantities.values_by_name() for side in sides])
    else:
        console = _console()
        console.print(f"{sides[0].loaded.file} ({sides[0].trainer})\n", highlight=False, markup=False)
        print_scale(sides, console)
    return 0


def run_diff(arguments: argparse.Namespace) -> int:
    from metta_puffer.config.compare_any import differences, open_side
    from metta_puffer.config.report_text import print_differences

    machine = _machine(arguments)
    left, right = open_side(arguments.left, machine), open_side(arguments.right, machine)
    found = differences(left, right)
    if arguments.format == "json":
        _print_json([vars(difference) for difference in found])
    else:
        print_differences(left, right, found, _console())
    return 0


def run_pipeline(arguments: argparse.Namespace) -> int:
    from metta_puffer.config.pipeline import as_text, stages

    found = stages(*_sides(arguments))
    if arguments.format == "json":
        _print_json([vars(stage) for stage in found])
    else:
        print("\n".join(as_text(found)))
    return 0


def run_advise(arguments: argparse.Namespace) -> int:
    from metta_puffer.config.advice import advise
    from metta_puffer.config.report_text import print_advice

    machine = _machine(arguments)
    puffer, native = _sides(arguments)
    found = advise(puffer, native, machine)
    if arguments.format == "json":
        _print_json([vars(advice) for advice in found])
    else:
        print_advice(found, _console())
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "audit": run_audit,
    "reconcile": run_reconcile,
    "scale": run_scale,
    "diff": run_diff,
    "pipeline": run_pipeline,
    "advise": run_advise,
}


def _machine(arguments: argparse.Namespace) -> Machine:
    ranks = arguments.ranks or (max(1, arguments.gpus) if arguments.gpus is not None else 1)
    return Machine.detect(cores=arguments.cores, gpus=arguments.gpus, ranks=ranks)


def _overrides(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    puffer, native = split_overrides(arguments.overrides)
    if arguments.workers:
        puffer.setdefault("vec.num_workers", arguments.workers)
    return puffer, native


def _sides(arguments: argparse.Namespace) -> tuple[Side, Side]:
    machine = _machine(arguments)
    for_puffer, for_native = _overrides(arguments)
    return (
        puffer_side(
            load_puffer(arguments.puffer, for_puffer, default=arguments.puffer_default),
            machine,
            agents=arguments.puffer_agents,
            version=arguments.puffer_version,
            loop=arguments.puffer_loop,
        ),
        native_side(
            load_native(arguments.native, for_native, env_file=arguments.native_env, config_root=arguments.config_root),
            machine,
            agents=arguments.native_agents,
            workers=arguments.workers,
            semantics=arguments.native_trainer,
        ),
    )


def _audit(arguments: argparse.Namespace) -> Audit:
    return audit(*_sides(arguments))


def _pair(arguments: argparse.Namespace, machine: Machine) -> Pair:
    for_puffer, for_native = _overrides(arguments)
    if arguments.puffer_agents:
        for_puffer["env.num_agents"] = arguments.puffer_agents
    if arguments.native_agents:
        for_native["env.num_agents"] = arguments.native_agents
    if arguments.workers:
        for_native.setdefault("trainer.num_workers", arguments.workers)
    return Pair(
        {"puffer": arguments.puffer, "native": arguments.native},
        machine,
        {"puffer": for_puffer, "native": for_native},
        arguments.puffer_default,
    )


def _reconciled(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `reconcile --match everything` would change, for the JSON report."""
    pair = _pair(arguments, _machine(arguments))
    return _reconciled_json(reconcile(pair, "everything", "puffer"), ())


def _reconciled_json(result: Reconciled, files: Sequence[Path]) -> dict[str, Any]:
    return {
        "match": result.match,
        "toward": result.toward,
        "puffer": result.audit.puffer.quantities.values_by_name(),
        "native": result.audit.native.quantities.values_by_name(),
        "changes": [vars(change) for change in result.changes],
        "constraints": list(result.constraints),
        "mismatches": [vars(mismatch) for mismatch in result.audit.mismatches],
        "rules_that_differ": [vars(rule) for rule in result.still_different],
        "files": [str(file) for file in files],
    }


def _explain(result: Audit, name: str) -> int:
    from metta_puffer.config.explain import explain, wrapped

    sides = [side for side in result.sides if name in side.quantities]
    if not sides:
        known = dict.fromkeys(name for side in result.sides for name in side.quantities)
        message, remedy = f"no such quantity.{did_you_mean(name, known)}", "the audit without --explain lists all"
        if name in OF_PROCESS:
            message = "predicted for runs on the CPU only, with a policy of this project"
            remedy = "look at a pair for the CPU, with --gpus 0"
        raise UserError(message, remedy=remedy, file="command line", key="--explain", value=name)
    for position, side in enumerate(sides):
        if position:
            print()
        print(f"{side.name} ({side.trainer})")
        print("\n".join(wrapped(explain(side, name), shutil.get_terminal_size().columns)))
    return 0


def _print_json(value: Any) -> None:
    print(json.dumps(_finite(value), indent=2, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    """JSON knows no infinity; a rate over nothing becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and abs(value) == float("inf") else value


def _console() -> Any:
    from rich.console import Console

    return Console()


def split_overrides(texts: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """KEY=VALUE texts by side: train.* and the like to puffer, trainer.* to native, puffer.* and native.* by name."""
    puffer: dict[str, Any] = {}
    native: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError("is no override", remedy="write KEY=VALUE", file="command line", key=text)
        section, _, rest = key.partition(".")
        if section == "puffer" and rest:
            puffer[rest] = value
        elif section == "native" and rest:
            native[rest] = value
        elif section in PUFFER_SECTIONS:
            puffer[key] = value
        elif section in NATIVE_SECTIONS:
            native[key] = value
        else:
            raise UserError(
                "stands on neither or both sides",
                remedy=f"write puffer.{key}={value} or native.{key}={value}",
                file="command line",
                key=key,
            )
    return puffer, native


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"see {self.prog} --help")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
    if not 1 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2^63")
    return number


def _index(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


EPILOG = """commands: audit (the default), reconcile, scale, diff, pipeline, advise; metta-audit COMMAND --help.
exit status: 0 clean, 1 findings of severity error, 2 unusable input"""


def _parser(command: str) -> argparse.ArgumentParser:
    prog = "metta-audit" if command == "audit" else f"metta-audit {command}"
    parser = _Parser(
        prog=prog,
        description=DESCRIPTIONS[command],
        epilog=EPILOG if command == "audit" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    formats = ("text", "json", "html") if command == "audit" else ("text", "json")
    parser.add_argument("--format", choices=formats, default="text")
    parser.add_argument("--cores", type=_count, metavar="N", help="physical cores of the machine that will run it")
    parser.add_argument("--gpus", type=_index, metavar="N", help="GPUs of the machine that will run it")
    parser.add_argument(
        "--ranks", type=_count, metavar="N", help="processes that train together; default one for each of --gpus"
    )
    if command == "diff":
        parser.add_argument("left", metavar="A", help="an ini or YAML")
        parser.add_argument("right", metavar="B", help="an ini or YAML")
        return parser
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="overrides, such as train.batch_size=65536")
    parser.add_argument("--native", required=True, metavar="FILE.yaml", help="trainer configuration, ours or Metta's")
    parser.add_argument(
        "--native-trainer",
        choices=("2025-07", "2026-01", "ours"),
        help="whose arithmetic; default: 2025-07 for Metta's own files, ours for our files",
    )
    if command == "scale":
        parser.add_argument(
            "--agents", type=_counts, default=[1, 3, 4, 8, 24, 64], metavar="N,N", help="agents a world"
        )
        parser.add_argument("--workers", type=_counts, default=[8, 16], metavar="N,N", help="workers")
        return parser
    parser.add_argument("--puffer", required=True, metavar="FILE.ini", help="PufferLib configuration")
    parser.add_argument("--puffer-default", metavar="FILE.ini", help="default.ini to read first")
    parser.add_argument("--puffer-agents", type=_count, metavar="N", help="agents of one world on the puffer side")
    parser.add_argument("--puffer-version", choices=("3.0.23", "3.0.0"), default="3.0.23")
    parser.add_argument(
        "--puffer-loop", choices=("stock", "ours"), help="PufferLib's own loop or `puffer train`; default by the file"
    )
    parser.add_argument("--native-agents", type=_count, metavar="N", help="agents of one world on the native side")
    parser.add_argument("--native-env", metavar="FILE.yaml", help="Metta environment file that says agents and tokens")
    parser.add_argument("--config-root", metavar="DIR", help="folder under which Hydra defaults are looked for")
    parser.add_argument("--workers", type=_count, metavar="N", help="workers on both sides")
    if command == "audit":
        parser.add_argument("--explain", metavar="QUANTITY", help="formula, inputs with file and line, and steps")
    if command == "reconcile":
        parser.add_argument("--match", required=True, choices=MATCHES, help="what shall be equal")
        parser.add_argument("--toward", choices=("puffer", "native"), default="puffer", help="whose numbers are kept")
        parser.add_argument("--out", required=True, metavar="DIR", help="folder for puffer.ini and native.yaml")
    return parser


DESCRIPTIONS = {
    "audit": "What two training configurations really do, before a single step is run.",
    "reconcile": "Writes a pair of configurations that match in one respect, or in everything, and train as they are.",
    "scale": "The scaling table: agents a world against workers, with what is collected, wasted and spliced.",
    "diff": "What differs between any two configurations, of the same kind or not.",
    "pipeline": "One training iteration, stage by stage, with these configurations' numbers.",
    "advise": "Concrete changes for these configurations on this machine, each with its predicted effect.",
}
