"""A run exported from wandb as a run directory, to join a comparison with `--add ARM=DIR`.

Export with `wandb.Api().run(PATH)`: `run.history(samples=10**6).to_csv("history.csv")` and
`json.dump(dict(run.config), open("config.json", "w"))`. Then
`python -m compare.import_wandb history.csv --config config.json --out RUN_DIR`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from compare.adding import PLAN_FILE
from metta_puffer.config.plan import RunPlan
from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError, did_you_mean
from metta_puffer.tracking.jsonl import METRICS_FILE, JsonlSink
from metta_puffer.tracking.schema import MetricRecord

COUNTERS = ("epoch", "agent_steps", "env_steps", "gradient_updates", "wall_seconds")


def import_run(history: Path, config: Path, out: Path) -> int:
    """Write the run to `out`; returns its number of records. Raises UserError for what is no export of our runs."""
    plan = _read_plan(config)
    records = _read_history(history)
    if out.exists():
        raise UserError("exists already", file=str(out), remedy="name a new folder")
    with JsonlSink(out / METRICS_FILE) as sink:
        for record in records:
            sink.log(record)
    (out / PLAN_FILE).write_text(plan.model_dump_json(indent=1) + "\n")
    return len(records)


def _read_plan(path: Path) -> RunPlan:
    try:
        content = json.loads(path.read_text())
        # Files that wandb itself writes wrap every setting in {"value": ...}.
        unwrapped = {
            key: value["value"] if isinstance(value, dict) and set(value) <= {"value", "desc"} and value else value
            for key, value in content.items()
            if key in RunPlan.model_fields
        }
        return RunPlan.model_validate(unwrapped)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=str(path), remedy="check the path") from error
    except (ValidationError, ValueError, AttributeError) as error:
        raise UserError(
            f"not the settings of one of our runs ({str(error).splitlines()[0]})",
            file=str(path),
            remedy="export the config of a run that was trained with --wandb",
        ) from error


def _read_history(path: Path) -> list[MetricRecord]:
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=str(path), remedy="check the path") from error
    except ValueError as error:
        raise UserError(f"not a CSV file ({error})", file=str(path), remedy="export the run's history") from error
    for counter in COUNTERS:
        if counter not in frame:
            raise UserError(
                f"has no column {counter}.{did_you_mean(counter, frame.columns)}",
                file=str(path),
                remedy="export the whole history: a chart's own export has one metric only",
            )
    names = [name for name in frame.columns if name not in COUNTERS and not name.startswith(("_", "Unnamed"))]
    moments = frame.dropna(subset=list(COUNTERS)).sort_values("epoch")
    return [
        MetricRecord(
            int(row["epoch"]),
            int(row["agent_steps"]),
            int(row["env_steps"]),
            int(row["gradient_updates"]),
            float(row["wall_seconds"]),
            {name: float(row[name]) for name in names if isinstance(row[name], int | float) and pd.notna(row[name])},
        )
        for row in moments.to_dict("records")
    ]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m compare.import_wandb", description=__doc__)
    parser.add_argument("history", type=Path, help="CSV of the run's history")
    parser.add_argument("--config", type=Path, required=True, help="JSON of the run's config")
    parser.add_argument("--out", type=Path, required=True, help="run directory to make")
    given = parser.parse_args(arguments)
    try:
        count = import_run(given.history, given.config, given.out)
    except UserError as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE_INPUT
    print(f"{count} records; join a comparison with --add ARM={given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
