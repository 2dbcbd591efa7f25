"""Records to Weights & Biases. Used only where a user asks for it; without an account it stays on this machine."""

from typing import Any, Literal

from metta_puffer.errors import UserError
from metta_puffer.tracking.schema import MetricRecord


def wandb_mode() -> Literal["offline"] | None:
    """Offline where wandb would be online but knows no account; None leaves the user's own setting.

    Raises UserError for WANDB_ variables that wandb does not take.
    """
    import wandb

    try:
        online = wandb.setup().settings.mode == "online"
    except ValueError as error:  # of pydantic: a head line, then for each setting its name and what it should be
        name, wanted = str(error).splitlines()[1:3]
        raise UserError(
            f"wandb refuses it: {wanted.split('[')[0].strip()}",
            key=f"WANDB_{name.upper()}",
            remedy="correct the environment variable, or unset it",
        ) from error
    return "offline" if online and not wandb.login(prompt=False) else None


class WandbSink:
    """One wandb run; `run_id` makes a resumed run continue its own curves.

    `config` is logged as the run's settings (a RunPlan as a dict). Every record's counters are logged beside its
    values, so that curves can be drawn over agent-steps, gradient updates or seconds. Where wandb knows no account,
    and no mode is set, the run is kept offline in `run_dir`, for `wandb sync` later.
    """

    def __init__(self, *, project: str, group: str, run_id: str, run_dir: str, config: dict[str, Any]) -> None:
        # Imported on use: wandb starts threads and reads the user's settings.
        import wandb

        self._run = wandb.init(
            project=project,
            group=group,
            id=run_id,
            name=run_id,
            dir=run_dir,
            config=config,
            resume="allow",
            mode=wandb_mode(),
        )
        self._run.define_metric("agent_steps")
        self._run.define_metric("*", step_metric="agent_steps")

    def log(self, record: MetricRecord) -> None:
        counters = {
            "epoch": record.epoch,
            "agent_steps": record.agent_steps,
            "env_steps": record.env_steps,
            "gradient_updates": record.gradient_updates,
            "wall_seconds": record.wall_seconds,
        }
        self._run.log({**counters, **record.values})

    def close(self) -> None:
        self._run.finish()
