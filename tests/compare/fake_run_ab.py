"""run_ab.py with the fake trainer: `python -m tests.compare.fake_run_ab ARGUMENTS`."""

import sys

from compare import command, runs

if __name__ == "__main__":
    runs.WORKER = (sys.executable, "-m", "tests.compare.fake_worker")
    sys.exit(command.main(sys.argv[1:]))
