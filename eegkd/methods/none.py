"""No distillation: the student learns from the labels alone."""

from __future__ import annotations

from eegkd.distillation import History, Training, train_decoder


def none(training: Training) -> History:
    """Train the student without a teacher; what every method is compared with.

    Parameters
    ----------
    training : Training
        The student, the trials and the settings.

    Returns
    -------
    history : History
        What happened in each pass.
    """
    return train_decoder(training)


none.needs_teacher = False  # type: ignore[attr-defined]
