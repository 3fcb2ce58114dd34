"""Simulated EEG: a head of dipoles; subjects, artifacts and days for each task.

Recordings are made in memory from a seed, in about a second for each subject, and to
MOABB they are datasets like any other.
"""

from __future__ import annotations

from eegkd.data.simulated.base import SimulatedDataset
from eegkd.data.simulated.cvep import SimulatedCVEP
from eegkd.data.simulated.motor_imagery import SimulatedMotorImagery
from eegkd.data.simulated.p300 import SimulatedP300
from eegkd.data.simulated.resting_state import SimulatedRestingState
from eegkd.data.simulated.ssvep import SimulatedSSVEP

__all__ = [
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
