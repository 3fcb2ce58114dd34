"""What a student is fairly compared with: the same training without a teacher."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from eegkd.methods.none import none

__all__ = ["control_of"]


def control_of(
    method: Callable[..., Any], options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return how an untaught student must be trained to be compared with a taught one.

    Parameters
    ----------
    method : callable
        How the student is taught.
    options : mapping, optional
        Options of the method; those that are left out are at their defaults.

    Returns
    -------
    control : dict
        Options of `eegkd.methods.none` with which the untaught student gets as many
        updates (to one incomplete batch in each epoch), as many restarts, and an
        average of its weights where the taught one has one; empty where these are
        those of the plain training, and where the method does not say.

    Examples
    --------
    >>> from eegkd import METHODS
    >>> from eegkd.methods.controls import control_of
    >>> control_of(METHODS["kd"]), control_of(METHODS["cgan_kd"], {"ratio": 1.0})
    ({}, {'lengthen': 2.0})
    """
    control = getattr(getattr(method, "card", None), "control", None)
    if control is None:
        return {}
    usual = _defaults(none)
    asked = control({**_defaults(method), **(options or {})})
    return {name: value for name, value in asked.items() if value != usual[name]}


def _defaults(method: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a method with their defaults."""
    options = list(inspect.signature(method).parameters.values())[1:]
    return {option.name: option.default for option in options}
