"""Converters: objects that turn their input resources into output resources over time.

Metta's 2025 engine had converters built in; the current config language has not, so they are made of parts it has.
A converter is an object with an inventory that holds its inputs, its outputs and its remaining cooldown (as amounts
of the resource `cooldown`):

* bumping into it takes all outputs it holds, or else puts in what the agent has of its inputs, up to one recipe;
* once per env step, after all actions, the game's `on_tick` counts every cooldown down by one, then lets each
  converter produce that has its inputs, no cooldown, and less output than `max_output`.

One conversion takes the inputs away, adds the outputs and sets the cooldown to `conversion_ticks + cooldown`.
docs/decisions/0010-arena-converters.md compares this with the old engine, env step by env step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mettagrid.config.filter import actorHasAnyOf
from mettagrid.config.handler_config import (
    AllOf,
    FirstMatch,
    Handler,
    actorHas,
    deposit,
    isNot,
    query,
    queryDelta,
    targetHas,
    withdraw,
)
from mettagrid.config.mettagrid_config import GridObjectConfig, InventoryConfig, ResourceLimitsConfig
from mettagrid.config.mutation import AnyMutation
from mettagrid.config.tag import typeTag

COOLDOWN = "cooldown"
# The old engine counted inventories in 8 bits. The bound also keeps every amount within one observation token.
MAX_AMOUNT = 255


@dataclass(frozen=True)
class Converter:
    name: str
    inputs: Mapping[str, int] = field(default_factory=dict)  # resource: amount a conversion consumes
    outputs: Mapping[str, int] = field(default_factory=dict)  # resource: amount a conversion yields
    max_output: int = 5  # no conversion starts while any output is at this amount or above
    conversion_ticks: int = 1  # env steps from start to output
    cooldown: int = 10  # env steps after the output before the next conversion may start


def converter_object(
    converter: Converter, agent_limits: Mapping[str, int], initial_amount: int = 0
) -> GridObjectConfig:
    """The grid object. `agent_limits`: how much of each output an agent can carry; `initial_amount`: of each output."""
    take = [
        # An agent that is full of it cannot take it, and so gets to put in its inputs instead.
        Handler(
            filters=[targetHas({resource: 1}), isNot(actorHas({resource: agent_limits[resource]}))],
            mutations=[withdraw({resource: -1})],
        )
        for resource in converter.outputs
    ]
    put: list[Handler | FirstMatch | AllOf] = []
    if converter.inputs:
        put = [Handler(filters=[actorHasAnyOf(list(converter.inputs))], mutations=[deposit(dict(converter.inputs))])]
    takes: list[Handler | FirstMatch | AllOf] = [*take] if len(take) == 1 else [AllOf(handlers=list(take))]
    resources = [*converter.inputs, *converter.outputs]
    return GridObjectConfig(
        name=converter.name,
        inventory=InventoryConfig(
            initial={resource: initial_amount for resource in converter.outputs} if initial_amount else {},
            limits={
                resource: ResourceLimitsConfig(base=MAX_AMOUNT, max=MAX_AMOUNT, resources=[resource])
                for resource in resources
            },
        ),
        on_use_handler=FirstMatch(handlers=[*takes, *put]),
    )


def tick_handler(converters: Sequence[Converter]) -> AllOf:
    """The game's `on_tick`: cooldowns first, then production, so that a cooldown of n ends on the n-th env step."""
    count_down: list[AnyMutation] = [
        queryDelta(query(typeTag(converter.name), [targetHas({COOLDOWN: 1})]), {COOLDOWN: -1})
        for converter in converters
    ]
    produce: list[AnyMutation] = [
        queryDelta(
            query(
                typeTag(converter.name),
                [
                    isNot(targetHas({COOLDOWN: 1})),
                    *([targetHas(dict(converter.inputs))] if converter.inputs else []),
                    *(isNot(targetHas({resource: converter.max_output})) for resource in converter.outputs),
                ],
            ),
            {
                **{resource: -amount for resource, amount in converter.inputs.items()},
                **converter.outputs,
                COOLDOWN: converter.conversion_ticks + converter.cooldown,
            },
        )
        for converter in converters
    ]
    return AllOf(handlers=[Handler(mutations=count_down), Handler(mutations=produce)])
