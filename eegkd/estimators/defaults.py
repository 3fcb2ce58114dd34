"""What estimators leave to the paradigm, and what it decides for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegkd._checks import check_registered
from eegkd.data.paradigms import TRAINING, find_paradigm
from eegkd.methods import METHODS

AUTO = "auto"  # what a parameter holds that the paradigm decides


def is_auto(value: Any) -> bool:
    """Return whether a parameter is left to the paradigm."""
    return isinstance(value, str) and value == AUTO


def resolve_settings(
    params: Mapping[str, Any], paradigm: str | None = None, *, continuous: bool = False
) -> dict[str, Any]:
    """Return what the parameters of an estimator stand for in a paradigm.

    The one place where a default of `eegkd.PARADIGMS` becomes a setting of a training.

    Parameters
    ----------
    params : mapping
        Parameters of an estimator, by name.
    paradigm : str, optional
        Of the trials; None where it is not known. A ``paradigm`` among ``params`` that
        is not ``"auto"`` goes before it.
    continuous : bool, default=False
        Whether labels are numbers, which have no class weights.

    Returns
    -------
    settings : dict
        ``paradigm``, the network (``student`` or ``decoder``) and its options,
        ``class_weight``, ``taps``, ``max_epochs``, ``batch_size``, ``lr`` and
        ``weight_decay``; where there is a method ``method_options``, with the
        temperature of the paradigm.

    Raises
    ------
    ValueError
        If paradigm or method is unknown, or continuous labels have class weights.

    Examples
    --------
    >>> from eegkd import DistilledClassifier
    >>> from eegkd.estimators.defaults import resolve_settings
    >>> params = DistilledClassifier(method="kd").get_params()
    >>> settings = resolve_settings(params, "p300")
    >>> settings["student"], settings["class_weight"], settings["method_options"]
    ('EEGNet', 'balanced', {'temperature': 1.0})
    """
    row = find_paradigm(paradigm if is_auto(params["paradigm"]) else params["paradigm"])
    network = "student" if "student" in params else "decoder"
    settings: dict[str, Any] = {"paradigm": row.name}

    def settle(name: str, default: Any) -> None:
        settings[name] = default if is_auto(params[name]) else params[name]

    settle(network, row.decoder)
    settle(f"{network}_options", row.network_options(settings[network]))
    for name in TRAINING:
        settle(name, getattr(row, name))
    if continuous:
        settle("class_weight", None)
        if settings["class_weight"] is not None:
            raise ValueError(
                "'class_weight' is for classes and must be None for continuous labels, "
                f"got {params['class_weight']!r}."
            )
    if "method" in params:
        method = check_registered(params["method"], "method", METHODS)
        options = row.method_options(method, params["method_options"])
        settings["method_options"] = options or None
    return settings
