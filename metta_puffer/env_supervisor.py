"""A scripted policy that recommends actions beside the one that plays, as upstream's environment has it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from mettagrid.config.mettagrid_config import MettaGridConfig
from mettagrid.policy.policy import MultiAgentPolicy
from mettagrid.policy.policy_env_interface import PolicyEnvInterface

from metta_puffer.errors import UserError


class Supervisor:
    """One `mettagrid` policy a world, made anew for every episode, asked through its `step_batch`.

    name: what `mettagrid` knows it by ("random", "noop", ...) or the path of its class, "package.module.Class".
    Raises UserError for a name that leads to no such policy.
    """

    def __init__(self, name: str, config: MettaGridConfig, num_worlds: int) -> None:
        self._class = _find(name)
        self._game = PolicyEnvInterface.from_mg_cfg(config)
        self._agents = config.game.num_agents
        self._policies: list[MultiAgentPolicy | None] = [None] * num_worlds

    def begin(self, world: int) -> None:
        """Its next observation of `world` is the first of an episode."""
        self._policies[world] = self._class(self._game)

    def advise(
        self,
        worlds: Iterable[int],
        observations: npt.NDArray[np.uint8],
        actions: npt.NDArray[Any],
    ) -> None:
        """Writes into the worlds' rows of `actions` what it would do; numbers past the moves are for vibes."""
        for world in worlds:
            rows = slice(world * self._agents, (world + 1) * self._agents)
            policy = self._policies[world]
            assert policy is not None  # every world begins before it is looked at
            policy.step_batch(observations[rows], actions[rows])


def _find(name: str) -> type[MultiAgentPolicy]:
    # Looks through the whole package for policies, which takes seconds.
    from mettagrid.policy.loader import resolve_policy_class_path
    from mettagrid.util.module import load_symbol

    try:
        found = load_symbol(resolve_policy_class_path(name))
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise _unusable(name, f"there is no such policy ({str(error).splitlines()[0]})") from error
    if not (isinstance(found, type) and issubclass(found, MultiAgentPolicy)):
        raise _unusable(name, "this is no mettagrid MultiAgentPolicy")
    if found.step_batch is MultiAgentPolicy.step_batch:
        raise _unusable(name, "this policy has no step_batch, and so cannot advise a world at once")
    return found


def _unusable(name: str, what: str) -> UserError:
    return UserError(
        what,
        key="supervisor",
        value=name,
        remedy="give a name such as 'random' or the path package.module.Class of a MultiAgentPolicy with step_batch",
    )
