"""Distillation on mixed trials, MIX-KD (Choi, Jeon, Shukla and Turaga 2023)."""

from __future__ import annotations

from typing import Any

from eegkd.criteria.logits import CrossEntropy, StandardizedKL, standardize_logits
from eegkd.decoders import Output
from eegkd.distillation import History, Training
from eegkd.methods._unmet import say, say_of_two_classes
from eegkd.methods.card import Card
from eegkd.methods.objectives import weighted
from eegkd.methods.standardized_kd import STANDARDIZED
from eegkd.samplers.mixup import Mixup


@Card(
    title="Distillation with mixup (MIX-KD)",
    transfers="standardized classes of mixed trials",
    teacher="one",
    reference="Choi et al. 2023",
    composition="0.1 cross-entropy with mixed labels + 0.9 KL, both of scores divided "
    "by their own deviation, on trials of which a part are sums of two",
    use="Small training sets, where smoother decisions help.",
    limits="Three classes or more: with two, standardized scores say only which class "
    "is the likelier, without a gradient. Sums over subjects are no one's EEG; see "
    "within=. The teacher reads each batch anew.",
    reading="The floor of 0.1 under the deviation of the scores. Exactly the given "
    "fraction of a batch is mixed, where the published code mixes about 41 % when 10 % "
    "is asked for; official_sampling=True does as the code.",
)
def mix_kd(
    training: Training,
    *,
    fraction: float = 0.1,
    beta: float = 1.0,
    within: str | None = None,
    official_sampling: bool = False,
    label_weight: float = 0.1,
    soft_weight: float = 0.9,
    floor: float = 0.1,
    detach: bool = False,
) -> History:
    """Train the student on mixed trials, with the teacher's answers to the same.

    Parameters
    ----------
    fraction : float, default=0.1
        Share of the trials of a batch that are mixed; 1 is full mixup.
    beta : float, default=1.0
        Parameter of the beta distribution of the shares, > 0.
    within : {None, "subject", "session"}, default=None
        Where partners are looked for, see `eegkd.samplers.Mixup`.
    official_sampling : bool, default=False
        Whether to mix about 0.4 of the trials where 0.1 is asked for, as the code
        that accompanies the paper does.
    floor : float, default=0.1
        Smallest deviation that scores are divided by, > 0.
    detach : bool, default=False
        Whether the deviation counts as a constant in the gradient.

    Notes
    -----
    Weights, shares and the missing square of the temperature are those of the code.
    Its optimizer is SGD, not Adam. Validation trials are not mixed.

    References
    ----------
    .. [1] Choi, H., Jeon, E. S., Shukla, A., & Turaga, P. (2023). Understanding the
       role of mixup in knowledge distillation: An empirical study. In Proceedings of
       the IEEE/CVF Winter Conference on Applications of Computer Vision, 2319-2328.
    """
    if not detach:
        say_of_two_classes(training, STANDARDIZED + "hardly anything is learned")
    size = min(training.sampler.batch_size, len(training.sampler))
    say(
        0 < fraction * size < 0.5 and not official_sampling,
        "No trial is mixed: 'fraction' %g of a batch of %d is less than half a trial. "
        "Raise fraction or batch_size.",
        fraction,
        size,
    )
    label = _StandardizedCrossEntropy(floor, detach, training.class_weight)
    soft = StandardizedKL(detach=detach, floor=floor)
    return training.run(
        weighted([(label_weight, label, None), (soft_weight, soft, training.frozen())]),
        sampler=Mixup(
            training.sampler,
            training.n_outputs,
            fraction=fraction,
            beta=beta,
            within=within,
            official_sampling=official_sampling,
            seed=training.random_state,
        ),
    )


class _StandardizedCrossEntropy(CrossEntropy):
    """Cross-entropy of scores divided by their own deviation."""

    def __init__(self, floor: float, detach: bool, weight: Any = None) -> None:
        super().__init__(weight)
        self.floor, self.detach = floor, detach

    def __call__(self, student: Any, teacher: Any, batch: Any) -> Any:
        """Return the loss of each trial, shape (n_batch,), in nats."""
        logits = standardize_logits(student.logits, self.floor, self.detach)
        return super().__call__(Output(logits, {}, None), teacher, batch)
