"""A policy for an environment."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from metta_puffer.config.plan import EnvPlan, PolicyPlan, RunPlan
from metta_puffer.errors import UserError
from metta_puffer.native.worlds import metta_env
from metta_puffer.policies import build_policy


class Agent(nn.Module):
    """A policy of `metta_puffer.policies`, here called `policy`; `options` are that policy's own.

    `env` is an Environment, or anything with its spaces and a `driver_env`. `config` gives the same as a mapping
    {"device": ..., "agent": {"name": ..., **options}}. Raises UserError for a policy or option that there is not.
    """

    def __init__(
        self,
        env: Any,
        config: Mapping[str, Any] | None = None,
        device: str | None = None,
        *,
        name: str = "fast",
        recurrent: bool = True,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        config = config or {}
        described = {"name": name, "recurrent": recurrent, **options, **config.get("agent", {})}
        self.device = torch.device(device or config.get("device") or env.device)
        self.plan = PolicyPlan(
            name=described.pop("name"), recurrent=described.pop("recurrent"), options=dict(described)
        )
        self.env_plan: EnvPlan = env.plan
        self.run_plan: RunPlan | None = None  # how it was trained, once it was
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            self.policy = build_policy(self.plan, env.driver_env).to(self.device)

    @classmethod
    def restored(cls, plan: RunPlan, weights: Mapping[str, Tensor], device: str) -> "Agent":
        """The agent that a checkpoint holds. Raises UserError for weights that do not fit the plan's policy."""
        world = metta_env(plan.env, 1, plan.env.seed)  # a policy is made for what its game shows
        try:
            env = SimpleNamespace(driver_env=world, plan=plan.env, device=device)
            policy = plan.policy
            agent = cls(env, name=policy.name, recurrent=policy.recurrent, **policy.options)
            agent.policy.load_state_dict(dict(weights))
        except RuntimeError as error:
            raise UserError(
                f"the weights do not fit their policy ({str(error).splitlines()[0]})",
                key="policy.name",
                value=plan.policy.name,
                remedy="use the version of metta-puffer that wrote them",
            ) from error
        finally:
            world.close()
        agent.run_plan = plan
        return agent

    @property
    def hidden_size(self) -> int | None:
        """Numbers in each of the two tensors h and c that an agent remembers by; None for a policy without memory."""
        return int(self.policy.hidden_size) if getattr(self.policy, "recurrent", False) else None  # type: ignore[arg-type]

    def forward(self, observations: Tensor, state: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(logits, values) of rows of observations [rows, T, tokens, 3]; see `ActorCritic.forward`."""
        return self.policy(observations, state)

    def forward_eval(self, observations: Tensor, state: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """(logits [n, actions], values [n, 1]) of one moment's observations [n, tokens, 3]; `state` is updated."""
        return self.policy.forward_eval(observations, state)  # type: ignore[operator]
