"""What a comparison will cost, before it is begun."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eegkd.comparison.grid import Job

if TYPE_CHECKING:
    from eegkd.comparison.run import Run

PROBED_PASSES = 2  # of a training whose cost nobody has measured yet


def describe_jobs(run: Run, *, probe: bool = True, n_jobs: int = 1) -> str:
    """Return what a comparison would do, and about how long, as text.

    Parameters
    ----------
    run : Run
        Laid out.
    probe : bool, default=True
        Whether to train a little of each kind of job whose cost is not in the store.
    n_jobs : int, default=1
        Jobs at once, by which the time is divided.

    Returns
    -------
    text : str
        A line for each kind of job, and the sum.
    """
    missing = run.missing()
    keys = {job.key for job in missing}
    kinds: dict[tuple[str, ...], list[Job]] = defaultdict(list)
    for job in run.jobs:
        kinds[_kind(job)].append(job)
    seconds = _measured(run, kinds)
    lines = [
        f"{'dataset':<24}{'evaluation':<15}{'method':<16}{'decoder':<16}"
        f"{'montage':<12}{'jobs':>6}{'missing':>9}{'s each':>8}",
    ]
    total, unknown = 0.0, 0
    for kind, jobs in kinds.items():
        todo = [job for job in jobs if job.key in keys]
        each = seconds.get(kind)
        if each is None and todo and probe:
            each = _probe(run, todo[0])
        if todo and each is None:
            unknown += len(todo)
        elif todo and each is not None:
            total += each * len(todo)
        name = "".join(
            f"{part[: size - 1]:<{size}}"
            for part, size in zip(kind, (24, 15, 16, 16, 12), strict=True)
        )
        shown = "" if each is None else f"{each:.1f}"
        lines.append(f"{name}{len(jobs):>6}{len(todo):>9}{shown:>8}")
    lines += [
        "",
        f"{len(run.jobs)} jobs, {len(missing)} missing.",
    ]
    if missing:
        lines.append(
            f"About {_duration(total / max(n_jobs, 1))} on {max(n_jobs, 1)} "
            f"processor(s), from the jobs in the store or {PROBED_PASSES} passes of "
            "each training"
            + (f", without {unknown} jobs that were not measured." if unknown else ".")
        )
    return "\n".join(lines)


def _kind(job: Job) -> tuple[str, ...]:
    """Return what jobs of about the same cost have in common."""
    return job.dataset, job.evaluation, job.method, job.decoder, job.montage


def _measured(run: Run, kinds: dict[Any, list[Job]]) -> dict[Any, float]:
    """Return the median time of the finished jobs of each kind."""
    took = run.store.seconds(job.key for job in run.jobs)
    found = {}
    for kind, jobs in kinds.items():
        times = [took[job.key] for job in jobs if job.key in took]
        if times:
            found[kind] = statistics.median(times)
    return found


def _probe(run: Run, job: Job) -> float | None:
    """Return the time of a job, from a few passes; None if that cannot be told."""
    from eegkd.comparison.work import attempt

    passes = run.grid.training.get("max_epochs", 500)
    short = {"max_epochs": PROBED_PASSES, "patience": None}
    task = run.task(job)
    if job.kind == "baseline":
        outcome = attempt(task)
        return None if outcome.traceback else outcome.seconds
    if job.teacher and task.teacher is None:
        first = next(other for other in run.jobs if other.key == job.teacher)
        lent = run.task(first)
        lent.estimator.set_params(**short)
        task = replace(task, teacher=attempt(lent).model)
    task.estimator.set_params(**short)
    outcome = attempt(task)
    if outcome.traceback:
        return None
    training = outcome.rows[0]["train_seconds"]
    return outcome.seconds - training + training * passes / PROBED_PASSES


def _duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
