"""How a baseline is declared: its steps in, a factory with the common options out."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from eegkd._checks import check_choice, check_int, did_you_mean, join_names
from eegkd.baselines.signals import TrialPipeline
from eegkd.data.trials import UNITS
from eegkd.montage import ON_MISSING, Montage
from eegkd.view import REFERENCES

Steps = list[tuple[str, Any]]


class Factory(Protocol):
    """What makes an unfitted baseline, and what is known about it."""

    __name__: str
    paradigms: tuple[str, ...]
    uses_seed: bool
    options: tuple[str, ...]
    needs_montage: bool

    def __call__(self, montage: Any = None, **options: Any) -> TrialPipeline:
        """Return the unfitted pipeline."""


def baseline(
    *paradigms: str, uses_seed: bool = False, options: Sequence[str] | None = None
) -> Callable[[Callable[..., Steps]], Factory]:
    """Turn a function that lists the steps of a pipeline into a baseline's factory.

    Parameters
    ----------
    *paradigms : str
        What the baseline decodes: keys of `eegkd.PARADIGMS`.
    uses_seed : bool, default=False
        Whether ``random_state`` changes the result.
    options : sequence of str, optional
        Names of the options, where they do not stand in the function's signature.

    Returns
    -------
    decorate : callable
        Takes ``steps(reading, random_state, **options)`` and returns
        ``factory(montage=None, *, on_missing, reference, ch_names, sfreq, units,
        random_state, **options) -> TrialPipeline`` with the attributes ``paradigms``,
        ``uses_seed``, ``options`` and ``needs_montage`` and the function's name and
        docstring.
    """

    def decorate(steps: Callable[..., Steps]) -> Factory:
        named = list(inspect.signature(steps).parameters)[2:]
        known = tuple(named if options is None else options)

        def factory(
            montage: Any = None,
            *,
            on_missing: str = "error",
            reference: str | None = None,
            ch_names: Sequence[str] | None = None,
            sfreq: float | None = None,
            units: str = "auto",
            random_state: int = 0,
            **options: Any,
        ) -> TrialPipeline:
            unknown = [name for name in options if name not in known]
            if unknown:
                raise TypeError(
                    f"Baseline '{steps.__name__}' has the options "
                    f"{join_names(known, 40)}, got {join_names(unknown)}."
                    + did_you_mean(unknown[0], known)
                )
            reading = {
                "montage": _short(montage),
                "on_missing": check_choice(on_missing, "on_missing", ON_MISSING),
                "reference": check_choice(reference, "reference", REFERENCES),
                "ch_names": None if ch_names is None else tuple(ch_names),
                "sfreq": sfreq,
                "units": check_choice(units, "units", UNITS),
            }
            seed = check_int(random_state, "random_state", at_least=0)
            return TrialPipeline(steps(reading, seed, **options))

        factory.__name__ = factory.__qualname__ = steps.__name__
        factory.__module__, factory.__doc__ = steps.__module__, steps.__doc__
        about = {
            "paradigms": paradigms,
            "uses_seed": uses_seed,
            "options": known,
            "needs_montage": False,  # whether there is no sense in all electrodes
        }
        factory.__dict__.update(about)
        return cast(Factory, factory)

    return decorate


def _short(montage: Any) -> Any:
    """Return a montage as a name or a tuple of electrodes, which print in full."""
    if isinstance(montage, Montage):
        return montage.ch_names
    if isinstance(montage, os.PathLike):
        return str(montage)
    if montage is None or isinstance(montage, str):
        return montage
    return tuple(montage)
