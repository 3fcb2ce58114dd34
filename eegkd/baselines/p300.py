"""Baselines for event-related potentials: the shape of the average response."""

from __future__ import annotations

from typing import Any

from mne.decoding import Vectorizer
from pyriemann.classification import MDM
from pyriemann.estimation import ERPCovariances, XdawnCovariances
from pyriemann.spatialfilters import Xdawn
from pyriemann.tangentspace import TangentSpace
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from eegkd.baselines.registry import Steps, baseline
from eegkd.baselines.signals import MontageSignals


@baseline("p300", "cvep")
def xdawn_lda(reading: dict[str, Any], random_state: int, n_filters: int = 2) -> Steps:
    """Xdawn spatial filters and linear discriminant analysis with shrinkage.

    References
    ----------
    .. [1] Rivet, B., Souloumiac, A., Attina, V., & Gibert, G. (2009). xDAWN algorithm
           to enhance evoked potentials: application to brain-computer interface.
           *IEEE Transactions on Biomedical Engineering*, 56(8), 2035-2043.
    .. [2] Blankertz, B., Lemm, S., Treder, M., Haufe, S., & Mueller, K.-R. (2011).
           Single-trial analysis and classification of ERP components: a tutorial.
           *NeuroImage*, 56(2), 814-825.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("xdawn", Xdawn(nfilter=n_filters, estimator="lwf")),
        ("vector", Vectorizer()),
        ("lda", LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
    ]


@baseline("p300", "cvep")
def xdawncov_ts(
    reading: dict[str, Any], random_state: int, n_filters: int = 4, C: float = 1.0
) -> Steps:
    """Xdawn covariances in the tangent space and logistic regression.

    References
    ----------
    .. [1] Barachant, A. (2014). MEG decoding using Riemannian geometry and
           unsupervised classification. Grenoble University, technical report.
    .. [2] Barachant, A., & Congedo, M. (2014). A plug&play P300 BCI using information
           geometry. arXiv:1409.0107.
    """
    return [
        ("signals", MontageSignals(**reading)),
        (
            "covariances",
            XdawnCovariances(nfilter=n_filters, estimator="lwf", xdawn_estimator="lwf"),
        ),
        ("tangent", TangentSpace()),
        ("lr", LogisticRegression(C=C, max_iter=1000)),
    ]


@baseline("p300", "cvep")
def erpcov_mdm(
    reading: dict[str, Any], random_state: int, n_components: int = 4
) -> Steps:
    """Covariances with the classes' average responses and minimum distance to mean.

    Each average response is reduced to its ``n_components`` first components.

    References
    ----------
    .. [1] Barachant, A., & Congedo, M. (2014). A plug&play P300 BCI using information
           geometry. arXiv:1409.0107.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("covariances", ERPCovariances(estimator="lwf", svd=n_components)),
        ("mdm", MDM()),
    ]
