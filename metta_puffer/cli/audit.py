"""metta-audit: what two training configurations really do, before a single step is run. Needs no GPU and no torch."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from metta_puffer.config.audit import as_json, audit
from metta_puffer.config.loading import load_native, load_puffer
from metta_puffer.config.machine import Machine
from metta_puffer.config.sides import native_side, puffer_side
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError

EXIT_ERRORS_FOUND = 1
PUFFER_SECTIONS = ("base", "vec", "rnn", "train", "sweep")
NATIVE_SECTIONS = ("trainer", "checkpoint", "seed", "device", "precision")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        return run(arguments)
    except UserError as error:
        print(f"metta-audit: {error}", file=sys.stderr)
        return EXIT_UNUSABLE_INPUT


def run(arguments: argparse.Namespace) -> int:
    machine = Machine.detect(cores=arguments.cores, gpus=arguments.gpus)
    for_puffer, for_native = split_overrides(arguments.overrides)
    if arguments.workers:
        for_puffer.setdefault("vec.num_workers", arguments.workers)
    result = audit(
        puffer_side(
            load_puffer(arguments.puffer, for_puffer, default=arguments.puffer_default),
            machine,
            agents=arguments.puffer_agents,
            version=arguments.puffer_version,
        ),
        native_side(
            load_native(arguments.native, for_native),
            machine,
            agents=arguments.native_agents,
            workers=arguments.workers,
            semantics=arguments.native_trainer,
        ),
    )
    if arguments.format == "json":
        print(json.dumps(as_json(result), indent=2, default=str, allow_nan=False))
    else:
        from rich.console import Console

        from metta_puffer.config.report_text import print_audit

        print_audit(result, Console(soft_wrap=False))
    return EXIT_ERRORS_FOUND if result.has_errors else 0


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
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="metta-audit", description=__doc__)
    parser.add_argument("--puffer", required=True, metavar="FILE.ini", help="PufferLib configuration")
    parser.add_argument("--native", required=True, metavar="FILE.yaml", help="trainer configuration, ours or Metta's")
    parser.add_argument("--puffer-default", metavar="FILE.ini", help="default.ini to read first")
    parser.add_argument("--puffer-agents", type=_count, metavar="N", help="agents of one world on the puffer side")
    parser.add_argument("--native-agents", type=_count, metavar="N", help="agents of one world on the native side")
    parser.add_argument("--workers", type=_count, metavar="N", help="workers on both sides")
    parser.add_argument("--cores", type=_count, metavar="N", help="physical cores of the machine that will run it")
    parser.add_argument("--gpus", type=int, metavar="N", help="GPUs of the machine that will run it")
    parser.add_argument("--puffer-version", choices=("3.0.23", "3.0.0"), default="3.0.23")
    parser.add_argument(
        "--native-trainer",
        choices=("2025-07", "2026-01", "ours"),
        help="whose arithmetic; default: 2025-07 for Metta's own files, ours for our files",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="overrides, such as train.batch_size=65536")
    return parser


if __name__ == "__main__":
    sys.exit(main())
