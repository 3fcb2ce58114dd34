"""Several teachers: those given, and those that a method trains besides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_int
from eegkd.decoders import Output
from eegkd.distillation import Training
from eegkd.methods._further_decoders import another
from eegkd.methods._unmet import say
from eegkd.samplers import Batch, Sampler, TrialSampler
from eegkd.teachers import Ensemble, Frozen, Teacher

N_PARTS = 10  # contiguous parts of a recording that teachers take or leave
SIBLINGS = 1000  # between the seed of a given teacher and those of its siblings
ALONE = "none is chosen or weighed, as in 'kd'. Raise n_teachers, or pass several."
MIN_GROUPS = 3  # with fewer, subsets would be equal or would not overlap


def several(training: Training, n_teachers: int) -> list[Frozen]:
    """Return the given teachers; beside a single one, others of its electrodes."""
    check_int(n_teachers, "n_teachers", at_least=1)
    teachers = [training.teacher, *training.teachers[1:]]
    if len(teachers) == 1:
        for number in range(1, n_teachers):
            teachers.append(another(training, "full", SIBLINGS + number))
    say(len(teachers) == 1, "There is one teacher: %s", ALONE)
    return [training.freeze(teacher) for teacher in teachers]


def small_to_large(
    training: Training, n_teachers: int, *, with_student: bool
) -> list[Frozen]:
    """Return the given teachers; below a single one, others on fewer electrodes."""
    check_int(n_teachers, "n_teachers", at_least=1)
    teachers = [training.teacher, *training.teachers[1:]]
    if len(teachers) == 1 and n_teachers > 1:
        steps = training.ladder(n_teachers - 1 - with_student)
        montages = [*(["student"] if with_student else []), *steps]
        for number, montage in enumerate(montages, start=1):
            teachers.append(another(training, montage, number))
    say(
        len(teachers) == 1 and not with_student,
        "There is one teacher, as no electrodes lie between it and the student or "
        "none were asked for: %s",
        ALONE,
    )
    teachers.sort(key=lambda teacher: teacher.view.n_chans)
    return [training.freeze(teacher) for teacher in teachers]


def subsets_of_groups(
    sampler: TrialSampler, n_subsets: int, fraction: float, seed: int
) -> tuple[str, list[Tensor]]:
    """Return what was split, and the trials of subsets that leave out other groups.

    Groups are subjects, or else sessions, or else contiguous parts of each session.
    They are left out in turn, so that no group is missed more often than it must be.
    A fraction of 1 leaves out none, a smaller one at least one.
    """
    kind, group = _groups(sampler)
    names = np.unique(group)
    most = len(names) if fraction == 1 else max(len(names) - 1, 1)
    n_left = len(names) - min(max(round(fraction * len(names)), 1), most)
    order = np.random.default_rng(seed).permutation(names)
    subsets = []
    for number in range(n_subsets):
        left = order[(number * n_left + np.arange(n_left)) % len(order)]
        kept = np.flatnonzero(~np.isin(group, left))
        subsets.append(torch.as_tensor(kept, device=sampler.X.device))
    return kind, subsets


def _groups(sampler: TrialSampler) -> tuple[str, np.ndarray]:
    """Return the coarsest split with groups enough, and the group of each trial."""
    session = sampler.session.cpu().numpy()
    for kind, group in (
        ("subjects", sampler.subject.cpu().numpy()),
        ("sessions", session),
    ):
        if len(np.unique(group)) >= MIN_GROUPS:
            return kind, group
    part = np.zeros(len(session), dtype=np.int64)
    for name in np.unique(session):
        inside = np.flatnonzero(session == name)
        n_parts = min(N_PARTS, len(inside))
        part[inside] = np.arange(len(inside)) * n_parts // len(inside)
    return "parts of sessions", part


class RandomSubset:
    """The mean probability of other teachers in each batch, of all in validation.

    Probabilities are those at the temperature of the divergence, which therefore
    must be the same.
    """

    def __init__(
        self,
        teachers: Sequence[Frozen],
        sampler: Sampler,
        temperature: float,
        seed: int,
    ) -> None:
        self.teachers, self.sampler = list(teachers), sampler
        self.temperature, self.seed = temperature, seed
        self.start_epoch(0)

    @property
    def parts(self) -> list[Teacher]:
        """The teachers that are drawn from."""
        return list(self.teachers)

    def start_epoch(self, epoch: int) -> None:
        """Begin the draws of an epoch, which depend on seed and epoch alone."""
        self._rng = np.random.default_rng([self.seed, epoch])

    def __call__(self, batch: Batch) -> Output:
        """Return scores whose softmax at the temperature is the mean probability."""
        chosen = self.teachers
        if batch.sampler is self.sampler:
            chosen = []
            while not chosen:
                chosen = [who for who in self.teachers if self._rng.random() < 0.5]
        return Ensemble(chosen, temperature=self.temperature)(batch)
