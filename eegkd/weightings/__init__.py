"""Weightings: how the terms of an objective are mixed, per trial."""

from eegkd.weightings.base import Constant, Context, Weighting
from eegkd.weightings.confidence import Confidence, Entropy, GradientCombined
from eegkd.weightings.entropy_gap import EntropyGap
from eegkd.weightings.meta import MetaLearned
from eegkd.weightings.schedule import Schedule
from eegkd.weightings.selection import Curriculum, Select
from eegkd.weightings.self_paced import SelfPaced

__all__ = [
    "Confidence",
    "Constant",
    "Context",
    "Curriculum",
    "Entropy",
    "EntropyGap",
    "GradientCombined",
    "MetaLearned",
    "Schedule",
    "Select",
    "SelfPaced",
    "Weighting",
]
