"""Methods that transfer relations of trials or of maps: what each one minimizes."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch

from eegkd.criteria.maps import FSP
from eegkd.criteria.relations import (
    CenteredSimilarityPreserving,
    CorrelationCongruence,
    RKDAngle,
    RKDDistance,
    SimilarityPreserving,
)
from eegkd.decoders import build_decoder
from eegkd.distillation import Objective, Training, distill
from eegkd.distillation.loop import Learner
from eegkd.methods.correlation_congruence import correlation_congruence
from eegkd.methods.fsp import fsp
from eegkd.methods.ickd import ickd
from eegkd.methods.kdsvd import kdsvd
from eegkd.methods.none import none
from eegkd.methods.nst import nst
from eegkd.methods.pkt import pkt
from eegkd.methods.rkd import rkd
from eegkd.methods.similarity_preserving import similarity_preserving
from eegkd.samplers import TrialSampler
from eegkd.view import View

from .conftest import adam, make_trials

ORACLES = {
    "similarity_preserving",
    "correlation_congruence",
    "rkd",
    "pkt",
    "nst",
    "fsp",
    "ickd",
    "kdsvd",
}

# Method, options, and the weight of each column of its history as documented.
CASES = {
    "similarity_preserving": (
        similarity_preserving,
        {},
        {"similarity_preserving_loss": 3000},
    ),
    "centered": (
        similarity_preserving,
        {"centered": True},
        {"centered_similarity_preserving_loss": 3000},
    ),
    "correlation_congruence": (
        correlation_congruence,
        {},
        {"correlation_congruence_loss": 10},
    ),
    "code": (
        correlation_congruence,
        {"form": "code"},
        {"correlation_congruence_loss": 0.02},
    ),
    "rkd": (rkd, {}, {"rkd_distance_loss": 25, "rkd_angle_loss": 50}),
    "pkt": (pkt, {}, {"pkt_loss": 30000}),
    "nst": (nst, {}, {"nst_loss": 50}),
    "ickd": (ickd, {}, {"ickd_loss": 2.5}),
    "kdsvd": (kdsvd, {}, {"kdsvd_loss": 1}),
    "fsp": (fsp, {"flow_weight": 7.0}, {"fsp_loss": 7}),
}
WEIGHTS = {
    similarity_preserving: ["similarity_weight"],
    correlation_congruence: ["correlation_weight"],
    rkd: ["distance_weight", "angle_weight"],
    pkt: ["transfer_weight"],
    nst: ["selectivity_weight"],
    ickd: ["correlation_weight"],
    kdsvd: ["vector_weight"],
    fsp: ["flow_weight"],
}


def decoder(montage, trials, X, seed, n_outputs=3):
    """Return an untrained network on some electrodes."""
    return build_decoder(
        "SCCNet",
        View(montage, trials.ch_names).fit(torch.as_tensor(X)),
        n_outputs=n_outputs,
        n_times=trials.X.shape[2],
        sfreq=125.0,
        random_state=seed,
    )


@functools.cache
def small_trials():
    """Return two sessions of 36 short trials, made once."""
    return make_trials(n_subjects=1, n_times=100)


@pytest.fixture(scope="module")
def teacher():
    """Return a teacher on all electrodes, trained for a moment."""
    torch.set_num_threads(1)
    trials = small_trials()
    y = np.unique(trials.y, return_inverse=True)[1]
    sampler = TrialSampler.from_arrays(trials.X[:36], y[:36], batch_size=12)
    network = decoder(trials.ch_names, trials, trials.X[:36], 5)
    label_loss = Training(student=network, sampler=sampler).label_loss()
    distill(
        Learner(network, Objective([(label_loss, None)]), adam(lr=5e-3)),
        sampler,
        max_epochs=10,
    )
    return network


def make_training(
    teacher, *, lr=3e-3, batch_size=12, valid=True, continuous=False, **loop
):
    """Return a training of a student on three electrodes."""
    trials = small_trials()
    y = np.unique(trials.y, return_inverse=True)[1]
    if continuous:
        y = y.astype(np.float32)
    sampler = TrialSampler.from_arrays(trials.X[:36], y[:36], batch_size=batch_size)
    held_out = TrialSampler.from_arrays(trials.X[36:], y[36:], shuffle=False)
    return Training(
        student=decoder(
            ["C3", "Cz", "C4"], trials, trials.X[:36], 1, 1 if continuous else 3
        ),
        sampler=sampler,
        valid=held_out if valid else None,
        teachers=[teacher],
        recipe=adam(lr=lr),
        loop={"max_epochs": 2, "random_state": 0, **loop},
    )


def same_weights(first, second):
    """Say whether two decoders are equal bit by bit."""
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_documented_sum(teacher, case):
    method, options, weights = CASES[case]
    training = make_training(teacher)
    before = copy.deepcopy(teacher.state_dict())
    for label_weight, soft_weight in ((1.0, 0.0), (0.3, 0.6)):
        chosen = (
            {}
            if soft_weight == 0
            else {
                "label_weight": label_weight,
                "soft_weight": soft_weight,
                "temperature": 2.0,
            }
        )
        history = method(training, **options, **chosen)
        parts = {"label_loss": label_weight, **weights}
        if soft_weight:
            parts["soft_loss"] = soft_weight
        for row in history.rows:
            for stage in ("train", "valid"):
                columns = {
                    name.removeprefix(f"{stage}_")
                    for name in row
                    if name.startswith(stage)
                } - {"loss", "accuracy"}
                assert columns == set(parts)
                expected = sum(w * row[f"{stage}_{name}"] for name, w in parts.items())
                assert row[f"{stage}_loss"] == pytest.approx(expected, rel=1e-4)
    assert all(torch.equal(before[k], v) for k, v in teacher.state_dict().items())


@pytest.mark.parametrize("method", WEIGHTS, ids=lambda method: method.__name__)
def test_without_its_weight_a_method_is_plain_training(teacher, method):
    plain = make_training(teacher)
    none(plain)
    options = dict.fromkeys(WEIGHTS[method], 0.0)
    if method is fsp:
        options["init_epochs"] = 0
    silent, usual = make_training(teacher), make_training(teacher)
    history = method(silent, **options)
    method(usual)
    assert same_weights(silent.student, plain.student)
    assert not same_weights(usual.student, plain.student)
    assert set(history.rows[0]) >= {"train_label_loss", "valid_label_loss"}


@pytest.mark.parametrize("case", [case for case in CASES if case != "fsp"])
def test_without_labels_the_relation_is_learned_and_holds_for_unseen_trials(
    teacher, case
):
    method, options, weights = CASES[case]
    training = make_training(teacher, lr=5e-3, max_epochs=14, batch_size=36)
    history = method(training, label_weight=0.0, **options)
    first, last = history.rows[0], history.rows[-1]
    for name in weights:
        assert last[f"train_{name}"] < 0.8 * first[f"train_{name}"]
    if case != "code":  # its layers alone can bring it to 0
        assert history.best_loss < 0.97 * first["valid_loss"]


def test_the_last_layers_stay_as_they_were_in_the_first_stage_of_fsp(teacher):
    """The flow says nothing of the classifier; the labels do, in the second stage."""
    training = make_training(teacher, lr=1e-12, max_epochs=8)
    before = copy.deepcopy(training.student.state_dict())
    history = fsp(training, init_epochs=3)
    assert history.notes["init_epochs"] == 3
    assert len(history.rows) == 8
    assert "train_fsp_loss" not in history.rows[0]
    now = training.student.state_dict()
    moved = [k for k in before if not torch.allclose(before[k], now[k], atol=1e-8)]
    assert moved  # running statistics
    assert all("running" in k or "num_batches" in k for k in moved)


def test_the_first_stage_of_fsp_is_the_flow_alone(teacher):
    """The same two trainings written out by hand give the same weights."""
    training = make_training(teacher, max_epochs=8)
    history = fsp(training)
    assert history.notes["init_epochs"] == 1  # an eighth
    other = make_training(teacher, max_epochs=8)
    start = other.train(
        other.student,
        Objective([(FSP(), other.frozen())]),
        max_epochs=1,
        random_state=1,
    )
    none(other)
    assert same_weights(training.student, other.student)
    assert history.notes["init_loss"] == start.best_loss
    assert list(start.rows[0]) == [
        "epoch",
        "train_fsp_loss",
        "train_loss",
        "valid_fsp_loss",
        "valid_loss",
        "valid_accuracy",
    ]


def test_the_first_stage_of_fsp_lowers_the_flow_of_unseen_trials(teacher):
    training = make_training(teacher, lr=0.01, max_epochs=1)
    history = fsp(training, init_epochs=1)
    longer = fsp(make_training(teacher, lr=0.01, max_epochs=1), init_epochs=8)
    assert longer.notes["init_loss"] < 0.8 * history.notes["init_loss"]
    assert fsp(training, init_epochs=0).notes["init_loss"] is None


@pytest.mark.parametrize("case", CASES)
def test_a_last_batch_of_one_trial_without_validation(teacher, case):
    method, options, _ = CASES[case]
    training = make_training(teacher, batch_size=35, valid=False)
    history = method(training, **options)
    assert np.isfinite(history.best_loss)
    again = make_training(teacher, batch_size=35, valid=False)
    method(again, **options)
    assert same_weights(training.student, again.student)  # by seed


@pytest.mark.parametrize("case", CASES)
def test_continuous_labels(teacher, case):
    method, options, weights = CASES[case]
    assert method.card.regression
    assert method.needs_teacher
    history = method(make_training(teacher, continuous=True), **options)
    row = history.rows[-1]
    expected = row["train_label_loss"] + sum(
        weight * row[f"train_{name}"] for name, weight in weights.items()
    )
    assert row["train_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        (
            similarity_preserving,
            {"n_taps": 2, "similarity_weight": 5.0},
            [(5.0, SimilarityPreserving(2))],
        ),
        (
            similarity_preserving,
            {"centered": True},
            [(3000.0, CenteredSimilarityPreserving())],
        ),
        (
            correlation_congruence,
            {"gamma": 0.8, "order": 3, "correlation_weight": 2.0},
            [(2.0, CorrelationCongruence(0.8, 3))],
        ),
        (rkd, {"angle_weight": 0.0}, [(25.0, RKDDistance())]),
        (rkd, {"distance_weight": 0.0}, [(50.0, RKDAngle())]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_options_reach_the_criterion(teacher, method, options, expected):
    """The same objective written out by hand gives the same weights."""
    training = make_training(teacher)
    method(training, **options)
    other = make_training(teacher)
    ((weight, criterion),) = expected
    frozen = other.frozen()

    def both(student, _, batch):
        label = other.label_loss()(student, None, batch)
        return label + weight * criterion(student, frozen(batch), batch)

    other.run(Objective([(both, None)]))
    for a, b in zip(
        training.student.parameters(), other.student.parameters(), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-4)
    plain = make_training(teacher)
    none(plain)
    assert not all(
        torch.allclose(a, b, atol=1e-4)
        for a, b in zip(
            training.student.parameters(), plain.student.parameters(), strict=True
        )
    )


@pytest.mark.parametrize(
    ("method", "options", "error", "message"),
    [
        (
            similarity_preserving,
            {"centered": "yes"},
            ValueError,
            r"'centered' must be one of False, True, got 'yes'",
        ),
        (
            correlation_congruence,
            {"form": "papers"},
            ValueError,
            r"'form' must be one of 'paper', 'code', got 'papers'. Did you mean",
        ),
        (
            nst,
            {"selectivity_weight": -1.0},
            ValueError,
            r"'weights' must be a finite number >= 0, got -1.0",
        ),
        (
            fsp,
            {"flow_weight": -1.0},
            ValueError,
            r"'flow_weight' must be a finite number >= 0, got -1.0",
        ),
        (
            fsp,
            {"init_epochs": -1},
            ValueError,
            r"'init_epochs' must be an integer >= 0, got -1",
        ),
        (kdsvd, {"n_taps": 1}, ValueError, r"'n_taps' must be an integer >= 2, got 1"),
    ],
)
def test_errors_say_what_to_do(teacher, method, options, error, message):
    with pytest.raises(error, match=message):
        method(make_training(teacher), **options)


@pytest.mark.parametrize("method", WEIGHTS, ids=lambda method: method.__name__)
def test_a_missing_teacher_is_named(teacher, method):
    training = make_training(teacher)
    training.teachers = []
    with pytest.raises(ValueError, match=r"'teachers' must hold a trained decoder"):
        method(training)
