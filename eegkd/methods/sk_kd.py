"""Similarity-keeping knowledge distillation, SK-KD (Huang, Chen and Wei 2024)."""

from __future__ import annotations

from eegkd.criteria import KL, CrossEntropy, SimilarityKeeping
from eegkd.distillation import History, Objective, Training
from eegkd.weightings import Constant


def sk_kd(
    training: Training,
    *,
    temperature: float = 4.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    similarity_weight: float = 450.0,
    n_taps: int = 2,
    teacher_mode: str = "eval",
) -> History:
    """Train the student to keep the similarities between trials that the teacher sees.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    temperature : float, default=4.0
        Softness of both sets of scores, > 0.
    label_weight, soft_weight, similarity_weight : float, default=0.1, 0.9 and 450
        Weights of the cross-entropy, of the divergence between softened classes and
        of the similarity keeping, >= 0. The published values.
    n_taps : int, default=2
        How many layers to compare at most, counted from the last tap.
    teacher_mode : {"eval", "as_published"}, default="eval"
        See `eegkd.Frozen`.

    Returns
    -------
    history : History
        What happened in each pass.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """
    teacher = training.frozen(teacher_mode)
    return training.run(
        Objective(
            [
                (CrossEntropy(), None),
                (KL(temperature), teacher),
                (SimilarityKeeping(n_taps), teacher),
            ],
            Constant(label_weight, soft_weight, similarity_weight),
        )
    )


sk_kd.needs_teacher = True  # type: ignore[attr-defined]
