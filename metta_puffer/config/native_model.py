"""The native trainer's configuration as typed models. Values come from configs/native/metta.yaml, not from here."""

from typing import Annotated, Literal

from pydantic import Field

from metta_puffer.config.kinds import Count, Index, Kind, NotNegative, Positive, Share, Switch, Text
from metta_puffer.config.plan import LossTermPlan, SchedulePlan
from metta_puffer.config.puffer_model import OpenSection, Section
from metta_puffer.engines import EngineName


class Env(OpenSection):
    game: Text = Field(description="name of the world, see metta_puffer.games")
    num_agents: Count = Field(description="agents of one world")
    engine: EngineName = Field(description="which engine steps the worlds")


class Policy(OpenSection):
    name: Text = Field(description="policy architecture, see metta_puffer.policies")
    recurrent: Switch = Field(description="LSTM around the encoder")


class Optimizer(Section):
    type: Literal["adam", "adamw", "muon", "adamw_schedulefree", "sgd_schedulefree"] = Field(description="optimizer")
    learning_rate: Positive = Field(description="initial learning rate")
    beta1: Share = Field(description="first moment decay")
    beta2: Share = Field(description="second moment decay")
    eps: NotNegative = Field(description="optimizer epsilon")
    weight_decay: NotNegative = Field(description="weight decay")
    learning_rate_schedule: Literal["constant", "cosine"] = Field(description="schedule over the budget")


class Ppo(Section):
    clip_coef: NotNegative = Field(description="clip range of the policy ratio")
    ent_coef: NotNegative = Field(description="weight of the entropy bonus")
    gae_lambda: Share = Field(description="lambda of generalized advantage estimation")
    gamma: Share = Field(description="discount per agent-step")
    max_grad_norm: Positive = Field(description="gradient norm clip")
    vf_clip_coef: NotNegative = Field(description="clip range of the value")
    vf_coef: NotNegative = Field(description="weight of the value loss")
    norm_adv: Switch = Field(description="normalize advantages over the minibatch")
    clip_vloss: Switch = Field(description="clip the value loss")
    target_kl: Positive | None = Field(description="stop the update above this mean KL; null never stops")
    pg_coef: NotNegative = Field(description="weight of the policy loss; 0 where another loss takes its place")
    l2_reg_loss_coef: NotNegative = Field(description="weight of the sum of squared weights")
    l2_init_loss_coef: NotNegative = Field(description="weight of the squared distance from the initial weights")


class Vtrace(Section):
    vtrace_rho_clip: NotNegative = Field(description="V-trace clip of the temporal difference")
    vtrace_c_clip: NotNegative = Field(description="V-trace clip of the trace")


class Prioritized(Section):
    prio_alpha: NotNegative = Field(description="exponent of the row priority; 0 draws uniformly")
    prio_beta0: NotNegative = Field(description="importance correction at the start of the run")


class Trainer(Section):
    total_timesteps: Count = Field(description="budget in agent-steps, of all ranks together")
    batch_size: Count = Field(description="agent-steps of the buffer, of each rank")
    minibatch_size: Count = Field(description="agent-steps of one optimizer step, of each rank")
    bptt_horizon: Count = Field(description="agent-steps of one row")
    update_epochs: Count = Field(description="passes over the buffer")
    forward_pass_minibatch_target_size: Count = Field(
        description="agents wanted in one policy forward pass, of each rank"
    )
    async_factor: Count = Field(description="groups of worlds that take turns")
    num_workers: Count | None = Field(description="worker threads; null chooses from the machine")
    overwork: Switch = Field(description="allow more workers than physical cores")
    zero_copy: Switch = Field(description="worlds write straight into the buffers that the policy reads")
    scale_batches_by_world_size: Switch = Field(description="divide batch and forward size by the number of ranks")
    compile: Switch = Field(description="torch.compile the policy")
    compile_mode: Text = Field(description="mode of torch.compile")
    cpu_offload: Switch = Field(description="keep observations in host memory")
    row_policy: Literal["exact", "upstream"] = Field(
        description="exact gives every agent whole rows and fits the sizes to that; upstream overwrites and splices"
    )
    sampling: Literal["sequential", "multinomial"] = Field(description="how minibatch rows are drawn")
    reward_clamp: Positive | None = Field(description="clamp rewards to [-x, x]; null leaves them raw")
    advantage_refresh: Literal["minibatch", "update_epoch", "round"] = Field(
        description="when the advantages of the whole buffer are computed again"
    )
    actor_advantage: Literal["cached", "vtrace"] = Field(
        description="policy loss weighted by the cached advantage or by V-trace with the new ratio"
    )
    truncation: Literal["bootstrap", "ignore"] = Field(description="value of the next observation at a truncation")
    row_end: Literal["bootstrap", "ignore"] = Field(
        description="last action of a row: valued by the next observation, or left without an advantage"
    )
    rollout_state: Literal["reset", "carry"] = Field(description="recurrent state at the start of a rollout")
    training_state: Literal["stored", "zeros"] = Field(
        description="recurrent state from which a row is trained: the one it was collected from, or zeros"
    )
    reward_centering: Positive | None = Field(
        description="rate of each agent's running mean reward, which is taken off its rewards; null takes nothing off"
    )
    reset_state_on_done: Switch = Field(description="zero the recurrent state at episode ends")
    schedules: Annotated[list[SchedulePlan], Kind("a list of schedules")] = Field(
        description="numbers that change during the run: key, kind (linear, cosine, sawtooth, metric), start, end, ..."
    )
    losses: Annotated[list[LossTermPlan], Kind("a list of losses")] = Field(
        description="losses beside PPO's: name, coef, begin_agent_steps, end_agent_steps, options"
    )
    initial_policy: Text | None = Field(
        description="weights to begin with: a run folder, RUN:vN, RUN:latest or the URI of one; null for fresh ones"
    )
    optimizer: Optimizer
    ppo: Ppo
    vtrace: Vtrace
    prioritized_experience_replay: Prioritized


class Checkpoint(Section):
    checkpoint_interval: Count = Field(description="epochs between checkpoints")
    keep: Count | None = Field(description="newest checkpoints that are kept; null keeps all")
    on_failure: Literal["continue", "stop"] = Field(
        description="what to do when a checkpoint or the metrics cannot be written; either way it is reported"
    )


class NativeConfig(Section):
    env: Env
    policy: Policy
    trainer: Trainer
    checkpoint: Checkpoint
    seed: Index = Field(description="seed of environments, policy and sampling")
    device: Text = Field(description="cpu, cuda, cuda:N, or auto")
    precision: Literal["float32", "bfloat16"] = Field(description="autocast type")


OPEN_SECTIONS = ("env", "policy")

# Published trainer files hold these keys at the root, ours under `trainer`.
PUBLISHED_TRAINER_KEYS = (
    "total_timesteps",
    "batch_size",
    "minibatch_size",
    "bptt_horizon",
    "update_epochs",
    "forward_pass_minibatch_target_size",
    "async_factor",
    "num_workers",
    "zero_copy",
    "scale_batches_by_world_size",
    "compile",
    "compile_mode",
    "cpu_offload",
    "optimizer",
    "ppo",
    "vtrace",
    "prioritized_experience_replay",
)

# Published keys that upstream reads, or once read, and that change no size and nothing in our trainer; why.
PUBLISHED_UNREAD = {
    "curriculum": "the worlds are chosen by env.game here",
    "env_overrides": "the worlds are chosen by env here",
    "initial_policy": "set trainer.initial_policy to a run folder or URI instead",
    "checkpoint.checkpoint_dir": "the run folder decides",
    "checkpoint.wandb_checkpoint_interval": "metrics go to wandb, checkpoints do not",
    "simulation": "evaluation is a command of its own here",
    "grad_mean_variance_interval": "gradient statistics are not collected",
    "require_contiguous_env_ids": "groups are contiguous by construction",
    "verbose": "logging has no switch in the config",
    "profiler": "profiling is a command of its own here",
    "hyperparameter_scheduler": "upstream's 2025-07 trainer builds it and never calls it",
    "kickstart": "no teacher here",
}
