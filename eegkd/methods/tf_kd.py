"""Teacher-free knowledge distillation, Tf-KD (Yuan et al. 2020)."""

from __future__ import annotations

from eegkd._checks import check_choice, check_number
from eegkd.distillation import History, Training
from eegkd.methods._further_decoders import generations, summary
from eegkd.methods.card import Card
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Frozen, Teacher, Virtual

# Temperature, weight of the labels and of the divergence, for each kind of teacher.
DEFAULTS = {"virtual": (20.0, 0.9, 0.1), "self": (6.0, 0.05, 0.475)}


@Card(
    title="Teacher-free distillation (Tf-KD)",
    transfers="a smoothed label, or classes of the same decoder trained before",
    teacher="itself",
    reference="Yuan et al. 2020",
    composition="virtual: 0.9 cross-entropy + 0.1 KL(T=20) to the label with "
    "probability 0.99; self: 0.05 cross-entropy + 0.475 KL(T=6) to an earlier self",
    use="As a control: a method with a teacher that does no better than this has only "
    "smoothed the labels.",
    limits="Nothing comes from electrodes that the student does not have. The virtual "
    "teacher knows nothing of which classes are alike.",
    reading="The divergence is that of the paper's formula, both sides softened, times "
    "the squared temperature; in the accompanying code the virtual teacher's "
    "probabilities are softened as if they were scores, and the student's scores are "
    "not.",
)
def tf_kd(
    training: Training,
    *,
    kind: str = "virtual",
    correct: float = 0.99,
    temperature: float | None = None,
    label_weight: float | None = None,
    soft_weight: float | None = None,
) -> History:
    """Train the student with a made-up teacher, or with its own earlier self.

    Parameters
    ----------
    kind : {"virtual", "self"}, default="virtual"
        Whether the teacher is the smoothed label or the same decoder, trained on labels
        before.
    correct : float, default=0.99
        Probability that the virtual teacher gives the label, between 1 / n_classes and
        1; the others share the rest.
    temperature : float, optional
        Softness of both sets of scores, > 0; 20 for ``"virtual"`` and 6 for ``"self"``.
    label_weight, soft_weight : float, optional
        Weights of the cross-entropy and of the divergence, >= 0; 0.9 and 0.1 for
        ``"virtual"``, 0.05 and 0.475 for ``"self"``.

    Returns
    -------
    history : History
        What happened in each epoch. With ``"self"``, ``notes["teacher"]`` tells how the
        earlier self did.

    Notes
    -----
    Temperatures and weights are the published ones of a ResNet18. They go with a mean
    over 100 classes beside which the divergence counts 100-fold (virtual) and 50-fold
    (self); here, where it is summed over classes, this leaves 0.1 as it is and makes
    0.95 half as large.

    References
    ----------
    .. [1] Yuan, L., Tay, F. E. H., Li, G., Wang, T., & Feng, J. (2020). Revisiting
       knowledge distillation via label smoothing regularization. IEEE/CVF Conference
       on Computer Vision and Pattern Recognition, 3903-3911.
    """
    check_choice(kind, "kind", DEFAULTS)
    given = (temperature, label_weight, soft_weight)
    softness, label, soft = (
        default if value is None else value
        for value, default in zip(given, DEFAULTS[kind], strict=True)
    )
    check_number(label, "label_weight", at_least=0)
    check_number(soft, "soft_weight", at_least=0)
    check_number(softness, "temperature", above=0)
    notes = {}
    teacher: Teacher = Virtual(training.n_outputs, correct)
    if kind == "self":
        decoder, seed = next(generations(training, 1))
        earlier = training.train(decoder, random_state=seed)
        teacher, notes = Frozen(decoder), {"teacher": summary(decoder, earlier)}
    objective = soft_objective(
        training, teacher, label_weight=label, soft_weight=soft, temperature=softness
    )
    history = training.run(objective)
    history.notes.update(notes)
    return history
