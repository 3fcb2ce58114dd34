"""Baselines for motor imagery: band power and covariances of each trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from moabb.pipelines.features import AugmentedDataset
from moabb.pipelines.utils import FilterBank
from pyriemann.classification import MDM, FgMDM
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from pyriemann.tangentspace import TangentSpace
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectorMixin, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from eegkd.baselines.baseline import Baseline, Reading, Steps
from eegkd.baselines.calibration import Calibrated
from eegkd.baselines.signals import MontageSignals

# The published bands of 4 Hz without the ninth, which trials filtered to 4 to 38 Hz
# do not have.
FILTER_BANK = tuple((float(low), float(low + 4)) for low in range(4, 36, 4))


class MostInformative(SelectorMixin, BaseEstimator):
    """The features that tell most about the labels, by mutual information.

    Parameters
    ----------
    n_features : int, default=10
        Features to keep, at most.
    random_state : int, default=0
        Seed of the noise that the estimate of mutual information adds.

    Attributes
    ----------
    scores_ : ndarray, shape (n_features_in,)
        Mutual information of each feature with the labels, in nats.
    """

    def __init__(self, n_features: int = 10, random_state: int = 0) -> None:
        self.n_features = n_features
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> MostInformative:
        """Score every feature."""
        self.n_features_in_ = X.shape[1]
        self.scores_ = mutual_info_classif(X, y, random_state=self.random_state)
        return self

    def _get_support_mask(self) -> np.ndarray:
        """Return which features are kept."""
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, bool)
        mask[np.argsort(-self.scores_, kind="stable")[: self.n_features]] = True
        return mask


def _lda() -> LinearDiscriminantAnalysis:
    """Return linear discriminant analysis with shrinkage, for few trials."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def csp_lda(reading: Reading, n_filters: int = 6) -> Steps:
    """Log-power of common spatial patterns and linear discriminant analysis.

    There are ``n_filters`` patterns (all of them on a montage with fewer
    electrodes); of more than two classes by joint diagonalization.

    References
    ----------
    .. [1] Blankertz, B., Tomioka, R., Lemm, S., Kawanabe, M., & Müller, K.-R.
           (2008). Optimizing spatial filters for robust EEG single-trial analysis.
           *IEEE Signal Processing Magazine*, 25(1), 41-56.
    .. [2] Grosse-Wentrup, M., et al. (2008). Multiclass common spatial patterns and
           information theoretic feature extraction. *IEEE Transactions on Biomedical
           Engineering*, 55(8), 1991-2000.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("covariances", Covariances("oas")),
        ("csp", CSP(nfilter=n_filters)),
        ("lda", _lda()),
    ]


def fbcsp_svm(
    reading: Reading,
    bands: Sequence[tuple[float, float]] = FILTER_BANK,
    n_filters: int = 4,
    n_features: int = 10,
    C: float = 1.0,
    random_state: int = 0,
) -> Steps:
    """Filter-bank common spatial patterns and a support vector machine.

    Patterns of each band, the ``n_features`` with most mutual information, a linear
    machine; its probabilities by a temperature learned out of fold.

    References
    ----------
    .. [1] Ang, K. K., Chin, Z. Y., Zhang, H., & Guan, C. (2008). Filter bank common
           spatial pattern (FBCSP) in brain-computer interface. *IEEE International
           Joint Conference on Neural Networks*, 2390-2397.
    """
    bands = tuple((float(low), float(high)) for low, high in bands)
    patterns = make_pipeline(Covariances("oas"), CSP(nfilter=n_filters))
    return [
        ("signals", MontageSignals(**reading, bands=bands)),
        ("patterns", FilterBank(patterns)),
        ("features", MostInformative(n_features, random_state)),
        ("svm", Calibrated(SVC(kernel="linear", C=C))),
    ]


def ts_lr(reading: Reading, C: float = 1.0) -> Steps:
    """Covariances in the Riemannian tangent space and logistic regression.

    References
    ----------
    .. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2013). Classification
           of covariance matrices using a Riemannian-based kernel for BCI
           applications. *Neurocomputing*, 112, 172-178.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("covariances", Covariances("oas")),
        ("tangent", TangentSpace()),
        ("lr", LogisticRegression(C=C, max_iter=1000)),
    ]


def mdm(reading: Reading) -> Steps:
    """Minimum distance to the Riemannian mean of each class's covariances.

    References
    ----------
    .. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2012). Multiclass
           brain-computer interface classification by Riemannian geometry. *IEEE
           Transactions on Biomedical Engineering*, 59(4), 920-928.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("covariances", Covariances("oas")),
        ("mdm", MDM()),
    ]


def fgmdm(reading: Reading) -> Steps:
    """Geodesic filtering, then minimum distance to the Riemannian mean.

    References
    ----------
    .. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2010). Riemannian
           geometry applied to BCI classification. *Latent Variable Analysis and
           Signal Separation*, 629-636.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("covariances", Covariances("oas")),
        ("fgmdm", FgMDM()),
    ]


def acm_ts(
    reading: Reading,
    order: int = 3,
    lag: int = 4,
    C: float = 1.0,
) -> Steps:
    """Augmented covariances (delayed copies) in the tangent space, logistic regression.

    Three copies, each 4 samples later: at 125 to 250 Hz that is 16 to 32 ms, about a
    quarter of a cycle of the mu rhythm, the delay at which a copy of an oscillation
    is least correlated with it. The published order and lag are searched for each
    subject by nested validation; here they are fixed, so that nothing is searched.

    References
    ----------
    .. [1] Carrara, I., & Papadopoulo, T. (2024). Classification of BCI-EEG based on
           the augmented covariance matrix. *IEEE Transactions on Biomedical
           Engineering*, 71(9), 2651-2662.
    """
    return [
        ("signals", MontageSignals(**reading)),
        ("copies", AugmentedDataset(order=order, lag=lag)),
        ("covariances", Covariances("oas")),
        ("tangent", TangentSpace()),
        ("lr", LogisticRegression(C=C, max_iter=1000)),
    ]


IMAGERY = (
    Baseline(
        "CSP + LDA",
        csp_lda,
        ("imagery", "rstate"),
        (
            "https://doi.org/10.1007/BF01129656",
            "https://doi.org/10.1109/MSP.2008.4408441",
        ),
    ),
    Baseline(
        "FBCSP + SVM",
        fbcsp_svm,
        ("imagery",),
        ("https://doi.org/10.1109/IJCNN.2008.4634130",),
    ),
    Baseline(
        "Tangent space + LR",
        ts_lr,
        ("imagery", "rstate"),
        ("https://doi.org/10.1016/j.neucom.2012.12.039",),
    ),
    Baseline(
        "MDM",
        mdm,
        ("imagery", "rstate"),
        ("https://doi.org/10.1109/TBME.2011.2172210",),
    ),
    Baseline(
        "FgMDM",
        fgmdm,
        ("imagery", "rstate"),
        ("https://doi.org/10.1007/978-3-642-15995-4_78",),
    ),
    Baseline(
        "ACM + tangent space",
        acm_ts,
        ("imagery",),
        ("https://doi.org/10.48550/arXiv.2302.04508",),
    ),
)
