"""What methods share in which learners teach each other or themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eegkd.decoders import Decoder
from eegkd.distillation import History, Learner, Training, distill


def lives(training: Training, n_before: int) -> Iterator[tuple[Decoder, int]]:
    """Yield untrained decoders of the student's kind, at last the student itself.

    Parameters
    ----------
    training : Training
        Student and trials.
    n_before : int
        Decoders before the student, each with its own seed.

    Yields
    ------
    decoder : Decoder
        Untrained, on the student's electrodes.
    seed : int
        Seed of its training.
    """
    for seed in range(training.random_state + 1, training.random_state + 1 + n_before):
        yield training.build("student", random_state=seed), seed
    yield training.student, training.random_state


def train_together(training: Training, learners: Sequence[Learner]) -> list[History]:
    """Train several learners on the trials of a training, the student first.

    Parameters
    ----------
    training : Training
        Trials and settings.
    learners : sequence of Learner
        Who learns.

    Returns
    -------
    histories : list of History
        One for each learner.
    """
    settings = dict(training.loop)
    if training.valid is None:
        settings["patience"] = None
    return distill(learners, training.sampler, valid=training.valid, **settings)


def summary(decoder: Decoder, history: History) -> dict[str, Any]:
    """Return what a trained decoder read and how it did, for the notes of a history.

    Parameters
    ----------
    decoder : Decoder
        The trained decoder.
    history : History
        Of its training.

    Returns
    -------
    found : dict
        ``montage``, ``n_chans``, ``best_epoch``, and from that pass ``label_loss`` and
        ``accuracy`` on the validation trials; without these, ``label_loss`` on the
        training trials.
    """
    found = {
        "montage": decoder.view.montage.name,
        "n_chans": decoder.view.montage.n_chans,
        "best_epoch": history.best_epoch,
        "label_loss": history.label_loss,
    }
    if "valid_accuracy" in history.kept:
        found["accuracy"] = history.kept["valid_accuracy"]
    return found
