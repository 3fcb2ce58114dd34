"""Distillation with augmented trials, KD+DA (Jeon et al. 2022)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_choice
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.samplers.augmented import Augmented


@Card(
    title="Distillation with data augmentation (KD+DA)",
    transfers="softened classes of changed trials",
    teacher="one",
    reference="Jeon et al. 2022",
    composition="0.1 cross-entropy + 0.9 KL(T=4), on trials that an augmentation "
    "changes anew in each epoch, before any view",
    use="Few trials. Which augmentation helps depends on the data: compare them with "
    "eegkd.benchmark.augmentation_sweep.",
    limits="An augmentation must leave the class as it is. Swapping left and right is "
    "left out, because it swaps the classes of motor imagery; several others are not "
    "for evoked responses, see AUGMENTATIONS. The teacher reads each batch anew.",
    reading="Each augmentation changes every second trial. Its size, and weights of "
    "the terms that equal those of plain distillation, so that the augmentation is the "
    "only difference.",
)
@options_of(soft_objective)
def augmented_kd(
    training: Training,
    *,
    augment: Any = ("gaussian_noise", "time_mask", "time_shift"),
    probability: float = 0.5,
    augment_teacher: bool = False,
    **shared: Any,
) -> History:
    """Train the student on changed trials, with the teacher's answers to the same.

    Parameters
    ----------
    augment : str, callable or list of these, \
default=("gaussian_noise", "time_mask", "time_shift")
        Names in `eegkd.samplers.AUGMENTATIONS`, transforms of
        `braindecode.augmentation`, or functions of signals; several are applied one
        after the other, see `eegkd.samplers.Augmented`.
    probability : float, default=0.5
        Share of trials that each augmentation changes, between 0 and 1.
    augment_teacher : bool, default=False
        Whether to train a teacher on changed trials instead of using the given one,
        whose kind of network it has. Options of the network are kept where they are
        those of the student.

    Notes
    -----
    The published mixture is of noise, removal of a segment and a shift in time.
    Validation trials are not changed.

    References
    ----------
    .. [1] Jeon, E. S., Som, A., Shukla, A., Hasanaj, K., Buman, M. P., & Turaga, P.
       (2022). Role of data augmentation strategies in knowledge distillation for
       wearable sensor data. IEEE Internet of Things Journal, 9(14), 12848-12860.
    """
    check_choice(augment_teacher, "augment_teacher", (True, False))
    sampler = Augmented(
        training.sampler,
        augment,
        sfreq=training.sfreq,
        probability=probability,
        seed=training.random_state,
    )
    teacher = training.frozen()
    if augment_teacher:
        seed = training.random_state + 1
        own = training.build("full", _kind_of(training), seed)
        training.train(own, sampler=sampler, random_state=seed)
        teacher = training.freeze(own)
    return training.run(soft_objective(training, teacher, **shared), sampler=sampler)


def _kind_of(training: Training) -> str | None:
    """Return the name of the given teacher's network, None for the student's kind."""
    given, own = training.teacher.config, training.student.config
    keys = ("name", "foreign", "options")
    if not given or (own and all(given[key] == own[key] for key in keys)):
        return None
    if given["foreign"]:
        raise ValueError(
            "'augment_teacher' needs a teacher that can be built anew by name, or is "
            f"of the student's kind, got {given['name']!r}. Pass "
            "augment_teacher=False, or the teacher's network as the student's."
        )
    return str(given["name"])
