"""What speaks against a schedule, seen from the training itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eegkd.decoders import Decoder
from eegkd.distillation.batch_statistics import changed_answers
from eegkd.samplers import Sampler

if TYPE_CHECKING:
    from eegkd.distillation.loop import History

LEAST_EPOCHS = 20  # shorter trainings are tries, not schedules
EARLY = 0.05  # part of the epochs that are near the start
END = 0.1  # part of the epochs that are compared at the end
FALLING = 0.1  # part of the whole fall of the loss that is too much for the end
CHANGED = 0.1  # part of the answers that may change with other batch statistics

#: What a fault means and what to do, by the name that a history has for it.
FAULTS = {
    "early_epoch": "The weights of an epoch near the start were kept: the validation "
    "loss was lowest before the network had learned much. Validation trials are few, "
    "or the learning rate is too high: take recipe='default', which learns from all "
    "trials and keeps the last epoch, or a lower lr.",
    "running_statistics": "The running statistics of batch normalization do not fit "
    "the final weights: computed anew over the training trials, they change more than "
    "a tenth of the answers. Take batch_statistics='anew' in the recipe, or smaller "
    "batches.",
    "still_falling": "The training loss still falls at the end, at a constant rate: "
    "the network has not learned what it can. Train for more epochs (max_epochs), with "
    "a higher lr, or with schedule='one_cycle', which comes to rest.",
}


def schedule_faults(
    history: History, max_epochs: int, schedule: str = "constant"
) -> list[str]:
    """Return the faults that the losses of a training show.

    Parameters
    ----------
    history : History
        Of a training.
    max_epochs : int
        Epochs that were asked for.
    schedule : str, default="constant"
        Of the learning rate, see `Recipe`. One that goes down to 0 comes to rest by
        itself, and is not judged by its end.

    Returns
    -------
    faults : list of str
        Keys of `FAULTS`.
    """
    rows, kept = history.rows, history.best_epoch
    if max_epochs < LEAST_EPOCHS or kept is None:
        return []
    if "valid_loss" in rows[kept] and kept < EARLY * max_epochs:
        return ["early_epoch"]
    size = max(1, round(END * max_epochs))
    is_short = kept < max_epochs - size or len(rows) < max_epochs
    if is_short or schedule != "constant":
        return []
    losses = [row["train_loss"] for row in rows]
    first, before, last = (
        sum(losses[start : start + size]) / size
        for start in (0, max_epochs - 2 * size, max_epochs - size)
    )
    return ["still_falling"] if before - last > FALLING * (first - last) > 0 else []


def statistics_faults(decoder: Decoder, sampler: Sampler, max_epochs: int) -> list[str]:
    """Return whether running batch statistics do not fit the weights.

    Parameters
    ----------
    decoder : Decoder
        Trained; not changed.
    sampler : Sampler
        Training trials.
    max_epochs : int
        Epochs that were asked for.

    Returns
    -------
    faults : list of str
        Keys of `FAULTS`.
    """
    if max_epochs < LEAST_EPOCHS:
        return []
    changed = changed_answers(decoder, sampler) > CHANGED
    return ["running_statistics"] if changed else []
