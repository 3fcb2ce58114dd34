"""Teacher-assistant knowledge distillation, TAKD (Mirzadeh et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods._procedures import soft_objective, train_assistants
from eegkd.methods.card import Card


@Card(
    title="Teacher-assistant knowledge distillation (TAKD)",
    transfers="softened classes, passed on through assistants of middle size",
    teacher="one",
    reference="Mirzadeh et al. 2020",
    composition="a chain: CE + KL(T) from the teacher to an assistant, from each "
    "assistant to the next, from the last to the student",
    use="Use it when the student has far fewer electrodes than the teacher.",
    limits="Costs one more training for each assistant. Other work finds that chains "
    "do not help, see early_stopped_teacher. With two classes the scores say nothing "
    "beyond the confidence.",
    reading="Assistants read montages between the student's and the "
    "teacher's, where the sampler has networks of middle size. The sampler searches "
    "temperature and weights; ours are 4, 0.1 and 0.9.",
)
def takd(
    training: Training,
    *,
    n_assistants: int = 1,
    decoders: Sequence[Any] | None = None,
    montages: str = "ladder",
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    teacher_mode: str = "eval",
) -> History:
    """Distill the teacher into an assistant, and so on down to the student.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    n_assistants : int, default=1
        Length of the chain without its ends, >= 1.
    decoders : sequence of str or callable, optional
        Network of each assistant, from the teacher to the student; sets their number.
        By default all are of the student's kind.
    montages : {"ladder", "student"}, default="ladder"
        Whether assistants read fewer and fewer electrodes or the student's alone.
        Where too few electrodes lie between, the last ones read the student's.
    temperature : float, default=4.0
        Softness of both sets of scores in each link, > 0.
    label_weight, soft_weight : float, default=0.1 and 0.9
        Weights of the cross-entropy and of the divergence in each link, >= 0.
    teacher_mode : {"eval", "as_published"}, default="eval"
        See `eegkd.Frozen`; for the first link.

    Returns
    -------
    history : History
        Of the student. The notes hold ``assistants``, from the teacher to the student.

    Notes
    -----
    The code of the authors divides the divergence by the number of classes as well as
    of trials and chooses on the test set; neither is done here.

    References
    ----------
    .. [1] Mirzadeh, S. I., Farajtabar, M., Li, A., Levine, N., Matsukawa, A., &
       Ghasemzadeh, H. (2020). Improved knowledge distillation via teacher assistant.
       AAAI Conference on Artificial Intelligence, 34(04), 5191-5198.
    """
    weights = {
        "temperature": temperature,
        "label_weight": label_weight,
        "soft_weight": soft_weight,
    }
    teacher = training.frozen(teacher_mode)
    assistants, notes = train_assistants(
        training, teacher, n_assistants, decoders, montages, weights, chain=True
    )
    history = training.run(soft_objective(training, assistants[-1], **weights))
    history.notes["assistants"] = notes
    return history
