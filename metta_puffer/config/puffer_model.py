"""PufferLib's configuration sections as typed models. Values come from default.ini and the env ini, not from here.

Only keys that PufferLib's own files do not have carry a default.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from metta_puffer.config.kinds import Count, Index, NotNegative, Positive, Share, Switch, Text
from metta_puffer.engines import DEFAULT_ENGINE, EngineName

Auto = Literal["auto"]
POLICY_ALIASES = {"Policy": "fast"}  # the name PufferLib's own ini files use for its Metta policy

# Keys that published files carry although PuffeRL never reads them; why, for findings and messages.
DEAD_KEYS = {
    "train.target_kl": "PuffeRL has no KL early stop",
    "train.norm_adv": "PuffeRL always normalizes advantages",
    "train.clip_vloss": "PuffeRL always clips the value loss",
    "env.render_mode": "training never renders; eval chooses its own",
}


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenSection(BaseModel):
    """Takes further keys, which are passed on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Base(Section):
    env_name: Text | None = Field(description="name by which `puffer train NAME` finds this file")
    package: Text | None = Field(None, description="PufferLib's own environment package; not used here")
    policy_name: Text = Field(description="policy architecture; PufferLib's 'Policy' is an alias of 'fast'")
    rnn_name: Text | None = Field(description="Recurrent for an LSTM around the encoder, None for none")
    max_suggestion_cost: Positive = Field(3600, description="seconds a sweep may plan for one run")

    @property
    def policy(self) -> str:
        """The architecture's name in metta_puffer.policies."""
        return POLICY_ALIASES.get(self.policy_name, self.policy_name)


class Vec(Section):
    backend: Literal["Serial", "Multiprocessing", "PufferEnv"] = Field(description="PufferLib vectorization")
    num_envs: Count = Field(description="environment objects; each steps env.num_worlds worlds")
    num_workers: Count | Literal["auto", "fit"] = Field(
        description="worker processes; auto is one per environment, fit as many as the physical cores allow"
    )
    batch_size: Count | Auto = Field(description="environments in one forward pass; auto is half of num_envs")
    zero_copy: Switch = Field(description="groups are contiguous blocks of shared memory")
    seed: Index = Field(description="accepted and dropped by pufferlib.vector.make; train.seed is the one used")
    overwork: Switch = Field(False, description="allow more workers than physical cores")


class Env(OpenSection):
    game: Text = Field("arena", description="name of the world, see metta_puffer.games")
    num_agents: Count | None = Field(None, description="agents of one world")
    num_worlds: Count = Field(1, description="worlds stepped by one environment object")
    engine: EngineName = Field(DEFAULT_ENGINE, description="which engine steps the worlds")


class Open(OpenSection):
    pass


class Train(Section):
    name: Text = Field("metta-puffer", description="project name shown by the dashboard")
    project: Text = Field("metta-puffer", description="wandb project")
    seed: Index = Field(description="seed of environments, policy and sampling")
    torch_deterministic: Switch = Field(description="deterministic cuDNN kernels")
    cpu_offload: Switch = Field(description="keep observations in host memory")
    device: Text = Field(description="cpu, cuda, cuda:N, or auto")
    optimizer: Literal["adam", "muon"] = Field(description="optimizer")
    anneal_lr: Switch = Field(description="cosine learning rate to 0 over the budget")
    precision: Literal["float32", "bfloat16"] = Field(description="autocast type")
    total_timesteps: Count = Field(description="budget in agent-steps")
    learning_rate: Positive = Field(description="initial learning rate")
    gamma: Share = Field(description="discount per agent-step")
    gae_lambda: Share = Field(description="lambda of generalized advantage estimation")
    update_epochs: Count = Field(description="multiplies the minibatches drawn from one rollout")
    clip_coef: NotNegative = Field(description="clip range of the policy ratio")
    vf_coef: NotNegative = Field(description="weight of the value loss")
    vf_clip_coef: NotNegative = Field(description="clip range of the value")
    max_grad_norm: Positive = Field(description="gradient norm clip")
    ent_coef: NotNegative = Field(description="weight of the entropy bonus")
    adam_beta1: Share = Field(description="first moment decay (momentum of muon)")
    adam_beta2: Share = Field(description="second moment decay")
    adam_eps: NotNegative = Field(description="optimizer epsilon")
    data_dir: Text = Field(description="folder of runs and checkpoints")
    checkpoint_interval: Count = Field(description="epochs between checkpoints")
    checkpoint_on_failure: Literal["continue", "stop"] = Field(
        "continue", description="what to do when a checkpoint or the metrics cannot be written; it is reported"
    )
    batch_size: Count | Auto = Field(description="agent-steps of the buffer; auto is one row an agent")
    minibatch_size: Count = Field(description="agent-steps of one optimizer step")
    max_minibatch_size: Count = Field(description="larger minibatches accumulate gradients above this size")
    bptt_horizon: Count | Auto = Field(description="agent-steps of one row; auto is batch_size over agents")
    compile: Switch = Field(description="torch.compile the policy")
    compile_mode: Text = Field(description="mode of torch.compile")
    compile_fullgraph: Switch = Field(description="fullgraph of torch.compile")
    vtrace_rho_clip: NotNegative = Field(description="V-trace clip of the temporal difference")
    vtrace_c_clip: NotNegative = Field(description="V-trace clip of the trace")
    prio_alpha: NotNegative = Field(description="exponent of the row priority; 0 draws uniformly")
    prio_beta0: NotNegative = Field(description="importance correction at the start of the run")


class Sweep(OpenSection):
    method: Text = Field("Protein", description="search method of pufferlib.sweep")
    metric: Text = Field("score", description="metric that the sweep improves")
    goal: Literal["maximize", "minimize"] = Field("maximize", description="direction")
    downsample: Count = Field(10, description="points of each run that the search learns from")


class PufferConfig(Section):
    base: Base
    vec: Vec
    env: Env
    policy: Open
    rnn: Open
    train: Train
    sweep: Sweep

    @property
    def policy_options(self) -> dict[str, Any]:
        return {**self.policy.options, **self.rnn.options}


OPEN_SECTIONS = ("env", "policy", "rnn", "sweep")
