"""TASKED: self-distillation with features alike in all subjects (Suh 2023)."""

from __future__ import annotations

from eegkd.criteria import KL
from eegkd.criteria.domain import MMD, DomainAdversary
from eegkd.distillation import History, Objective, Training
from eegkd.methods._unmet import say, say_of_lone_trials
from eegkd.methods.card import Card
from eegkd.methods.objectives import Term, weighted
from eegkd.teachers import Frozen


@Card(
    title="Adversarial learning by self-distillation (TASKED)",
    transfers="its own softened classes, free of who the subject is",
    teacher="itself",
    reference="Suh, Fortes Rey & Lukowicz 2023",
    composition="labels + adversary + MMD; once more, + its softened classes",
    use="With trials of several subjects, to be used on others. The paper's network is "
    "a transformer: take student='EEGConformer'.",
    limits="Without several subjects among the training trials it is self-distillation "
    "alone. It trains twice. Nothing comes from a denser montage.",
    reading="The weights, the kernel, and gradient reversal for the adversary; the "
    "paper's reconstruction of signals is left out. Any decoder takes the place of the "
    "transformer.",
)
def tasked(
    training: Training,
    *,
    label_weight: float = 1.0,
    soft_weight: float = 1.0,
    adversary_weight: float = 0.1,
    mmd_weight: float = 1.0,
    temperature: float = 4.0,
    ramp: int = 10,
) -> History:
    """Train a copy that hides who the subject is, then the student with it as teacher.

    Parameters
    ----------
    adversary_weight, mmd_weight : float, default=0.1 and 1
        Weights of the adversary and of the discrepancy between subjects, >= 0.
    ramp : int, default=10
        Epochs in which the adversary grows to full strength, >= 1.

    Returns
    -------
    history : History
        What happened in each epoch of the second training; ``notes["previous_loss"]``
        is the first one's best loss.

    References
    ----------
    .. [1] Suh, S., Rey, V. F., & Lukowicz, P. (2023). TASKED: Transformer-based
       adversarial learning for human activity recognition using wearable sensors via
       self-knowledge distillation. Knowledge-Based Systems, 260, 110143.
    """
    n_subjects = int(training.sampler.subject.max()) + 1

    def objective(*own: Term) -> Objective:
        terms: list[Term] = [(label_weight, training.label_loss(), None), *own]
        if n_subjects > 1:
            adversary = DomainAdversary(n_groups=n_subjects, ramp=ramp)
            terms += [(adversary_weight, adversary, None), (mmd_weight, MMD(), None)]
        return weighted(terms)

    say(
        n_subjects == 1,
        "TASKED has the trials of one subject: adversary and MMD are left out, what "
        "remains is self-distillation. Train on several subjects (evaluation "
        "'dependent' or 'independent').",
    )
    if n_subjects > 1:
        say_of_lone_trials(training, "MMD")
    previous = training.copy_student()
    first = training.train(
        previous, objective(), random_state=training.random_state + 1
    )
    history = training.run(objective((soft_weight, KL(temperature), Frozen(previous))))
    history.notes["previous_loss"] = first.best_loss
    history.notes["n_subjects"] = n_subjects
    return history
