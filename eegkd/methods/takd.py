"""Teacher-assistant knowledge distillation, TAKD (Mirzadeh et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eegkd.distillation import History, Training
from eegkd.methods._assistants import train_assistants
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective


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
    reading="Assistants read montages between the student's and the teacher's, where "
    "the paper has networks of middle size. The paper searches temperature and "
    "weights; ours are 4, 0.1 and 0.9.",
)
@options_of(soft_objective)
def takd(
    training: Training,
    *,
    n_assistants: int = 1,
    decoders: Sequence[Any] | None = None,
    montages: str = "ladder",
    teacher_mode: str = "eval",
    **shared: Any,
) -> History:
    """Distill the teacher into an assistant, and so on down to the student.

    Parameters
    ----------
    n_assistants : int, default=1
        Length of the chain without its ends, >= 1.

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
    teacher = training.frozen(teacher_mode)
    assistants, notes = train_assistants(
        training, teacher, n_assistants, decoders, montages, chain=True, **shared
    )
    history = training.run(soft_objective(training, assistants[-1], **shared))
    history.notes["assistants"] = notes
    return history
