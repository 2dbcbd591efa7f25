"""Configuration files to run plans. The only door into training: both trainers take every size from the plan."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metta_puffer.config.arithmetic import gradient_updates, total_epochs
from metta_puffer.config.loading import load_native, load_puffer, raise_unread
from metta_puffer.config.machine import Machine
from metta_puffer.config.native_model import Trainer
from metta_puffer.config.native_sizes import native_sizes
from metta_puffer.config.open_options import given_options
from metta_puffer.config.plan import BatchPlan, EnvPlan, LossPlan, OptimizerPlan, PolicyPlan, RulesPlan, RunPlan
from metta_puffer.config.problems import raise_any
from metta_puffer.config.puffer_sizes import PUBLISHED_AGENTS_PER_ENV, puffer_sizes
from metta_puffer.config.settings import Loaded
from metta_puffer.config.sizes import Sizes

__all__ = ["Machine", "load_native", "load_puffer", "loss_plan", "resolve_native", "resolve_puffer", "rules_plan"]

NO_OVERRIDES: Mapping[str, Any] = {}


def resolve_puffer(
    path: str | Path,
    overrides: Mapping[str, Any] = NO_OVERRIDES,
    *,
    run_dir: str,
    machine: Machine | None = None,
) -> RunPlan:
    """The plan of a PuffeRL run. Raises UserError naming everything that would stop it, before a world is built."""
    machine = machine or Machine.detect()
    loaded = load_puffer(path, overrides)
    sizes = puffer_sizes(loaded, machine)
    raise_any([*raise_unread(loaded), *given_options(loaded, "puffer"), *sizes.problems])
    config = loaded.model
    vec, train = config.vec, config.train
    return RunPlan(
        trainer="puffer",
        env=EnvPlan(
            game=config.env.game,
            game_options=config.env.options,
            engine=config.env.engine,
            agents_per_env=sizes.agents_per_env,
            envs=sizes.envs,
            worlds_per_env=sizes.worlds_per_env,
            workers=sizes.workers,
            envs_per_forward=sizes.envs_per_forward,
            backend=vec.backend,
            zero_copy=vec.zero_copy,
            seed=train.seed,
        ),
        batch=_batch(sizes),
        optimizer=OptimizerPlan(
            type=train.optimizer,
            learning_rate=train.learning_rate,
            beta1=train.adam_beta1,
            beta2=train.adam_beta2,
            eps=train.adam_eps,
            learning_rate_schedule="cosine" if train.anneal_lr else "constant",
        ),
        loss=LossPlan(
            gamma=train.gamma,
            gae_lambda=train.gae_lambda,
            clip_coef=train.clip_coef,
            vf_clip_coef=train.vf_clip_coef,
            vf_coef=train.vf_coef,
            ent_coef=train.ent_coef,
            max_grad_norm=train.max_grad_norm,
            vtrace_rho_clip=train.vtrace_rho_clip,
            vtrace_c_clip=train.vtrace_c_clip,
            prio_alpha=train.prio_alpha,
            prio_beta0=train.prio_beta0,
        ),
        rules=RulesPlan(  # fixed in pufferl.py
            reward_clamp=1.0,
            row_policy="exact",
            sampling="multinomial",
            advantage_refresh="minibatch",
            actor_advantage="cached",
            truncation="ignore",
            row_end="ignore",
            rollout_state="reset",
            reset_state_on_done=False,
        ),
        policy=PolicyPlan(
            name=config.base.policy,
            recurrent=config.base.rnn_name is not None,
            options=config.policy_options,
        ),
        seed=train.seed,
        device=_device(train.device, machine),
        precision=train.precision,
        compile=train.compile,
        run_dir=run_dir,
        checkpoint_interval_epochs=train.checkpoint_interval,
        checkpoint_on_failure=train.checkpoint_on_failure,
        notes=_notes(loaded, sizes),
        extra={
            "env_name": config.base.env_name,
            "name": train.name,
            "project": train.project,
            "data_dir": train.data_dir,
            "torch_deterministic": train.torch_deterministic,
            "cpu_offload": train.cpu_offload,
            "compile_mode": train.compile_mode,
            "compile_fullgraph": train.compile_fullgraph,
            "overwork": vec.overwork,
            "max_suggestion_cost": config.base.max_suggestion_cost,
            "sweep": config.sweep.model_dump(),
        },
    )


def resolve_native(
    path: str | Path,
    overrides: Mapping[str, Any] = NO_OVERRIDES,
    *,
    run_dir: str,
    machine: Machine | None = None,
) -> RunPlan:
    """The plan of a run of our native trainer. Raises UserError naming everything that would stop it."""
    machine = machine or Machine.detect()
    loaded = load_native(path, overrides)
    sizes = native_sizes(loaded, machine)
    raise_any([*raise_unread(loaded), *given_options(loaded, "native"), *sizes.problems])
    config = loaded.model
    trainer = config.trainer
    return RunPlan(
        trainer="native",
        env=EnvPlan(
            game=config.env.game,
            game_options=config.env.options,
            engine=config.env.engine,
            agents_per_env=sizes.agents_per_env,
            envs=sizes.envs,
            workers=sizes.workers,
            envs_per_forward=sizes.envs_per_forward,
            backend="Groups",
            zero_copy=trainer.zero_copy,
            seed=config.seed,
        ),
        batch=_batch(sizes),
        optimizer=OptimizerPlan(**trainer.optimizer.model_dump()),
        loss=loss_plan(trainer),
        schedules=tuple(trainer.schedules),
        losses=tuple(trainer.losses),
        rules=rules_plan(trainer),
        policy=PolicyPlan(name=config.policy.name, recurrent=config.policy.recurrent, options=config.policy.options),
        seed=config.seed,
        device=_device(config.device, machine),
        precision=config.precision,
        compile=trainer.compile,
        run_dir=run_dir,
        checkpoint_interval_epochs=config.checkpoint.checkpoint_interval,
        checkpoint_keep=config.checkpoint.keep,
        checkpoint_on_failure=config.checkpoint.on_failure,
        initial_policy=trainer.initial_policy,
        notes=_notes(loaded, sizes),
        extra={
            "compile_mode": trainer.compile_mode,
            "cpu_offload": trainer.cpu_offload,
            "scale_batches_by_world_size": trainer.scale_batches_by_world_size,
        },
    )


def loss_plan(trainer: Trainer) -> LossPlan:
    return LossPlan(
        **trainer.ppo.model_dump(),
        **trainer.vtrace.model_dump(),
        **trainer.prioritized_experience_replay.model_dump(),
    )


def rules_plan(trainer: Trainer) -> RulesPlan:
    return RulesPlan(**{name: getattr(trainer, name) for name in RulesPlan.model_fields})


def _batch(sizes: Sizes) -> BatchPlan:
    return BatchPlan(
        batch_size=sizes.batch_size,
        minibatch_size=sizes.minibatch_size,
        bptt_horizon=sizes.bptt_horizon,
        segments=sizes.segments,
        minibatch_segments=sizes.minibatch_segments,
        num_minibatches=sizes.num_minibatches,
        accumulate_minibatches=sizes.accumulate,
        update_epochs=sizes.update_epochs,
        gradient_updates_per_epoch=gradient_updates(sizes.num_minibatches, sizes.accumulate),
        agent_steps_collected_per_epoch=sizes.collected,
        total_timesteps=sizes.total_timesteps,
        total_epochs=total_epochs(sizes.total_timesteps, sizes.collected),
    )


def _device(device: str, machine: Machine) -> str:
    return ("cuda" if machine.gpus else "cpu") if device == "auto" else device


def _notes(loaded: Loaded[Any], sizes: Sizes) -> tuple[str, ...]:
    relics: dict[str, list[str]] = {}
    for unread in loaded.unread:
        if unread.known:
            relics.setdefault(unread.hint.strip(), []).append(unread.key)
    if loaded.layout == "puffer" and loaded.model.env.num_agents is None:
        sizes.notes.append(f"env.num_agents is not given; {PUBLISHED_AGENTS_PER_ENV} agents a world are assumed")
    return (*sizes.notes, *(f"not used: {', '.join(keys)}. {reason}" for reason, keys in relics.items()))
