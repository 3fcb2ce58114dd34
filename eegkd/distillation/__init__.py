"""`distill`: the one training loop, and what it is given.

An `Objective` says what is minimized, a `Learner` who minimizes it, a `Recipe` how;
`distill` runs the loop and returns a `History`. `Training` bundles all of that for the
methods.
"""

from eegkd.distillation.loop import History, Learner, distill
from eegkd.distillation.objective import Criterion, Objective
from eegkd.distillation.recipe import RECIPES, Recipe
from eegkd.distillation.training import Training, train_decoder

__all__ = [
    "Criterion",
    "History",
    "Learner",
    "Objective",
    "RECIPES",
    "Recipe",
    "Training",
    "distill",
    "train_decoder",
]
