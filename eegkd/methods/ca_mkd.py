"""Confidence-aware multi-teacher distillation, CA-MKD (Zhang, Chen and Wang 2022)."""

from __future__ import annotations

from functools import partial
from typing import Any

from eegkd._checks import check_number
from eegkd.criteria.confident_hint import ConfidentHint
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import follow
from eegkd.weightings.confidence import Confidence


@Card(
    title="Confidence-aware multi-teacher distillation (CA-MKD)",
    transfers="softened classes and embeddings of several teachers",
    teacher="several",
    reference="Zhang, Chen & Wang 2022",
    composition="label loss + KL(T) to each teacher, weighted per trial by closeness "
    "to the label + hint at each teacher's embedding, weighted through its last layer",
    use="Teachers differ in quality by trial: other subjects, sessions or networks.",
    limits="On trials that all teachers know by heart, which is common after training, "
    "this is the plain mean. Wrong labels draw trust to wrong teachers.",
    reading="The embedding is mapped linearly, without batch normalization and "
    "rectification. Shares sum to 1 unless normalization='official', and no gradient "
    "flows through them. The first epoch has all terms. The hint's weight is derived "
    "for EEG decoders.",
)
@options_of(follow)
def ca_mkd(
    training: Training,
    *,
    hint_weight: float = 1.0,
    normalization: str = "sum",
    **shared: Any,
) -> History:
    """Train the student on labels and on the teachers that are right about a trial.

    Parameters
    ----------
    temperature : float, default=4.0
        Softness of the scores, > 0. Confidence is taken at temperature 1.
    hint_weight : float, default=1.0
        Weight of the weighted distance of embeddings, >= 0. Published: 50, see Notes.
    normalization : {"sum", "official"}, default="sum"
        ``"official"`` divides both weighted terms by the number of teachers once
        more, as the authors' code does.

    Notes
    -----
    The published hint weight belongs to normalized and rectified maps of image
    networks, and to shares that are divided by three teachers once more. Embeddings of
    EEG decoders are not normalized: SCCNet's are logarithms of power, and their mean
    squared distance begins near 6, where the label loss of four classes begins at
    1.4. A weight of 50 would leave the labels without a say; with 1 the terms begin at
    the same order of size.

    References
    ----------
    .. [1] Zhang, H., Chen, D., & Wang, C. (2022). Confidence-aware multi-teacher
       knowledge distillation. ICASSP 2022, 4498-4502. arXiv:2201.00007.
    """
    check_number(hint_weight, "hint_weight", at_least=0)
    hint = partial(ConfidentHint, normalization=normalization)
    return follow(
        training,
        partial(Confidence, normalization=normalization),
        hint=(hint_weight, hint) if hint_weight else None,
        **shared,
    )
