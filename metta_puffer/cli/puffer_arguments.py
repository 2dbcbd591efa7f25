"""The arguments of `puffer`: a mode, an env_name, and one option for every key of the configuration."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rich_argparse import RichHelpFormatter

from metta_puffer.config.loading import CONFIGS, load_puffer
from metta_puffer.config.puffer_ini import read_ini
from metta_puffer.config.puffer_model import OPEN_SECTIONS
from metta_puffer.config.settings import Loaded, Setting
from metta_puffer.errors import UserError, did_you_mean

PUFFER_CONFIGS = CONFIGS / "puffer"
USAGE = "puffer {train,eval,sweep,autotune,profile,export} ENV_NAME [--config FILE.ini] [--section.key VALUE ...]"

Parser = argparse.ArgumentParser


@dataclass(frozen=True)
class Command:
    """What was asked for: `overrides` by dotted key as load_puffer takes them, `options` of the mode itself."""

    mode: str
    env_name: str
    config: Path
    overrides: dict[str, str]
    options: argparse.Namespace


def parse(argv: list[str]) -> Command:
    """Raises UserError for anything that is no command; SystemExit(0) after printing a help text."""
    if not argv or argv[0] in ("-h", "--help"):
        print(overview())
        raise SystemExit(0)
    mode, *rest = argv
    if mode not in MODES:
        raise UserError(
            f"there is no mode {mode!r}.{did_you_mean(mode, MODES)}",
            remedy=f"write {USAGE}",
            file="command line",
        )
    env_name = rest.pop(0) if rest and not rest[0].startswith("-") else None
    config = _config_file(env_name, rest)
    loaded = load_puffer(config)
    name = env_name or str(loaded.model.base.env_name).split()[0]
    parser = build_parser(mode, name, loaded)
    options, unknown = parser.parse_known_args(rest)
    overrides = {key: vars(options).pop(key) for key in _setting_keys(loaded) if key in options}
    overrides |= dict(_further_overrides(unknown, parser))
    return Command(mode, name, config, overrides, options)


def overview() -> str:
    modes = "\n".join(f"  {mode:9s} {text}" for mode, (text, _) in MODES.items())
    names = ", ".join(sorted(configs_by_name()))
    return (
        f"usage: {USAGE}\n\n{modes}\n\nENV_NAME is one of {names} (the env_name of a file in {PUFFER_CONFIGS}).\n"
        "`puffer MODE ENV_NAME --help` lists every key with its value."
    )


def configs_by_name() -> dict[str, Path]:
    """env_name -> ini file, as PufferLib finds them: a file's env_name may list several, separated by spaces."""
    found: dict[str, Path] = {}
    for path in sorted(PUFFER_CONFIGS.glob("**/*.ini")):
        try:
            name = read_ini(path).get("base.env_name")
        except UserError:
            continue  # a broken file is reported when it is the one asked for
        if name is not None and name.value is not None:
            found |= dict.fromkeys(str(name.value).split(), path)
    return found


def _config_file(env_name: str | None, rest: list[str]) -> Path:
    finder = _Parser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    given = finder.parse_known_args(rest)[0].config
    if given is not None:
        return Path(given)
    names = configs_by_name()
    if env_name is None:
        raise UserError("no ENV_NAME given", remedy=f"write {USAGE}", file="command line")
    if env_name not in names:
        raise UserError(
            f"no config has the env_name {env_name!r}.{did_you_mean(env_name, names)}",
            remedy=f"use one of {', '.join(sorted(names))}, or give --config FILE.ini",
            file="command line",
        )
    return names[env_name]


def build_parser(mode: str, env_name: str, loaded: Loaded[Any]) -> Parser:
    """The mode's own options, then every key of the configuration with kind, meaning, value and its source."""
    description, add_options = MODES[mode]
    parser = _Parser(
        prog=f"puffer {mode} {env_name}",
        usage="%(prog)s [options] [--section.key VALUE ...]",
        description=description,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE.ini", help="configuration instead of the one with this env_name")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of this run; one that holds a saved run is resumed")
    add_options(parser)
    sections: dict[str, Any] = {}
    for setting in loaded.settings():
        if setting.section not in sections:
            sections[setting.section] = parser.add_argument_group(f"[{setting.section}]")
        sections[setting.section].add_argument(
            _flag(setting.key),
            dest=setting.key,
            default=argparse.SUPPRESS,
            metavar="VALUE",
            help=_help(setting),
        )
    for section in OPEN_SECTIONS:
        sections.setdefault(section, parser.add_argument_group(f"[{section}]")).description = _open_keys(
            loaded, section
        )
    return parser


def _help(setting: Setting) -> str:
    source = str(setting.source).removeprefix(f"{PUFFER_CONFIGS}/")
    meaning = f"{setting.help} ({setting.kind})" if setting.help else setting.kind
    return f"{meaning}; {setting.value}, from {source}".replace("%", "%%")


def _open_keys(loaded: Loaded[Any], section: str) -> str:
    options = getattr(loaded.model, section).options
    given = ", ".join(f"--{section}.{key.replace('_', '-')} {value}" for key, value in _leaves(options))
    return f"Takes further keys; in the file: {given or 'none'}"


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _setting_keys(loaded: Loaded[Any]) -> list[str]:
    return [setting.key for setting in loaded.settings()]


def _flag(key: str) -> str:
    """Keys of [base] stand without their section, as in PufferLib."""
    return "--" + key.removeprefix("base.").replace("_", "-")


def _further_overrides(unknown: list[str], parser: Parser) -> Iterator[tuple[str, str]]:
    """Keys the parser does not list: open sections take them, for others the resolver names the nearest key."""
    waiting = list(unknown)
    while waiting:
        flag = waiting.pop(0)
        name, equals, value = flag.partition("=")
        if not name.startswith("--") or "." not in name:
            known = [option for action in parser._actions for option in action.option_strings]
            raise UserError(
                f"there is no option {flag!r}.{did_you_mean(name, known)}",
                remedy=f"see {parser.prog} --help",
                file="command line",
            )
        if not equals:
            if not waiting or waiting[0].startswith("--"):
                raise UserError("has no value", remedy=f"write {name} VALUE", file="command line", key=name)
            value = waiting.pop(0)
        yield name.removeprefix("--").replace("-", "_"), value


class _Formatter(RichHelpFormatter):
    group_name_formatter = str  # sections stand as in the ini file


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"see {self.prog} --help", file="command line")


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_whole.__name__ = "whole number of at least 1"  # argparse shows it when the value is refused


def _add_tracking(parser: Parser) -> None:
    parser.add_argument("--wandb", action="store_true", help="log to Weights & Biases too (WANDB_MODE=offline works)")
    parser.add_argument("--wandb-project", default="metta-puffer", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--wandb-group", default="puffer", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--no-dashboard", action="store_true", help="plain lines instead of PufferLib's dashboard")


def _add_checkpoint(parser: Parser) -> None:
    parser.add_argument(
        "--load-model-path",
        metavar="PATH",
        help="a model_*.pt, RUN, RUN:v12 or RUN:latest, by path or URI; 'latest' for the newest under train.data_dir",
    )


def _add_train(parser: Parser) -> None:
    _add_tracking(parser)
    _add_checkpoint(parser)


def _add_eval(parser: Parser) -> None:
    _add_checkpoint(parser)
    parser.add_argument("--episodes", type=_whole, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--deterministic", action="store_true", help="the likeliest action instead of a sampled one")
    parser.add_argument(
        "--render-mode", choices=("ansi", "none"), default="ansi", help="ansi draws each moment; default: %(default)s"
    )
    parser.add_argument("--fps", type=float, default=15, metavar="N", help="moments a second; default: %(default)s")


def _add_sweep(parser: Parser) -> None:
    _add_tracking(parser)
    parser.add_argument("--max-runs", type=_whole, default=200, metavar="N", help="default: %(default)s")


def _add_autotune(parser: Parser) -> None:
    parser.add_argument("--seconds", type=float, default=3, metavar="N", help="for each setting; default: %(default)s")


def _add_profile(parser: Parser) -> None:
    parser.add_argument("--rounds", type=_whole, default=3, metavar="N", help="default: %(default)s")


def _add_export(parser: Parser) -> None:
    _add_checkpoint(parser)
    parser.add_argument("--output", metavar="PATH", help="without suffix; default: ENV_NAME_weights here")


MODES: dict[str, tuple[str, Callable[[Parser], None]]] = {
    "train": ("Train with PuffeRL.", _add_train),
    "eval": ("Play episodes with a checkpoint and draw them.", _add_eval),
    "sweep": ("Search settings with pufferlib.sweep; the space is [sweep] of the config.", _add_sweep),
    "autotune": ("Measure vectorizations of the same worlds and print the fastest [vec].", _add_autotune),
    "profile": ("Record a torch profile of a few rounds.", _add_profile),
    "export": ("Write weights as .safetensors and flat .bin, with a .json that describes them.", _add_export),
}
