"""Estimators for continuous labels, such as workload or reaction time."""

from __future__ import annotations

from sklearn.base import RegressorMixin

from eegkd.estimators._docs import fill_doc, with_defaults
from eegkd.estimators.distilled import Distilled
from eegkd.estimators.labels import ContinuousLabels
from eegkd.estimators.single import SingleDecoder


@fill_doc
class DecoderRegressor(RegressorMixin, SingleDecoder):
    """A neural decoder that estimates a continuous label, without a teacher.

    Labels are standardized for training and given back in their own unit; the squared
    error is minimized. ``score`` is the coefficient of determination.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None, default=None
        Electrodes that the decoder reads; None reads all channels of the data.
    %(network:decoder)s
    %(signals)s
    %(training)s
    %(no_weights)s
    %(rest)s

    Attributes
    ----------
    decoder_ : Decoder
        The trained network behind its view.
    %(unit)s
    %(learned)s

    See Also
    --------
    DistilledRegressor : The same with a teacher.
    DecoderClassifier : The same for classes.

    Examples
    --------
    >>> from eegkd.estimators import DecoderRegressor
    >>> DecoderRegressor(montage="headphone", decoder="EEGNet")
    DecoderRegressor(decoder='EEGNet', montage='headphone')
    """

    label_kind = ContinuousLabels
    label_center_: float
    label_scale_: float


@fill_doc
class DistilledRegressor(RegressorMixin, Distilled):
    """A student that estimates a continuous label on few electrodes, with a teacher.

    ``fit`` reads all electrodes, trains the teacher (unless a fitted one is given)
    and distills it into the student. ``predict`` needs the montage's electrodes only.
    Labels are standardized for training and given back in their own unit. ``score``
    is the coefficient of determination.

    Parameters
    ----------
    montage : str, path, list of str or Montage, default="headband"
        Electrodes of the student.
    method : str or callable, default="cgan_kd"
        Name in `eegkd.METHODS` of a method that learns continuous labels, or a
        callable ``method(training, **options)``.
    %(distilled:DecoderRegressor)s
    student : str or callable, default="auto"
        The student's decoder, as in `DecoderRegressor`.
    %(student_options)s
    %(signals)s
    %(training)s
    %(calibrate)s
    %(permuted)s
    %(no_weights)s
    %(rest)s

    Attributes
    ----------
    decoder_ : Decoder
        The trained student behind its view.
    %(teachers:DecoderRegressor)s
    %(unit)s
    %(learned)s

    See Also
    --------
    DecoderRegressor : The same without a teacher.
    DistilledClassifier : The same for classes.

    Examples
    --------
    >>> from eegkd.estimators import DistilledRegressor
    >>> DistilledRegressor(montage=["C3", "Cz", "C4"], method="none")
    DistilledRegressor(method='none', montage=['C3', 'Cz', 'C4'])
    """

    __init__ = with_defaults(Distilled.__init__, method="cgan_kd")
    label_kind = ContinuousLabels
    teacher_kind = DecoderRegressor
    teacher_: DecoderRegressor | None
    teachers_: list[DecoderRegressor]
    label_center_: float
    label_scale_: float
