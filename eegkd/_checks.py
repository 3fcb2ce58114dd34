"""Every check of an argument and every error wording.

A message says, in this order: which argument, what is allowed, what arrived, what to
do.
"""

from __future__ import annotations

import difflib
import inspect
import numbers
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAX_NAMES = 8


def join_names(names: Iterable[Any], limit: int = MAX_NAMES) -> str:
    """Quote names for a message; a long list is cut and counted."""
    names = list(names)
    if not names:
        return "none"
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"


def did_you_mean(value: Any, allowed: Iterable[str]) -> str:
    """Return a closing sentence that proposes the nearest allowed name, or nothing."""
    if not isinstance(value, str):
        return ""
    lower = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(value.lower(), lower, n=1, cutoff=0.6)
    return f" Did you mean {lower[close[0]]!r}?" if close else ""


def check_choice(value: Any, argument: str, allowed: Iterable[Any]) -> Any:
    """Return ``value`` if it is one of ``allowed``."""
    allowed = list(allowed)
    if isinstance(value, (str, int, float, bool, type(None))) and value in allowed:
        return value
    raise ValueError(
        f"'{argument}' must be one of {join_names(allowed, 80)}, got {value!r}."
        + did_you_mean(value, [name for name in allowed if isinstance(name, str)])
    )


def check_registered(
    value: Any, argument: str, registry: Mapping[str, Any], *, hint: str = ""
) -> Any:
    """Return the entry that a name stands for; a callable stands for itself."""
    if isinstance(value, str):
        if value in registry:
            return registry[value]
        raise ValueError(
            f"Unknown name {value!r} for '{argument}'. Allowed: "
            f"{join_names(registry, 80)}, or a callable."
            + did_you_mean(value, registry)
            + (f" {hint}" if hint else "")
        )
    if callable(value):
        return value
    raise TypeError(
        f"'{argument}' must be a name ({join_names(registry)}) or a callable, "
        f"got {type(value).__name__}."
    )


def check_type(
    value: Any, argument: str, types: type | tuple[type, ...], expected: str
) -> Any:
    """Return ``value`` if it is an instance of ``types``; ``expected`` words them."""
    if isinstance(value, types):
        return value
    raise TypeError(f"'{argument}' must be {expected}, got {type(value).__name__}.")


def check_number(
    value: Any,
    argument: str,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    hint: str = "",
) -> float:
    """Return ``value`` as a float if it is a finite number inside the bounds."""
    bounds = ((">", above), (">=", at_least), ("<=", at_most))
    return _bounded(value, argument, numbers.Real, bounds, hint)


def check_int(
    value: Any,
    argument: str,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    hint: str = "",
) -> int:
    """Return ``value`` as an int if it is a whole number inside the bounds."""
    bounds = ((">=", at_least), ("<=", at_most))
    return _bounded(value, argument, numbers.Integral, bounds, hint)


INSIDE = {">": operator.gt, ">=": operator.ge, "<=": operator.le}


def _bounded(
    value: Any,
    argument: str,
    kind: Any,
    bounds: Iterable[tuple[str, float | None]],
    hint: str,
) -> Any:
    """Return ``value`` if it is a number of that kind, finite and inside the bounds."""
    given = [(sign, bound) for sign, bound in bounds if bound is not None]
    whole = kind is numbers.Integral
    allowed = "an integer" if whole else "a finite number"
    if given:
        shown = [f"{sign} {bound if whole else f'{bound:g}'}" for sign, bound in given]
        allowed += " " + " and ".join(shown)
    tail = f" {hint}" if hint else ""
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(
            f"'{argument}' must be {allowed}, got {type(value).__name__} "
            f"{value!r}.{tail}"
        )
    number = int(value) if whole else float(value)
    fits = all(INSIDE[sign](number, bound) for sign, bound in given)
    if not (fits and (whole or np.isfinite(number))):
        raise ValueError(f"'{argument}' must be {allowed}, got {value!r}.{tail}")
    return number


def check_method_options(
    method: Callable[..., Any], options: Mapping[str, Any], who: str
) -> None:
    """Refuse options that a method does not have; ``who`` gives them, in words."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    allowed = [p.name for p in parameters]
    wrong = [name for name in options if name not in allowed]
    if wrong:
        raise ValueError(
            f"{who} the options {join_names(wrong)}. Allowed: {join_names(allowed)}."
            + did_you_mean(wrong[0], allowed)
        )


def check_ch_names(ch_names: Any, argument: str = "ch_names") -> tuple[str, ...]:
    """Return channel names as a tuple of distinct strings."""
    if (
        isinstance(ch_names, str)
        or not isinstance(ch_names, (Sequence, np.ndarray))
        or not all(issubclass(kind, str) for kind in set(map(type, ch_names)))
    ):
        raise TypeError(
            f"'{argument}' must be a list of channel names, got {ch_names!r}."
        )
    names = tuple(map(str, ch_names))
    if not names:
        raise ValueError(f"'{argument}' must name at least one channel, got none.")
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(
            f"'{argument}' must hold each channel once, but {join_names(repeated)} "
            "occur more than once. Drop or rename the copies."
        )
    return names


def check_signals(X: Any, argument: str = "X") -> np.ndarray:
    """Return finite signals of shape (n_trials, n_chans, n_times) as an array."""
    try:
        X = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"'{argument}' must have shape (n_trials, n_chans, n_times), but its "
            "trials do not stack into one array. Cut them to one length first."
        ) from error
    if X.ndim != 3:
        raise ValueError(
            f"'{argument}' must have shape (n_trials, n_chans, n_times), got "
            f"{X.shape}. Pass trials, not features; a single trial is X[np.newaxis]."
        )
    if X.dtype.kind not in "fiu":
        raise TypeError(f"'{argument}' must hold real numbers, got dtype {X.dtype}.")
    if 0 in X.shape:
        raise ValueError(
            f"'{argument}' must have shape (n_trials, n_chans, n_times) without a "
            f"zero, got {X.shape}. Check the event names and the time window."
        )
    finite = np.isfinite(X)
    if not finite.all():
        bad = np.flatnonzero(~finite.all(axis=(1, 2)))
        raise ValueError(
            f"'{argument}' must be finite, but {len(bad)} of {len(X)} trials hold NaN "
            f"or infinite values (first: trial {bad[0]}). Drop these trials or "
            "interpolate the bad channels first."
        )
    return X


def check_labels(y: Any, n_trials: int, argument: str = "y") -> np.ndarray:
    """Return labels of shape (n_trials,) in the caller's own type."""
    y = _one_a_trial(y, n_trials, argument, "label")
    missing = (
        np.array([label is None or label != label for label in y])  # noqa: PLR0124
        if y.dtype.kind in "fO"
        else np.zeros(len(y), bool)
    )
    if missing.any():
        raise ValueError(
            f"'{argument}' must label every trial, but {missing.sum()} of {n_trials} "
            "labels are missing (None or NaN). Drop these trials."
        )
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        raise ValueError(
            f"'{argument}' must hold class labels, got continuous values such as "
            f"{float(y[y != np.round(y)][0])!r}. Round or bin them into classes, or "
            "learn them as they are with DistilledRegressor."
        )
    return y


def check_continuous(y: Any, n_trials: int, argument: str = "y") -> np.ndarray:
    """Return continuous labels of shape (n_trials,) as float64."""
    y = _one_a_trial(y, n_trials, argument, "number")
    if y.dtype.kind not in "fiu":
        raise TypeError(
            f"'{argument}' must hold a number for each trial, got {y.dtype}. Classes "
            "are for DistilledClassifier and DecoderClassifier."
        )
    if not np.isfinite(y).all():
        raise ValueError(
            f"'{argument}' must be finite, but {(~np.isfinite(y)).sum()} of {n_trials} "
            "labels are NaN or infinite. Drop these trials."
        )
    return y.astype(np.float64)


def _one_a_trial(y: Any, n_trials: int, argument: str, what: str) -> np.ndarray:
    """Return labels as an array with one of them for each trial."""
    y = np.asarray(y)
    if y.ndim != 1 or len(y) != n_trials:
        raise ValueError(
            f"'{argument}' must have shape ({n_trials},), one {what} for each trial, "
            f"got {y.shape}."
        )
    return y


def check_folder(path: Any, argument: str) -> Path:
    """Return an existing folder as a path."""
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"'{argument}' must be an existing folder, got {str(path)!r}. "
            "Check the spelling."
        )
    return folder
