"""Decoders beside the student: further teachers, generations, peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eegkd._checks import check_int
from eegkd.decoders import Decoder
from eegkd.decoders.build import check_decoder
from eegkd.distillation import History, Training
from eegkd.samplers import TrialSampler


def another(
    training: Training,
    montage: object,
    number: int,
    sampler: TrialSampler | None = None,
    decoder: Any = None,
) -> Decoder:
    """Train a further teacher on the labels, with a seed of its own."""
    seed = training.random_state + number
    teacher = training.build(montage, decoder, random_state=seed)
    training.train(teacher, sampler=sampler, random_state=seed)
    return teacher


def kinds(decoders: Sequence[Any] | None, number: int, argument: str) -> list[Any]:
    """Return the network of each further decoder; None for the student's kind."""
    if decoders is None:
        return [None] * check_int(number, argument, at_least=1)
    if not isinstance(decoders, Sequence) or isinstance(decoders, str) or not decoders:
        raise ValueError(
            f"'decoders' must list at least one decoder, got {decoders!r}. Pass for "
            "example ['SCCNet', 'EEGNet'], or None for the student's kind."
        )
    for decoder in decoders:
        if decoder is not None:
            check_decoder(decoder, "decoders")
    return list(decoders)


def generations(training: Training, n_before: int) -> Iterator[tuple[Decoder, int]]:
    """Yield untrained decoders of the student's kind, at last the student itself."""
    for seed in range(training.random_state + 1, training.random_state + 1 + n_before):
        yield training.build("student", random_state=seed), seed
    yield training.student, training.random_state


def summary(decoder: Decoder, history: History) -> dict[str, Any]:
    """Return what a trained decoder read and how it did, for the notes of a history."""
    found = {
        "montage": decoder.view.montage.name,
        "n_chans": decoder.view.montage.n_chans,
        "best_epoch": history.best_epoch,
        "label_loss": history.label_loss,
    }
    if "valid_accuracy" in history.kept:
        found["accuracy"] = history.kept["valid_accuracy"]
    return found
