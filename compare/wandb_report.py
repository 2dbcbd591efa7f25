"""A finished comparison as one more wandb run in the group of its runs: report, curves and verdict."""

from pathlib import Path

from compare.results import Results
from metta_puffer.tracking.wandb_sink import wandb_mode

PROJECT = "metta-puffer"


def log_report(results: Results, out: Path, group: str) -> None:
    """Kept offline in `out` where wandb knows no account, for `wandb sync` later."""
    import wandb

    run = wandb.init(
        project=PROJECT,
        group=group,
        id=f"{group}-report",
        name=f"{group}-report",
        job_type="report",
        dir=str(out),
        resume="allow",
        mode=wandb_mode(),
    )
    run.log({"report": wandb.Html((out / "report.html").read_text()), "curves": wandb.Image(str(out / "curves.png"))})
    run.summary.update(results.summary()["verdict"])
    run.finish()
