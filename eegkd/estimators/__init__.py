"""scikit-learn estimators: a decoder on a montage, with and without a teacher.

All take MNE epochs, lists of epochs, `Trials` or arrays. ``fit`` reads all electrodes;
``predict`` accepts all of them or only the montage's, and reads only the montage's.
What they share is in `base`, what those without and with a teacher share in `single`
and `distilled`; `classifiers` and `regressors` add the labels.
"""

from __future__ import annotations

from eegkd.estimators.classifiers import DecoderClassifier, DistilledClassifier
from eegkd.estimators.defaults import resolve_settings
from eegkd.estimators.regressors import DecoderRegressor, DistilledRegressor
from eegkd.estimators.training_data import TrainingData

__all__ = [
    "DecoderClassifier",
    "DecoderRegressor",
    "DistilledClassifier",
    "DistilledRegressor",
    "TrainingData",
    "resolve_settings",
]
