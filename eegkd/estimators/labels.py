"""What labels are: classes or numbers, how they are learned from, and told again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_number, join_names
from eegkd.data.trials import Trials
from eegkd.methods import METHODS

#: How an error about too few trials ends.
WAYS_OUT = (
    "Give more trials, or choose valid_fraction=0, which keeps the last epoch and "
    "needs no validation trials."
)
N_LEAST = 4  # trials with continuous labels


class ClassLabels:
    """Labels that name classes; a network gives a score for each.

    Parameters
    ----------
    classes : ndarray, shape (n_classes,), optional
        Distinct labels, sorted; unknown until `encode`.
    """

    continuous = False

    def __init__(self, classes: Any = None) -> None:
        self.classes = np.asarray(classes)

    @classmethod
    def known(cls, classes: Any, center: float, scale: float) -> Self:
        """Return the labels of a network that was trained elsewhere."""
        made = cls(classes)
        if made.classes.ndim != 1 or len(np.unique(made.classes)) < max(
            2, made.classes.size
        ):
            raise ValueError(
                "'classes' must name each output of the network once, at least two, "
                f"got {classes!r}."
            )
        if (center, scale) != (0.0, 1.0):
            raise ValueError(
                "'label_center' and 'label_scale' are for continuous labels, got "
                f"{center!r} and {scale!r}. Name the classes alone."
            )
        return made

    @property
    def n_outputs(self) -> int:
        """Number of values that the network gives for a trial."""
        return len(self.classes)

    @property
    def names(self) -> list[Any]:
        """The label that each output stands for; empty for continuous ones."""
        return self.classes.tolist()

    def fitted(self) -> dict[str, Any]:
        """Return what a fitted estimator shows of its labels, by attribute."""
        return {"classes_": self.classes}

    def encode(self, trials: Trials) -> np.ndarray:
        """Return the class of each trial, counted from 0."""
        classes, codes = np.unique(trials.y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"'y' must hold at least two classes, got only {classes.tolist()!r}. "
                "Check the event names and the selection of trials."
            )
        if len(trials) < 2 * len(classes):
            raise ValueError(
                f"'X' must hold at least two trials for each of the {len(classes)} "
                f"classes, got {len(trials)} trials. Record more trials."
            )
        self.classes = classes
        return codes

    def targets(
        self, values: np.ndarray, learned: np.ndarray, n_shared: int
    ) -> np.ndarray:
        """Return what the network is to say of each trial: its class.

        ``n_shared`` trials are not learned because they share samples with validation
        trials.
        """
        lost = np.setdiff1d(np.arange(len(self.classes)), values[learned])
        if lost.size:
            names = join_names(self.classes[lost].tolist())
            raise ValueError(
                f"'X' must leave trials of every class to learn from, but none of "
                f"{names} is left: of {len(learned)} trials "
                f"{len(learned) - int(learned.sum()) - n_shared} validate and "
                f"{n_shared} share samples with those and are left out. {WAYS_OUT}"
            )
        return values

    def check_weight(self, given: Any) -> None:
        """Refuse weights that are neither "balanced" nor one for each class."""
        if given is None or (isinstance(given, str) and given == "balanced"):
            return
        if not isinstance(given, Mapping) or set(given) != set(self.names):
            raise ValueError(
                "'class_weight' must be None, 'balanced' or a dict with a weight for "
                f"each of the classes {join_names(self.names)}, got {given!r}."
            )
        weights = [
            check_number(weight, f"class_weight[{label!r}]", at_least=0)
            for label, weight in given.items()
        ]
        if not any(weights):
            raise ValueError(
                "'class_weight' must have a weight > 0 for at least one class, got "
                f"{given!r}, with which nothing is learned from labels."
            )

    def weight(self, given: Any, y: Tensor) -> Tensor | None:
        """Return how much a trial of each class counts, given those learned from."""
        if given is None:
            return None
        if isinstance(given, Mapping):
            return torch.tensor([float(given[name]) for name in self.names])
        count = torch.bincount(y, minlength=len(self.classes))
        return (len(y) / (len(self.classes) * count)).float().cpu()

    def probabilities(self, logits: Tensor) -> np.ndarray:
        """Return the probability of each class, shape (n_trials, n_classes)."""
        return logits.cpu().double().softmax(dim=1).numpy()

    def said(self, logits: Tensor) -> np.ndarray:
        """Return the likeliest class of each trial, as `encode` was given them."""
        return self.classes[self.probabilities(logits).argmax(axis=1)]

    def translation(self, other: Any) -> tuple[list[int], float, float] | None:
        """Return how outputs for other labels become those for these.

        Returns
        -------
        change : tuple of list of int, float and float, or None
            Which of the other's outputs come first, second and so on, and slope and
            offset; None where they mean the same.

        Raises
        ------
        ValueError
            If the other labels are other classes.
        """
        known, wanted = other.names, self.names
        if set(known) != set(wanted):
            raise ValueError(
                f"'teacher' must know the classes {wanted!r}, but it was fitted with "
                f"{known!r}. Fit it on the same labels."
            )
        if known == wanted:
            return None
        return [known.index(label) for label in wanted], 1.0, 0.0

    @staticmethod
    def check_method(method: Callable[..., Any]) -> None:
        """Accept every method."""

    def hashed(self) -> Any:
        """Return what a fingerprint depends on."""
        return self.names

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready."""
        return {"classes": self.names, "classes_dtype": self.classes.dtype.str}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the labels that `to_dict` told."""
        return cls(np.array(saved["classes"], dtype=saved["classes_dtype"]))


class ContinuousLabels:
    """Labels that are numbers; a network gives them in deviations from their mean.

    Parameters
    ----------
    center, scale : float
        Mean and standard deviation over the trials learned from; unknown until
        `targets`.
    """

    continuous = True
    n_outputs = 1

    def __init__(self, center: float = 0.0, scale: float = 1.0) -> None:
        self.center, self.scale = center, scale

    @classmethod
    def known(cls, classes: Any, center: float, scale: float) -> Self:
        """Return the labels of a network that was trained elsewhere."""
        if classes is not None:
            raise ValueError(
                f"'classes' must be None for continuous labels, got {classes!r}. Use "
                "DecoderClassifier for classes."
            )
        return cls(
            check_number(center, "label_center"),
            check_number(scale, "label_scale", above=0),
        )

    @property
    def names(self) -> list[Any]:
        """Nothing: outputs stand for numbers."""
        return []

    def fitted(self) -> dict[str, Any]:
        """Return what a fitted estimator shows of its labels, by attribute."""
        return {"label_center_": self.center, "label_scale_": self.scale}

    def encode(self, trials: Trials) -> np.ndarray:
        """Return the labels as they came."""
        if len(trials) < N_LEAST:
            raise ValueError(
                f"'X' must hold at least {N_LEAST} trials, got {len(trials)}. Record "
                "more trials."
            )
        return trials.y.astype(np.float64)

    def targets(
        self, values: np.ndarray, learned: np.ndarray, n_shared: int
    ) -> np.ndarray:
        """Return the labels in deviations from the mean over those learned from."""
        if learned.sum() < 2:
            raise ValueError(
                "'X' must leave at least two trials to learn from, but only "
                f"{learned.sum()} of {len(learned)} is left: {n_shared} share samples "
                f"with the validation trials and are left out. {WAYS_OUT}"
            )
        self.center = float(values[learned].mean())
        self.scale = float(values[learned].std())
        if self.scale <= 1e-12 * max(1e-300, abs(values).max()):
            raise ValueError(
                "'y' must vary over the training trials, but all labels are "
                f"{self.center:g}. Check which column the labels come from."
            )
        return ((values - self.center) / self.scale).astype(np.float32)

    def check_weight(self, given: Any) -> None:
        """Accept what `eegkd.estimators.resolve_settings` accepts, none."""

    def weight(self, given: Any, y: Tensor) -> Tensor | None:
        """Return that all trials count alike."""
        return None

    def said(self, logits: Tensor) -> np.ndarray:
        """Return the label of each trial in its own unit."""
        return logits[:, 0].cpu().double().numpy() * self.scale + self.center

    def translation(self, other: Any) -> tuple[list[int], float, float] | None:
        """Return how outputs for labels of another unit become those for these.

        Returns
        -------
        change : tuple of list of int, float and float, or None
            The only output, slope and offset; None where they mean the same.
        """
        slope = other.scale / self.scale
        offset = (other.center - self.center) / self.scale
        return None if (slope, offset) == (1.0, 0.0) else ([0], slope, offset)

    @staticmethod
    def check_method(method: Callable[..., Any]) -> None:
        """Refuse a method that needs classes."""
        card = getattr(method, "card", None)
        if card is None or card.regression:
            return
        able = [
            name
            for name, other in METHODS.items()
            if getattr(getattr(other, "card", None), "regression", False)
        ]
        raise ValueError(
            f"'method' must learn continuous labels, as do {join_names(able, 80)}, got "
            f"{getattr(method, '__name__', method)!r}, which needs classes. Choose one "
            "of these, or bin the labels for DistilledClassifier."
        )

    def hashed(self) -> Any:
        """Return what a fingerprint depends on."""
        return [self.center, self.scale]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-ready."""
        return {"label_center": self.center, "label_scale": self.scale}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Return the labels that `to_dict` told."""
        return cls(saved["label_center"], saved["label_scale"])


Labels = ClassLabels | ContinuousLabels
