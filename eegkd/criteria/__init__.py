"""What is compared: each criterion gives one loss per trial.

``criterion(student, teacher, batch) -> Tensor, shape (n_batch,)``, where ``student``
and ``teacher`` are `eegkd.decoders.Output` of the same trials (``teacher`` is None for
criteria that need none). The objective takes the batch mean, so that weights from
papers keep their meaning: each criterion says which published reduction its batch
mean equals.

What they read: ``logits`` the last layer's scores; ``features`` and ``factors`` one
layer of each network; ``maps`` how the maps of one trial relate to each other;
``relations`` how trials relate to each other; ``modalities`` how bands or scalp regions
do; ``contrastive`` which trial is which; ``domain`` where subjects or devices lie;
``confident_hint`` a layer as several teachers would classify it.
"""

from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.confident_hint import ConfidentHint
from eegkd.criteria.contrastive import CRD, InfoNCE
from eegkd.criteria.domain import CORAL, MMD, ClassConfusion, DomainAdversary
from eegkd.criteria.factors import FactorTransfer, Paraphraser, ReviewKD
from eegkd.criteria.features import VID, ActivationBoundary, AttentionTransfer, Hint
from eegkd.criteria.logits import (
    DIST,
    KL,
    BalancedKL,
    CrossEntropy,
    DecoupledKD,
    LogitL1,
    LogitMSE,
    SquaredError,
    StandardizedKL,
    cross_entropy,
    kl_divergence,
)
from eegkd.criteria.maps import FSP, ICKD, KDSVD, NST
from eegkd.criteria.modalities import ModalityGram
from eegkd.criteria.relations import (
    PKT,
    CenteredSimilarityPreserving,
    CorrelationCongruence,
    CorrelationCongruenceCode,
    RKDAngle,
    RKDDistance,
    SimilarityKeeping,
    SimilarityPreserving,
    similarity_keeping_loss,
    trial_similarity,
)

#: Criteria by name.
CRITERIA = {
    # labels
    "cross_entropy": CrossEntropy,
    "squared_error": SquaredError,
    # scores of the last layer
    "kl": KL,
    "balanced_kl": BalancedKL,
    "logit_l1": LogitL1,
    "logit_mse": LogitMSE,
    "decoupled_kd": DecoupledKD,
    "standardized_kl": StandardizedKL,
    "dist": DIST,
    # one layer
    "hint": Hint,
    "attention": AttentionTransfer,
    "vid": VID,
    "paraphraser": Paraphraser,
    "factor": FactorTransfer,
    "activation_boundary": ActivationBoundary,
    "review": ReviewKD,
    "confident_hint": ConfidentHint,
    # the maps of one trial
    "nst": NST,
    "fsp": FSP,
    "ickd": ICKD,
    "kdsvd": KDSVD,
    "modality_gram": ModalityGram,
    # relations between trials
    "similarity_keeping": SimilarityKeeping,
    "similarity_preserving": SimilarityPreserving,
    "centered_similarity_preserving": CenteredSimilarityPreserving,
    "correlation_congruence": CorrelationCongruence,
    "correlation_congruence_code": CorrelationCongruenceCode,
    "rkd_distance": RKDDistance,
    "rkd_angle": RKDAngle,
    "pkt": PKT,
    "crd": CRD,
    "info_nce": InfoNCE,
    # subjects and devices
    "mmd": MMD,
    "coral": CORAL,
    "domain_adversary": DomainAdversary,
    "class_confusion": ClassConfusion,
}

__all__ = [
    "CORAL",
    "CRD",
    "CRITERIA",
    "DIST",
    "FSP",
    "ICKD",
    "KDSVD",
    "KL",
    "MMD",
    "NST",
    "PKT",
    "VID",
    "ActivationBoundary",
    "AttentionTransfer",
    "BalancedKL",
    "CenteredSimilarityPreserving",
    "ClassConfusion",
    "ConfidentHint",
    "CorrelationCongruence",
    "CorrelationCongruenceCode",
    "CrossEntropy",
    "DecoupledKD",
    "DomainAdversary",
    "FactorTransfer",
    "Hint",
    "InfoNCE",
    "LogitL1",
    "LogitMSE",
    "ModalityGram",
    "Paraphraser",
    "RKDAngle",
    "RKDDistance",
    "ReviewKD",
    "SimilarityKeeping",
    "SimilarityPreserving",
    "SquaredError",
    "StandardizedKL",
    "TrainedCriterion",
    "cross_entropy",
    "kl_divergence",
    "similarity_keeping_loss",
    "trial_similarity",
]
