"""What is compared: each criterion gives one loss per trial.

``criterion(student, teacher, batch) -> Tensor, shape (n_batch,)``, where ``student``
and ``teacher`` are `eegkd.decoders.Output` of the same trials (``teacher`` is None for
criteria that need none). The objective takes the batch mean, so that weights from
papers keep their meaning: each criterion says which published reduction its batch
mean equals.
"""

from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.logits import (
    KL,
    CrossEntropy,
    SquaredError,
    cross_entropy,
    kl_divergence,
)
from eegkd.criteria.relations import (
    SimilarityKeeping,
    similarity_keeping_loss,
    trial_similarity,
)

CRITERIA = {
    "cross_entropy": CrossEntropy,
    "kl": KL,
    "similarity_keeping": SimilarityKeeping,
    "squared_error": SquaredError,
}

__all__ = [
    "CRITERIA",
    "KL",
    "CrossEntropy",
    "SimilarityKeeping",
    "SquaredError",
    "TrainedCriterion",
    "cross_entropy",
    "kl_divergence",
    "similarity_keeping_loss",
    "trial_similarity",
]
