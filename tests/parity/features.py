"""Which zoo worlds show which feature of the config language: writes docs/parity-features.md.

The rows come from the pydantic models themselves: every model a MettaGridConfig can hold, every field of it, and every
value of fields that choose among few. So a new field in the language is a new row, empty until a world shows it.
A world *shows* a row when taking that setting out of its config (or changing that choice) changes what the published
engine does. Settings that change nothing by design are listed with the reason, and there the same test must find no
difference. What cannot be taken out alone (a required field) has to be used.
"""

import enum
import hashlib
import marshal
import sys
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal, Union

from mettagrid.base_config import Config
from mettagrid.config.mettagrid_config import MettaGridConfig

from tests.parity.case import Case
from tests.parity.engines import open_published
from tests.parity.lockstep import Progress, attempt
from tests.parity.processes import ROOT, Died, Oracle
from tests.parity.trees import Tree, class_name, from_tree, model_class, to_tree
from tests.parity.zoo import WORLDS

UNREAD_TRIES = 12
PAGE = ROOT / "docs" / "parity-features.md"

# Rows (a class stands for its fields too) that the published engine does not read. Worlds set them all the same.
WITHOUT_EFFECT = {
    "MettaGridConfig.label": "a name for logs",
    "MettaGridConfig.desync_episodes": "read by trainers",
    "GameConfig.params": "kept for templates",
    "GameConfig.reward_estimates": "read by statistics writers",
    "GameConfig.vibe_names": "overwritten from `change_vibe.vibes`",
    "GameConfig.talk": "a side channel in Python",
    "ObsConfig.token_dim": "always 3",
    "GlobalObsConfig.goal_obs": "no such token is made",
    "GridObjectConfig.handlers": "only `on_use_handler` is read",
    "WallConfig.handlers": "only `on_use_handler` is read",
    "AgentConfig.handlers": "only `on_use_handler` is read",
    "WallConfig.inventory": "walls start empty and unlimited",
    "AgentConfig.map_name": "agents are placed by team",
    "NoopActionConfig.action_handler": "not read",
    "MoveActionConfig.action_handler": "not read",
    "ChangeVibeActionConfig.action_handler": "not read",
    "NoopActionConfig.required_resources": "names are checked, then it is not read",
    "MoveActionConfig.required_resources": "names are checked, then it is not read",
    "ChangeVibeActionConfig.required_resources": "names are checked, then it is not read",
    "NoopActionConfig.consumed_resources": "names are checked, then it is not read",
    "MoveActionConfig.consumed_resources": "names are checked, then it is not read",
    "ChangeVibeActionConfig.consumed_resources": "names are checked, then it is not read",
    "NoopActionConfig.enabled": "the engine keeps the action; only Python's list of names omits it",
    "MoveActionConfig.enabled": "the engine keeps the actions; only Python's list of names omits them",
    "ActionsConfig.attack": "no action is made and nothing calls it",
    "AttackActionConfig": "no action is made and nothing calls it",
    "AttackOutcome": "part of the attack action",
    "AttackMutation": "dropped on conversion",
    "MaterializedQuery.source": "only `tag` and `query` count",
    "MaterializedQuery.filters": "only `tag` and `query` count",
    "MaterializedQuery.max_items": "only `tag` and `query` count",
    "MaterializedQuery.order_by": "only `tag` and `query` count",
    "RaycastQuery.order_by": "rays are never shuffled",
    "StatValue.delta": "each reading starts from a baseline of zero",
    "EventConfig.name": "events are known by their key",
    "AOEConfig.name": "areas are known by their order",
    "TalkConfig": "a side channel in Python",
}

# Not part of what an engine runs, so no rows: hints for viewers, and builders of maps (they only yield the grid).
OUTSIDE = {"RenderConfig", "RenderHudConfig", "RenderStatusBarConfig", "RenderAsset", "MapBuilderConfig"}
OUTSIDE_FIELDS = {"GameConfig.render": "hints for viewers", "GameConfig.map_builder": "yields the map"}
# The models refuse these values, so no world can have them.
REFUSED = {"AgentConfig.blocks_vision": "agents do not block vision: refused by the model"}
# Fields typed as anything that hold models all the same.
UNTYPED = {"MoveActionConfig.handlers": "Handler"}


@dataclass(frozen=True)
class Row:
    """`choice` is set for one value of a field of few values; `removable`: the setting can be taken out alone."""

    name: str
    model: str
    field: str | None = None
    choice: Any = None
    choices: tuple[Any, ...] = ()

    @property
    def why_without_effect(self) -> str | None:
        return WITHOUT_EFFECT.get(self.name) or WITHOUT_EFFECT.get(self.model)


@dataclass
class Finding:
    """What the zoo says about a row."""

    row: Row
    used_by: list[str]
    shown_by: str | None = None
    removable: bool = False
    changed_by: list[str] = field(default_factory=list)  # worlds where a row without effect had one

    @property
    def complaint(self) -> str | None:
        if not self.used_by:
            return "no world uses it"
        if self.row.why_without_effect:
            return f"has an effect in {self.changed_by}" if self.changed_by else None
        if self.removable and self.shown_by is None:
            return f"taking it out of {self.used_by} changes nothing"
        return None


def rows() -> list[Row]:
    """One row for every model, field and choice of the language, in the order the models are reached."""
    found: list[Row] = []
    for model in _reachable(MettaGridConfig):
        name = class_name(model)
        if name in OUTSIDE or ":" in name:
            continue
        found.append(Row(name, name))
        for key, info in model.model_fields.items():
            path = f"{name}.{key}"
            if path in OUTSIDE_FIELDS or path in REFUSED or _single_literal(info.annotation):
                continue
            found.append(Row(path, name, key))
            choices = () if Row(path, name, key).why_without_effect else _choices(info.annotation)
            found += [Row(f"{path}={choice}", name, key, choice, choices) for choice in choices]
    return found


def _reachable(root: type[Config]) -> list[type[Config]]:
    seen: dict[type[Config], None] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, Config):
            if annotation in seen:
                return
            seen[annotation] = None
            for info in annotation.model_fields.values():
                visit(info.annotation)
        for part in typing.get_args(annotation):
            visit(part)

    visit(root)
    return list(seen)


def _single_literal(annotation: Any) -> bool:
    return typing.get_origin(annotation) is Literal and len(typing.get_args(annotation)) == 1


def _choices(annotation: Any) -> tuple[Any, ...]:
    """The values of a bool, enum or Literal, also inside Optional and list."""
    if annotation is bool:
        return (False, True)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return tuple(member.value for member in annotation)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return parts
    if origin is list:
        return _choices(parts[0])
    if origin in (Union, types.UnionType):
        inner = [_choices(part) for part in parts if part is not type(None)]
        if len(inner) == 1 and inner[0]:
            return (None, *inner[0]) if type(None) in parts else inner[0]
    return ()


# --- using and showing -----------------------------------------------------------------------------------------------


def _models(tree: Tree) -> Iterator[dict[str, Tree]]:
    if isinstance(tree, dict):
        if "$" in tree:
            yield tree
        for item in tree.values():
            yield from _models(item)
    elif isinstance(tree, list):
        for item in tree:
            yield from _models(item)


def _value(model: dict[str, Tree], row: Row) -> Any:
    assert row.field is not None
    info = model_class(row.model).model_fields[row.field]
    value = model.get(row.field, None if info.is_required() else info.get_default(call_default_factory=True))
    return value.value if isinstance(value, enum.Enum) else value


def uses(tree: Tree, row: Row) -> bool:
    for model in _models(tree):
        if model["$"] != row.model:
            continue
        if row.field is None or (row.choice is None and not row.choices and row.field in model):
            return True
        if row.choices:
            value = _value(model, row)
            if row.choice in value if isinstance(value, list) else value == row.choice:
                return True
    return False


def without(tree: Tree, row: Row) -> Tree | None:
    """The tree with the row's setting taken out or changed; None when that cannot be done."""
    edits = 0

    def count() -> None:
        nonlocal edits
        edits += 1

    def rebuild(node: Tree) -> Tree:
        if isinstance(node, list):
            kept = [item for item in node if not _is_model(item, row)] if row.field is None else node
            if len(kept) < len(node):
                count()
            return [rebuild(item) for item in kept]
        if not isinstance(node, dict):
            return node
        built = {}
        for key, item in node.items():
            if row.field is None and _is_model(item, row) and _droppable(node, key):
                count()
                continue
            named = node.get("$") == row.model and key == row.field and not row.choices
            if named and _droppable(node, key):
                count()
                continue
            built[key] = rebuild(item)
        if row.choices and node.get("$") == row.model:
            changed = _change(_value(node, row), row)
            if changed is not None:
                count()
                built[row.field] = changed[0]
        return built

    result = rebuild(tree)
    return result if edits else None


def _is_model(node: Tree, row: Row) -> bool:
    return isinstance(node, dict) and node.get("$") == row.model


def _droppable(node: dict[str, Tree], key: str) -> bool:
    """Keys of a plain dict can be dropped, fields of a model when they have a default."""
    return "$" not in node or not model_class(node["$"]).model_fields[key].is_required()


def _change(value: Any, row: Row) -> tuple[Any] | None:
    other = next(choice for choice in row.choices if choice != row.choice)
    if isinstance(value, list):
        return ([other if item == row.choice else item for item in value],) if row.choice in value else None
    return (other,) if value == row.choice else None


def digest(case: Case, progress: Progress) -> str:
    """A hash of everything the published engine shows over the case, errors included."""
    seen = hashlib.sha256()
    progress("construction")
    world, failure = attempt(lambda: open_published(case))
    if failure:
        return f"{failure.kind}: {failure.text.splitlines()[0]}"
    edits = {edit.step: edit for edit in case.inventory_edits}
    for index in range(case.env_steps + 1):
        for array in (world.observations, world.rewards, world.terminals, world.truncations, world.action_success):
            seen.update(array.tobytes())
        seen.update(marshal.dumps(world.episode_stats(), 2))
        if index == case.env_steps:
            break
        if index in edits:
            world.set_inventory(edits[index].agent, edits[index].amounts)
        progress(f"step {index + 1}")
        vibes = None if case.vibe_actions is None else case.vibe_actions[index]
        _, failure = attempt(lambda i=index, v=vibes: world.step(case.actions[i], v))
        if failure:
            return f"{seen.hexdigest()} {failure.kind}: {failure.text}"
    capacities = [item["inventory_capacities"] for item in world.grid_objects().values()]
    return f"{seen.hexdigest()} {capacities}"


def digest_without(name: str, row: Row, progress: Progress) -> str | None:
    case = WORLDS[name]()
    changed = without(to_tree(case.config), row)
    if changed is None:
        return None
    try:
        config = from_tree(changed)
    except ValueError as error:
        return f"not a config: {type(error).__name__}"
    return digest(replace(case, config=config), progress)


def digest_of(name: str, progress: Progress) -> str:
    return digest(WORLDS[name](), progress)


def _candidates(finding: Finding, trees: dict[str, Tree]) -> list[str]:
    """The worlds to try, those with the fewest settings first: they are the ones made for a feature."""
    names = sorted(finding.used_by, key=lambda name: (name.startswith("errors."), len(str(trees[name]))))
    if finding.row.why_without_effect:
        # Names are checked even where nothing is read, so worlds that show errors do change.
        return [name for name in names if not name.startswith("errors.")][:UNREAD_TRIES]
    return names


def survey(oracle: Oracle, tell: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """A finding for every row."""
    trees = {name: to_tree(build().config) for name, build in WORLDS.items()}
    whole: dict[str, Any] = {}
    findings = []
    for row in rows():
        finding = Finding(row, [name for name, tree in trees.items() if uses(tree, row)])
        for name in _candidates(finding, trees):
            if without(trees[name], row) is None:
                continue
            finding.removable = True
            if name not in whole:
                whole[name] = oracle.call(digest_of, name)
            changed = oracle.call(digest_without, name, row)
            if isinstance(changed, Died) or changed == whole[name]:
                continue
            if row.why_without_effect:
                finding.changed_by.append(name)
            else:
                finding.shown_by = name
                break
        findings.append(finding)
        tell(f"{row.name}: {finding.complaint or 'fine'}"[:300])
    return findings


# --- the page --------------------------------------------------------------------------------------------------------

HEAD = """# Features of the config language and the worlds that show them

Written by `python -m tests.parity.features`; a test fails when this page is out of date or a row is empty.

Rows are the models, fields and choices of `mettagrid.config` as pydantic lists them. **Shown by** names a world of the
zoo (`tests/parity/zoo/`) in which taking the setting out, or changing that choice, changes what the published engine
does; *required* stands where a setting cannot be taken out alone, so the world only uses it; a reason in italics where
the published engine does not read the setting, which is checked the same way (taking it out changes nothing in any
world). **Used by** counts the worlds that have the setting. Every world is run on both engines in lockstep.
"""


def page(findings: list[Finding]) -> str:
    lines = [HEAD, "| Feature | Shown by | Used by |", "| --- | --- | ---: |"]
    for finding in findings:
        row, reason = finding.row, finding.row.why_without_effect
        if reason:
            shown = f"*{reason}*"
        elif finding.shown_by:
            shown = f"`{finding.shown_by}`"
        elif finding.used_by:
            shown = f"*required*, `{finding.used_by[0]}`"
        else:
            shown = ""
        name = f"**{row.name}**" if row.field is None else row.name
        lines.append(f"| {name} | {shown} | {len(finding.used_by)} |")
    lines += ["", "Not rows:", ""]
    lines += [f"* `{name}`: {why}" for name, why in {**OUTSIDE_FIELDS, **REFUSED}.items()]
    lines += ["", f"{len(findings)} rows, {len(WORLDS)} worlds.", ""]
    return "\n".join(lines)


def main() -> int:
    oracle = Oracle()
    findings = survey(oracle, lambda text: None if text.endswith(": fine") else print(text))
    oracle.close()
    PAGE.write_text(page(findings))
    complaints = [f"{finding.row.name}: {finding.complaint}" for finding in findings if finding.complaint]
    print(f"{len(findings)} rows, {len(complaints)} without a world that shows them; wrote {PAGE.relative_to(ROOT)}")
    return 1 if complaints else 0


if __name__ == "__main__":
    # Under the module's own name, so that child processes find the same functions and classes.
    sys.exit(import_module("tests.parity.features").main())
