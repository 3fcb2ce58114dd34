"""Simulated EEG: a head of dipoles, the same people, artifacts and days for each task.

Recordings are made in memory from a seed, in about a second for each subject, and to
MOABB they are datasets like any other.
"""

from __future__ import annotations

from eegkd.datasets.simulated.base import SimulatedDataset
from eegkd.datasets.simulated.cvep import SimulatedCVEP
from eegkd.datasets.simulated.head import CH_NAMES
from eegkd.datasets.simulated.motor_imagery import SimulatedMotorImagery
from eegkd.datasets.simulated.p300 import SimulatedP300
from eegkd.datasets.simulated.resting_state import SimulatedRestingState
from eegkd.datasets.simulated.ssvep import SimulatedSSVEP

__all__ = [
    "CH_NAMES",
    "SIMULATED",
    "SimulatedCVEP",
    "SimulatedDataset",
    "SimulatedMotorImagery",
    "SimulatedP300",
    "SimulatedRestingState",
    "SimulatedSSVEP",
]

#: The simulated sets by name.
SIMULATED: dict[str, type[SimulatedDataset]] = {
    "SimulatedMotorImagery": SimulatedMotorImagery,
    "SimulatedP300": SimulatedP300,
    "SimulatedRestingState": SimulatedRestingState,
    "SimulatedSSVEP": SimulatedSSVEP,
    "SimulatedCVEP": SimulatedCVEP,
}
