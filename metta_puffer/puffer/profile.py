"""A torch profile of a few rounds. (PufferLib's own profile mode no longer fits its trainer's constructor.)"""

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, record_function
from torch.profiler import profile as torch_profile

from metta_puffer.config.plan import RunPlan
from metta_puffer.puffer.contained import autocast_restored, pufferl
from metta_puffer.puffer.ranks import Ranks
from metta_puffer.puffer.train import seed_everything
from metta_puffer.puffer.trainer import open_trainer
from metta_puffer.puffer.vecenv import open_vecenv

TRACE_FILE = "trace.json"


def profile(plan: RunPlan, rounds: int = 3) -> Path:
    """Runs one round to warm up and `rounds` under the profiler; prints the costliest operators and returns the trace.

    The trace, RUN_DIR/trace.json, opens in chrome://tracing or ui.perfetto.dev.
    """
    pufferl()
    seed_everything(plan.seed)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
    with (
        autocast_restored(torch.device(plan.device).type),
        open_vecenv(plan.env, seed=plan.env.seed) as vecenv,
        open_trainer(plan, vecenv, seed=plan.env.seed, ranks=Ranks()) as trainer,
    ):
        trainer.evaluate()
        trainer.train()
        with torch_profile(activities=activities) as profiler:
            for _ in range(rounds):
                with record_function("rollout"):
                    trainer.evaluate()
                with record_function("update"):
                    trainer.train()
    sort_by = "cuda_time_total" if torch.cuda.is_available() else "cpu_time_total"
    print(profiler.key_averages().table(sort_by=sort_by, row_limit=15, max_name_column_width=40))
    trace = Path(plan.run_dir) / TRACE_FILE
    profiler.export_chrome_trace(str(trace))
    print(f"{rounds} rounds of {plan.batch.agent_steps_collected_per_epoch} agent-steps: {trace}")
    return trace
