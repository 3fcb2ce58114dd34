"""What a second process is worth, and what reading a finished benchmark costs.

Runs one grid (two simulated subjects, 2 seeds, 28 jobs) with one process and with two,
in turn, each time into a new store; then asks for the finished grid again, in a new
process. The ratio of one run is what counts: machines are shared.

    python benchmarks/bench_jobs.py --rounds 3
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import eegkd

GRID = {
    "datasets": "SimulatedMotorImagery",
    "subjects": [1, 2],
    "n_seeds": 2,
    "lr": 2e-3,
}
AGAIN = """\
import sys, time
start = time.perf_counter()
import eegkd
results = eegkd.benchmark(**eval(sys.argv[1]))
print(time.perf_counter() - start, results.complete, "torch" in sys.modules)
"""


def seconds(n_jobs: int, grid: dict) -> float:
    """Return how long the grid takes, processes started and data loaded before."""
    with tempfile.TemporaryDirectory() as folder:
        warm = {**grid, "n_jobs": n_jobs, "max_epochs": 1}
        eegkd.benchmark(**warm, store=Path(folder, "warm.sqlite"))
        start = time.perf_counter()
        eegkd.benchmark(
            **{**grid, "n_jobs": n_jobs}, store=Path(folder, "store.sqlite")
        )
        return time.perf_counter() - start


def main() -> None:
    """Measure in turn, then print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-epochs", type=int, default=20)
    arguments = parser.parse_args()
    grid = {**GRID, "max_epochs": arguments.max_epochs}
    rounds = [(seconds(1, grid), seconds(2, grid)) for _ in range(arguments.rounds)]
    for one, two in rounds:
        print(f"1 process {one:.1f} s, 2 processes {two:.1f} s, ratio {one / two:.2f}")
    print(f"median ratio {statistics.median(a / b for a, b in rounds):.2f}")
    with tempfile.TemporaryDirectory() as folder:
        grid["store"] = str(Path(folder, "store.sqlite"))
        eegkd.benchmark(**grid, n_jobs=2)
        command = [sys.executable, "-c", AGAIN, repr(grid)]
        for _ in range(arguments.rounds):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            took, complete, torch_loaded = done.stdout.split()
            print(
                f"finished grid again: {float(took):.2f} s (import included), "
                f"complete {complete}, torch loaded {torch_loaded}"
            )


if __name__ == "__main__":
    main()
