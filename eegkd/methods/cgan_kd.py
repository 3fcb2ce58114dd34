"""Distillation through generated trials, cGAN-KD (Ding et al. 2023)."""

from __future__ import annotations

from typing import Any

import torch

from eegkd._checks import check_choice, check_int, check_number, check_type
from eegkd.criteria import KL
from eegkd.distillation import History, Objective, Training
from eegkd.methods._generated_trials import AdversarialMaker, TeacherFilter
from eegkd.methods._unmet import say
from eegkd.methods.card import Card
from eegkd.samplers.synthetic import SegmentRecombination, join
from eegkd.weightings import Constant

GENERATORS = ("segments", "cgan")


@Card(
    title="Distillation through generated trials (cGAN-KD)",
    transfers="synthetic trials that the teacher chose and labeled",
    teacher="one",
    reference="Ding et al. 2023",
    composition="label loss on recorded trials and on synthetic ones that the teacher "
    "kept and labeled",
    use="When there are few trials, or labels are continuous and softened classes do "
    "not exist. The knowledge travels in the data, so any two decoders fit together.",
    limits="Students see more trials in each epoch; same_updates=True takes that "
    "advantage away. Recombined segments keep what is in the recorded trials and add "
    "jumps where they meet. A generator trained on few trials is poor. Labels from the "
    "teacher may be less balanced than the recorded ones. The published subsampling by "
    "a density ratio before the filter is left out.",
    reading="The segments; a small generator of filtered noise and evoked waves in the "
    "place of BigGAN; quarters of continuous labels where the paper has a limit for "
    "each label; a student trained from the start where the paper goes on training a "
    "converged one.",
    regression=True,
    control=lambda own: {} if own["same_updates"] else {"lengthen": 1 + own["ratio"]},
)
def cgan_kd(
    training: Training,
    *,
    generator: str = "segments",
    ratio: float = 2.0,
    quantile: float | None = None,
    relabel: bool | None = None,
    soft_weight: float = 0.0,
    temperature: float = 4.0,
    same_updates: bool = False,
    n_burn_in: int = 200,
    n_segments: int = 8,
    n_neighbors: int = 5,
    generator_epochs: int = 100,
    generator_lr: float = 2e-3,
) -> History:
    """Train the student on recorded trials and on synthetic ones the teacher approves.

    Parameters
    ----------
    generator : {"segments", "cgan"}, default="segments"
        ``"segments"`` recombines parts of trials of the same subject and label, see
        `eegkd.samplers.synthetic.SegmentRecombination`; ``"cgan"`` trains a small
        conditional generator (filtered noise and evoked waves) against a
        discriminator.
    ratio : float, default=2.0
        Synthetic trials for each recorded one, > 0; the published 100,000 for 50,000.
    quantile : float, optional
        A synthetic trial is dropped where the teacher's cross-entropy (absolute error
        for continuous labels) is above this quantile of its class (quarter of the
        labels), in (0, 1]; 1 keeps nearly all. By default the published 0.9 for
        classes, 0.7 for continuous labels and 0.8 with a soft loss.
    relabel : bool, optional
        Whether kept trials get the teacher's prediction as their label; by default
        they do, unless there is a soft loss, as published.
    same_updates : bool, default=False
        Whether epochs are made fewer by as much as trials became more.
    n_burn_in : int, default=200
        Synthetic trials for each class (quarter) that the quantile is measured on.
    n_segments, n_neighbors : int, default=8 and 5
        Of the segments.
    generator_epochs : int, default=100
        Epochs of generator and discriminator over the trials, >= 1.
    generator_lr : float, default=2e-3
        Their learning rate, > 0; larger than the published 2e-4, because few trials
        make few updates.

    Returns
    -------
    history : History
        Its notes count synthetic trials made and kept, and tell how far relabeling
        changed them: ``label_change`` is the part of changed classes, or the mean
        change of the standardized label. Where it is 0 and there is no soft loss,
        nothing but the choice of trials comes from the teacher; this is said.

    References
    ----------
    .. [1] Ding, X., Wang, Y., Xu, Z., Wang, Z. J., & Welch, W. J. (2023). Distilling
       and transferring knowledge via cGAN-generated samples for image classification
       and regression. Expert Systems with Applications, 213, 119060.
    """
    check_choice(generator, "generator", GENERATORS)
    check_number(ratio, "ratio", above=0)
    continuous, soft = training.regression, soft_weight != 0
    check_number(
        soft_weight,
        "soft_weight",
        at_least=0,
        at_most=0 if continuous else None,
        hint="Continuous labels have no softened classes." if continuous else "",
    )
    check_type(relabel, "relabel", (bool, type(None)), "True, False or None")
    check_type(same_updates, "same_updates", bool, "True or False")
    if quantile is None:
        quantile = 0.7 if continuous else 0.8 if soft else 0.9
    check_number(quantile, "quantile", above=0, at_most=1)
    check_int(n_burn_in, "n_burn_in", at_least=1)
    softened = KL(temperature)
    teacher, sampler = training.frozen(), training.sampler
    seed = training.random_state + 1
    maker = (
        SegmentRecombination(sampler, n_segments, n_neighbors)
        if generator == "segments"
        else AdversarialMaker(sampler, generator_epochs, generator_lr, seed)
    )
    random = torch.Generator().manual_seed(seed + 1)
    chosen_by = TeacherFilter(teacher, maker, sampler, quantile, n_burn_in)
    n_trials = max(1, round(ratio * len(sampler)))
    relabel = not soft if relabel is None else relabel
    synthetic, notes = chosen_by.choose(n_trials, relabel, random)
    seen = join(sampler, synthetic)
    part = len(sampler) / len(seen) if same_updates else 1.0
    terms: list[Any] = [(training.label_loss(), None), (softened, teacher)]
    history = training.run(
        Objective(terms, Constant(1.0, soft_weight)) if soft else Objective(terms[:1]),
        sampler=seen,
        max_epochs=max(1, round(part * training.max_epochs)),
    )
    history.notes.update(notes)
    _say_if_nothing_is_passed_on(notes, soft, relabel, generator)
    return history


def _say_if_nothing_is_passed_on(
    notes: dict[str, Any], soft: bool, relabel: bool, generator: str
) -> None:
    """Say so if no synthetic trial stayed, or if none tells what the teacher thinks."""
    n_kept = notes["synthetic_kept"]
    say(
        n_kept == 0,
        "The teacher kept none of %d synthetic trials: the student learns from the "
        "recorded ones alone. Raise 'quantile', or choose another generator.",
        notes["synthetic_made"],
    )
    say(
        n_kept > 0 and not soft and notes.get("label_change", 0) == 0,
        "The teacher changed no label of %d synthetic trials (label_change is 0), so "
        "the student learns nothing from it but which %.0f %% to leave out. Pass "
        "soft_weight=0.9%s%s.",
        n_kept,
        100 * (1 - notes["kept_fraction"]),
        "" if relabel else ", or relabel=True",
        ", or generator='cgan'" if generator == "segments" else "",
    )
