"""Adaptive mixing of auxiliary losses, AMAL (Sivasubramanian et al. 2023)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods._held_out import hold_out
from eegkd.methods._unmet import say_if_kept_before
from eegkd.methods.card import Card
from eegkd.weightings import MetaLearned


@Card(
    title="Adaptive mixing of auxiliary losses (AMAL)",
    transfers="softened classes, trusted in each trial as much as held-out labels say",
    teacher="several",
    reference="Sivasubramanian et al. 2023",
    composition="CE + KL(T) from each teacher with a weight for each trial and term, "
    "MetaLearned on validation trials",
    use="Use it when some labels are wrong, or teachers are good for some trials and "
    "bad for others, and the validation trials can be trusted.",
    limits="The validation trials set the weights and choose the epoch as well, so few "
    "of them are soon used up. One teacher is enough, several may be given. The "
    "weights of a trial need not sum to 1, so trials with large weights also take "
    "larger steps. Needs a decoder with a linear last layer.",
    reading="Derivatives and the virtual step are normalized, because the published "
    "numbers do not fit all sizes of data; weights first move after 10 epochs; "
    "teachers share the first weight of 0.9.",
)
def amal(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    every: int = 10,
    step: float | None = None,
    repeats: int = 5,
    official: bool = False,
    held_out: float = 0.2,
) -> History:
    """Train the student on labels and teachers with a learned weight for each trial.

    Parameters
    ----------
    label_weight, soft_weight : float, default=0.1 and 0.9
        First weights of the cross-entropy and of the divergences together, in (0, 2).
    every : int, default=10
        Epochs between two updates of the weights, >= 1. A training of fewer epochs, or
        one whose best epoch comes before the first update, has fixed weights; this is
        said.
    step : float, optional
        How far weights move in an inner step, > 0. By default 0.02, or 1500 if
        ``official``.
    repeats : int, default=5
        Inner steps of an update, >= 1.
    official : bool, default=False
        Whether derivatives and the virtual step are taken as they are, as published,
        not normalized.
    held_out : float, default=0.2
        Without validation trials: part of each class, evenly spaced by index, that
        sets the weights and is not learned from, in (0, 0.5].

    Returns
    -------
    history : History
        What happened in each epoch. The notes hold the ``mean_weights`` and the
        ``weight_spread`` (standard deviation over trials) of each term.

    See Also
    --------
    eegkd.weightings.MetaLearned : The weights and their update.

    References
    ----------
    .. [1] Sivasubramanian, D., Maheshwari, A., Prathosh, A. P., Shenoy, P., &
       Ramakrishnan, G. (2023). Adaptive mixing of auxiliary losses in supervised
       learning. AAAI Conference on Artificial Intelligence. arXiv:2202.03250.
    """
    check_number(held_out, "held_out", above=0, at_most=0.5)
    teachers = training.all_frozen()
    terms: list[tuple[Any, Any]] = [
        (training.label_loss(), None),
        *[(KL(temperature), teacher) for teacher in teachers],
    ]
    sampler, validation = training.sampler, training.valid
    if validation is None:
        sampler, validation = hold_out(sampler, held_out)
    weighting = MetaLearned(
        training.student,
        terms,
        sampler,
        validation,
        initial=(label_weight, *[soft_weight / len(teachers)] * len(teachers)),
        lr=training.recipe.lr,
        every=every,
        normalized=not official,
        step=step,
        repeats=repeats,
    )
    history = training.run(Objective(terms, weighting), sampler=sampler)
    say_if_kept_before(
        history,
        every,
        "the weights of AMAL first move",
        "It learned with fixed weights, as with 'kd'. Lower 'every', or train for more "
        "epochs",
    )
    weights = weighting.weights_.double()
    history.notes.update(
        mean_weights=weights.mean(dim=1).tolist(),
        weight_spread=weights.std(dim=1, correction=0).tolist(),
        weight_updates=weighting.n_updates_,
    )
    return history
