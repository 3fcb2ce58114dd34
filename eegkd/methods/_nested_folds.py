"""Teachers and students of folds of the training trials, asked about the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from eegkd.data.groups import contiguous_parts, groups, leave_one_out, time_parts
from eegkd.decoders import Decoder, build_decoder
from eegkd.decoders.table import Tap
from eegkd.distillation import Training, train_decoder
from eegkd.methods._out_of_fold import Better, better
from eegkd.samplers import TrialSampler
from eegkd.view import View

READ_AT_ONCE = 256  # trials of which a decoder's scores are computed together


@dataclass(eq=False)
class Fold:
    """A part of the training trials to learn from, and the rest to ask."""

    training: Training  # of the part, with an untrained student
    held_out: TrialSampler
    codes: np.ndarray
    group: np.ndarray
    retrain: bool

    @cached_property
    def _like_given(self) -> Decoder | None:
        """An untrained teacher like the given one, where it can be built again."""
        return _untrained(self.training) if self.retrain else None

    @property
    def teacher_is_given(self) -> bool:
        """Whether the teacher takes part as it was given."""
        return self._like_given is None

    def train_teacher(self) -> None:
        """Give the training its teacher."""
        teacher = self._like_given
        if teacher is not None:
            seed = (teacher.config or {}).get("random_state", 0)
            self.training.train(teacher, random_state=seed)
            self.training.teachers = [teacher.eval()]

    def student(self) -> Training:
        """Return the training with another untrained student."""
        return replace(self.training, student=self.training.copy_student())

    def answers(self, decoder: Decoder) -> np.ndarray:
        """Return a decoder's scores of the held-out trials."""
        decoder.eval()
        index = torch.arange(len(self.held_out), device=self.held_out.X.device)
        with torch.no_grad():
            batches = map(self.held_out.batch, index.split(READ_AT_ONCE))
            scores = [
                decoder(batch.seen_by(decoder.view), features=False).logits
                for batch in batches
            ]
        return torch.cat(scores).double().cpu().numpy()


def nested_folds(
    training: Training, n_folds: int, split: str, retrain: bool
) -> Iterator[Fold]:
    """Yield the folds of the training trials."""
    metadata = _metadata(training)
    sampler = training.sampler
    codes = sampler.y.cpu().numpy()
    group = groups(metadata)
    alone = np.arange(len(codes)) if group is None else group
    subject = metadata["subject"].to_numpy()
    who = np.unique(subject, return_inverse=True)[1]
    if split == "subject":
        part, unit = contiguous_parts(who, np.zeros(len(who)), n_folds), who
    else:
        part, unit = time_parts(metadata, codes, n_folds), alone
    if len(np.unique(part)) < 2:
        raise ValueError(
            f"'split' {split!r} must leave trials to learn from and trials to ask, but "
            f"all {len(codes)} training trials overlap or are one group. Record more "
            "trials, or choose a method yourself."
        )
    for rows, held_out in leave_one_out(metadata, part):
        yield Fold(
            _within(training, rows),
            sampler.subset(_index(held_out, sampler)),
            codes[held_out],
            unit[held_out],
            retrain,
        )


def _metadata(training: Training) -> Any:
    """Return subject, session and run of each training trial, and when it was."""
    import pandas as pd

    if training.metadata is not None:
        return training.metadata.reset_index(drop=True)
    sampler = training.sampler
    known = {
        name: getattr(sampler, name).cpu().numpy() for name in ("subject", "session")
    }
    return pd.DataFrame({**known, "run": "0"})


def _index(rows: np.ndarray, sampler: TrialSampler) -> torch.Tensor:
    """Return row numbers where the trials are."""
    return torch.as_tensor(rows, device=sampler.X.device)


def _within(training: Training, rows: np.ndarray) -> Training:
    """Return the training on some of its trials, by which all views are scaled."""
    sampler = training.sampler.subset(_index(rows, training.sampler))
    seen: dict[View, View] = {}

    def rescaled(decoder: Decoder) -> Decoder:
        view = decoder.view
        if view not in seen:
            seen[view] = _view_like(view, sampler.X)
        decoder.view = seen[view]
        return decoder

    def make(montage: Any, decoder: Any, random_state: int) -> Decoder:
        assert training.make is not None
        return rescaled(training.make(montage, decoder, random_state))

    metadata = training.metadata
    return replace(
        training,
        student=rescaled(training.copy_student()),
        sampler=sampler,
        make=None if training.make is None else make,
        metadata=None if metadata is None else metadata.iloc[rows],
    )


def _view_like(view: View, X: torch.Tensor) -> View:
    """Return a view of the same electrodes, scaled by other trials."""
    other = View(
        None if view.is_full else view.montage,
        view.data_names,
        on_missing=view.on_missing,
        reference=view.reference,
        standardize=view.standardize,
    )
    return other if view.standardize is None else other.fit(X)


def _untrained(training: Training) -> Decoder | None:
    """Return an untrained decoder like the teacher; None if it cannot be built."""
    teacher = training.teacher
    config, X = teacher.config, training.sampler.X
    if config is None:
        return None
    seed = config["random_state"]
    if config["foreign"]:  # its factory is known where it is the student's as well
        own, names = training.student.config or {}, ("name", "foreign", "options")
        if training.make is None or any(own.get(n) != config[n] for n in names):
            return None
        montage = None if teacher.view.is_full else teacher.view.montage
        built = training.make(montage, None, seed)
        built.view = _view_like(teacher.view, X)
        return built
    return build_decoder(
        config["name"],
        _view_like(teacher.view, X),
        n_outputs=training.n_outputs,
        n_times=config["n_times"],
        sfreq=config["sfreq"],
        random_state=seed,
        taps={name: Tap(**place) for name, place in config["taps"].items()},
        **config["options"],
    ).to(X.device)


class Votes:
    """What decoders say of trials that they did not learn from, over all folds."""

    def __init__(self, training: Training, folds: Sequence[Fold]) -> None:
        self.folds = folds
        self.codes = np.concatenate([fold.codes for fold in folds])
        self.group = np.concatenate([fold.group for fold in folds])
        weight = training.class_weight
        self.weight = None if weight is None else weight.cpu().numpy()
        self.logits: dict[str, np.ndarray] = {}
        self.n_trained = {"teachers": 0, "students": 0}

    def ask_teacher(self) -> None:
        """Ask a teacher and an untaught student of each fold."""
        said = []
        for fold in self.folds:
            fold.train_teacher()
            self.n_trained["teachers"] += not fold.teacher_is_given
            said.append(fold.answers(fold.training.teacher))
        self.logits["teacher"] = np.concatenate(said)
        self.ask("none", train_decoder, {})

    def ask(self, name: str, method: Any, options: Mapping[str, Any]) -> None:
        """Ask a student of each fold that is taught by a method."""
        said = []
        for fold in self.folds:
            inner = fold.student()
            method(inner, **options)
            self.n_trained["students"] += 1
            said.append(fold.answers(inner.student))
        self.logits[name] = np.concatenate(said)

    def against_untaught(self, name: str) -> Better:
        """Return how much better one is than the untaught student."""
        scores, others = self.logits[name], self.logits["none"]
        return better(scores, others, self.codes, self.weight, self.group)

    def accuracies(self) -> dict[str, float]:
        """Return the accuracy of each, by name."""
        return {
            name: float((logits.argmax(axis=1) == self.codes).mean())
            for name, logits in self.logits.items()
        }

    def cost(self) -> str:
        """Return what was trained, in words."""
        n_all = sum(len(fold.codes) for fold in self.folds)
        part = np.mean([len(fold.training.sampler) for fold in self.folds]) / n_all
        trained = [f"{n} {name}" for name, n in self.n_trained.items() if n]
        return f"{' and '.join(trained)} on {part:.0%} of the training trials"
