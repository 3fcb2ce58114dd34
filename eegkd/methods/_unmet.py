"""What is said where a method, as it is set, does not do what it is named after."""

from __future__ import annotations

import logging

from eegkd.distillation import History, Training

logger = logging.getLogger("eegkd.methods")


def say(unmet: bool, message: str, *values: object) -> None:
    """Log a warning if something that the method is made for does not happen."""
    if unmet:
        logger.warning(message, *values)


def say_of_two_classes(training: Training, consequence: str) -> None:
    """Say what follows if there are only two classes."""
    say(training.n_outputs == 2, "With two classes %s.", consequence)


def say_of_lone_trials(training: Training, compared: str) -> None:
    """Say so if trials shall be compared within batches of one trial."""
    size = min(training.sampler.batch_size, len(training.sampler))
    say(
        size < 2,
        "A batch holds one trial, so %s, which compares the trials of a batch, "
        "teaches nothing. Raise batch_size to 8 or more.",
        compared,
    )


def say_if_kept_before(history: History, first: int, event: str, advice: str) -> None:
    """Say so if the epoch that is kept comes before what the method is made for."""
    kept = history.best_epoch
    say(
        kept is not None and kept < first,
        "The student that is kept is that of training epoch %d of %d, before %s "
        "(epoch %d). %s.",
        (kept or 0) + 1,
        len(history.rows),
        event,
        first + 1,
        advice,
    )
