"""Compare the two trainers: `python compare/run_ab.py --help`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts this file's folder first on the path, where statistics.py would hide the standard library's.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from compare.command import main

    sys.exit(main(sys.argv[1:]))
