"""Generic baselines: what one would do on the montage's electrodes without a teacher.

`BASELINES` holds a factory for each name. A factory takes the montage and returns an
unfitted scikit-learn pipeline that takes whatever `DistilledClassifier` takes.
"""

from eegkd._checks import check_choice
from eegkd.baselines.geometry import (
    FieldInterpolationClassifier,
    field_interpolation,
    field_mapping,
)
from eegkd.baselines.imagery import acm_ts, csp_lda, fbcsp_svm, fgmdm, mdm, ts_lr
from eegkd.baselines.neural import NEURAL
from eegkd.baselines.p300 import erpcov_mdm, xdawn_lda, xdawncov_ts
from eegkd.baselines.registry import Factory, baseline
from eegkd.baselines.signals import MontageEpochs, MontageSignals, TrialPipeline
from eegkd.baselines.ssvep import (
    cca,
    fbcca,
    ssvep_ts,
    stimulation_frequencies,
    trca,
)
from eegkd.data.paradigms import PARADIGMS

__all__ = [
    "BASELINES",
    "FieldInterpolationClassifier",
    "MontageEpochs",
    "MontageSignals",
    "TrialPipeline",
    "baseline",
    "field_mapping",
    "list_baselines",
    "stimulation_frequencies",
]

BASELINES: dict[str, Factory] = {
    "csp_lda": csp_lda,
    "fbcsp_svm": fbcsp_svm,
    "ts_lr": ts_lr,
    "mdm": mdm,
    "fgmdm": fgmdm,
    "acm_ts": acm_ts,
    "xdawn_lda": xdawn_lda,
    "xdawncov_ts": xdawncov_ts,
    "erpcov_mdm": erpcov_mdm,
    "cca": cca,
    "fbcca": fbcca,
    "trca": trca,
    "ssvep_ts": ssvep_ts,
    "field_interpolation": field_interpolation,
    **NEURAL,
}


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
    return [name for name, entry in BASELINES.items() if paradigm in entry.paradigms]
