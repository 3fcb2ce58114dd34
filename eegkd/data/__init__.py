"""Where trials come from: MOABB's datasets, simulated ones, files of one's own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from eegkd.data.find import (
    check_subjects,
    find_dataset,
    list_datasets,
    list_subjects,
    paradigm_of,
)
from eegkd.data.load import load_trials

if TYPE_CHECKING:
    from eegkd.data.recordings import RecordedDataset
    from eegkd.data.simulated import (
        SimulatedCVEP,
        SimulatedMotorImagery,
        SimulatedP300,
        SimulatedRestingState,
        SimulatedSSVEP,
    )

__all__ = [
    "RecordedDataset",
    "SimulatedCVEP",
    "SimulatedMotorImagery",
    "SimulatedP300",
    "SimulatedRestingState",
    "SimulatedSSVEP",
    "check_subjects",
    "find_dataset",
    "list_datasets",
    "list_subjects",
    "load_trials",
    "paradigm_of",
]

# Modules that import MOABB, and so are imported when they are first used.
_MODULE_OF = {
    "RecordedDataset": "recordings",
    "SimulatedCVEP": "simulated",
    "SimulatedMotorImagery": "simulated",
    "SimulatedP300": "simulated",
    "SimulatedRestingState": "simulated",
    "SimulatedSSVEP": "simulated",
}


def __getattr__(name: str) -> Any:
    """Import a dataset, and with it MOABB, when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'eegkd.data' has no attribute {name!r}")
    module = importlib.import_module(f"eegkd.data.{_MODULE_OF[name]}")
    globals()[name] = getattr(module, name)
    return globals()[name]
