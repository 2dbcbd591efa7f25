"""Layers default file, file and overrides, and checks them against the models. No arithmetic here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from metta_puffer.config import native_model, puffer_model
from metta_puffer.config.files import CONFIGS
from metta_puffer.config.hydra import Composed, read_composed
from metta_puffer.config.kinds import LARGEST, describe, field_kind
from metta_puffer.config.loss_options import check_losses
from metta_puffer.config.native_model import NativeConfig
from metta_puffer.config.native_yaml import MANDATORY, Unresolved, read_yaml, scalar
from metta_puffer.config.problems import Problem, raise_any
from metta_puffer.config.puffer_ini import literal, read_ini
from metta_puffer.config.puffer_model import PufferConfig
from metta_puffer.config.settings import OVERRIDE, Entry, Loaded, Raw, Source, Unread
from metta_puffer.errors import UserError, did_you_mean

ModelT = TypeVar("ModelT", bound=BaseModel)
Overrides = Mapping[str, Any]


def load_puffer(
    path: str | Path, overrides: Overrides | None = None, *, default: str | Path | None = None
) -> Loaded[PufferConfig]:
    """A PufferLib ini read on top of its default.ini, with overrides such as {"train.learning_rate": "3e-4"}.

    The default file is `default`, else the one default*.ini beside `path`, else configs/puffer/default.ini.
    Raises UserError naming every wrong value; keys that nothing reads are listed in `unread`, not raised.
    """
    path = Path(path)
    raw = read_ini(path)
    default = Path(default) if default else _default_beside(path)
    known = dict(describe(PufferConfig))
    layers = [read_ini(default, "default file"), raw] if default.resolve() != path.resolve() else [raw]
    given: Raw = {}
    problems: list[Problem] = []
    for key, value in (overrides or {}).items():
        dotted = key.replace("-", "_") if "." in key else f"base.{key.replace('-', '_')}"
        if _closed(dotted, known, puffer_model.OPEN_SECTIONS):
            problems.append(_unknown_override(key, value, known))
            continue
        given[dotted] = Entry(literal(value.strip()) if isinstance(value, str) else value, OVERRIDE)
    layered = _layered([*layers, given], known)
    problems += _sweep_problems(layered, known)
    return _load(
        PufferConfig,
        layered,
        path,
        open_sections=puffer_model.OPEN_SECTIONS,
        dead=puffer_model.DEAD_KEYS,
        layout="puffer",
        problems=problems,
    )


def load_native(
    path: str | Path,
    overrides: Overrides | None = None,
    *,
    env_file: str | Path | None = None,
    config_root: str | Path | None = None,
) -> Loaded[NativeConfig]:
    """A trainer YAML read on top of configs/native/metta.yaml, with overrides such as {"trainer.batch_size": 8192}.

    A published Metta trainer file (its keys at the root) is understood, too. `env_file` is one of Metta's environment
    files, from which the agents and observation tokens of a world are taken; Hydra `defaults` are composed under
    `config_root` and listed in `unread` without it. Raises UserError naming every wrong value; keys that nothing
    reads are listed in `unread`, not raised.
    """
    path = Path(path)
    composed = read_composed(path, config_root)
    raw = composed.raw
    unread = _unresolved_defaults(composed, config_root)
    published = _is_published(raw)
    if published:
        raw = {_from_published(key): entry for key, entry in raw.items()}
    if env_file is not None:
        environment = read_composed(env_file, config_root)
        unread += _unresolved_defaults(environment, config_root)
        raw = {**raw, **_from_environment(environment.raw, env_file)}
    default = CONFIGS / "native" / "metta.yaml"
    known = dict(describe(NativeConfig))
    layers = [read_yaml(default, "default file"), raw] if default.resolve() != path.resolve() else [raw]
    given: Raw = {}
    problems: list[Problem] = []
    for key, value in (overrides or {}).items():
        dotted = key.replace("-", "_")
        if _closed(dotted, known, native_model.OPEN_SECTIONS):
            problems.append(_unknown_override(key, value, known))
            continue
        given[dotted] = Entry(scalar(value) if isinstance(value, str) else value, OVERRIDE)
    layered = _layered([*layers, given], known)
    if isinstance(workers := layered.get("trainer.num_workers"), Entry) and workers.value == MANDATORY:
        layered["trainer.num_workers"] = Entry(None, workers.source)
    loaded = _load(
        NativeConfig,
        layered,
        path,
        open_sections=native_model.OPEN_SECTIONS,
        dead=native_model.PUBLISHED_UNREAD if published else {},
        layout="published" if published else "ours",
        problems=problems,
        unread=unread,
    )
    check_losses(loaded.model.trainer.losses, loaded.sources.get("trainer.losses"))
    return loaded


def raise_unread(loaded: Loaded[Any]) -> list[Problem]:
    """A problem for each key that no trainer ever read: a typo, not a relic."""
    return [
        Problem(
            f"no such key.{unread.hint}", "correct or remove it", unread.key, unread.entry.value, unread.entry.source
        )
        for unread in loaded.unread
        if not unread.known
    ]


_SWEEP_ENTRIES = ("distribution", "min", "max", "mean", "scale")  # of one [sweep.SECTION.KEY]


def _sweep_problems(raw: Raw, known: Collection[str]) -> list[Problem]:
    """Swept keys that do not exist, and entries of theirs that pufferlib.sweep does not know."""
    problems = []
    for dotted, entry in raw.items():
        swept, _, name = dotted.removeprefix("sweep.").rpartition(".")
        if not dotted.startswith("sweep.") or not swept:
            continue
        if name not in _SWEEP_ENTRIES:
            hint = did_you_mean(name, _SWEEP_ENTRIES)
            remedy = f"use {', '.join(_SWEEP_ENTRIES)}"
            problems.append(Problem(f"no entry of a swept key.{hint}", remedy, dotted, entry.value, entry.source))
        elif name == "distribution" and _closed(swept, known, puffer_model.OPEN_SECTIONS):
            hint = did_you_mean(swept, known)
            problems.append(
                Problem(f"sweeps a key that does not exist.{hint}", "correct it", dotted, None, entry.source)
            )
    return problems


def _layered(layers: Iterable[Raw], known: Collection[str]) -> Raw:
    """Later layers win. A layer that names another game drops the game options of the layers before it."""
    merged: Raw = {}
    for layer in layers:
        if "env.game" in layer and "env.game" in merged and layer["env.game"].value != merged["env.game"].value:
            merged = {k: e for k, e in merged.items() if not k.startswith("env.") or k in known}
        merged.update(layer)
    return merged


def _default_beside(path: Path) -> Path:
    beside = sorted(path.parent.glob("default*.ini"))
    return beside[0] if len(beside) == 1 else CONFIGS / "puffer" / "default.ini"


def _is_published(raw: Raw) -> bool:
    return not any(key.startswith("trainer.") for key in raw) and any(
        _section(key) in native_model.PUBLISHED_TRAINER_KEYS for key in raw
    )


def _from_published(key: str) -> str:
    return f"trainer.{key}" if _section(key) in native_model.PUBLISHED_TRAINER_KEYS else key


# Keys of Metta's environment files -> ours.
_ENVIRONMENT_KEYS = {"game.num_agents": "env.num_agents", "game.num_observation_tokens": "env.num_tokens"}


def _from_environment(raw: Raw, file: str | Path) -> Raw:
    found = {ours: raw[theirs] for theirs, ours in _ENVIRONMENT_KEYS.items() if theirs in raw}
    if not found:
        raise UserError(
            "names neither game.num_agents nor game.num_observation_tokens",
            remedy="give an environment file such as arena/basic.yaml, with --config-root for its defaults",
            file=str(file),
        )
    return {key: entry for key, entry in found.items() if entry.value != MANDATORY}


def _unresolved_defaults(composed: Composed, root: str | Path | None) -> list[Unread]:
    hint = f" No such file under {root}." if root else " Give --config-root DIR to compose Hydra defaults."
    return [Unread(f"defaults: {name}", entry, True, hint) for name, entry in composed.unresolved]


def _section(key: str) -> str:
    return key.partition(".")[0]


def _closed(key: str, known: Iterable[str], open_sections: tuple[str, ...]) -> bool:
    """True when no model takes this key."""
    return key not in known and not (_section(key) in open_sections and "." in key)


def _unknown_override(key: str, value: Any, known: Iterable[str]) -> Problem:
    lists = "configs/puffer/default.ini lists" if "train.gamma" in known else "configs/native/metta.yaml lists"
    return Problem(f"no such key.{did_you_mean(key, known)}", f"{lists} every key", key, value, OVERRIDE)


def _load(
    model: type[ModelT],
    raw: Raw,
    path: Path,
    *,
    open_sections: tuple[str, ...],
    dead: Mapping[str, str],
    layout: Any,
    problems: list[Problem],
    unread: Sequence[Unread] = (),
) -> Loaded[ModelT]:
    fields = dict(describe(model))
    unread = list(unread)
    read: Raw = {}
    for key, entry in raw.items():
        reason = next((why for name, why in dead.items() if key == name or key.startswith(f"{name}.")), None)
        bare = key.removeprefix("trainer.")
        reason = reason or next(
            (why for name, why in dead.items() if bare == name or bare.startswith(f"{name}.")), None
        )
        if reason is not None and key not in fields:
            unread.append(Unread(key, entry, True, f" {reason[0].upper()}{reason[1:]}."))
        elif _closed(key, fields, open_sections):
            unread.append(Unread(key, entry, False, did_you_mean(key, fields)))
        elif isinstance(entry.value, Unresolved):
            problems.append(
                Problem(
                    "points to a value that is not in this file", "give the value", key, str(entry.value), entry.source
                )
            )
        elif entry.value == MANDATORY and layout != "puffer":
            problems.append(
                Problem("must be given", f"add {key}=VALUE to the command line", key, MANDATORY, entry.source)
            )
        else:
            read[key] = entry
    return Loaded(
        model=_validated(model, read, path, open_sections=open_sections, fields=fields, problems=problems),
        file=str(path),
        sources={key: entry.source for key, entry in read.items()},
        unread=tuple(unread),
        layout=layout,
        described=tuple((key, field_kind(info), info.description or "") for key, info in fields.items()),
    )


def _validated(
    model: type[ModelT],
    read: Raw,
    path: Path,
    *,
    open_sections: tuple[str, ...],
    fields: Mapping[str, Any],
    problems: list[Problem],
) -> ModelT:
    tree: dict[str, Any] = {name: {} for name in open_sections}
    for key, entry in read.items():
        branch = tree
        *parents, leaf = key.split(".")
        for name in parents:
            branch = branch.setdefault(name, {})
            if not isinstance(branch, dict):
                raise UserError(
                    "is a value and a section at once",
                    remedy="keep one of the two",
                    file=entry.source.place,
                    line=entry.source.line,
                    key=key,
                )
        branch[leaf] = entry.value
    reported = {problem.key for problem in problems}
    try:
        checked = model.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors():
            key = _key_of(detail["loc"], fields)
            if key in reported:
                continue
            reported.add(key)
            if detail["type"] == "missing":
                problems.append(Problem("is missing", "add it to the file", key, None, Source("file", str(path))))
                continue
            found = read.get(key)
            kind = field_kind(fields[key]) if key in fields else "another kind of value"
            if detail.get("ctx", {}).get("le") == LARGEST:
                kind = "a whole number below 2^63"
            problems.append(
                Problem(
                    f"expected {kind}",
                    f"give {kind}",
                    key,
                    found.value if found else detail["input"],
                    found.source if found else Source("file", str(path)),
                )
            )
        checked = None
    raise_any(problems)
    assert checked is not None  # every validation error became a problem
    return checked


def _key_of(location: tuple[int | str, ...], fields: Mapping[str, Any]) -> str:
    """The dotted key of a pydantic location, without the branch names of unions."""
    for length in range(len(location), 0, -1):
        key = ".".join(str(part) for part in location[:length])
        if key in fields:
            return key
    return ".".join(str(part) for part in location)
