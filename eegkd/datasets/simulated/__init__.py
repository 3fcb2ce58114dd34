"""Simulated EEG: a head of dipoles, the same people, artifacts and days for each task.

Recordings are made in memory from a seed, in about a second for each subject, and to
MOABB they are datasets like any other.
"""

from __future__ import annotations

from eegkd.datasets.simulated.base import SimulatedDataset
from eegkd.datasets.simulated.head import CH_NAMES
from eegkd.datasets.simulated.motor_imagery import SimulatedMotorImagery

__all__ = ["CH_NAMES", "SIMULATED", "SimulatedDataset", "SimulatedMotorImagery"]

#: The simulated sets by name.
SIMULATED: dict[str, type[SimulatedDataset]] = {
    "SimulatedMotorImagery": SimulatedMotorImagery,
}
