"""What estimators leave to the paradigm, and what it decides for them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eegkd._checks import check_registered
from eegkd.data.paradigms import Paradigm, find_paradigm
from eegkd.decoders import DECODERS
from eegkd.distillation import History
from eegkd.distillation.faults import FAULTS
from eegkd.distillation.recipe import find_recipe
from eegkd.methods import METHODS

AUTO = "auto"  # what a parameter holds that paradigm or recipe decide
#: Fields of a recipe that are parameters of the estimators.
FIELDS = (
    "max_epochs",
    "patience",
    "batch_size",
    "lr",
    "weight_decay",
    "valid_fraction",
    "calibrate",
)


def is_auto(value: Any) -> bool:
    """Return whether a parameter is left to the paradigm."""
    return isinstance(value, str) and value == AUTO


def _options(row: Paradigm, network: Any, recipe: Any) -> dict[str, Any] | None:
    """Return the arguments of a network: the paradigm's, else the published ones."""
    options = row.network_options(network) or {}
    if isinstance(network, str) and network in DECODERS and recipe == "published":
        options = {**DECODERS[network].published, **options}
    return options or None


def warn_of_schedule(history: History) -> None:
    """Warn of what a history says against the schedule, and say what to do."""
    for fault in history.notes.get("schedule", ()):
        warnings.warn(FAULTS[fault], stacklevel=4)


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
        ``class_weight``, ``taps`` and ``recipe``, with the fields of it that are
        parameters; where there is a method ``method_options``, with the temperature of
        the paradigm.

    Raises
    ------
    ValueError
        If paradigm, recipe or method is unknown, a value is out of bounds, or
        continuous labels have class weights.

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

    settle(network, row.network(params["recipe"]))
    settle(f"{network}_options", _options(row, settings[network], params["recipe"]))
    for name in ("class_weight", "taps"):
        settle(name, getattr(row, name))
    recipe = find_recipe(params["recipe"], row.name, settings[network])
    own = {n: params[n] for n in FIELDS if n in params and not is_auto(params[n])}
    if "max_epochs" in own:
        own["n_updates"] = None
    if own.get("valid_fraction"):
        own["n_folds"] = 0
    recipe = replace(recipe, **own)
    settings["recipe"] = recipe
    settings |= {name: getattr(recipe, name) for name in FIELDS if name in params}
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
