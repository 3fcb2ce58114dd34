"""Flow of the solution procedure, FSP (Yim et al. 2017)."""

from __future__ import annotations

from typing import Any

from eegkd._checks import check_int, check_number
from eegkd.criteria.maps import FSP
from eegkd.distillation import History, Objective, Training
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import transfer


@Card(
    title="Flow of the solution procedure (FSP)",
    transfers="products of the feature maps of neighboring layers",
    teacher="one",
    reference="Yim et al. 2017",
    composition="first FSP alone (last 3 taps), then the label loss alone",
    use="A better start for the student; networks of the same kind.",
    limits="It needs two taps or more in each network. As published the teacher acts "
    "in the first stage alone, and long training forgets it; flow_weight keeps it.",
    reading="Where numbers of maps differ, a learned mixture brings the student's to "
    "the teacher's; published for equal numbers. The first stage takes an eighth of "
    "the epochs beside all of the second's. flow_weight is ours.",
    regression=True,
    control=lambda own: (
        {"lengthen": 1.125}
        if own["init_epochs"] is None
        else {"further_epochs": own["init_epochs"]}
    ),
)
@options_of(transfer)
def fsp(
    training: Training,
    *,
    init_epochs: int | None = None,
    n_taps: int = 3,
    flow_weight: float = 0.0,
    **shared: Any,
) -> History:
    """Start the student from the teacher's flow between layers, then train on labels.

    Parameters
    ----------
    init_epochs : int, optional
        Epochs of the first stage, >= 0; by default an eighth of the epochs of the
        second, as in common code (30 and 240), and at least one. 0 leaves it out.
    n_taps : int, default=3
        How many layers to use at most, counted from the last tap, >= 2.
    flow_weight : float, default=0
        Weight of the flow in the second stage, >= 0. None as published.

    Returns
    -------
    history : History
        What happened in each epoch of the second stage. ``notes`` holds
        ``"init_epochs"`` and ``"init_loss"``, the flow's loss that was kept, on
        validation trials where there are any; None without a first stage.

    Notes
    -----
    The first stage [1]_ minimizes the flow alone, so it has no weight. Its mean is
    over trials and entries, and would mean the same for any batch.

    References
    ----------
    .. [1] Yim, J., Joo, D., Bae, J., & Kim, J. (2017). A gift from knowledge
       distillation: Fast optimization, network minimization and transfer learning.
       Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition,
       4133-4141.
    """
    check_number(flow_weight, "flow_weight", at_least=0)
    n_epochs = (
        max(1, training.max_epochs // 8)
        if init_epochs is None
        else check_int(init_epochs, "init_epochs", at_least=0)
    )
    start = None
    if n_epochs:
        start = training.run(
            Objective([(FSP(n_taps), training.frozen(shared["teacher_mode"]))]),
            max_epochs=n_epochs,
            random_state=training.random_state + 1,
        )
    history = transfer(training, [(flow_weight, FSP(n_taps))], **shared)
    history.notes["init_epochs"] = 0 if start is None else len(start.rows)
    history.notes["init_loss"] = None if start is None else start.best_loss
    return history
