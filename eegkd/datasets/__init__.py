"""Where trials come from: MOABB's datasets and the simulated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eegkd.datasets.load import (
    check_subjects,
    list_datasets,
    list_subjects,
    load_trials,
)

if TYPE_CHECKING:
    from eegkd.datasets.simulated import SimulatedMotorImagery

__all__ = [
    "SimulatedMotorImagery",
    "check_subjects",
    "list_datasets",
    "list_subjects",
    "load_trials",
]


def __getattr__(name: str) -> Any:
    """Import the simulated dataset, and with it MOABB, when it is first used."""
    if name != "SimulatedMotorImagery":
        raise AttributeError(f"module 'eegkd.datasets' has no attribute {name!r}")
    from eegkd.datasets.simulated import SimulatedMotorImagery

    globals()[name] = SimulatedMotorImagery
    return SimulatedMotorImagery
