"""What a benchmark will cost, before it is begun."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eegkd.benchmark.grid import Job
from eegkd.benchmark.work import Outcome, attempt

if TYPE_CHECKING:
    from eegkd.benchmark.run import Run

PROBED_EPOCHS = 2  # of a training whose cost nobody has measured yet


def describe_jobs(run: Run, n_jobs: int = 1) -> str:
    """Return what a benchmark would do, and about how long, as text.

    A little of each kind of job is trained whose cost is not in the store.
    """
    missing = run.missing()
    keys = {job.key for job in missing}
    kinds: dict[tuple[str, ...], list[Job]] = defaultdict(list)
    for job in run.jobs:
        kinds[_kind(job)].append(job)
    seconds = _measured(run, kinds)
    lines = [
        f"{'dataset':<24}{'evaluation':<15}{'method':<24}{'decoder':<16}"
        f"{'montage':<12}{'jobs':>6}{'missing':>9}{'s each':>8}",
    ]
    total, unknown = 0.0, 0
    probe = _Probe(run)
    for kind, jobs in kinds.items():
        todo = [job for job in jobs if job.key in keys]
        each = seconds.get(kind)
        if each is None and todo:
            each = probe.seconds(todo[0])
        if each is None:
            unknown += len(todo)
        else:
            total += each * len(todo)
        widths = (24, 15, 24, 16, 12)
        name = "".join(
            f"{part[: size - 1]:<{size}}"
            for part, size in zip(kind, widths, strict=True)
        )
        shown = "" if each is None else f"{each:.1f}"
        lines.append(f"{name}{len(jobs):>6}{len(todo):>9}{shown:>8}")
    lines += ["", f"{len(run.jobs)} jobs, {len(missing)} missing."]
    if missing:
        lines.append(
            f"About {_duration(total / n_jobs)} on {n_jobs} processor(s), from the "
            f"jobs in the store or {PROBED_EPOCHS} epochs of each training"
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


class _Probe:
    """Trains a little of a job, to tell how long all of it takes."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.is_warm = False

    def seconds(self, job: Job) -> float | None:
        """Return about how long a job takes; None if it fails."""
        if not self.is_warm:  # the first training in a process loads and compiles
            self.is_warm = True
            self.seconds(job)
        outcome, epochs = self._attempt(job)
        if outcome.traceback:
            return None
        if not epochs:
            return outcome.seconds
        training = outcome.rows[0]["train_seconds"]
        return outcome.seconds - training + training * epochs / PROBED_EPOCHS

    def _attempt(self, job: Job) -> tuple[Outcome, int]:
        """Do a job with few epochs; say how many all of it has, 0 without any."""
        from eegkd.estimators.base import MontageEstimator

        task = self.run.task(job)
        if job.teacher and task.teacher is None:
            needed = next(one for one in self.run.jobs if one.key == job.teacher)
            task = replace(task, teacher=self._attempt(needed)[0].done[0].model)
        estimator = task.items[0].estimator
        networks = [estimator, *estimator.get_params().values()]
        networks = [one for one in networks if isinstance(one, MontageEstimator)]
        epochs = 0
        for network in networks:
            epochs = network.epochs_for(task.trials.paradigm, len(task.fold.train))
            network.set_params(max_epochs=PROBED_EPOCHS)
        return attempt(task), epochs


def _duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
