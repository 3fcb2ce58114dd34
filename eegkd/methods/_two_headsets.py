"""Trials of two headsets in one sampler, each subject's aligned for the student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_type, join_names
from eegkd.data.trials import Trials
from eegkd.samplers import Batch, TrialSampler

if TYPE_CHECKING:
    from eegkd.decoders import Output
    from eegkd.distillation import Training
    from eegkd.view import View


@dataclass(eq=False)
class HeadsetSampler(TrialSampler):
    """Trials of a source and of a target headset.

    The student's view shows the trials of each subject aligned with that subject's own
    matrix; other views show them as always.
    """

    view: View | None = None
    aligned: dict[int, View] = field(default_factory=dict)
    is_target: Tensor = field(default_factory=lambda: torch.zeros(0))
    labelled: Tensor = field(default_factory=lambda: torch.zeros(0))

    def seen_by(self, view: View, batch: Batch) -> Tensor:
        """Return a batch as one view shows it."""
        if view is self.view and view not in self._shown:
            shown = torch.empty(
                len(self), view.n_chans, self.X.shape[2], device=self.X.device
            )
            for subject in self.subject.unique().tolist():
                mine = self.subject == subject
                shown[mine] = self.aligned.get(subject, view)(self.X[mine])
            self._shown[view] = shown
        return super().seen_by(view, batch)


class Among:
    """A criterion for some trials of the batch: their mean becomes the batch mean."""

    def __init__(
        self, criterion: Callable[..., Tensor], where: Callable[[Batch], Tensor]
    ) -> None:
        self.criterion, self.where = criterion, where
        self.name: str = getattr(criterion, "name", type(criterion).__name__)

    def __call__(self, student: Output, teacher: Any, batch: Batch) -> Tensor:
        """Return the loss of each trial, 0 for those that do not count."""
        counts = self.where(batch).to(student.logits)
        losses = self.criterion(student, teacher, batch)
        return losses * counts * (len(batch) / counts.sum().clamp_min(1))

    def __repr__(self) -> str:
        return f"Among({self.criterion!r})"


def with_target(
    training: Training, target: Trials | None, supervised: bool
) -> tuple[HeadsetSampler, TrialSampler | None]:
    """Return training and validation trials, and give the student the target's view.

    Without ``target``, training trials of the last subject stand in, see `stand_in`.
    Labels of the target that must not be read are overwritten with 0.
    """
    sampler, view = training.sampler, training.student.view
    if target is None:
        is_target = stand_in(sampler)
        X, y = sampler.X, sampler.y.clone()
        subject, session = sampler.subject.clone(), sampler.session
        if sampler.subject.max() == 0:
            subject[is_target] = 1  # the stand-in is a subject of its own
    else:
        signals = _in_the_layout_of(sampler, view, target, training.sfreq)
        new = torch.full((len(signals),), 1, device=sampler.y.device)
        X = torch.cat([sampler.X, signals])
        codes = _codes(target, training) if supervised else 0 * new
        y = torch.cat([sampler.y, torch.as_tensor(codes).to(sampler.y)])
        subject = torch.cat([sampler.subject, new * (sampler.subject.max() + 1)])
        session = torch.cat([sampler.session, new * (sampler.session.max() + 1)])
        is_target = torch.arange(len(X), device=y.device) >= len(sampler)
    if not supervised:
        y[is_target] = 0
    aligned = {one: view.align(X[subject == one]) for one in subject.unique().tolist()}
    shown = view.align(X[is_target])
    training.student.view = shown
    mixed = HeadsetSampler(
        X, y, subject, session,
        batch_size=sampler.batch_size, shuffle=sampler.shuffle, seed=sampler.seed,
        view=shown, aligned=aligned, is_target=is_target,
        labelled=~is_target | supervised,
    )  # fmt: skip
    return mixed, _validation(training, mixed, supervised)


def stand_in(sampler: TrialSampler) -> Tensor:
    """Return which trials stand in for a target headset, shape (n_trials,).

    Those of the last subject; of one subject, those of the last session; of one
    session, the last third in the order of the sampler.
    """
    for code in (sampler.subject, sampler.session):
        if code.max() > code.min():
            return code == code.max()
    place = torch.arange(len(sampler), device=sampler.y.device)
    return place >= len(sampler) - max(1, len(sampler) // 3)


def of_target(batch: Batch) -> Tensor:
    """Return which trials of a batch are of the target headset."""
    return batch.sampler.is_target[batch.index]  # type: ignore[attr-defined]


def of_training(batch: Batch) -> Tensor:
    """Return which trials of a batch are of the source headset."""
    return ~of_target(batch)


def with_label(batch: Batch) -> Tensor:
    """Return which trials of a batch have labels that may be read."""
    return batch.sampler.labelled[batch.index]  # type: ignore[attr-defined]


def _validation(
    training: Training, mixed: HeadsetSampler, supervised: bool
) -> HeadsetSampler | None:
    """Return the validation trials aligned alike, without those of an unread target."""
    valid = training.valid
    if valid is None:
        return None
    one = mixed.subject[mixed.is_target][0]  # subject that the target counts as
    subject = valid.subject
    if len(mixed) == len(training.sampler) and training.sampler.subject.max() == 0:
        subject = subject * 0 + one  # the end of the recording, as the target is
    kept = (subject != one) | supervised
    if not kept.any():
        return None
    nothing = torch.zeros(int(kept.sum()), dtype=torch.bool, device=kept.device)
    return HeadsetSampler(
        valid.X[kept], valid.y[kept], subject[kept], valid.session[kept],
        batch_size=valid.batch_size, shuffle=valid.shuffle, seed=valid.seed,
        view=mixed.view, aligned=mixed.aligned, is_target=nothing, labelled=~nothing,
    )  # fmt: skip


def _in_the_layout_of(
    sampler: TrialSampler, view: View, target: Trials, sfreq: float
) -> Tensor:
    """Return a target's trials on the channels of the sampler, 0 where it has none."""
    check_type(target, "target", Trials, "Trials of the other headset, or None")
    n_times = sampler.X.shape[2]
    if (target.n_times, target.sfreq) != (n_times, sfreq):
        raise ValueError(
            f"'target' must hold trials of {n_times} samples at {sfreq:g} Hz, got "
            f"{target.n_times} at {target.sfreq:g} Hz. Load both headsets with one "
            "window and one rate."
        )
    if view.resolved.index is None:
        raise ValueError(
            f"'target' needs a student whose electrodes are channels of the training "
            f"trials, but some of {join_names(view.ch_names)} are interpolated. Use a "
            "montage of recorded electrodes."
        )
    picked = view.bind(target.ch_names).pick(torch.as_tensor(target.X))
    signals = torch.zeros(len(picked), sampler.X.shape[1], n_times)
    signals[:, torch.as_tensor(view.resolved.index)] = picked.float()
    return signals.to(sampler.X.device)


def _codes(target: Trials, training: Training) -> np.ndarray:
    """Return the class of each trial of a target, counted as the training counts."""
    classes, codes = np.unique(target.y, return_inverse=True)
    found = classes.tolist()
    wanted = list(training.classes) or found
    if set(found) != set(wanted) or len(found) != training.n_outputs:
        known = f" ({join_names(training.classes)})" if training.classes else ""
        raise ValueError(
            f"'target' must hold the {training.n_outputs} classes of the training "
            f"trials{known} to be learned from its labels, got {join_names(found)}. "
            "Select trials of the same classes, or pass supervised=False."
        )
    return np.array([wanted.index(label) for label in found])[codes]
