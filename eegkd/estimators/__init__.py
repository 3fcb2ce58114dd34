"""scikit-learn estimators: a decoder on a montage, with and without a teacher.

All take MNE epochs, lists of epochs, `Trials` or arrays. ``fit`` reads all electrodes;
``predict`` accepts all of them or only the montage's, and reads only the montage's.
What they share is in `base`, what those without and with a teacher share in `single`
and `distilled`; `classifiers` and `regressors` add the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegkd._checks import did_you_mean, join_names
from eegkd.estimators.classifiers import DecoderClassifier, DistilledClassifier
from eegkd.estimators.defaults import resolve
from eegkd.estimators.regressors import DecoderRegressor, DistilledRegressor
from eegkd.estimators.training_data import TrainingData, find_device

__all__ = [
    "DecoderClassifier",
    "DecoderRegressor",
    "DistilledClassifier",
    "DistilledRegressor",
    "TrainingData",
    "check_training",
    "find_device",
    "resolve",
]


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
