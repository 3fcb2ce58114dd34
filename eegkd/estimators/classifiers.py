"""Estimators for classes: a decoder on a montage, with and without a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from eegkd._checks import did_you_mean, join_names
from eegkd.estimators._docs import fill_doc
from eegkd.estimators.base import MontageEstimator
from eegkd.estimators.distilled import Distilled
from eegkd.estimators.labels import ClassLabels
from eegkd.estimators.single import SingleDecoder


@fill_doc
def predict_proba(
    self: MontageEstimator, X: Any, ch_names: Sequence[str] | None = None
) -> np.ndarray:
    """Return the probability of each class.

    Parameters
    ----------
    %(X_predict)s

    Returns
    -------
    proba : ndarray, shape (n_trials, n_classes)
        Probabilities, in the order of ``classes_``; rows sum to 1. The other trials
        of ``X`` change those of a trial by rounding at most.

    Raises
    ------
    %(refused)s
    """
    logits = self._logits(X, ch_names)
    labels: Any = self.labels_
    return labels.probabilities(logits)


@fill_doc
class DecoderClassifier(ClassifierMixin, SingleDecoder):
    """A neural decoder that reads the electrodes of one montage, without a teacher.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes that the decoder reads; None reads all channels of the data.
    %(network:decoder)s
    %(signals)s
    %(training)s
    %(weights)s
    %(rest)s

    Attributes
    ----------
    decoder_ : Decoder
        The trained network behind its view.
    %(classes)s
    %(learned)s

    See Also
    --------
    DistilledClassifier : The same with a teacher.
    DecoderRegressor : The same for continuous labels.

    Examples
    --------
    >>> from eegkd import DecoderClassifier
    >>> DecoderClassifier(montage="headphone", decoder="EEGNet")
    DecoderClassifier(decoder='EEGNet', montage='headphone')
    """

    label_kind = ClassLabels
    classes_: np.ndarray
    predict_proba = predict_proba


@fill_doc
class DistilledClassifier(ClassifierMixin, Distilled):
    """A student on a low-density montage, taught by a teacher on all electrodes.

    ``fit`` reads all electrodes, trains the teacher (unless a fitted one is given)
    and distills it into the student. ``predict`` needs the montage's electrodes only.

    Parameters
    ----------
    montage : str, path, list of str or Montage, default="headband"
        Electrodes of the student.
    method : str or callable, default="sk_kd"
        Name in `eegkd.METHODS`, or a callable ``method(training, **options)``.
    %(distilled:DecoderClassifier)s
    student : str or callable, default="auto"
        The student's decoder, as in `DecoderClassifier`.
    %(student_options)s
    %(signals)s
    %(training)s
    %(calibrate)s
    %(permuted)s
    %(weights)s
    %(rest)s

    Attributes
    ----------
    decoder_ : Decoder
        The trained student behind its view.
    %(teachers:DecoderClassifier)s
    %(classes)s
    %(learned)s

    See Also
    --------
    DecoderClassifier : The same without a teacher.
    DistilledRegressor : The same for continuous labels.
    eegkd.fit : From a dataset to teacher, students and scores in one call.

    Examples
    --------
    >>> from eegkd import DistilledClassifier
    >>> DistilledClassifier(montage=["C3", "Cz", "C4"], method="kd")
    DistilledClassifier(method='kd', montage=['C3', 'Cz', 'C4'])
    """

    label_kind = ClassLabels
    teacher_kind = DecoderClassifier
    teacher_: DecoderClassifier | None
    teachers_: list[DecoderClassifier]
    classes_: np.ndarray
    predict_proba = predict_proba


def check_training(
    training: Mapping[str, Any], function: str, own: Sequence[str] = ()
) -> dict[str, Any]:
    """Refuse options that `DistilledClassifier` does not have.

    Parameters
    ----------
    training : mapping
        Options by name.
    function : str
        Who was given them, for the message.
    own : sequence of str, default=()
        Parameters that the function has as arguments of its own, or sets itself.

    Returns
    -------
    defaults : dict
        All options that are allowed, with their defaults.

    Raises
    ------
    TypeError
        If a name is not a parameter that can be set there.
    """
    reserved = {"montage", "method", "progress", "ch_names", "sfreq", "units", *own}
    params = DistilledClassifier().get_params(deep=False)
    allowed = {name: value for name, value in params.items() if name not in reserved}
    for name in training:
        if name not in allowed:
            raise TypeError(
                f"{function}() has no argument {name!r}. Allowed besides its own are "
                f"those of DistilledClassifier: {join_names(sorted(allowed), 40)}."
                + did_you_mean(name, allowed)
            )
    return allowed
