"""Teaching assistants, in a chain or an ensemble: decoders that learn in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from eegkd._checks import check_choice, check_int
from eegkd.distillation import Training
from eegkd.methods._further_decoders import kinds, summary
from eegkd.methods._held_out import validation_batch
from eegkd.methods._unmet import say
from eegkd.methods.objectives import soft_objective
from eegkd.teachers import Frozen, Teacher

MONTAGES = ("ladder", "student")


def train_assistants(
    training: Training,
    first: Teacher,
    n_assistants: int,
    decoders: Sequence[Any] | None,
    montages: str,
    *,
    chain: bool,
    **shared: Any,
) -> tuple[list[Frozen], list[dict[str, Any]]]:
    """Distill a teacher into assistants; in a chain each one teaches the next."""
    check_choice(montages, "montages", MONTAGES)
    decoders = kinds(decoders, n_assistants, "n_assistants")
    places: list[Any] = ["student"] * len(decoders)
    own = all(kind is None for kind in decoders)
    if montages == "ladder":
        steps = training.ladder(len(decoders))[::-1]
        places[: len(steps)] = steps
        own = own and not steps
    say(
        own,
        "Assistants are like the student: they read its electrodes with its network. "
        "Choose a montage with fewer electrodes, or pass decoders=[...].",
    )
    teacher, assistants, notes = first, [], []
    for number, (place, kind) in enumerate(zip(places, decoders, strict=True)):
        seed = training.random_state + 1 + number
        assistant = training.build(place, kind, seed)
        history = training.train(
            assistant, soft_objective(training, teacher, **shared), random_state=seed
        )
        assistants.append(Frozen(assistant))
        notes.append(
            {
                "decoder": type(assistant.network).__name__,
                **summary(assistant, history),
            }
        )
        if chain:
            teacher = assistants[-1]
    return assistants, notes


def ensemble_weights(proba: Any, y: Any, random_state: int = 0) -> list[float]:
    """Find the weighted average of probabilities that is likeliest to be right."""
    from scipy.optimize import differential_evolution

    check_int(random_state, "random_state", at_least=0)
    right = np.take_along_axis(np.asarray(proba), np.asarray(y)[None, :, None], 2)[
        ..., 0
    ]

    def shares(values: np.ndarray) -> np.ndarray:
        total = values.sum()
        return values / total if total > 0 else np.full(len(values), 1 / len(values))

    def surprise(values: np.ndarray) -> float:
        return float(-np.log(np.maximum(shares(values) @ right, 1e-12)).mean())

    found = differential_evolution(
        surprise,
        [(0.0, 1.0)] * len(right),
        strategy="best1bin",
        tol=1e-6,
        polish=False,
        seed=np.random.default_rng(random_state),
    )
    return shares(found.x).tolist()


def held_out_answers(
    training: Training, members: Sequence[Frozen]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' probabilities of validation trials, and the classes."""
    batch = validation_batch(training)
    logits = torch.stack([member(batch).logits for member in members])
    return logits.double().softmax(dim=2).cpu().numpy(), batch.y.cpu().numpy()
