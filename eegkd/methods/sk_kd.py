"""Similarity-keeping knowledge distillation, SK-KD (Huang, Chen and Wei 2024)."""

from __future__ import annotations

from eegkd.criteria import SimilarityKeeping
from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card


@Card(
    title="Similarity-keeping distillation (SK-KD)",
    transfers="softened classes, similarities between trials",
    teacher="one",
    reference="Huang, Chen & Wei 2024",
    composition="0.1 cross-entropy + 0.9 KL(T=4) + 450 similarity keeping (2 taps)",
    use="Motor imagery with few electrodes, the case that it was made for; any pair "
    "of networks with taps behind the spatial filter.",
    limits="The similarity needs batches of several trials. The weight of 450 belongs "
    "to correlations between trials near zero, as in single-trial EEG.",
)
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
        What happened in each epoch.

    References
    ----------
    .. [1] Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density
       EEG-based brain-computer interfacing with similarity-keeping knowledge
       distillation. IEEE Transactions on Emerging Topics in Computational
       Intelligence, 8(2), 1156-1166.
    """
    return transfer(
        training,
        [(similarity_weight, SimilarityKeeping(n_taps))],
        label_weight=label_weight,
        soft_weight=soft_weight,
        temperature=temperature,
        teacher_mode=teacher_mode,
    )
