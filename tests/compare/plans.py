"""Small run plans for tests that train nothing real."""

from pathlib import Path
from typing import Any

from compare.rundir import Run
from metta_puffer.config.plan import BatchPlan, EnvPlan, LossPlan, OptimizerPlan, PolicyPlan, RulesPlan, RunPlan


def plan(trainer: str = "puffer", *, seed: int = 0, run_dir: str = "", epochs: int = 10, **extra: Any) -> RunPlan:
    return RunPlan(
        trainer=trainer,
        env=EnvPlan(game="arena", agents_per_env=4, envs=2, workers=1, envs_per_forward=2, backend="Serial"),
        batch=BatchPlan(
            batch_size=128,
            minibatch_size=64,
            bptt_horizon=16,
            segments=8,
            minibatch_segments=4,
            num_minibatches=2,
            accumulate_minibatches=1,
            update_epochs=1,
            gradient_updates_per_epoch=2,
            agent_steps_collected_per_epoch=128,
            total_timesteps=128 * epochs,
            total_epochs=epochs,
        ),
        optimizer=OptimizerPlan(type="adam", learning_rate=0.001, beta1=0.9, beta2=0.999, eps=1e-8),
        loss=LossPlan(
            gamma=0.99,
            gae_lambda=0.95,
            clip_coef=0.1,
            vf_clip_coef=0.1,
            vf_coef=0.5,
            ent_coef=0.01,
            max_grad_norm=0.5,
        ),
        rules=RulesPlan(
            reward_clamp=1.0 if trainer == "puffer" else None,
            row_policy="exact",
            sampling="sequential",
            advantage_refresh="round",
            actor_advantage="cached",
            truncation="ignore",
            rollout_state="reset",
            reset_state_on_done=False,
        ),
        policy=PolicyPlan(name="fast"),
        seed=seed,
        device="cpu",
        run_dir=run_dir,
        checkpoint_interval_epochs=1,
        extra=extra,
    )


def run(out: Path, arm: str = "puffer", seed: int = 0, *, epochs: int = 10, **extra: Any) -> Run:
    return Run(arm, seed, plan(arm, seed=seed, run_dir=str(out / f"{arm}-seed{seed}"), epochs=epochs, **extra))
