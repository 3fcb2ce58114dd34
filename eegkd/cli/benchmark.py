"""`eegkd benchmark`: compare methods over datasets, montages and seeds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from eegkd.cli.options import add_command, add_training, to_call

EXAMPLES = """\
examples:
  eegkd benchmark PhysionetMI --methods none sk_kd --baselines csp_lda ts_lr --jobs 4
  eegkd benchmark --plan plan.toml --dry-run
  eegkd benchmark --plan plan.toml --jobs 4 --report benchmark.html
  eegkd benchmark --plan plan.toml --cluster tcp://scheduler:8786

Every finished job is in the store at once. The same command again does what is
missing; a finished benchmark is only read. Options beside a plan replace the plan's.
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    about = "compare methods over datasets, montages and seeds; resumes"
    command = add_command(commands, "benchmark", run, about, EXAMPLES)
    add = command.add_argument
    add("datasets", nargs="*", metavar="DATASET", help="see eegkd datasets")
    add("--plan", type=Path, help="TOML file with these options")
    for name, default in (
        ("montages", "default: headphone headband"),
        ("methods", "default: none kd sk_kd"),
        ("decoders", "default: that of each dataset's paradigm"),
        ("baselines", "see eegkd baselines (by default no baseline)"),
    ):
        add(f"--{name}", nargs="+", help=default)
    add(
        "--evaluation",
        nargs="+",
        help="individual, dependent, independent, within_session, cross_session or "
        "cross_subject (default: individual)",
    )
    add("--teacher", help="one network that teaches all decoders")
    add("--seeds", type=int, dest="n_seeds", help="how many (default: 10)")
    add_training(command)
    add("--store", type=Path, help="default: results.sqlite")
    add("--cluster", help="address of a Dask scheduler")
    add("--dry-run", action="store_true", help="print the jobs and an estimate")
    add("--report", type=Path, help="also write this HTML page")
    add("--csv", type=Path, help="also write the scores to this file")


def run(
    plan: Path | None = None,
    dry_run: bool = False,
    report: Path | None = None,
    csv: Path | None = None,
    **arguments: Any,
) -> int:
    """Call `eegkd.benchmark`, print what came out and write what is asked."""
    import eegkd

    asked = {} if plan is None else eegkd.read_plan(plan)
    call = asked | to_call(arguments)
    if "data" in call:
        call["data"] = asked.get("data", {}) | call["data"]
    if "datasets" not in call:
        raise ValueError("Name a DATASET, or a --plan that does.")
    if dry_run:
        return _describe(**call)
    with warnings.catch_warnings():  # describe() says it as well
        warnings.filterwarnings("ignore", r"\d+ of \d+ jobs", UserWarning)
        results = eegkd.benchmark(**call)
    print(results.describe())
    if csv is not None:
        print(f"\nScores: {results.to_csv(csv)}")
    if report is not None:
        print(f"Report: {results.report(report)}")
    if results.interrupted:
        return 130
    return 0 if results.complete else 1


def _describe(n_jobs: int = 1, cluster: Any = None, **call: Any) -> int:
    """Print the jobs that a call would do."""
    from eegkd.benchmark.estimate import describe_jobs
    from eegkd.benchmark.run import count_processes, prepare

    n_processes = count_processes(n_jobs)
    print(describe_jobs(prepare(**call), n_processes))
    return 0
