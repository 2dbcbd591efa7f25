"""The plan of a run that a user's own loop drives: what the native trainer's parts read their sizes and rules from."""

from metta_puffer.api.agent import Agent
from metta_puffer.config import arithmetic
from metta_puffer.config.native_model import Trainer
from metta_puffer.config.plan import BatchPlan, EnvPlan, LossTermPlan, OptimizerPlan, RunPlan
from metta_puffer.config.resolver import loss_plan, rules_plan


def batch_plan(trainer: Trainer, env: EnvPlan, max_minibatch_size: int | None = None) -> BatchPlan:
    """Sizes of one rollout and its update, `trainer`'s in these worlds. Raises nothing: see `Experience`."""
    rows = arithmetic.segments(trainer.batch_size, trainer.bptt_horizon)
    largest = max_minibatch_size or trainer.minibatch_size
    minibatch_size = arithmetic.effective_minibatch(trainer.minibatch_size, largest)
    minibatch_rows = arithmetic.minibatch_segments(minibatch_size, trainer.bptt_horizon)
    accumulate = arithmetic.accumulate_minibatches(trainer.minibatch_size, largest)
    minibatches = arithmetic.native_num_minibatches(trainer.update_epochs, rows, minibatch_rows)
    allocation = arithmetic.allocate_rows(rows, env.agents_per_forward, env.groups, trainer.bptt_horizon)
    return BatchPlan(
        batch_size=trainer.batch_size,
        minibatch_size=minibatch_size,
        bptt_horizon=trainer.bptt_horizon,
        segments=rows,
        minibatch_segments=minibatch_rows,
        num_minibatches=minibatches,
        accumulate_minibatches=accumulate,
        update_epochs=trainer.update_epochs,
        gradient_updates_per_epoch=arithmetic.gradient_updates(minibatches, accumulate),
        agent_steps_collected_per_epoch=allocation.collected,
        total_timesteps=trainer.total_timesteps,
        total_epochs=arithmetic.total_epochs(trainer.total_timesteps, allocation.collected),
    )


def run_plan(
    trainer: Trainer,
    agent: Agent,
    env: EnvPlan,
    batch: BatchPlan,
    *,
    losses: tuple[LossTermPlan, ...] = (),
    seed: int = 0,
) -> RunPlan:
    return RunPlan(
        trainer="native",
        env=env,
        batch=batch,
        optimizer=OptimizerPlan(**trainer.optimizer.model_dump()),
        loss=loss_plan(trainer),
        rules=rules_plan(trainer),
        losses=losses,
        policy=agent.plan,
        seed=seed,
        device=str(agent.device),
        run_dir="",
        checkpoint_interval_epochs=1,
    )
