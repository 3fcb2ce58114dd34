"""Neuron selectivity transfer, NST (Huang and Wang 2017)."""

from __future__ import annotations

from eegkd.criteria.maps import NST
from eegkd.distillation import History, Training
from eegkd.methods._transfer import transfer
from eegkd.methods.card import Card


@Card(
    title="Neuron selectivity transfer (NST)",
    transfers="where in time the feature maps are active",
    teacher="one",
    reference="Huang & Wang 2017",
    composition="label loss + 50 NST (last 2 taps)",
    use="Networks with other numbers of maps whose time axes mean the same; a batch "
    "of one trial is enough.",
    limits="It needs taps with a time axis. It asks for maps with the teacher's time "
    "courses, which few electrodes may not give.",
    regression=True,
    unplanted="It says when maps are active; in the planted task the rhythm lasts "
    "through the trial, so that this tells nothing about the class.",
)
def nst(
    training: Training,
    *,
    selectivity_weight: float = 50.0,
    n_taps: int = 2,
    label_weight: float = 1.0,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
    teacher_mode: str = "eval",
) -> History:
    """Train the student's maps to be active when the teacher's are.

    Parameters
    ----------
    training : Training
        Student, teacher, trials and settings.
    selectivity_weight : float, default=50
        Weight of the selectivity transfer, >= 0. The common value.
    n_taps : int, default=2
        How many layers to compare at most, counted from the last tap.
    label_weight, soft_weight : float, default=1 and 0
        Weights of the label loss and of the divergence between softened classes,
        >= 0.
    temperature : float, default=4.0
        Softness of both sets of scores, > 0.
    teacher_mode : {"eval", "as_published"}, default="eval"
        See `eegkd.Frozen`.

    Returns
    -------
    history : History
        What happened in each epoch.

    Notes
    -----
    The loss is a mean over trials and over pairs of maps scaled to unit length [1]_,
    between 0 and 2 a tap for any batch, number of maps or of steps, so the weight
    keeps its meaning. Paper and common code [2]_ differ by a factor of 2 in what
    they weight by 50; this is the code's. On simulated EEG its gradient was 13 to 75
    times that of the label loss; ``calibrate`` brings the two together.

    References
    ----------
    .. [1] Huang, Z., & Wang, N. (2017). Like what you like: Knowledge distill via
       neuron selectivity transfer. arXiv:1707.01219.
    .. [2] Tian, Y., Krishnan, D., & Isola, P. (2020). Contrastive representation
       distillation. International Conference on Learning Representations.
    """
    terms = [(selectivity_weight, NST(n_taps))]
    return transfer(
        training,
        terms,
        label_weight=label_weight,
        soft_weight=soft_weight,
        temperature=temperature,
        teacher_mode=teacher_mode,
    )
