"""How long `metta-audit` takes from the shell to the answer. Measured, never asserted.

    python -m benchmarks.audit_startup [REPEATS]

prints medians over whole processes, the interpreter's own start included: wall time, and CPU time, which a busy
machine does not stretch.
"""

import json
import platform
import resource
import statistics
import subprocess
import sys
import time

FILES = ["--puffer", "configs/puffer/metta.ini", "--native", "configs/native/metta.yaml"]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "audit, text": ["-m", "metta_puffer.cli.audit", *FILES],
    "audit, json with the reconciled pair": ["-m", "metta_puffer.cli.audit", *FILES, "--format", "json"],
    "audit, html": ["-m", "metta_puffer.cli.audit", *FILES, "--format", "html"],
    "scale": ["-m", "metta_puffer.cli.audit", "scale", "--native", "configs/native/metta.yaml"],
}


def measure(arguments: list[str], repeats: int) -> dict[str, float]:
    wall, cpu = [], []
    for _ in range(repeats):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - began)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_seconds": statistics.median(wall), "cpu_seconds": statistics.median(cpu)}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    found = {}
    for name, arguments in COMMANDS.items():
        found[name] = measure(arguments, repeats)
        print(f"{name:40} wall {found[name]['wall_seconds']:.3f} s, CPU {found[name]['cpu_seconds']:.3f} s")
    print(json.dumps({"python": platform.python_version(), "repeats": repeats, "commands": found}))


if __name__ == "__main__":
    main()
