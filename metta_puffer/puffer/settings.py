"""A RunPlan in the words of PuffeRL's config dict."""

from pathlib import Path
from typing import Any

from metta_puffer.config.plan import RunPlan

PASSED_ON = {  # keys of `plan.extra` that PuffeRL reads, with the value for plans that do not say
    "torch_deterministic": True,
    "cpu_offload": False,
    "compile_mode": "max-autotune-no-cudagraphs",
    "compile_fullgraph": True,
}


def pufferl_config(plan: RunPlan, *, recurrent: bool, ranks: int = 1, seed: int | None = None) -> dict[str, Any]:
    """Every key that PuffeRL 3.0.23 reads. A new dict: PuffeRL edits it in place.

    `seed` replaces the environments' seed. PuffeRL counts the agent-steps of its own rank only, so each of `ranks`
    gets its share of the budget.
    """
    batch, optimizer, loss = plan.batch, plan.optimizer, plan.loss
    run_dir = Path(plan.run_dir)
    return {
        "env": plan.env.game,
        "seed": plan.env.seed if seed is None else seed,
        "device": plan.device,
        "precision": plan.precision,
        "compile": plan.compile,
        "use_rnn": recurrent,
        **{key: plan.extra.get(key, value) for key, value in PASSED_ON.items()},
        "batch_size": batch.batch_size,
        "minibatch_size": batch.minibatch_size * batch.accumulate_minibatches,
        "max_minibatch_size": batch.minibatch_size,
        "bptt_horizon": batch.bptt_horizon,
        "update_epochs": batch.update_epochs,
        "total_timesteps": -(-batch.total_timesteps // ranks),
        "optimizer": optimizer.type,
        "learning_rate": optimizer.learning_rate,
        "anneal_lr": optimizer.learning_rate_schedule == "cosine",
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_eps": optimizer.eps,
        "gamma": loss.gamma,
        "gae_lambda": loss.gae_lambda,
        "clip_coef": loss.clip_coef,
        "vf_clip_coef": loss.vf_clip_coef,
        "vf_coef": loss.vf_coef,
        "ent_coef": loss.ent_coef,
        "max_grad_norm": loss.max_grad_norm,
        "vtrace_rho_clip": loss.vtrace_rho_clip,
        "vtrace_c_clip": loss.vtrace_c_clip,
        "prio_alpha": loss.prio_alpha,
        "prio_beta0": loss.prio_beta0,
        # PuffeRL saves to data_dir/run_id/, which is then run_dir itself.
        "data_dir": str(run_dir.parent),
        "checkpoint_interval": plan.checkpoint_interval_epochs,
    }
