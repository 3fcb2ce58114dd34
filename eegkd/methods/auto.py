"""Teach only if it helps: nested folds within the training trials decide."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from eegkd._checks import (
    check_choice,
    check_int,
    check_method_options,
    check_number,
    check_registered,
)
from eegkd.distillation import History, Training, train_decoder
from eegkd.methods._nested_folds import Votes, nested_folds
from eegkd.methods._out_of_fold import Better
from eegkd.methods.card import Card

logger = logging.getLogger(__name__)

SPLITS = ("time", "subject")


@Card(
    title="Taught only if it helps",
    transfers="what one of few other methods transfers, or nothing",
    teacher="one",
    reference="nested folds: Varoquaux et al. 2017",
    composition="cross-entropy, or the loss of a candidate that was better on trials "
    "that it had not seen",
    use="Use it where it is not known whether the teacher has anything to teach. It is "
    "meant never to be worse than no teacher; the notes of the history say what it "
    "chose and why.",
    limits="Costs a teacher, an untaught student and a student of each candidate in "
    "every fold, beside the student itself; no candidates where the teacher is not "
    "better than the untaught student. A gain that the training trials are too few to "
    "show is given away.",
    reading="All of it: the folds, the score (log loss at the best temperature), and "
    "that a candidate must be better by more than one standard error.",
    permutable=False,
)
def auto(
    training: Training,
    *,
    candidates: Sequence[Any] | Mapping[str, Mapping[str, Any]] = ("sk_kd",),
    n_folds: int = 3,
    split: str = "time",
    n_standard_errors: float = 1.0,
    retrain: bool = True,
    temperature: float | None = None,
) -> History:
    """Train the student by the best candidate, or without a teacher if none helps.

    Parameters
    ----------
    candidates : sequence of str or callable, or mapping, default=("sk_kd",)
        Methods to choose from, see `eegkd.METHODS`; a mapping gives options to each.
    n_folds : int, default=3
        Folds within the training trials, >= 2.
    split : {"time", "subject"}, default="time"
        Whether a fold holds out a stretch of every subject's recording or, for
        students of other people than those that they learn from, whole subjects.
    n_standard_errors : float, default=1.0
        By how many standard errors of the paired difference a candidate must be better
        than the untaught student, >= 0.
    retrain : bool, default=True
        Whether each fold trains a teacher like the given one on its own trials. False
        is for a teacher that has not seen the training trials: it takes part as it is.
    temperature : float, optional
        Of those candidates that have a temperature and leave it open, > 0; by default
        that of the paradigm, or else of each method.

    Returns
    -------
    history : History
        Of the student. ``notes["auto"]`` holds what was ``chosen``, ``why``, by how
        much the ``teacher`` and each of the ``candidates`` was better than the untaught
        student, the ``accuracy`` of all, and what was trained for it (``cost``).

    See Also
    --------
    none : What is chosen where nothing helps.

    Notes
    -----
    Nothing but the training trials takes part. Each fold holds out a stretch of them
    (whole groups of trials that overlap); views are scaled, and teacher, untaught and
    taught students trained, on the rest. A teacher that is given has seen all training
    trials, so that a fold trains another one: the same network on the same electrodes,
    by the student's recipe. Where the network cannot be built again, because it comes
    from elsewhere, the given one takes part and the notes say so. If there are
    validation trials, they choose the epoch in every fold.

    Decoders are compared on the held-out trials of all folds by their log loss, each at
    the temperature that suits it best [2]_: soft targets lower a student's confidence,
    and with it its log loss, without making one decision better. First teacher and
    untaught student: if the teacher is not better, candidates that learn from it are
    not trained at all. A candidate is chosen if its loss is lower by more than
    ``n_standard_errors`` standard errors of the paired differences of trials (of groups
    of trials that overlap) and its balanced accuracy is not lower; of several the one
    with the lowest loss. If teaching does nothing, about one choice in six is wrong
    with one standard error, or some more since trainings vary as well, and costs
    nothing; what harms is hardly ever chosen.

    References
    ----------
    .. [1] Varoquaux, G., Raamana, P. R., Engemann, D. A., Hoyos-Idrobo, A., Schwartz,
       Y., & Thirion, B. (2017). Assessing and tuning brain decoders: Cross-validation,
       caveats, and guidelines. NeuroImage, 145, 166-179.
    .. [2] Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of
       modern neural networks. International Conference on Machine Learning, 1321-1330.
    """
    check_int(n_folds, "n_folds", at_least=2)
    check_choice(split, "split", SPLITS)
    check_number(n_standard_errors, "n_standard_errors", at_least=0)
    methods = _methods(candidates, temperature)
    logger.info("auto: %s.", cost(candidates, n_folds))
    folds = list(nested_folds(training, n_folds, split, retrain))
    votes = Votes(training, folds)
    votes.ask_teacher()
    teacher = votes.against_untaught("teacher")
    for name, (method, options) in methods.items():
        if teacher.loss > 0 or not _learns_from_teacher(method):
            votes.ask(name, method, options)
    found = {
        name: votes.against_untaught(name) for name in methods if name in votes.logits
    }
    clear = [name for name in found if found[name].clearly(n_standard_errors)]
    chosen = max(clear, key=lambda name: found[name].loss, default="none")
    if chosen == "none":
        history = train_decoder(training)
    else:
        method, options = methods[chosen]
        history = method(training, **options)
    history.notes["auto"] = {
        "chosen": chosen,
        "why": _why(chosen, teacher, found),
        "teacher": teacher.to_dict(),
        "teacher_is_given": folds[0].teacher_is_given,
        "candidates": {name: gain.to_dict() for name, gain in found.items()},
        "accuracy": votes.accuracies(),
        "n_folds": len(folds),
        "split": split,
        "cost": votes.cost(),
    }
    return history


def cost(candidates: Any = ("sk_kd",), n_folds: int = 3) -> str:
    """Return in words what is trained before the student is, at most."""
    names = list(_methods(candidates))
    n_students = n_folds * (1 + len(names))
    part = (n_folds - 1) / n_folds
    return (
        f"before the student, {n_folds} folds train {n_folds} teachers and "
        f"{n_students} students ({', '.join(['untaught', *names])}) on {part:.0%} of "
        f"the training trials: about {part * n_folds:.3g} trainings of the teacher and "
        f"{part * n_students:.3g} of the student more"
    )


def _methods(candidates: Any, temperature: float | None = None) -> dict[str, Any]:
    """Return method and options of each candidate by name, checked."""
    from eegkd.methods import METHODS

    if isinstance(candidates, str):
        candidates = [candidates]
    given = candidates if isinstance(candidates, Mapping) else dict.fromkeys(candidates)
    found = {}
    for one, options in given.items():
        method = check_registered(one, "candidates", METHODS)
        name = one if isinstance(one, str) else getattr(one, "__name__", str(one))
        if name in ("none", "auto"):
            raise ValueError(
                f"'candidates' must be methods that teach, got {name!r}. The untaught "
                "student always takes part."
            )
        own = dict(options or {})
        check_method_options(method, own, f"'candidates' gives {name!r}")
        if temperature is not None and _has(method, "temperature"):
            own.setdefault("temperature", temperature)
        found[name] = method, own
    if not found:
        raise ValueError(
            "'candidates' must name at least one method, got none. Use the method "
            "'none' for a student without a teacher."
        )
    return found


def _has(method: Any, option: str) -> bool:
    """Return whether a method has an option."""
    return option in inspect.signature(method).parameters


def _learns_from_teacher(method: Any) -> bool:
    """Return whether a method learns from the given teacher."""
    return bool(getattr(method, "needs_teacher", True))


def _why(chosen: str, teacher: Better, found: Mapping[str, Better]) -> str:
    """Return what decided, in words."""
    of_teacher = f"teacher minus untaught student: {_in_words(teacher)}"
    tried = "; ".join(f"{name}: {_in_words(gain)}" for name, gain in found.items())
    if chosen != "none":
        return f"{chosen} helps ({tried}; {of_teacher}): taught by it"
    if not found:
        return (
            "the teacher is not better than the student on these electrodes "
            f"({of_teacher}): trained without it"
        )
    return (
        "no candidate is better than the untaught student by more than its uncertainty "
        f"({tried}; {of_teacher}): trained without a teacher"
    )


def _in_words(gain: Better) -> str:
    """Return a comparison with the untaught student in words."""
    return (
        f"log loss {-gain.loss:+.3f} (standard error {gain.standard_error:.3f}), "
        f"balanced accuracy {gain.accuracy:+.3f}"
    )
