"""Correlation congruence, CC (Peng et al. 2019)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_choice
from eegkd.criteria.relations import CorrelationCongruence, CorrelationCongruenceCode
from eegkd.distillation import History, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Correlation congruence (CC)",
    transfers="kernel correlations between the embeddings of trials",
    teacher="one",
    reference="Peng et al. 2019",
    composition="label loss + 10 correlation congruence of embeddings",
    use="Networks of any widths. form='code' only to compare with results that were "
    "obtained with the common code.",
    limits="It needs batches of several trials. form='code' has no kernel: it depends "
    "on the order of trials in the batch and on the scale of embeddings, and learned "
    "layers can make it 0 without the student.",
    reading="Embeddings have unit length and no learned layer comes between. The "
    "weight of 10 and the plain label loss are ours; the published method adds the "
    "divergence of softened classes, here soft_weight.",
    regression=True,
)
@options_of(transfer)
def correlation_congruence(
    training: Training,
    *,
    form: str = "paper",
    correlation_weight: float | None = None,
    gamma: float = 0.4,
    order: int = 2,
    n_dims: int = 128,
    **shared: Any,
) -> History:
    """Train the student to keep the correlations between trials that the teacher sees.

    Parameters
    ----------
    form : {"paper", "code"}, default="paper"
        What is computed: the paper's kernel matrix, or what common code computes
        under its name.
    correlation_weight : float, optional
        Weight of the correlation congruence, >= 0. By default 10 for the paper's form
        and 0.02 for the code's.
    gamma, order : float and int, default=0.4 and 2
        Inverse width of the kernel, > 0, and highest power of its series, >= 1. The
        published values, for the paper's form.
    n_dims : int, default=128
        Size of the learned embeddings of the code's form.

    Notes
    -----
    A published weight of the paper's form [1]_ belongs to embeddings of another size.
    On unit embeddings entries differ by at most 0.72, and on simulated EEG a weight of
    10 gave a gradient 1 to 8 times as large as the label loss's. The code's 0.02 [2]_
    acts on a sum over 128 dimensions: 2.6 times their mean.

    References
    ----------
    .. [1] Peng, B., Jin, X., Liu, J., Li, D., Wu, Y., Liu, Y., Zhou, S., & Zhang, Z.
       (2019). Correlation congruence for knowledge distillation. Proceedings of the
       IEEE/CVF International Conference on Computer Vision, 5007-5016.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
    """
    check_choice(form, "form", ("paper", "code"))
    criterion: Any = (
        CorrelationCongruence(gamma, order)
        if form == "paper"
        else CorrelationCongruenceCode(n_dims)
    )
    default = 10.0 if form == "paper" else 0.02
    weight = default if correlation_weight is None else correlation_weight
    terms = [(weight, criterion)]
    return transfer(training, terms, **shared)
