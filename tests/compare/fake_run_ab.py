"""run_ab.py with the fake trainer and no real world: `python -m tests.compare.fake_run_ab ARGUMENTS`."""

import sys

from compare import command, launchers
from compare.baseline import Baseline

if __name__ == "__main__":
    launchers.WORKER = (sys.executable, "-m", "tests.compare.fake_worker")
    command.random_baseline = lambda env, out: Baseline(0.25, 0.01)
    sys.exit(command.main(sys.argv[1:]))
