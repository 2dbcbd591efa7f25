"""The machine a plan is made for: this one unless told otherwise."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """Counts of cores and GPUs; another machine's can be given, to check a cluster's plan on a laptop."""

    physical_cores: int
    logical_cpus: int
    gpus: int = 0
    ranks: int = 1  # processes that train one policy together

    @classmethod
    def detect(cls, cores: int | None = None, gpus: int | None = None, ranks: int | None = None) -> "Machine":
        """This machine; what is given replaces what is found. Ranks are those that torchrun says it started.

        GPUs are counted from the driver's own listing: asking torch would cost seconds.
        """
        import psutil

        found = psutil.cpu_count(logical=False) or os.cpu_count() or 1
        driver = Path("/proc/driver/nvidia/gpus")
        found_gpus = len(list(driver.iterdir())) if driver.is_dir() else 0
        return cls(
            physical_cores=cores if cores is not None else found,
            logical_cpus=cores if cores is not None else (os.cpu_count() or 1),
            gpus=gpus if gpus is not None else found_gpus,
            ranks=ranks if ranks is not None else int(os.environ.get("WORLD_SIZE", "1")),
        )
