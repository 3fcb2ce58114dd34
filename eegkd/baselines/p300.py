"""Baselines for event-related potentials: the shape of the average response."""

from __future__ import annotations

from typing import Any

import numpy as np
from mne.decoding import Vectorizer
from pyriemann.classification import MDM
from pyriemann.estimation import ERPCovariances, XdawnCovariances
from pyriemann.geometry.covariance import covariances
from pyriemann.spatialfilters import Xdawn
from pyriemann.tangentspace import TangentSpace
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from eegkd.baselines.baseline import Baseline, Reading, Steps
from eegkd.baselines.signals import MontageSignals


class ShrunkXdawn(TransformerMixin, BaseEstimator):
    """Xdawn filters that hold for signals of any rank.

    Parameters
    ----------
    xdawn : pyriemann Xdawn or XdawnCovariances
        Whose ``baseline_cov`` is set.

    Attributes
    ----------
    xdawn_ : pyriemann Xdawn or XdawnCovariances
        The fitted one.

    Notes
    -----
    The filters maximize the power of the average response over that of all signals.
    The latter is shrunk [1]_, so that it can be inverted for electrodes that are
    re-referenced to their average. The average response is left as it is: it has few
    samples, and shrinking would add directions of little noise and no response to it.

    References
    ----------
    .. [1] Ledoit, O., & Wolf, M. (2004). A well-conditioned estimator for
           large-dimensional covariance matrices. *Journal of Multivariate Analysis*,
           88(2), 365-411.
    """

    def __init__(self, xdawn: Any) -> None:
        self.xdawn = xdawn

    def fit(self, X: np.ndarray, y: np.ndarray) -> ShrunkXdawn:
        """Learn the filters."""
        joined = np.concatenate(list(X), axis=1)
        shrunk = covariances(joined[np.newaxis], estimator="lwf")[0]
        self.xdawn_ = clone(self.xdawn).set_params(baseline_cov=shrunk).fit(X, y)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return what the fitted one makes of trials."""
        check_is_fitted(self)
        return self.xdawn_.transform(X)


def xdawn_lda(reading: Reading, n_filters: int = 2) -> Steps:
    """Xdawn spatial filters and linear discriminant analysis with shrinkage.

    References
    ----------
    .. [1] Rivet, B., Souloumiac, A., Attina, V., & Gibert, G. (2009). xDAWN algorithm
           to enhance evoked potentials: application to brain-computer interface.
           *IEEE Transactions on Biomedical Engineering*, 56(8), 2035-2043.
    .. [2] Blankertz, B., Lemm, S., Treder, M., Haufe, S., & Müller, K.-R. (2011).
           Single-trial analysis and classification of ERP components: a tutorial.
           *NeuroImage*, 56(2), 814-825.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("xdawn", ShrunkXdawn(Xdawn(nfilter=n_filters, estimator="scm"))),
        ("vector", Vectorizer()),
        ("lda", LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
    ]


def xdawncov_ts(reading: Reading, n_filters: int = 4, C: float = 1.0) -> Steps:
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
            ShrunkXdawn(
                XdawnCovariances(
                    nfilter=n_filters, estimator="lwf", xdawn_estimator="scm"
                )
            ),
        ),
        ("tangent", TangentSpace()),
        ("lr", LogisticRegression(C=C, max_iter=1000)),
    ]


def erpcov_mdm(reading: Reading, n_components: int = 4) -> Steps:
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


ERP = ("p300", "cvep")
P300 = (
    Baseline(
        "xDAWN + LDA", xdawn_lda, ERP, ("https://doi.org/10.1109/TBME.2009.2012869",)
    ),
    Baseline(
        "xDAWN covariances + tangent space",
        xdawncov_ts,
        ERP,
        ("https://doi.org/10.48550/arXiv.1409.0107",),
    ),
    Baseline(
        "ERP covariances + MDM",
        erpcov_mdm,
        ERP,
        ("https://doi.org/10.48550/arXiv.1409.0107",),
    ),
)
