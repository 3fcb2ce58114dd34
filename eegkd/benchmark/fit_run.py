"""One student over all folds and seeds, in memory: what `eegkd.fit` does."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eegkd._checks import check_choice, check_int
from eegkd._hashing import content
from eegkd.benchmark.engine import open_engine
from eegkd.benchmark.fit_result import FitResult, versions
from eegkd.benchmark.grid import (
    FULL,
    FoldJobs,
    Job,
    label_of,
    relative,
    resolved_settings,
    seeded,
    teacher_label,
)
from eegkd.benchmark.run import count_processes, tabulate
from eegkd.benchmark.work import Outcome, Task
from eegkd.data import load_trials
from eegkd.data.find import check_subjects
from eegkd.data.trials import Trials
from eegkd.evaluation.fold import Item, Scored, similarities
from eegkd.evaluation.splits import EVALUATIONS, Fold, evaluation_folds
from eegkd.montage import load_montage, resolve

if TYPE_CHECKING:
    from eegkd.estimators import DistilledClassifier

EXAMPLE_TRIALS = 160  # trials whose similarities are kept for the report


def make_student(estimator: Any, decoder: Any, **said: Any) -> DistilledClassifier:
    """Return the unfitted student that arguments of `eegkd.fit` stand for.

    Parameters at their defaults say nothing, nor does None for ``montage``, ``method``
    and ``student``. An ``estimator`` that says something else is refused.
    """
    from sklearn.base import clone

    from eegkd.decoders.build import check_decoder
    from eegkd.estimators import DistilledClassifier

    words = {}  # what the user calls a parameter, where it is another word
    if decoder is not None:
        check_decoder(decoder)
    if said["student"] is None:
        said["student"], words["student"] = decoder, "decoder"
    elif said["teacher"] is None:
        said["teacher"] = "auto" if decoder is None else decoder
    usual = DistilledClassifier().get_params(deep=False)
    open_ones = dict.fromkeys(("montage", "method", "student"))  # which say None
    said = {
        name: value
        for name, value in said.items()
        if not _same(value, {**usual, **open_ones}[name])
    }
    if estimator is None:
        return DistilledClassifier(**said)
    if not isinstance(estimator, DistilledClassifier):
        if isinstance(estimator, type):
            name = estimator.__name__
            raise TypeError(
                f"'estimator' must be a DistilledClassifier, got the class {name}; "
                "pass an instance: DistilledClassifier()."
            )
        raise TypeError(
            "'estimator' must be a DistilledClassifier, got "
            f"{type(estimator).__name__}. Other estimators are fitted by themselves: "
            "estimator.fit(trials)."
        )
    for name, value in said.items():
        own = getattr(estimator, name)
        equal = _same(own, value) or _same(own, usual[name])
        if name == "montage" and not equal:
            equal = load_montage(own).ch_names == load_montage(value).ch_names
        if not equal:
            raise ValueError(
                f"{words.get(name, name)!r} is {value!r}, but 'estimator' has {own!r}. "
                "Give it once."
            )
    return clone(estimator).set_params(**said)


def _same(one: Any, other: Any) -> bool:
    """Return whether two settings are the same."""
    return one is other or content(one) == content(other)


def run_fits(
    estimator: DistilledClassifier,
    dataset: Any,
    subjects: Sequence[Any] | None,
    data: dict[str, Any] | None,
    *,
    evaluation: str,
    test: Any,
    n_seeds: int,
    n_jobs: int,
    progress: bool | None,
) -> FitResult:
    """Train and test a student, its teacher and an untaught student on every fold.

    The first seed is the estimator's. If no student was finished, the error of the
    first fit is raised.
    """
    check_choice(evaluation, "evaluation", EVALUATIONS)
    check_int(n_seeds, "n_seeds", at_least=1)
    check_int(estimator.random_state, "random_state", at_least=0)
    n_processes = count_processes(n_jobs)
    estimator.check()
    montage = load_montage(estimator.montage)
    trials = _load(dataset, subjects, data or {})
    replaced = resolve(montage, trials.ch_names, estimator.on_missing).report()
    folds, rule = evaluation_folds(trials.metadata, trials.y, evaluation, test)
    seeds = range(estimator.random_state, estimator.random_state + n_seeds)
    plan = _Plan(estimator, trials, evaluation)
    fits = [plan.fit(fold, seed) for fold in folds for seed in seeds]
    run = FitRun(plan, fits)
    run.work(n_processes, progress)
    settings = {
        "dataset": trials.name,
        "simulated": trials.simulated,
        "paradigm": trials.paradigm
        if estimator.paradigm == "auto"
        else estimator.paradigm,
        "data": trials.settings or {},
        "data_fingerprint": trials.fingerprint,
        "classes": [str(label) for label in trials.classes],
        "montage": montage.to_dict(),
        "replaced_electrodes": replaced,
        "method": plan.method,
        "method_options": content(plan.settings["method_options"] or {}),
        "evaluation": evaluation,
        "test": rule,
        "seeds": list(seeds),
        "classifier": {
            name: value
            if isinstance(value, (int, float, str, type(None)))
            else repr(value)
            for name, value in plan.settings.items()
        },
        "versions": versions(),
    }
    return run.result(settings)


def _load(dataset: Any, subjects: Sequence[Any] | None, data: dict[str, Any]) -> Trials:
    """Return the trials of a dataset."""
    if not isinstance(dataset, Trials):
        return load_trials(dataset, subjects=subjects, **data)
    if data:
        raise ValueError(
            "'data' is for datasets that are loaded, but 'dataset' is Trials, which "
            "are ready. Leave it out."
        )
    chosen = check_subjects(subjects, dataset.subjects, dataset.name)
    return dataset.subset(dataset.metadata["subject"].isin(chosen).to_numpy())


@dataclass(frozen=True)
class _Fit:
    """The jobs of one fold and seed: a teacher, an untaught and a taught student."""

    fold: Fold
    seed: int
    jobs: list[Job]

    @property
    def key(self) -> str:
        """Key of all jobs together."""
        return self.jobs[-1].key


@dataclass(frozen=True)
class _Plan:
    """What is trained in every fold, and what it is called."""

    estimator: DistilledClassifier
    trials: Trials
    evaluation: str

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every parameter of the student, nothing left to the paradigm."""
        found = resolved_settings(self.estimator, self.trials.paradigm)
        hidden = ("montage", "progress", "ch_names", "sfreq")
        return {name: value for name, value in found.items() if name not in hidden}

    @property
    def method(self) -> str:
        """What tables call the method."""
        return label_of(self.estimator.method)

    def fit(self, fold: Fold, seed: int) -> _Fit:
        """Return the jobs of one fold and seed, teachers first."""
        known = {"dataset": self.trials.name, "evaluation": self.evaluation}
        test = [[str(who), rows] for who, rows in fold.test.items()]
        shared = [self.trials.fingerprint, fold.train, test, versions()]
        maker = FoldJobs({"recording": 0, "fold": fold.name, **known}, shared)
        montage = load_montage(self.estimator.montage)
        parts = [self.settings, montage.ch_names]
        student = label_of(self.settings["student"])
        jobs = []
        if self.estimator.uses_teacher():
            teacher = teacher_label(self.estimator, self.trials.paradigm) or student
            jobs.append(maker.job("teacher", ("teacher", teacher, FULL), seed, *parts))
        for method in dict.fromkeys(["none", self.method]):
            item = (method, student, montage.name)
            needed = jobs[0].key if jobs and method != "none" else None
            jobs.append(maker.job("student", item, seed, *parts, teacher=needed))
        return _Fit(fold, seed, jobs)

    def task(self, fit: _Fit, n_processes: int, tell: Any) -> Task:
        """Return a fit as work for a process, or for this one."""
        alone = n_processes == 1
        trials, fold = (
            (self.trials, fit.fold) if alone else relative(self.trials, fit.fold)
        )
        return Task(
            fit.key,
            [Item(self.unfitted(job, tell), job.described()) for job in fit.jobs],
            trials,
            fold,
            threads=None if alone else 1,
            keep=True,
        )

    def unfitted(self, job: Job, tell: Any) -> Any:
        """Return the estimator of a job."""
        own = seeded(self.estimator, job.seed).set_params(progress=tell)
        if job.method == "none":
            own.set_params(method="none", method_options=None)
        return own


@dataclass
class FitRun:
    """The fits of one call, and what they gave."""

    plan: _Plan
    fits: list[_Fit]
    done: dict[str, Scored] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    interrupted: bool = False

    def work(self, n_processes: int, progress: bool | None) -> None:
        """Do all fits, and keep what was finished."""
        from tqdm import tqdm

        show = sys.stderr.isatty() if progress is None else progress
        with tqdm(total=len(self.fits), unit="fit", disable=not show) as bar:
            try:
                with open_engine(n_processes) as engine:
                    for outcome in engine(self._tasks(n_processes, bar)):
                        bar.update()
                        self._take(outcome)
            except KeyboardInterrupt:
                self.interrupted = True
        if not any(fit.key in self.done for fit in self.fits):
            raise self.errors[0] if self.errors else KeyboardInterrupt

    def _tasks(self, n_processes: int, bar: Any) -> Iterator[Task]:
        """Yield the tasks, one at a time."""
        tell = None
        if n_processes == 1:

            def tell(epoch: int, row: dict[str, float]) -> None:
                bar.set_postfix_str(f"epoch {epoch}")

        for fit in self.fits:
            bar.set_description(f"{fit.fold.name}, seed {fit.seed}")
            yield self.plan.task(fit, n_processes, tell)

    def _take(self, outcome: Outcome) -> None:
        """Keep what a fit gave."""
        fit = next(fit for fit in self.fits if fit.key == outcome.key)
        for job, scored in zip(fit.jobs, outcome.done, strict=False):
            self.done[job.key] = scored
        if outcome.traceback:
            self.failures[fit.jobs[len(outcome.done)].key] = outcome.traceback
            self.errors.append(outcome.error or RuntimeError(outcome.traceback))

    def result(self, settings: dict[str, Any]) -> FitResult:
        """Put together what was finished, in the order of the fits."""
        import pandas as pd

        jobs = [job for fit in self.fits for job in fit.jobs]
        rows = {key: scored.rows for key, scored in self.done.items()}
        simulated = {self.plan.trials.name: self.plan.trials.simulated}
        scores, planned = tabulate(jobs, rows, simulated, self.failures)
        models = self._models()
        kept = [self.done[job.key] for job in jobs if job.key in self.done]
        if len(kept) < len(jobs):
            why = "the rest was interrupted" if self.interrupted else "some failed"
            warnings.warn(
                f"{len(kept)} of {len(jobs)} jobs are finished, {why} (see "
                "result.missing() and result.failures).",
                stacklevel=4,
            )
        return FitResult(
            scores=scores,
            planned=planned,
            failures=self.failures,
            settings=settings,
            interrupted=self.interrupted,
            **models,
            history=pd.concat([one.history for one in kept], ignore_index=True),
            predictions=pd.concat([one.predictions for one in kept], ignore_index=True),
            example=self._example(models),
        )

    def _models(self) -> dict[str, dict[tuple[str, int], Any]]:
        """Return fitted teachers, untaught and taught students by fold and seed."""
        models: dict[str, dict[tuple[str, int], Any]]
        models = {"teachers": {}, "untaught": {}, "students": {}}
        for fit in self.fits:
            key = (fit.fold.name, fit.seed)
            for job in fit.jobs:
                if job.key not in self.done:
                    continue
                model = self.done[job.key].model
                model = model[0] if isinstance(model, list) else model
                model.set_params(progress=None)
                if job.kind == "teacher":
                    models["teachers"][key] = model
                if job.method == "none":
                    models["untaught"][key] = model
                if job.key == fit.key:
                    models["students"][key] = model
                    model.teacher_ = models["teachers"].get(key)
        return models

    def _example(self, models: dict[str, dict[Any, Any]]) -> dict[str, Any]:
        """Return how alike the models of the first fit find some test trials."""
        fit = next(fit for fit in self.fits if fit.key in self.done)
        tested = self.plan.trials.subset(
            next(iter(fit.fold.test.values()))[:EXAMPLE_TRIALS]
        )
        key = (fit.fold.name, fit.seed)
        own = {name: found[key] for name, found in models.items() if key in found}
        return similarities(own, tested)
