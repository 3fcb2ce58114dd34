"""Deep mutual learning, DML (Zhang, Xiang, Hospedales and Lu 2018)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_choice, check_int, check_number
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods._further_decoders import summary
from eegkd.methods.card import Card
from eegkd.teachers import Peer
from eegkd.weightings import Schedule

MONTAGES = ("full", "student")


@Card(
    title="Deep mutual learning (DML)",
    transfers="classes of networks that learn at the same time",
    teacher="peer",
    reference="Zhang et al. 2018",
    composition="every learner: cross-entropy + mean of KL(T=1) to each peer",
    use="When there is no trained teacher, or when all electrodes are at hand in "
    "training and one training should do.",
    limits="Costs the training of every peer. A peer that learns more slowly than the "
    "student has little to teach. All learners see the same batches.",
    reading="All learners are updated at once from outputs of the same weights; the "
    "original updates them in turn. Which epoch is kept is chosen by the label loss "
    "alone, because the peers move. The paper has no peers on more electrodes than the "
    "student.",
)
def mutual_learning(
    training: Training,
    *,
    peer_montage: str = "full",
    n_peers: int = 1,
    soft_weight: float = 1.0,
    temperature: float = 1.0,
    peer_decoder: Any = None,
) -> History:
    """Train the student and its peers together; each learns from the others' classes.

    Parameters
    ----------
    peer_montage : {"full", "student"}, default="full"
        Whether peers read all electrodes or the student's.
    n_peers : int, default=1
        Learners beside the student, >= 1, each with its own seed.
    soft_weight : float, default=1.0
        Weight of the mean divergence to the others, >= 0. The published value.
    peer_decoder : str or callable, optional
        Network of the peers, by default of the student's kind.

    Returns
    -------
    history : History
        The student's. ``notes["peers"]`` tells how the peers did.

    References
    ----------
    .. [1] Zhang, Y., Xiang, T., Hospedales, T. M., & Lu, H. (2018). Deep mutual
       learning. IEEE Conference on Computer Vision and Pattern Recognition,
       4320-4328.
    """
    check_choice(peer_montage, "peer_montage", MONTAGES)
    check_int(n_peers, "n_peers", at_least=1)
    soft_weight = check_number(soft_weight, "soft_weight", at_least=0)
    divergence = KL(temperature)
    decoders = [training.student] + [
        training.build(peer_montage, peer_decoder, training.random_state + k)
        for k in range(1, n_peers + 1)
    ]
    weights = (1.0, *[soft_weight / n_peers] * n_peers)
    learners = [
        training.learner(
            own,
            Objective(
                [
                    (training.label_loss(), None),
                    *[(divergence, Peer(peer)) for peer in decoders if peer is not own],
                ],
                Schedule({0: weights}, valid=(1.0, *[0.0] * n_peers)),
            ),
        )
        for own in decoders
    ]
    history, *others = training.train_all(learners)
    history.notes["peers"] = list(map(summary, decoders[1:], others))
    return history
