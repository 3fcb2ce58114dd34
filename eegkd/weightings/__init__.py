"""Weightings: how the terms of an objective are mixed, per trial."""

from eegkd.weightings.base import Constant, Context, Weighting

__all__ = ["Constant", "Context", "Weighting"]
