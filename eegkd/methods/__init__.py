"""The named methods: each is a short file here and one line in `METHODS`.

A method is a function ``method(training, **options) -> History`` that trains
``training.student``, see `eegkd.distillation.Training`. Its keyword options are what
`DistilledClassifier(method_options=...)` takes; its ``card`` says what it transfers,
which teachers it needs, and where it comes from.
"""

from collections.abc import Callable

from eegkd.distillation import History
from eegkd.methods.activation_boundaries import activation_boundaries
from eegkd.methods.aekd import aekd
from eegkd.methods.amal import amal
from eegkd.methods.attention_transfer import attention_transfer
from eegkd.methods.augmented_kd import augmented_kd
from eegkd.methods.auto import auto
from eegkd.methods.bd_kd import bd_kd
from eegkd.methods.born_again import born_again
from eegkd.methods.ca_mkd import ca_mkd
from eegkd.methods.ces_kd import ces_kd
from eegkd.methods.cgan_kd import cgan_kd
from eegkd.methods.correlation_congruence import correlation_congruence
from eegkd.methods.crd import crd
from eegkd.methods.cudfkd import cudfkd
from eegkd.methods.dist import dist
from eegkd.methods.dkd import dkd
from eegkd.methods.early_stopped_kd import early_stopped_kd
from eegkd.methods.early_stopped_teacher import early_stopped_teacher
from eegkd.methods.entropy_mkd import entropy_mkd
from eegkd.methods.factor_transfer import factor_transfer
from eegkd.methods.fitnet import fitnet
from eegkd.methods.fsp import fsp
from eegkd.methods.ickd import ickd
from eegkd.methods.info_nce import info_nce
from eegkd.methods.kd import kd
from eegkd.methods.kdsvd import kdsvd
from eegkd.methods.logit_matching import logit_matching
from eegkd.methods.mean_mkd import mean_mkd
from eegkd.methods.mean_teacher import mean_teacher
from eegkd.methods.mix_kd import mix_kd
from eegkd.methods.modality_gram import modality_gram
from eegkd.methods.mutual_learning import mutual_learning
from eegkd.methods.none import none
from eegkd.methods.nst import nst
from eegkd.methods.permuted_kd import permuted_kd
from eegkd.methods.pkt import pkt
from eegkd.methods.pskd import pskd
from eegkd.methods.review_kd import review_kd
from eegkd.methods.rkd import rkd
from eegkd.methods.ros_kd import ros_kd
from eegkd.methods.sdda import sdda
from eegkd.methods.self_distillation import self_distillation
from eegkd.methods.similarity_preserving import similarity_preserving
from eegkd.methods.single_recording import single_recording
from eegkd.methods.sk_kd import sk_kd
from eegkd.methods.smoothed_labels import smoothed_labels
from eegkd.methods.standardized_kd import standardized_kd
from eegkd.methods.sweet_spot import sweet_spot
from eegkd.methods.ta_ensemble import ta_ensemble
from eegkd.methods.takd import takd
from eegkd.methods.tasked import tasked
from eegkd.methods.tf_kd import tf_kd
from eegkd.methods.vid import vid

#: Methods by name. Each is called as ``method(training, **options)``.
METHODS: dict[str, Callable[..., History]] = {
    # alone, and what all are compared with
    "none": none,
    # scores of one teacher
    "kd": kd,
    "logit_matching": logit_matching,
    "standardized_kd": standardized_kd,
    "dkd": dkd,
    "dist": dist,
    # similarities and other relations between trials
    "sk_kd": sk_kd,
    "similarity_preserving": similarity_preserving,
    "correlation_congruence": correlation_congruence,
    "rkd": rkd,
    "pkt": pkt,
    "crd": crd,
    "info_nce": info_nce,
    # layers
    "fitnet": fitnet,
    "attention_transfer": attention_transfer,
    "vid": vid,
    "factor_transfer": factor_transfer,
    "activation_boundaries": activation_boundaries,
    "review_kd": review_kd,
    "nst": nst,
    "fsp": fsp,
    "ickd": ickd,
    "kdsvd": kdsvd,
    "modality_gram": modality_gram,
    # which trials are seen
    "augmented_kd": augmented_kd,
    "mix_kd": mix_kd,
    "cgan_kd": cgan_kd,
    "cudfkd": cudfkd,
    "single_recording": single_recording,
    # when, and from which teacher
    "early_stopped_kd": early_stopped_kd,
    "early_stopped_teacher": early_stopped_teacher,
    "sweet_spot": sweet_spot,
    "takd": takd,
    "ta_ensemble": ta_ensemble,
    # several teachers
    "mean_mkd": mean_mkd,
    "entropy_mkd": entropy_mkd,
    "aekd": aekd,
    "ca_mkd": ca_mkd,
    "ces_kd": ces_kd,
    "ros_kd": ros_kd,
    "pskd": pskd,
    "amal": amal,
    # peers, and the student itself
    "bd_kd": bd_kd,
    "mutual_learning": mutual_learning,
    "mean_teacher": mean_teacher,
    "born_again": born_again,
    "self_distillation": self_distillation,
    "tf_kd": tf_kd,
    "tasked": tasked,
    # another headset
    "sdda": sdda,
    # taught only if it helps
    "auto": auto,
    # controls
    "smoothed_labels": smoothed_labels,
    "permuted_kd": permuted_kd,
}

__all__ = ["METHODS", *METHODS]  # noqa: PLE0604 (names of the methods)
