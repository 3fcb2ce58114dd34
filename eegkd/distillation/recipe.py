"""`Recipe`: how a network is trained, as one object, and the recipes by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from eegkd._checks import check_choice, check_int, check_number, join_names

OPTIMIZERS = ("adamw", "adam")
SCHEDULES = ("one_cycle", "cosine", "constant")
DECAYED = ("all", "weights")
STATISTICS = ("anew", "running")
WARM_UP = 0.3  # part of a one-cycle schedule in which the learning rate rises
FIRST = 1 / 25  # learning rate that it starts with, as a part of the highest


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: optimizer, schedule, length, what is kept.

    Parameters
    ----------
    optimizer : {"adamw", "adam"}, default="adamw"
        ``"adamw"`` shrinks weights directly; ``"adam"`` adds an L2 penalty to the loss,
        as much older code does.
    lr : float, default=1e-3
        Highest learning rate, > 0.
    schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        Learning rate over the updates: up for 30 % and down to 0; down to 0 from the
        start; or always the same.
    weight_decay : float, default=1e-2
        Strength of the weight decay, >= 0. Parameters of criteria have none.
    decayed : {"all", "weights"}, default="all"
        Which parameters decay: all of the network, or not biases and batch
        normalization.
    batch_size : int, default=32
        Trials in a batch, >= 1.
    max_epochs : int, default=60
        Epochs over the training trials, >= 1; where ``n_updates`` is given, at most so
        many.
    n_updates : int, optional
        Updates to aim at, >= 1: few trials are read more often than many. Then at
        least ``min_epochs`` and at most ``max_epochs`` epochs are trained.
    min_epochs : int, default=1
        See ``n_updates``.
    valid_fraction : float, default=0.0
        Part of the trials of each class and subject, from the end, that is not learned
        from and chooses the epoch whose weights are kept, 0 to 0.9. With 0 all trials
        are learned from and the last epoch is kept.
    n_folds : int, default=0
        With 2 or more, the number of epochs is chosen first, by the label loss of
        networks that each leave out one of so many folds, at most ``max_epochs``; then
        all trials are learned from. Not together with ``valid_fraction``.
    patience : int, optional
        Stop after so many epochs without a lower validation loss, >= 1. Without
        validation trials it has no meaning.
    batch_statistics : {"anew", "running"}, default="anew"
        Means and variances of batch normalization in the end: computed anew over all
        training trials with the final weights, or the running averages of the training.
    average_from : float, optional
        Part of the epochs, from 0 to below 1, after which the weights of each epoch are
        averaged; the average is kept, with statistics computed anew.
    augment : str, callable or list of these, optional
        See `eegkd.samplers.Augmented`. Methods that change trials themselves do not
        use it.
    calibrate : float, optional
        Scale transfer losses so that the gradient of each on the first batch is so many
        times as long as that of the label loss, > 0; see `Objective.calibrate`. By
        default losses have the weights of the method.

    Raises
    ------
    ValueError, TypeError
        If a value is not allowed.

    Examples
    --------
    >>> from eegkd.distillation import Recipe
    >>> Recipe(max_epochs=200, n_updates=240).for_trials(120).max_epochs
    60
    """

    optimizer: str = "adamw"
    lr: float = 1e-3
    schedule: str = "one_cycle"
    weight_decay: float = 1e-2
    decayed: str = "all"
    batch_size: int = 32
    max_epochs: int = 60
    n_updates: int | None = None
    min_epochs: int = 1
    valid_fraction: float = 0.0
    n_folds: int = 0
    patience: int | None = None
    batch_statistics: str = "anew"
    average_from: float | None = None
    augment: Any = None
    calibrate: float | None = None

    def __post_init__(self) -> None:
        check_choice(self.optimizer, "optimizer", OPTIMIZERS)
        check_number(self.lr, "lr", above=0, hint="Typical values are 1e-4 to 1e-2.")
        check_choice(self.schedule, "schedule", SCHEDULES)
        check_number(self.weight_decay, "weight_decay", at_least=0)
        check_choice(self.decayed, "decayed", DECAYED)
        check_choice(self.batch_statistics, "batch_statistics", STATISTICS)
        for name in ("batch_size", "max_epochs", "min_epochs"):
            check_int(getattr(self, name), name, at_least=1)
        for name in ("n_updates", "patience"):
            if getattr(self, name) is not None:
                check_int(getattr(self, name), name, at_least=1)
        check_number(self.valid_fraction, "valid_fraction", at_least=0, at_most=0.9)
        check_int(self.n_folds, "n_folds", at_least=0)
        if self.n_folds == 1 or (self.n_folds and self.valid_fraction):
            raise ValueError(
                "'n_folds' must be 0, or at least 2 with valid_fraction=0, got "
                f"n_folds={self.n_folds} and valid_fraction={self.valid_fraction:g}."
            )
        if self.average_from is not None:
            check_number(self.average_from, "average_from", at_least=0, at_most=0.999)
        if self.calibrate is not None:
            check_number(self.calibrate, "calibrate", above=0)

    def for_trials(self, n_trials: int) -> Recipe:
        """Return the same recipe with the number of epochs settled.

        Parameters
        ----------
        n_trials : int
            Trials that are learned from, >= 1.

        Returns
        -------
        recipe : Recipe
            Without ``n_updates``.
        """
        if self.n_updates is None:
            return self
        n_batches = math.ceil(n_trials / self.batch_size)
        wanted = max(self.min_epochs, math.ceil(self.n_updates / n_batches))
        epochs = min(self.max_epochs, wanted)
        return replace(self, max_epochs=epochs, n_updates=None)

    def rate_at(self, progress: float) -> float:
        """Return the learning rate at some point of the training.

        Parameters
        ----------
        progress : float
            Part of the updates that are made, 0 to 1.

        Returns
        -------
        lr : float
            Between 0 and ``lr``.
        """
        if self.schedule == "constant":
            return self.lr
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * progress)) / 2
        if progress < WARM_UP:
            rise = (1 - math.cos(math.pi * progress / WARM_UP)) / 2
            return self.lr * (FIRST + (1 - FIRST) * rise)
        fall = (progress - WARM_UP) / (1 - WARM_UP)
        return self.lr * (1 + math.cos(math.pi * fall)) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults.

        Returns
        -------
        fields : dict
            ``Recipe(**fields)`` is this one.
        """
        usual = asdict(Recipe())
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != usual[item.name]
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())
        return f"Recipe({shown})"


# Huang, Chen and Wei (2024).
_HUANG = Recipe(
    optimizer="adam",
    lr=5e-4,
    schedule="constant",
    weight_decay=0.1,
    batch_size=128,
    max_epochs=500,
    valid_fraction=1 / 8,
    batch_statistics="running",
)
# EEGNet was published with Adam at 1e-3 and no penalty: it bounds the norm of its
# weights itself (Lawhern et al., 2018).
_EEGNET = replace(_HUANG, lr=1e-3, weight_decay=0.0)

_SHORT = Recipe(max_epochs=200, n_updates=240, min_epochs=12, calibrate=0.3)
_LONG = replace(_SHORT, n_updates=900)

#: Recipes by name, then by paradigm, a key of `eegkd.PARADIGMS`; one for a pair of
#: paradigm and decoder goes before that of the paradigm.
RECIPES: dict[str, dict[Any, Recipe]] = {
    # What was chosen on development data, see docs/results/recipes.md.
    "default": {
        "imagery": _SHORT,
        "p300": replace(_LONG, lr=3e-3),
        "ssvep": _SHORT,
        "cvep": _LONG,
        "rstate": _SHORT,
        # Of many more features than trials small batches tell which are noise.
        ("ssvep", "SpectrumNet"): replace(
            _SHORT,
            lr=3e-3,
            weight_decay=10.0,
            batch_size=8,
            n_updates=500,
            max_epochs=40,
        ),
        ("imagery", "CovarianceNet"): replace(_SHORT, lr=2e-3),
    },
    # The paper's for imagery, and its like for the others: about as many updates as its
    # 500 epochs over 288 trials.
    "published": {
        "imagery": _HUANG,
        "p300": replace(_EEGNET, max_epochs=150),
        "ssvep": replace(_EEGNET, max_epochs=500, batch_size=32),
        "cvep": replace(_EEGNET, max_epochs=100),
        "rstate": _HUANG,
    },
}


def find_recipe(recipe: Any, paradigm: str, decoder: Any = None) -> Recipe:
    """Return a recipe by name or value.

    Parameters
    ----------
    recipe : str, Recipe or mapping
        A key of `RECIPES`; a recipe; or fields of one.
    paradigm : str
        A key of `eegkd.PARADIGMS`.
    decoder : str or callable, optional
        The network that is trained.

    Returns
    -------
    recipe : Recipe
        The recipe.

    Raises
    ------
    ValueError, TypeError
        If the name, a field or a value is unknown.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        known = [item.name for item in fields(Recipe)]
        for name in recipe:
            check_choice(name, "recipe", known)
        return Recipe(**recipe)
    if not isinstance(recipe, str):
        raise TypeError(
            f"'recipe' must be a name ({join_names(RECIPES)}), a Recipe or a dict of "
            f"its fields, got {type(recipe).__name__}."
        )
    own = RECIPES[check_choice(recipe, "recipe", RECIPES)]
    named = (paradigm, decoder) if isinstance(decoder, str) else paradigm
    return own.get(named, own[paradigm])
