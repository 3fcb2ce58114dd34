"""Self-distillation in generations, with a look at flatness (Pham et al. 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eegkd._checks import check_choice, check_int, check_number, check_type
from eegkd.decoders import Decoder
from eegkd.distillation import History, Training
from eegkd.distillation.flatness import flatness, top_hessian_eigenvalue
from eegkd.methods._further_decoders import generations, summary
from eegkd.methods.card import Card, options_of
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Frozen

STARTS = ("student", "teacher")


@Card(
    title="Self-distillation in generations",
    transfers="softened classes of the same architecture, trained before",
    teacher="itself",
    reference="Pham et al. 2022",
    composition="generations: 0.1 cross-entropy + 0.9 KL(T=4) to the one before; with "
    "probe=True after each the rise of the loss around its weights and its sharpest "
    "curvature",
    use="To see whether a decoder gains from its own teaching and, with probe=True, "
    "whether flatter minima are why. start='teacher' begins with the same architecture "
    "on all electrodes, so that the montage is the only change.",
    limits="Costs one training for each generation. Flatness is compared within one "
    "montage only, and a flat minimum does not prove that it generalizes.",
    reading="Weights, temperature and number of generations, which are those of plain "
    "distillation, both measures of flatness, and start='teacher'.",
    accepts_teacher=("start", "teacher"),
)
@options_of(soft_objective)
def self_distillation(
    training: Training,
    *,
    n_generations: int = 2,
    start: str = "student",
    probe: bool = False,
    radius: float = 0.1,
    **shared: Any,
) -> History:
    """Train the same architecture again and again, and probe how flat each ends.

    Parameters
    ----------
    training : Training
        Student, trials and settings. With ``start="teacher"`` its trained teacher, if
        it has one, is the first generation.
    start : {"student", "teacher"}, default="student"
        Whether the first generation reads the student's electrodes or all of them;
        with ``"teacher"`` it is the given teacher, where one is given.
    probe : bool, default=False
        Whether to measure flatness after each generation, on the training trials. With
        few epochs this costs several times as much as the training itself.
    radius : float, default=0.1
        Relative size of the steps, see `eegkd.distillation.flatness.flatness`.

    Returns
    -------
    history : History
        The last generation's. ``notes["generations"]`` holds for each generation how
        it did and, with ``probe``, ``loss_rise`` and ``top_eigenvalue``.

    References
    ----------
    .. [1] Pham, M., Cho, M., Joshi, A., & Hegde, C. (2022). Revisiting
       self-distillation. arXiv:2206.08491.
    """
    check_int(n_generations, "n_generations", at_least=1)
    check_choice(start, "start", STARTS)
    check_type(probe, "probe", bool, "True or False")
    check_number(radius, "radius", above=0)
    waiting = generations(training, n_generations - (start == "teacher"))
    decoder, history = _first(training, start, n_generations, waiting)
    found = [_found(training, decoder, history, probe, radius)]
    for taught, seed in waiting:
        objective = soft_objective(training, Frozen(decoder), **shared)
        history = training.train(taught, objective, random_state=seed)
        found.append(_found(training, taught, history, probe, radius))
        decoder = taught
    history.notes["generations"] = found
    return history


def _first(
    training: Training,
    start: str,
    n_generations: int,
    waiting: Iterator[tuple[Decoder, int]],
) -> tuple[Decoder, History]:
    """Return the first generation; a given teacher has no history."""
    if start == "teacher" and training.teachers:
        return training.teacher, History()
    if start == "teacher":
        seed = training.random_state + n_generations
        decoder = training.build("full", random_state=seed)
    else:
        decoder, seed = next(waiting)
    return decoder, training.train(decoder, random_state=seed)


def _found(
    training: Training, decoder: Decoder, history: History, probe: bool, radius: float
) -> dict[str, Any]:
    """Return how a generation did and how flat it is."""
    found: dict[str, Any] = {"montage": decoder.view.montage.name}
    if history.rows:
        found = summary(decoder, history)
    if probe:
        loss, sampler = training.label_loss(), training.sampler  # that was minimized
        found["loss_rise"] = flatness(decoder, sampler, criterion=loss, radius=radius)
        found["top_eigenvalue"] = top_hessian_eigenvalue(
            decoder, sampler, criterion=loss
        )
    return found
