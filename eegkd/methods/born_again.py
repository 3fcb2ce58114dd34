"""Born-again networks, BAN (Furlanello et al. 2018)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_int, check_type
from eegkd.distillation import History, Training
from eegkd.methods._further_decoders import generations, summary
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Ensemble, Frozen, Teacher


@Card(
    title="Born-again networks (BAN)",
    transfers="classes of the same decoder in its earlier lives",
    teacher="itself",
    reference="Furlanello et al. 2018",
    composition="generations on the student's electrodes: the first by cross-entropy, "
    "each later one by cross-entropy + KL(T=1) to the one before",
    use="When there is no better recording to learn from than the student's own.",
    limits="Nothing comes from electrodes that the student does not have. Costs one "
    "training for each generation.",
    reading="The published ensemble answers with all generations at once; here the "
    "student stays one network, and with ensemble=True all generations teach it "
    "together.",
)
@options_of(soft_objective, label_weight=1.0, soft_weight=1.0, temperature=1.0)
def born_again(
    training: Training, *, n_generations: int = 3, ensemble: bool = False, **shared: Any
) -> History:
    """Train the decoder again and again; each generation teaches the next.

    Parameters
    ----------
    ensemble : bool, default=False
        Whether the student learns from the mean of all earlier generations instead of
        the last one.

    Returns
    -------
    history : History
        The last generation's. ``notes["generations"]`` tells how each one did.

    References
    ----------
    .. [1] Furlanello, T., Lipton, Z. C., Tschannen, M., Itti, L., & Anandkumar, A.
       (2018). Born again neural networks. International Conference on Machine
       Learning, 1607-1616.
    """
    check_int(n_generations, "n_generations", at_least=1)
    check_type(ensemble, "ensemble", bool, "True or False")
    earlier: list[Teacher] = []
    found = []
    for number, (decoder, seed) in enumerate(generations(training, n_generations)):
        objective = None  # the first learns from labels alone
        if earlier:
            all_teach = ensemble and number == n_generations
            teacher = Ensemble(earlier) if all_teach else earlier[-1]
            objective = soft_objective(training, teacher, **shared)
        history = training.train(decoder, objective, random_state=seed)
        earlier.append(Frozen(decoder))
        found.append(summary(decoder, history))
    history.notes["generations"] = found
    return history
