"""A planted task on which a working method must help, but not with shuffled answers.

Half of the labels of the training trials are drawn at random. The teacher has seen 450
other trials with true labels and reads electrodes on which the classes are clear; the
student's electrodes show them faintly. What the teacher says of a trial is therefore
worth more than its label. If its answers are shuffled over trials, they are worth
nothing.

Methods of which it cannot be asked are in `UNPLANTED`, with the reason. Losses on
layers and relations are scaled until they outweigh the labels by far, because their
published weights belong to other networks, and because with a small weight even
shuffled answers help a little: they keep a student from learning wrong labels by heart.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.data.trials import Trials
from eegkd.decoders import Output
from eegkd.methods import METHODS
from eegkd.teachers import Frozen

CH_NAMES = ("C3", "Cz", "C4", "Fz", "Pz", "FC3", "FC4", "POz")
STUDENT = ["Fz", "Pz", "POz"]
N_SEEDS = 2
MARGIN = 0.05
# The published network and optimizer, which follow whatever teaches them: the default
# ones know the task too well to need a teacher.
TRAINING = {"recipe": "published", "batch_size": 24, "valid_fraction": 0}
SCORES = {"max_epochs": 15, "lr": 1e-2}
LONGER = {"max_epochs": 25, "lr": 1e-2}  # assistants learn before the student does
SLOWER = {"max_epochs": 15, "lr": 5e-3}
LAYERS = {**SLOWER, "calibrate": 300.0}
SETTINGS = {
    **dict.fromkeys(
        "attention_transfer crd factor_transfer fitnet ickd info_nce kdsvd pkt "
        "review_kd rkd similarity_preserving vid".split(),
        LAYERS,
    ),
    "mix_kd": SLOWER,
    "takd": LONGER,
}
OPTIONS = {
    "dkd": {"beta": 1.0},  # as its card advises for three classes
    "ta_ensemble": {"n_assistants": 2},
}

# Why a method cannot be asked, by method.
OWN_TEACHERS = "It trains its teachers itself: none can be shuffled."
AT_THE_SAME_TIME = "The teacher learns from the same trials at the same time."
FIRST_STAGE = "The teacher acts in a first stage; of this nothing is left at the end."
CONTROL = "It is a control: the teacher's answers do not reach the student as they are."
UNPLANTED = {
    "none": "It has no teacher.",
    "correlation_congruence": "Embeddings of one sign have nearly equal kernel values.",
    "activation_boundaries": FIRST_STAGE,
    "nst": "It says when maps are active, and the rhythm lasts through the trial.",
    "fsp": FIRST_STAGE,
    "cgan_kd": "Recorded trials keep their labels, half of which are wrong.",
    "cudfkd": "The student sees made-up trials only, no training trials.",
    "single_recording": "No training trial is seen as such.",
    "early_stopped_kd": "The last epochs learn from labels, half of which are wrong.",
    "early_stopped_teacher": OWN_TEACHERS,
    "sweet_spot": OWN_TEACHERS,
    "ros_kd": OWN_TEACHERS,
    "pskd": "It follows a teacher only where that agrees with the label.",
    "bd_kd": AT_THE_SAME_TIME,
    "mutual_learning": AT_THE_SAME_TIME,
    "mean_teacher": "The teacher is the student's own past.",
    "born_again": OWN_TEACHERS,
    "self_distillation": OWN_TEACHERS,
    "tf_kd": "The teacher is the label or the student's earlier self.",
    "tasked": "There is no teacher that has seen more than the student.",
    "sdda": "Alignment and class confusion help the student without any teacher.",
    "auto": "It teaches by another method, or not at all.",
    "smoothed_labels": CONTROL,
    "permuted_kd": CONTROL,
}

# The costliest, whose loss has an oracle and whose relatives are asked every time.
COSTLY = {"kdsvd", "review_kd", "ta_ensemble", "vid"}


def planted_trials(n_trials, seed, wrong_labels=0.0):
    """Return trials of three classes, clear on C3, Cz, C4, faint on Fz, Pz, POz."""
    rng = np.random.default_rng(seed)
    time = np.arange(125) / 125
    y = rng.permutation(np.arange(n_trials) % 3)
    X = rng.standard_normal((n_trials, len(CH_NAMES), len(time)))
    for trial, label in zip(X, y, strict=True):
        wave = np.sin(2 * np.pi * 10 * time + rng.uniform(0, 2 * np.pi))
        trial[label] += 1.5 * wave
        trial[CH_NAMES.index(STUDENT[label])] += 0.6 * wave
    wrong = rng.random(n_trials) < wrong_labels
    y[wrong] = rng.integers(0, 3, wrong.sum())
    metadata = pd.DataFrame({"subject": [1] * n_trials, "session": "0", "run": "0"})
    names = np.array(["feet", "left", "right"])
    return Trials.from_arrays(1e-5 * X, names[y], CH_NAMES, 125.0, metadata)


@pytest.fixture(scope="module")
def teachers():
    """Return two teachers that have seen 450 trials with true labels."""
    settings = {**TRAINING, "max_epochs": 25, "lr": 5e-3, "batch_size": 64}
    return [
        DecoderClassifier(**settings, random_state=seed).fit(planted_trials(450, 0))
        for seed in range(2)
    ]


@pytest.fixture(scope="module")
def tested():
    """Return test trials with true labels."""
    return planted_trials(600, 1)


def score(name, teachers, tested, settings, n_seeds=N_SEEDS):
    """Return the mean accuracy of a method's students over seeds."""
    scores = []
    several = METHODS[name].card.teacher == "several"
    for seed in range(n_seeds):
        student = DistilledClassifier(
            STUDENT,
            name,
            teacher=teachers if several else teachers[0],
            method_options=OPTIONS.get(name, {}),
            random_state=seed,
            **TRAINING,
            **settings,
        ).fit(planted_trials(96, 10 + seed, wrong_labels=0.5))
        scores.append(student.score(tested, tested.y))
    return float(np.mean(scores))


@pytest.fixture(scope="module")
def alone(teachers, tested):
    """Return the accuracy without a teacher, by epochs and learning rate."""
    return {
        (settings["max_epochs"], settings["lr"]): score(
            "none", teachers, tested, settings, n_seeds=4
        )
        for settings in (SCORES, LONGER, SLOWER)
    }


def shuffled(answer):
    """Return an answer of `Frozen` that belongs to other trials."""

    def call(self, batch):
        generator = torch.Generator().manual_seed(5)
        if batch.x is None and hasattr(batch.sampler, "batch"):
            order = torch.randperm(len(batch.sampler), generator=generator)
            return answer(self, batch.sampler.batch(order[batch.index]))
        output = answer(self, batch)
        order = torch.randperm(len(batch), generator=generator)
        return Output(
            output.logits[order],
            {name: values[order] for name, values in output.features.items()},
            None if output.embedding is None else output.embedding[order],
        )

    return call


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in COSTLY else ())
        for name in METHODS
        if name not in UNPLANTED
    ],
)
def test_a_teacher_that_knows_better_helps(name, teachers, tested, alone, monkeypatch):
    settings = SETTINGS.get(name, SCORES)
    before = alone[settings["max_epochs"], settings["lr"]]
    helped = score(name, teachers, tested, settings)
    monkeypatch.setattr(Frozen, "__call__", shuffled(Frozen.__call__))
    misled = score(name, teachers, tested, settings)
    print(f"{name}: {before:.3f} alone, {helped:.3f} taught, {misled:.3f} shuffled")
    assert helped > before + MARGIN
    # Shuffled answers still keep a student from learning wrong labels by heart.
    assert misled < before + max(MARGIN, (helped - before) / 3)
    assert misled < helped - MARGIN


def test_reasons_are_given_where_it_cannot_be_asked():
    assert set(UNPLANTED) <= set(METHODS)
    assert len(UNPLANTED) < len(METHODS) / 2
    for name, reason in UNPLANTED.items():
        assert len(reason) > 10, name
