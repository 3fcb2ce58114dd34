"""Gram matrices of frequency bands or scalp regions (after Liu 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eegkd.criteria import KL
from eegkd.criteria.modalities import ModalityGram
from eegkd.distillation import History, Training
from eegkd.methods.card import Card
from eegkd.methods.objectives import weighted


@Card(
    title="Modality-level Gram matrix",
    transfers="how alike the bands, or regions, of a trial are to the teacher",
    teacher="one",
    reference="Liu 2021",
    composition="labels + softened classes + Gram matrices of modalities",
    use="When the teacher weighs bands or regions against each other and the student "
    "should do so too.",
    limits="Each step reads every trial once more for each modality. Regions need at "
    "least two of which both montages have an electrode; any montage has bands.",
    reading="Modalities are frequency bands or scalp regions, and the embedding of a "
    "modality is that of a trial which shows only this modality. The weights are ours.",
    permutable=False,
)
def modality_gram(
    training: Training,
    *,
    gram_weight: float = 10.0,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    temperature: float = 4.0,
    modalities: str = "bands",
    bands: Mapping[str, tuple[float, float]] | None = None,
    regions: Mapping[str, Sequence[str]] | None = None,
) -> History:
    """Train the student to find bands or regions as alike as the teacher does.

    Parameters
    ----------
    gram_weight : float, default=10
        Weight of the Gram matrices, >= 0.
    modalities : {"bands", "regions"}, default="bands"
        What a trial is split into.
    bands, regions : mapping, optional
        See `eegkd.criteria.ModalityGram`.

    Returns
    -------
    history : History
        What happened in each epoch; ``notes["modalities"]`` names what was compared.

    References
    ----------
    .. [1] Liu, P. (2021). Multi-modality distillation via learning the teacher's
       modality-level Gram matrix. arXiv:2112.11447.
    """
    teacher = training.frozen()
    gram = ModalityGram(
        training.student, teacher.decoder, training.sfreq, modalities, bands, regions
    )
    history = training.run(
        weighted(
            [
                (label_weight, training.label_loss(), None),
                (soft_weight, KL(temperature), teacher),
                (gram_weight, gram, None),
            ]
        )
    )
    history.notes["modalities"] = list(gram.names)
    return history
