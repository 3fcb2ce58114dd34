"""Generic baselines: what one would do on the montage's electrodes without a teacher.

`BASELINES` holds each by its name. Called with a montage, it returns an unfitted
scikit-learn pipeline that takes whatever `DistilledClassifier` takes.
"""

from eegkd._checks import check_choice
from eegkd.baselines.baseline import Baseline
from eegkd.baselines.geometry import (
    GEOMETRY,
    FieldInterpolationClassifier,
    field_mapping,
)
from eegkd.baselines.imagery import IMAGERY
from eegkd.baselines.neural import NEURAL
from eegkd.baselines.p300 import P300
from eegkd.baselines.signals import MontageEpochs, MontageSignals, TrialPipeline
from eegkd.baselines.ssvep import SSVEP, stimulation_frequencies
from eegkd.data.paradigms import PARADIGMS

__all__ = [
    "BASELINES",
    "Baseline",
    "FieldInterpolationClassifier",
    "MontageEpochs",
    "MontageSignals",
    "TrialPipeline",
    "field_mapping",
    "list_baselines",
    "stimulation_frequencies",
]

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (*IMAGERY, *P300, *SSVEP, *GEOMETRY, *NEURAL)
}


def __getattr__(name: str) -> Baseline:
    """Return a baseline by its name, which is how MOABB's pipeline files ask for it."""
    if name in BASELINES:
        return BASELINES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def list_baselines(paradigm: str | None = None) -> list[str]:
    """Return the names of the baselines.

    Parameters
    ----------
    paradigm : str, optional
        Only those for this paradigm, a key of `eegkd.PARADIGMS`. By default all.

    Returns
    -------
    names : list of str
        Names in `BASELINES`.

    Raises
    ------
    ValueError
        If there is no such paradigm.
    """
    if paradigm is None:
        return list(BASELINES)
    check_choice(paradigm, "paradigm", PARADIGMS)
    return [name for name, one in BASELINES.items() if paradigm in one.paradigms]
