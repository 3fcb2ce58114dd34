"""One fold: train estimators on its training trials, read its test trials once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eegkd._hashing import digest
from eegkd.data.groups import groups
from eegkd.evaluation.metrics import (
    class_codes,
    information_transfer_rate,
    score_predictions,
)
from eegkd.evaluation.statistics import effective_trials

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.data.trials import Trials
    from eegkd.evaluation.splits import Fold

__all__ = ["Item", "Scored", "run_fold"]

TIMED_PREDICTIONS = 15  # single trials that are timed; their median is reported
# What tells the rows of predictions and histories of one call apart.
PLACED = ("fold", "subject", "seed", "kind", "method")


@dataclass(frozen=True)
class Item:
    """What is trained in a fold, and what its rows of scores say of it.

    Parameters
    ----------
    estimator : object
        Unfitted. A teacher's is that of a student, of which the teacher alone is
        trained.
    named : dict
        Columns that tell its rows apart: ``kind`` ("teacher", "student" or
        "baseline"), ``method``, ``decoder``, ``montage``, ``seed`` and others.
    """

    estimator: Any
    named: dict[str, Any]


class Answers(NamedTuple):
    """What a model says of test trials.

    Parameters
    ----------
    codes : ndarray of int, shape (n_trials,)
        Class of each trial, counted from 0.
    proba : ndarray, shape (n_trials, n_classes)
        Probability of each class.
    group : ndarray of int, shape (n_trials,), or None
        Which trials overlap or are one segment, see `eegkd.data.groups.groups`.
    """

    codes: np.ndarray
    proba: np.ndarray
    group: np.ndarray | None


@dataclass(frozen=True)
class Scored:
    """What one item gave.

    Parameters
    ----------
    model : object
        The fitted estimator; a list where a student has several teachers.
    rows : list of dict
        Scores, one row for each subject that is tested.
    history : DataFrame, optional
        Losses of each training epoch, where there are any.
    predictions : DataFrame, optional
        Label and predicted label of each test trial.
    answers : Answers, optional
        What the test trials are and what the model says of them.
    validation : Scored, optional
        The same of training trials that were held out, where there are any.
    """

    model: Any
    rows: list[dict[str, Any]]
    history: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    answers: Answers | None = None
    validation: Scored | None = None


def run_fold(
    items: Iterable[Item],
    trials: Trials,
    fold: Fold,
    teacher: Any = None,
    *,
    validate: bool = False,
) -> Iterator[Scored]:
    """Train each item on the training trials of a fold, and test it once.

    Parameters
    ----------
    items : iterable of Item
        Estimators. A teacher teaches the students that come after it.
    trials : Trials
        The trials that the fold counts in.
    fold : Fold
        Which of them train and test.
    teacher : DecoderClassifier or list of these, optional
        Fitted teacher of students that come before any other.
    validate : bool, default=False
        Whether networks are scored on the trials that chose their epoch as well.

    Yields
    ------
    scored : Scored
        What each item gave, as it is finished.
    """
    from eegkd.estimators import DistilledClassifier, TrainingData

    train: Any = trials.subset(fold.train)
    for item in items:
        own = item.estimator
        if isinstance(own, DistilledClassifier) and not isinstance(train, TrainingData):
            # Checked, split and scaled once for all who learn from it.
            train = TrainingData.of(train, **own.split_settings(train.paradigm))
        begin = time.perf_counter()
        model = _train(item, train, teacher)
        seconds = time.perf_counter() - begin
        if item.named["kind"] == "teacher":
            teacher = model
        scored = _test(item, model, trials, fold, seconds)
        if validate and isinstance(train, TrainingData) and train.valid is not None:
            held_out = _validation_fold(trials, fold, train.valid_rows)
            checked = _test(item, model, trials, held_out, seconds, timed=False)
            scored = replace(scored, validation=replace(checked, model=None))
        yield scored


def _validation_fold(trials: Trials, fold: Fold, rows: np.ndarray) -> Fold:
    """Return a fold that is tested on some of its training trials, by subject."""
    held_out = fold.train[rows]
    subject = trials.metadata["subject"].to_numpy()[held_out]
    names = dict.fromkeys(subject.tolist())
    return replace(fold, test={who: held_out[subject == who] for who in names})


def similarities(models: Mapping[str, Any], tested: Trials) -> dict[str, np.ndarray]:
    """Return how alike networks find test trials, sorted by class.

    A matrix of values in [-1, 1] for each name, and the ``labels`` of the trials.
    """
    tested = tested.subset(np.argsort(tested.y.astype(str), kind="stable"))
    found = {name: model.similarity(tested) for name, model in models.items()}
    return {**found, "labels": tested.y.astype(str)}


def _train(item: Item, train: Any, teacher: Any) -> Any:
    """Return a fitted model; a student's own setting of its teacher stays."""
    estimator = item.estimator
    if item.named["kind"] == "teacher":
        return estimator.train_teacher(train)
    if teacher is None:
        return estimator.fit(train)
    own = {name: getattr(estimator, name) for name in ("teacher", "teacher_options")}
    estimator.set_params(teacher=teacher, teacher_options=None).fit(train)
    return estimator.set_params(**own)


def _test(
    item: Item,
    model: Any,
    trials: Trials,
    fold: Fold,
    train_seconds: float,
    timed: bool = True,
) -> Scored:
    """Read the test trials once and count."""
    import pandas as pd

    tester = model[0] if isinstance(model, list) else model
    history = getattr(tester, "history_", None)
    cost = {
        "train_seconds": train_seconds,
        "updates": getattr(history, "updates", None),
        "n_students": getattr(history, "n_students", None),
        "fingerprint": _fingerprint(tester),
        **_size(tester, trials.n_times),
    }
    rows, predictions, probas = [], [], []
    for who, index in fold.test.items():
        named = {**item.named, "fold": fold.name, "subject": str(who)}
        tested = trials.subset(index)
        proba = tester.predict_proba(tested)
        scores = _scores(tester, tested, proba)
        predict_ms = _predict_ms(tester, tested) if timed else np.nan
        rows.append({**named, **scores, "predict_ms": predict_ms, **cost})
        table = pd.DataFrame({name: named[name] for name in PLACED}, index=index)
        labels = tester.classes_[proba.argmax(axis=1)]
        predictions.append(table.assign(label=tested.y, predicted=labels))
        probas.append(proba)
    if history is not None:
        named = {**item.named, "fold": fold.name}
        own = {name: named[name] for name in PLACED if name != "subject"}
        history = history.to_frame().assign(**own)
    said = pd.concat(predictions, ignore_index=True)
    index = np.concatenate([*fold.test.values()])
    answers = Answers(
        class_codes(trials.y[index], tester.classes_),
        np.concatenate(probas),
        groups(trials.metadata.iloc[index]),
    )
    return Scored(model, rows, history, said, answers)


def _scores(model: Any, tested: Trials, proba: np.ndarray) -> dict[str, Any]:
    """Return the scores of one subject, and with how many trials it was tested."""
    codes = class_codes(tested.y, model.classes_)
    scores = score_predictions(codes, proba)
    n_classes = len(model.classes_)
    seconds = tested.n_times / tested.sfreq
    return {
        "n_classes": n_classes,
        "n_trials": len(tested),
        "n_effective": effective_trials(codes),
        **scores,
        "itr": information_transfer_rate(scores["accuracy"], n_classes, seconds),
    }


def _fingerprint(model: Any) -> str:
    """Return a hash of what was learned."""
    if hasattr(model, "fingerprint_"):
        return model.fingerprint_
    return digest(model)[:16]


def _size(model: Any, n_times: int) -> dict[str, Any]:
    """Return electrodes, parameters and multiply-accumulates, as far as defined."""
    last = model[-1] if hasattr(model, "steps") else model
    inner = getattr(last, "model_", last)  # a network behind interpolated electrodes
    decoder = getattr(inner, "decoder_", None)
    size = {"parameters": None, "macs": None}
    if decoder is not None:
        size["parameters"] = decoder.n_parameters
        size["macs"] = decoder.n_macs(n_times)
    if last is inner and decoder is not None:
        return {"n_chans": decoder.view.montage.n_chans, **size}
    reader = getattr(last, "signals_", None) or model[0]
    return {"n_chans": reader.view_.montage.n_chans, **size}


def _predict_ms(model: Any, tested: Trials) -> float:
    """Return the median time to predict a single trial, in milliseconds."""
    times = []
    for number in range(min(TIMED_PREDICTIONS, len(tested)) + 1):
        single = tested.subset([number % len(tested)])
        start = time.perf_counter()
        model.predict_proba(single)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]) * 1000)  # the first one warms up
