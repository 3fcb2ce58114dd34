"""One job, wherever it runs: train, test once, count."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._hashing import digest
from eegkd.evaluation.metrics import (
    class_codes,
    information_transfer_rate,
    score_predictions,
)
from eegkd.evaluation.statistics import effective_trials

if TYPE_CHECKING:
    from eegkd.data.trials import Trials
    from eegkd.evaluation.splits import Fold

TIMED_PREDICTIONS = 15  # single trials that are timed; their median is reported
# Jobs in one process share torch's random state: never two at a time.
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Task:
    """Everything that a worker needs to do one job.

    Parameters
    ----------
    key : str
        The job's key.
    described : dict
        What tells its rows apart.
    estimator : object
        Unfitted.
    trials : Trials
        Training and test trials of the fold, no others.
    fold : Fold
        Which of them train and test.
    teacher : tuple of dict and bytes, optional
        The packed teacher of a student.
    decoders : dict of str -> callable, optional
        Networks that are not braindecode's, by name.
    """

    key: str
    described: dict[str, Any]
    estimator: Any
    trials: Trials
    fold: Fold
    teacher: tuple[dict[str, Any], bytes] | None = None
    decoders: dict[str, Any] | None = None

    def run(self) -> Outcome:
        """Train, then read the test trials once.

        Returns
        -------
        outcome : Outcome
            Scores, and the model if other jobs need it.
        """
        from eegkd.persistence import pack_classifier, unpack_classifier

        start = time.perf_counter()
        model, train = self.estimator, self.trials.subset(self.fold.train)
        if self.teacher is not None:
            model.set_params(teacher=unpack_classifier(*self.teacher, self.decoders))
        is_teacher = self.described["kind"] == "teacher"
        begin = time.perf_counter()
        model = model.train_teacher(train) if is_teacher else model.fit(train)
        train_seconds = time.perf_counter() - begin
        cost = {
            "train_seconds": train_seconds,
            "fingerprint": _fingerprint(model),
            **_size(model, self.trials.n_times),
        }
        rows = [
            {**self.described, "subject": str(who), **self._test(model, rows), **cost}
            for who, rows in self.fold.test.items()
        ]
        return Outcome(
            key=self.key,
            rows=rows,
            seconds=time.perf_counter() - start,
            model=pack_classifier(model) if is_teacher else None,
        )

    def _test(self, model: Any, rows: np.ndarray) -> dict[str, Any]:
        """Return the scores of one subject."""
        tested = self.trials.subset(rows)
        proba = model.predict_proba(tested)
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
            "predict_ms": _predict_ms(model, tested),
        }


@dataclass(frozen=True)
class Outcome:
    """What a job gave.

    Parameters
    ----------
    key : str
        The job's key.
    rows : list of dict
        Scores; empty if the job failed.
    seconds : float
        How long it took.
    model : tuple of dict and bytes, optional
        The packed classifier, if other jobs need it.
    traceback : str
        Why it failed; empty if it did not.
    """

    key: str
    rows: list[dict[str, Any]]
    seconds: float = 0.0
    model: tuple[dict[str, Any], bytes] | None = None
    traceback: str = ""


def attempt(task: Task) -> Outcome:
    """Do a job with one thread, and return its outcome whatever happens.

    One thread a job: these networks are too small to gain from more, results stay
    the same wherever they run, and as many jobs as there are processors run at once.

    Parameters
    ----------
    task : Task
        The job.

    Returns
    -------
    outcome : Outcome
        Scores, or a traceback.
    """
    try:
        with _ALONE, one_thread():
            return task.run()
    except Exception:  # noqa: BLE001 - recorded, and the other jobs go on
        return Outcome(task.key, [], traceback=traceback.format_exc())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block.

    Yields
    ------
    None
        While torch and the linear algebra of NumPy use one thread.
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _fingerprint(model: Any) -> str:
    """Return a hash of what was learned."""
    if hasattr(model, "fingerprint_"):
        return model.fingerprint_
    return digest(model)[:16]


def _size(model: Any, n_times: int) -> dict[str, Any]:
    """Return electrodes, parameters and multiply-accumulates, as far as defined."""
    last = model[-1] if hasattr(model, "steps") else model
    inner = getattr(last, "model_", last)  # a network behind a guess of electrodes
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
