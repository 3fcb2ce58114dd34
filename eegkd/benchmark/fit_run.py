"""One student over all folds and seeds, in memory: what `eegkd.fit` does."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_choice, check_int, check_registered, check_type
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
from eegkd.evaluation.splits import EVALUATIONS, Fold, evaluation_folds, nested_fold
from eegkd.evaluation.validation import doubt
from eegkd.evaluation.wording import permuted_label
from eegkd.methods._out_of_fold import better
from eegkd.methods.auto import cost
from eegkd.montage import load_montage, resolve

if TYPE_CHECKING:
    from eegkd.estimators import DistilledClassifier

TINY = 1e-12  # added to probabilities, of which logarithms are taken
VALIDATION = "validation of "  # before the name of a fit
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
    validate: bool,
) -> FitResult:
    """Train and test a student, its teacher and an untaught student on every fold.

    The first seed is the estimator's. If no student was finished, the error of the
    first fit is raised.
    """
    check_choice(evaluation, "evaluation", EVALUATIONS)
    check_int(n_seeds, "n_seeds", at_least=1)
    check_int(estimator.random_state, "random_state", at_least=0)
    check_type(validate, "validate", bool, "True or False")
    n_processes = count_processes(n_jobs)
    estimator.check()
    montage = load_montage(estimator.montage)
    trials = _load(dataset, subjects, data or {})
    replaced = resolve(montage, trials.ch_names, estimator.on_missing).report()
    folds, rule = evaluation_folds(trials.metadata, trials.y, evaluation, test)
    seeds = range(estimator.random_state, estimator.random_state + n_seeds)
    plan = _Plan(estimator, trials, evaluation)
    fits = [plan.fit(fold, seed) for fold in folds for seed in seeds]
    run = FitRun(plan, fits, validate)
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
        "untaught": {} if plan.method == "none" else plan.untaught,
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

    @property
    def name(self) -> str:
        """Fold and seed in words."""
        return f"{self.fold.name}, seed {self.seed}"


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

    def cost(self) -> str:
        """Return what the method trains beside the student, where it says so."""
        if self.method != "auto":
            return ""
        known = self.settings["method_options"] or {}
        known = {n: known[n] for n in ("candidates", "n_folds") if n in known}
        return f"method 'auto', in each fit: {cost(**known)}."

    @cached_property
    def untaught(self) -> dict[str, Any]:
        """Options of an untaught student that is trained as the taught one is."""
        from eegkd.methods import METHODS
        from eegkd.methods.controls import control_of

        method = check_registered(self.estimator.method, "method", METHODS)
        options = self.settings["method_options"] or {}
        return dict(options) if self.method == "none" else control_of(method, options)

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
        permuted = self.estimator.permuted_teacher
        control = [] if permuted is None else [permuted_label(self.method, permuted)]
        for method in dict.fromkeys(["none", *control, self.method]):
            item = (method, student, montage.name)
            needed = jobs[0].key if jobs and method != "none" else None
            jobs.append(maker.job("student", item, seed, *parts, teacher=needed))
        return _Fit(fold, seed, jobs)

    def nested(self, fit: _Fit) -> _Fit:
        """Return the same jobs within the training trials of a fit."""
        fold = nested_fold(self.trials.metadata, self.trials.y, fit.fold)
        return replace(fit, fold=fold)

    def task(
        self, key: str, fit: _Fit, n_processes: int, tell: Any, validate: bool = False
    ) -> Task:
        """Return a fit as work for a process, or for this one."""
        alone = n_processes == 1
        trials, fold = (
            (self.trials, fit.fold) if alone else relative(self.trials, fit.fold)
        )
        return Task(
            key,
            [Item(self.unfitted(job, tell), job.described()) for job in fit.jobs],
            trials,
            fold,
            threads=None if alone else 1,
            keep=True,
            validate=validate,
        )

    def unfitted(self, job: Job, tell: Any) -> Any:
        """Return the estimator of a job."""
        own = seeded(self.estimator, job.seed).set_params(progress=tell)
        if job.method == "none":
            own.set_params(method="none", method_options=self.untaught or None)
        if job.method in ("none", self.method):
            own.set_params(permuted_teacher=None)
        return own


@dataclass
class FitRun:
    """The fits of one call, and what they gave."""

    plan: _Plan
    fits: list[_Fit]
    validate: bool = True
    done: dict[str, Scored] = field(default_factory=dict)
    validated: dict[str, Scored] = field(default_factory=dict)
    way: str = "none"  # how validation trials came about
    failures: dict[str, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    interrupted: bool = False

    def work(self, n_processes: int, progress: bool | None) -> None:
        """Do all fits, then validate what needs it, and keep what was finished."""
        from tqdm import tqdm

        show = sys.stderr.isatty() if progress is None else progress
        if show and (text := self.plan.cost()):
            tqdm.write(text, file=sys.stderr)
        with tqdm(total=len(self.fits), unit="fit", disable=not show) as bar:
            try:
                with open_engine(n_processes) as engine:
                    for outcome in engine(self._tasks(n_processes, bar)):
                        bar.update()
                        self._take(outcome)
                    open_ones = self._not_validated()
                    bar.total += len(open_ones)
                    for outcome in engine(self._nested(open_ones, n_processes, bar)):
                        bar.update()
                        self._take_validation(outcome)
            except KeyboardInterrupt:
                self.interrupted = True
        if not any(fit.key in self.done for fit in self.fits):
            raise self.errors[0] if self.errors else KeyboardInterrupt

    def _tasks(self, n_processes: int, bar: Any) -> Iterator[Task]:
        """Yield the tasks, one at a time."""
        tell = _telling(bar) if n_processes == 1 else None
        for fit in self.fits:
            bar.set_description(fit.name)
            yield self.plan.task(
                fit.key, fit, n_processes, tell, validate=self._validates
            )

    @property
    def _validates(self) -> bool:
        """Whether there is anything to validate."""
        return self.validate and self.plan.method != "none"

    def _not_validated(self) -> list[_Fit]:
        """Return the finished fits whose training held no trials out.

        The method "auto" has its own folds, whose figures are in its notes.
        """
        if not self._validates or self.plan.method == "auto":
            return []
        return [
            fit
            for fit in self.fits
            if all(job.key in self.done for job in fit.jobs)
            and not any(job.key in self.validated for job in fit.jobs)
        ]

    def _nested(self, fits: list[_Fit], n_processes: int, bar: Any) -> Iterator[Task]:
        """Yield the tasks that train once more within the training trials."""
        tell = _telling(bar) if n_processes == 1 else None
        for fit in fits:
            bar.set_description(VALIDATION + fit.name)
            yield self.plan.task(fit.key, self.plan.nested(fit), n_processes, tell)

    def _take(self, outcome: Outcome) -> None:
        """Keep what a fit gave."""
        fit = next(fit for fit in self.fits if fit.key == outcome.key)
        for job, scored in zip(fit.jobs, outcome.done, strict=False):
            self.done[job.key] = scored
            if scored.validation is not None:
                self.validated[job.key], self.way = scored.validation, "held out"
        if outcome.traceback:
            self.failures[fit.jobs[len(outcome.done)].key] = outcome.traceback
            self.errors.append(outcome.error or RuntimeError(outcome.traceback))

    def _take_validation(self, outcome: Outcome) -> None:
        """Keep the scores of models that were trained for the validation alone."""
        fit = next(fit for fit in self.fits if fit.key == outcome.key)
        if outcome.traceback:
            self.failures[VALIDATION + fit.name] = outcome.traceback
            return
        for job, scored in zip(fit.jobs, outcome.done, strict=True):
            self.validated[job.key], self.way = replace(scored, model=None), "nested"

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
        checked = {key: scored.rows for key, scored in self.validated.items()}
        validation, _ = tabulate(jobs, checked, simulated, self.failures)
        settings["validation"] = {"way": self.way, "auto": list(self._choices())}
        result = FitResult(
            scores=scores,
            planned=planned,
            validation=validation,
            failures=self.failures,
            settings=settings,
            interrupted=self.interrupted,
            **models,
            history=pd.concat([one.history for one in kept], ignore_index=True),
            predictions=pd.concat([one.predictions for one in kept], ignore_index=True),
            example=self._example(models),
        )
        if text := doubt(result.minus_untaught(), result.metric):
            warnings.warn(text, stacklevel=4)
        return result

    def _choices(self) -> Iterator[dict[str, Any]]:
        """Yield what the rule of the method "auto" makes of validation trials."""
        method = self.plan.method
        for fit in self.fits if method not in ("none", "auto") else ():
            keys = {job.method: job.key for job in fit.jobs}
            taught, untaught = (
                self.validated[keys[name]].answers
                if keys[name] in self.validated
                else None
                for name in (method, "none")
            )
            if taught is None or untaught is None:
                continue
            weight = self._class_weight(fit, taught.codes)
            scores, others = (np.log(one.proba + TINY) for one in (taught, untaught))
            gain = better(scores, others, taught.codes, weight, taught.group)
            chosen = method if gain.clearly() else "none"
            known = {"fold": fit.fold.name, "seed": fit.seed, "chosen": chosen}
            yield {**known, **gain.to_dict()}

    def _class_weight(self, fit: _Fit, codes: np.ndarray) -> Any:
        """Return how much trials of each class count, as in the training of a fit."""
        import torch

        labels = self.done[fit.key].model.labels_
        return labels.weight(self.plan.settings["class_weight"], torch.tensor(codes))

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


def _telling(bar: Any) -> Any:
    """Return a function that shows the epochs of a training in a bar."""

    def tell(epoch: int, row: dict[str, float]) -> None:
        bar.set_postfix_str(f"epoch {epoch}")

    return tell
