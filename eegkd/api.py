"""`fit`: from a dataset to teacher, student and scores in one call."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_choice, check_int, check_registered, join_names
from eegkd.benchmark.fit_result import FitResult, versions
from eegkd.data.find import check_subjects, paradigm_of
from eegkd.data.load import load_trials
from eegkd.data.paradigms import find_paradigm
from eegkd.data.trials import Trials
from eegkd.evaluation.metrics import class_codes, score_predictions
from eegkd.evaluation.splits import EVALUATIONS, Fold, evaluation_folds
from eegkd.evaluation.statistics import ROLES
from eegkd.montage import load_montage, resolve

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.estimators import DistilledClassifier

EXAMPLE_TRIALS = 160  # trials whose similarities are kept for the report


def fit(
    dataset: Any,
    montage: Any = "headband",
    *,
    method: Any = "sk_kd",
    decoder: Any = None,
    teacher: Any = None,
    student: Any = None,
    subjects: Sequence[Any] | None = None,
    evaluation: str = "individual",
    test: str | Sequence[str] = "auto",
    n_seeds: int = 1,
    random_state: int = 0,
    device: str = "auto",
    method_options: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    n_jobs: int = 1,
    progress: bool | None = None,
    **training: Any,
) -> FitResult:
    """Train a teacher on all electrodes and a student on a wearable's, and test both.

    For each subject and seed a teacher reads all electrodes of the dataset, a
    baseline reads the montage's electrodes without a teacher, and a student reads
    the same electrodes with it. All three see the same training trials; the test
    trials are read once, at the end.

    Parameters
    ----------
    dataset : str, moabb dataset or Trials
        A name in `eegkd.list_datasets`, a MOABB class name, a MOABB dataset, or
        trials that are loaded already.
    montage : str, path, list of str or Montage, default="headband"
        The student's electrodes, see `eegkd.list_montages`.
    method : str or callable, default="sk_kd"
        How the student is taught, see `eegkd.METHODS`.
    decoder : str or callable, optional
        Network of teacher and student, see `eegkd.list_decoders`. By default that of
        the dataset's paradigm, see Notes.
    teacher, student : str, callable or DecoderClassifier, optional
        Another network for one of the two; ``teacher`` may be a `DecoderClassifier`.
    subjects : sequence, optional
        Subjects to load; all by default.
    evaluation : str, default="individual"
        Train on each subject's own training sessions (``"individual"``), on those of
        all subjects (``"dependent"``) or of all other subjects (``"independent"``); or
        MOABB's ``"within_session"``, ``"cross_session"`` and ``"cross_subject"``, see
        `eegkd.evaluation.splits.evaluation_folds`.
    test : {"auto", "session", "run", "time"} or list of str, default="auto"
        What the first three hold out, see `eegkd.evaluation.splits.held_out`.
    n_seeds : int, default=1
        Seeds, counted from ``random_state``.
    random_state : int, default=0
        First seed.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    method_options : dict, optional
        Options of the method, such as ``{"similarity_weight": 100}``.
    data : dict, optional
        Options of `eegkd.load_trials`, such as ``{"l_freq": 8, "h_freq": 32}``.
    n_jobs : int, default=1
        Subjects and seeds to work on at once, each in a process of its own with one
        thread; -1 takes all processors.
    progress : bool, optional
        Whether to show a progress bar; by default when the output is a terminal.
    **training
        Parameters of `DistilledClassifier`: ``max_epochs``, ``patience``, ``lr``,
        ``weight_decay``, ``batch_size``, ``class_weight``, ``taps``,
        ``valid_fraction``, ``n_teachers``, ``on_missing``, ``reference``,
        ``standardize``, ``student_options``, ``teacher_options``.

    Returns
    -------
    result : FitResult
        Scores, models and history. After Ctrl-C it holds what was finished.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the montage does not fit the dataset.
    FileNotFoundError
        If the dataset is neither on disk nor to be downloaded.

    Notes
    -----
    What is left out is looked up in `eegkd.PARADIGMS` for the paradigm of the dataset:
    band, window and rate, network, class weights, temperature and schedule, and the
    score that tables are about. The paradigm's network has its options there whether
    it is chosen by default or by name; ``student_options=None`` or
    ``teacher_options=None`` takes the network as braindecode has it. `Trials` whose
    paradigm is not known are treated as motor imagery.

    Examples
    --------
    >>> import eegkd
    >>> result = eegkd.fit("SimulatedMotorImagery", montage="headband",
    ...                    subjects=[1], max_epochs=2)
    >>> sorted(result.scores["role"])
    ['baseline', 'student', 'teacher']
    """
    from eegkd.estimators import DistilledClassifier, check_training
    from eegkd.methods import METHODS

    check_choice(evaluation, "evaluation", EVALUATIONS)
    check_int(n_seeds, "n_seeds", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    if check_int(n_jobs, "n_jobs", at_least=-1) == 0:
        raise ValueError("'n_jobs' must be >= 1, or -1 for all processors, got 0.")
    check_training(training, "fit")
    wanted = load_montage(montage)
    paradigm = find_paradigm(paradigm_of(dataset))
    decoder = paradigm.decoder if decoder is None else decoder
    teacher = decoder if teacher is None and student is not None else teacher
    student = decoder if student is None else student
    training.setdefault("student_options", paradigm.network_options(student))
    if teacher is not None:  # without one it is the student's network
        options = paradigm.network_options(teacher)
        training.setdefault("teacher_options", options)
    function = check_registered(method, "method", METHODS)
    method_options = paradigm.method_options(function, method_options)
    prototype = DistilledClassifier(
        montage=wanted,
        method=method,
        teacher=teacher,
        student=student,
        method_options=method_options or None,
        device=device,
        **{**paradigm.training(), **training},
    )
    prototype.check()
    trials = (
        _only_subjects(dataset, subjects)
        if isinstance(dataset, Trials)
        else load_trials(dataset, subjects=subjects, **(data or {}))
    )
    resolved = resolve(wanted, trials.ch_names, prototype.on_missing)
    folds, rule = evaluation_folds(trials.metadata, trials.y, evaluation, test)
    seeds = range(random_state, random_state + n_seeds)
    work = _Work(trials, prototype, [(fold, seed) for fold in folds for seed in seeds])
    settings = {
        "dataset": trials.name,
        "simulated": trials.simulated,
        "data": trials.settings or {},
        "data_fingerprint": trials.fingerprint,
        "classes": [str(label) for label in trials.classes],
        "montage": wanted.to_dict(),
        "replaced_electrodes": resolved.report(),
        "method": _method_name("student", method),
        "method_options": method_options,
        "paradigm": trials.paradigm,
        "evaluation": evaluation,
        "test": rule,
        "seeds": list(seeds),
        "classifier": {
            name: value
            if isinstance(value, (int, float, str, type(None)))
            else repr(value)
            for name, value in prototype.get_params(deep=False).items()
            if name not in ("montage", "progress", "ch_names", "sfreq")
        },
        "versions": versions(),
    }
    return work.run(settings, n_jobs, progress)


@dataclass
class _Done:
    """What one subject and seed gave."""

    key: tuple[str, int]
    rows: list[dict[str, Any]]
    models: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame
    example: dict[str, np.ndarray]


@dataclass
class _Work:
    """All subjects and seeds of one call of `fit`."""

    trials: Trials
    prototype: DistilledClassifier
    jobs: list[tuple[Fold, int]]

    def run(
        self, settings: dict[str, Any], n_jobs: int, progress: bool | None
    ) -> FitResult:
        """Work through all jobs and keep whatever was finished."""
        from tqdm import tqdm

        done: list[_Done] = []
        failures: dict[tuple[str, int], str] = {}
        errors: list[Exception] = []
        interrupted = False
        show = sys.stderr.isatty() if progress is None else progress
        with tqdm(total=len(self.jobs), unit="fit", disable=not show) as bar:
            try:
                for outcome in self._outcomes(n_jobs, bar):
                    bar.update()
                    if isinstance(outcome, _Done):
                        done.append(outcome)
                    else:
                        key, error, text = outcome
                        failures[key] = text
                        errors.append(error)
            except KeyboardInterrupt:
                if not done:
                    raise
                interrupted = True
        if not done:
            raise errors[0]
        if failures or interrupted:
            warnings.warn(
                f"{len(done)} of {len(self.jobs)} fits are complete; "
                + (
                    f"failed: {join_names(failures)} (see result.failures)"
                    if failures
                    else "the rest was interrupted"
                )
                + ".",
                stacklevel=3,
            )
        return self._collect(done, settings, failures, interrupted)

    def _outcomes(self, n_jobs: int, bar: Any) -> Iterator[Any]:
        """Yield the outcome of each job as it is finished."""
        if n_jobs == 1:
            for fold, seed in self.jobs:
                bar.set_description(f"subject {fold.name}, seed {seed}")
                yield self.attempt(
                    fold, seed, lambda epoch, row: bar.set_postfix_str(f"epoch {epoch}")
                )
            return
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        with warnings.catch_warnings():
            # loky takes the import of torch for a leak, and says so when it replaces
            # the worker; its work is not lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            yield from parallel(
                delayed(_attempt_alone)(self.only(fold), seed)
                for fold, seed in self.jobs
            )

    def only(self, fold: Fold) -> _Work:
        """Return the work with no more trials than one fold needs, to send it away."""
        needed, small = fold.compact()
        return _Work(self.trials.subset(needed), self.prototype, [(small, 0)])

    def attempt(self, fold: Fold, seed: int, tell: Any = None) -> Any:
        """Return what one job gave, or its error."""
        try:
            return self.one(fold, seed, tell)
        except Exception as error:  # noqa: BLE001 - reported, and the rest goes on
            return (fold.name, seed), error, traceback.format_exc()

    def one(self, fold: Fold, seed: int, tell: Any = None) -> _Done:
        """Train teacher, baseline and student of one fold, then test them."""
        from sklearn.base import clone

        train = self.trials.subset(fold.train)
        settings = {"random_state": seed, "progress": tell}
        student = clone(self.prototype).set_params(**settings).fit(train)
        baseline = clone(self.prototype).set_params(
            **settings, method="none", method_options=None
        )
        baseline.fit(train)
        models = {"teacher": student.teacher_, "baseline": baseline, "student": student}
        models = {
            role: model.set_params(progress=None)
            for role, model in models.items()
            if model is not None
        }
        return _Done(
            key=(fold.name, seed),
            models=models,
            example=_similarities(models, self.trials.subset(_first(fold.test))),
            **self._test(models, fold, seed),
        )

    def _test(self, models: dict[str, Any], fold: Fold, seed: int) -> dict[str, Any]:
        """Read the test trials once and count."""
        import pandas as pd

        rows, predictions, histories = [], [], []
        for role, model in models.items():
            view = model.decoder_.view
            common: dict[str, Any] = {"seed": seed, "role": role}
            histories.append(
                model.history_.to_frame().assign(subject=fold.name, **common)
            )
            for who, index in fold.test.items():
                tested = self.trials.subset(index)
                proba = model.predict_proba(tested)
                codes = class_codes(tested.y, model.classes_)
                rows.append(
                    {
                        "subject": who,
                        **common,
                        "method": _method_name(role, self.prototype.method),
                        "montage": view.montage.name,
                        "n_chans": view.montage.n_chans,
                        "n_trials": len(tested),
                        **score_predictions(codes, proba),
                    }
                )
                labels = model.classes_[proba.argmax(axis=1)]
                predictions.append(
                    pd.DataFrame({"label": tested.y, "predicted": labels}).assign(
                        subject=who, **common
                    )
                )
        return {
            "rows": rows,
            "predictions": pd.concat(predictions, ignore_index=True),
            "history": pd.concat(histories, ignore_index=True),
        }

    def _collect(
        self,
        done: list[_Done],
        settings: dict[str, Any],
        failures: dict[tuple[str, int], str],
        interrupted: bool,
    ) -> FitResult:
        """Put the outcomes of all jobs together."""
        import pandas as pd

        models: dict[str, dict[tuple[str, int], Any]] = {role: {} for role in ROLES}
        for outcome in done:
            for role, model in outcome.models.items():
                models[role][outcome.key] = model
        return FitResult(
            scores=pd.DataFrame([row for outcome in done for row in outcome.rows]),
            students=models["student"],
            baselines=models["baseline"],
            teachers=models["teacher"],
            history=pd.concat([outcome.history for outcome in done], ignore_index=True),
            predictions=pd.concat(
                [outcome.predictions for outcome in done], ignore_index=True
            ),
            example=done[0].example,
            settings=settings,
            failures=failures,
            interrupted=interrupted,
        )


def _attempt_alone(work: _Work, seed: int) -> Any:
    """Run the only job of a worker process with one thread."""
    import torch

    torch.set_num_threads(1)
    return work.attempt(work.jobs[0][0], seed)


def _only_subjects(trials: Trials, subjects: Sequence[Any] | None) -> Trials:
    """Return the trials of some subjects."""
    chosen = check_subjects(subjects, trials.subjects, trials.name)
    return trials.subset(trials.metadata["subject"].isin(chosen).to_numpy())


def _method_name(role: str, method: Any) -> str:
    """Return what a table says about how a role was trained."""
    if role != "student":
        return "none"
    return method if isinstance(method, str) else getattr(method, "__name__", "custom")


def _first(tests: dict[Any, np.ndarray]) -> np.ndarray:
    """Return some test trials of the first subject."""
    return next(iter(tests.values()))[:EXAMPLE_TRIALS]


def _similarities(models: dict[str, Any], tested: Trials) -> dict[str, np.ndarray]:
    """Return the similarities between test trials, sorted by class, for each role."""
    order = np.argsort(tested.y.astype(str), kind="stable")
    tested = tested.subset(order)
    found = {role: model.similarity(tested) for role, model in models.items()}
    return {**found, "labels": tested.y.astype(str)}
