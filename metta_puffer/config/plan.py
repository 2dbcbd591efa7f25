"""RunPlan: everything a trainer needs to know, resolved and frozen. Knows nothing of torch.

Trainers, audit and report read every size from here; nobody computes one of their own. Sizes come from
`arithmetic.py`. Unless a name says otherwise a count is in agent-steps: one agent acting once.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from metta_puffer.engines import DEFAULT_ENGINE, EngineName

TrainerName = Literal["puffer", "native"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EnvPlan(Frozen):
    """Which worlds run, and how many of them step together."""

    game: str
    game_options: dict[str, Any] = {}
    engine: EngineName = DEFAULT_ENGINE
    agents_per_env: int  # of one environment object: agents of a world times worlds_per_env
    envs: int  # environment objects really built, not the number asked for
    worlds_per_env: int = 1  # worlds that one environment object steps (num_worlds of MettaPufferEnv)
    workers: int
    envs_per_forward: int  # environment objects in one policy forward pass (PufferLib's vec.batch_size)
    backend: Literal["Serial", "Multiprocessing", "PufferEnv", "Groups"]
    zero_copy: bool = True
    seed: int = 0

    @property
    def agents_per_world(self) -> int:
        return self.agents_per_env // self.worlds_per_env

    @property
    def worlds(self) -> int:
        return self.envs * self.worlds_per_env

    @property
    def total_agents(self) -> int:
        return self.envs * self.agents_per_env

    @property
    def agents_per_forward(self) -> int:
        return self.envs_per_forward * self.agents_per_env

    @property
    def groups(self) -> int:
        """Groups of worlds that take turns: while the policy works on one, the others step."""
        return self.envs // self.envs_per_forward


class BatchPlan(Frozen):
    """The batch arithmetic of one rollout-and-update round."""

    batch_size: int  # agent-steps the buffer holds
    minibatch_size: int  # agent-steps of one forward/backward pass
    bptt_horizon: int  # agent-steps of one row (segment)
    segments: int  # rows of the buffer
    minibatch_segments: int  # rows of one minibatch
    num_minibatches: int  # minibatches of one round, all update epochs together
    accumulate_minibatches: int  # minibatches summed into one optimizer step
    update_epochs: int
    gradient_updates_per_epoch: int  # optimizer steps of one round
    agent_steps_collected_per_epoch: int
    total_timesteps: int  # budget in agent-steps
    total_epochs: int  # rounds until the budget is reached


class OptimizerPlan(Frozen):
    type: str
    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float = 0.0
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"


class LossPlan(Frozen):
    gamma: float
    gae_lambda: float
    clip_coef: float
    vf_clip_coef: float
    vf_coef: float
    ent_coef: float
    max_grad_norm: float
    vtrace_rho_clip: float = 1.0
    vtrace_c_clip: float = 1.0
    prio_alpha: float = 0.0
    prio_beta0: float = 0.6
    norm_adv: bool = True
    clip_vloss: bool = True
    target_kl: float | None = None
    pg_coef: float = 1.0  # weight of the policy loss; 0 where another loss takes its place
    l2_reg_loss_coef: float = 0.0  # weight of the sum of squared weights
    l2_init_loss_coef: float = 0.0  # weight of the squared distance from the weights at the start


class LossTermPlan(Frozen):
    """A loss added to PPO's, times `coef`, from `begin_agent_steps` up to `end_agent_steps` (None: the end)."""

    name: str
    coef: float = 1.0
    begin_agent_steps: int = 0
    end_agent_steps: int | None = None
    options: dict[str, Any] = {}


class SchedulePlan(Frozen):
    """One trainer number that changes in the course of a run, from `start` to `end`.

    Before `begin_agent_steps` the number is the configured one; from `end_agent_steps` (None: the budget) on it stays
    at `end`. A sawtooth goes from start to end once every `period_agent_steps`. A metric schedule follows a logged
    metric instead of time: `start` at `metric_start`, `end` at `metric_end`, after exponential smoothing.
    """

    key: str  # optimizer.learning_rate, ppo.ent_coef, vtrace.vtrace_rho_clip, losses.kickstarter.coef, ...
    kind: Literal["linear", "cosine", "sawtooth", "metric"]
    start: float
    end: float
    begin_agent_steps: int = 0
    end_agent_steps: int | None = None
    period_agent_steps: int | None = None
    metric: str | None = None
    metric_start: float = 0.0
    metric_end: float = 1.0
    metric_smoothing: float = 0.0  # share of the old value that each new one leaves in place


class RulesPlan(Frozen):
    """The behaviours in which the two trainers differ beyond numbers (fixed for PuffeRL, chosen for ours)."""

    reward_clamp: float | None  # rewards are clamped to [-x, x]; None leaves them raw
    row_policy: Literal["exact", "upstream"]  # who gets rows when segments is no multiple of agents
    sampling: Literal["sequential", "multinomial"]  # how minibatch rows are drawn
    advantage_refresh: Literal["minibatch", "update_epoch", "round"]  # when whole-buffer advantages are recomputed
    actor_advantage: Literal["cached", "vtrace"]  # which advantage weighs the policy loss
    truncation: Literal["bootstrap", "ignore"]
    # The last action of a row: valued by the next observation, or left without an advantage as upstream does.
    row_end: Literal["bootstrap", "ignore"] = "ignore"
    rollout_state: Literal["reset", "carry"]  # recurrent state at the start of a rollout
    # Recurrent state from which a row is trained: the one its rollout began it with, or zeros as upstream.
    training_state: Literal["stored", "zeros"] = "zeros"
    # Rate at which each agent's running mean reward, taken off its rewards, follows them; None takes nothing off.
    reward_centering: float | None = None
    reset_state_on_done: bool  # recurrent state at episode ends, in rollout and training alike


class PolicyPlan(Frozen):
    name: str
    recurrent: bool = True
    options: dict[str, Any] = {}


class RunPlan(Frozen):
    trainer: TrainerName
    env: EnvPlan
    batch: BatchPlan
    optimizer: OptimizerPlan
    loss: LossPlan
    rules: RulesPlan
    schedules: tuple[SchedulePlan, ...] = ()
    losses: tuple[LossTermPlan, ...] = ()
    policy: PolicyPlan
    seed: int
    device: str
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    run_dir: str  # checkpoints, logs and metrics of this one run
    # Ends the run with the round in which this much time is over, before a resume included; None: no limit.
    total_wall_seconds: float | None = None
    checkpoint_interval_epochs: int
    # Also after this much time without one, so that a killed run loses no more; None: by epochs alone.
    checkpoint_interval_seconds: float | None = None
    checkpoint_keep: int | None = None  # newest versions that are kept; None keeps all
    # What becomes of a run that cannot write a checkpoint or its metrics.
    checkpoint_on_failure: Literal["continue", "stop"] = "continue"
    upload_to: str | None = None  # URI at which the run folder is kept as well; None: nowhere
    initial_policy: str | None = None  # weights to begin with: a run folder, RUN:vN or the URI of one
    notes: tuple[str, ...] = ()  # what the resolver changed or wants known; trainers print it at the start
    # Trainer-specific keys that change no size and no rule (dashboard, compile_mode, cpu_offload, ...).
    extra: dict[str, Any] = {}

    def checkpoint_is_due(self, epoch: int, seconds_since_last: float) -> bool:
        """After round `epoch`, so long after the last checkpoint (or the start)."""
        limit = self.checkpoint_interval_seconds
        return epoch % self.checkpoint_interval_epochs == 0 or (limit is not None and seconds_since_last >= limit)
