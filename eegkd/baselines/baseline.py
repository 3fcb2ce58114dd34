"""What a baseline is: how its pipeline is built, and what is known about it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eegkd._checks import check_choice, check_int, did_you_mean, join_names
from eegkd.baselines.signals import TrialPipeline
from eegkd.data.trials import UNITS
from eegkd.montage import ON_MISSING, Montage
from eegkd.view import REFERENCES

Steps = list[tuple[str, Any]]
Reading = dict[str, Any]  # arguments of MontageSignals, which all first steps share


@dataclass(frozen=True)
class Baseline:
    """A decoder that learns without a teacher; calling it makes an unfitted pipeline.

    Parameters
    ----------
    title : str
        How tables and MOABB's pipeline files call it.
    build : callable
        Takes ``build(reading, **options)`` and returns the steps of the pipeline;
        ``reading`` holds the arguments of `MontageSignals`. Its name and its docstring
        are those of the baseline. It takes ``random_state`` if that changes the result.
    paradigms : tuple of str
        What it decodes: keys of `eegkd.PARADIGMS`.
    citations : tuple of str, default=()
        Addresses of the papers.
    needs_montage : bool, default=False
        Whether there is no sense in all electrodes.
    more_options : tuple of str, default=()
        Options that ``build`` takes as ``**options``.
    """

    title: str
    build: Callable[..., Steps]
    paradigms: tuple[str, ...]
    citations: tuple[str, ...] = ()
    needs_montage: bool = False
    more_options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The key in `eegkd.BASELINES`."""
        return self.build.__name__

    __name__ = name  # as any other callable that is given for a baseline

    @property
    def about(self) -> str:
        """One line about it."""
        return (inspect.getdoc(self.build) or "").splitlines()[0]

    @property
    def options(self) -> tuple[str, ...]:
        """Names of its own options."""
        named = inspect.signature(self.build).parameters.values()
        own = [p.name for p in named if p.kind is not p.VAR_KEYWORD][1:]
        return (*(name for name in own if name != "random_state"), *self.more_options)

    @property
    def uses_seed(self) -> bool:
        """Whether ``random_state`` changes the result."""
        return "random_state" in inspect.signature(self.build).parameters

    def __call__(
        self,
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
        """Return the unfitted pipeline.

        Parameters
        ----------
        montage, on_missing, reference, ch_names, sfreq, units
            As in `MontageSignals`.
        random_state : int, default=0
            Seed, if the baseline uses one.
        **options
            Options of the baseline.

        Returns
        -------
        pipeline : TrialPipeline
            Takes whatever `DistilledClassifier` takes.

        Raises
        ------
        TypeError
            If there is no such option.
        ValueError
            If a value is not allowed.
        """
        known = self.options
        unknown = [name for name in options if name not in known]
        if unknown:
            raise TypeError(
                f"Baseline '{self.name}' has the options {join_names(known, 40)}, got "
                f"{join_names(unknown)}." + did_you_mean(unknown[0], known)
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
        if self.uses_seed:
            options["random_state"] = seed
        return TrialPipeline(self.build(reading, **options))


def _short(montage: Any) -> Any:
    """Return a montage as a name or a tuple of electrodes, which print in full."""
    if isinstance(montage, Montage):
        return montage.ch_names
    if isinstance(montage, os.PathLike):
        return str(montage)
    if montage is None or isinstance(montage, str):
        return montage
    return tuple(montage)
