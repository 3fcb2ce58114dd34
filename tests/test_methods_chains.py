"""Procedures around the loop: stopped, chained, searched, meta-learned, controls."""

from __future__ import annotations

import functools
import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from eegkd.criteria import KL, CrossEntropy
from eegkd.decoders import build_decoder
from eegkd.distillation import Objective, Training
from eegkd.distillation.information import similarity_information
from eegkd.methods._altered_answers import matching_smoothing, permute_others
from eegkd.methods._assistants import ensemble_weights
from eegkd.methods.amal import amal
from eegkd.methods.early_stopped_kd import early_stopped_kd
from eegkd.methods.early_stopped_teacher import early_stopped_teacher
from eegkd.methods.kd import kd
from eegkd.methods.none import none
from eegkd.methods.permuted_kd import permuted_kd
from eegkd.methods.smoothed_labels import smoothed_labels
from eegkd.methods.sweet_spot import sweet_spot
from eegkd.methods.ta_ensemble import ta_ensemble
from eegkd.methods.takd import takd
from eegkd.samplers import TrialSampler
from eegkd.teachers import Ensemble, Frozen
from eegkd.view import View
from eegkd.weightings import Constant, MetaLearned

from .conftest import adam, make_trials

ORACLES = {
    "amal",
    "early_stopped_kd",
    "early_stopped_teacher",
    "permuted_kd",
    "smoothed_labels",
    "sweet_spot",
    "ta_ensemble",
    "takd",
}
LR, DECAY = 5e-3, 0.1


@functools.cache
def signals(n_classes):
    """Return signals, channel names and classes of one subject."""
    trials = make_trials(n_subjects=1, n_classes=n_classes)
    return trials.X, trials.ch_names, np.unique(trials.y, return_inverse=True)[1]


@functools.cache
def teacher_weights(n_classes):
    """Return the weights of a teacher that was trained for some epochs."""
    training = make_training(n_classes, teacher=False)
    decoder = training.build("full", None, 7)
    training.train(decoder, max_epochs=8)
    return decoder.state_dict()


def make_training(n_classes=3, valid=True, teacher=True, max_epochs=4, **loop):
    """Return a training of a student on three electrodes, with a trained teacher."""
    X, ch_names, y = signals(n_classes)
    half = len(y) // 2
    sampler = TrialSampler.from_arrays(X[:half], y[:half], batch_size=10)
    held_out = TrialSampler.from_arrays(X[half:], y[half:], shuffle=False)

    def make(montage, decoder, seed):
        return build_decoder(
            decoder or "SCCNet",
            View(montage, ch_names).fit(sampler.X),
            n_outputs=n_classes,
            n_times=160,
            sfreq=125.0,
            random_state=seed,
        )

    training = Training(
        student=make(["C3", "Cz", "C4"], None, 0),
        sampler=sampler,
        valid=held_out if valid else None,
        make=make,
        sfreq=125.0,
        n_outputs=n_classes,
        recipe=adam(lr=LR, weight_decay=DECAY),
        loop={"max_epochs": max_epochs, "random_state": 0, **loop},
    )
    if teacher:
        decoder = make(None, None, 7)
        decoder.load_state_dict(teacher_weights(n_classes))
        training.teachers = [decoder]
    return training


def weights_of(decoder):
    """Return all weights as one vector."""
    return torch.cat([v.detach().flatten() for v in decoder.state_dict().values()])


def same(first, second):
    """Return whether two decoders have the same weights."""
    return torch.equal(weights_of(first), weights_of(second))


def distilled(training, teacher, temperature=4.0):
    """Return a copy of the untrained student, distilled as kd does, and its history."""
    student = training.copy_student()
    terms = [(CrossEntropy(), None), (KL(temperature), teacher)]
    history = training.train(student, Objective(terms, Constant(0.1, 0.9)))
    return student, history


def by_hand(training, loss):
    """Train a copy of the student in a loop of its own; the last epoch stays."""
    student = training.copy_student().train()
    optimizer = torch.optim.Adam(student.parameters(), lr=LR, weight_decay=DECAY)
    with torch.random.fork_rng():
        torch.manual_seed(training.random_state)
        for epoch in range(training.max_epochs):
            for batch in training.sampler(epoch):
                logits = student(batch.seen_by(student.view)).logits
                optimizer.zero_grad()
                loss(epoch, logits, batch).backward()
                optimizer.step()
    return student.eval()


def agree(training, expected):
    """Return whether the student and another decoder say the same of all trials.

    Weights may differ where batch statistics cancel them.
    """
    first = answers(training.student, training.sampler)
    torch.testing.assert_close(
        first, answers(expected, training.sampler), rtol=1e-3, atol=1e-3
    )
    assert first.std() > 0.1


def answers(decoder, sampler):
    """Return a decoder's scores of all trials of a sampler."""
    batch = sampler.batch(torch.arange(len(sampler)))
    with torch.no_grad():
        return decoder.eval()(batch.seen_by(decoder.view)).logits


# -- early stopping ---------------------------------------------------------------


def test_early_stopped_kd_equals_a_loop_that_stops():
    training = make_training(valid=False)
    teacher = training.teacher

    def loss(epoch, logits, batch):
        label = F.cross_entropy(logits, batch.y)
        if epoch >= 3:
            return 0.6 * label
        soft = F.kl_div(
            (logits / 2).log_softmax(1),
            (answers(teacher, training.sampler)[batch.index] / 2).softmax(1),
            reduction="batchmean",
        )
        return 0.3 * label + 0.7 * 4 * soft

    expected = by_hand(training, loss)
    history = early_stopped_kd(
        training,
        stop=0.75,
        temperature=2,
        label_weight=0.3,
        soft_weight=0.7,
        final_label_weight=0.6,
    )
    assert history.notes["stopped_at"] == 3
    agree(training, expected)


def test_early_stopped_kd_at_its_ends():
    plain = make_training()
    none(plain)
    stopped = make_training()
    early_stopped_kd(stopped, stop=0)
    torch.testing.assert_close(
        weights_of(stopped.student), weights_of(plain.student), rtol=1e-4, atol=1e-6
    )
    whole, soft = make_training(valid=False), make_training(valid=False)
    early_stopped_kd(whole, stop=1.0)
    kd(soft)
    assert same(whole.student, soft.student)


def test_early_stopped_kd_chooses_the_pass_by_labels():
    history = early_stopped_kd(make_training(max_epochs=8))
    losses = [row["valid_label_loss"] for row in history.rows]
    assert history.best_epoch == int(np.argmin(losses))
    assert [row["valid_loss"] for row in history.rows] == pytest.approx(losses)


def test_early_stopped_teacher_from_checkpoints_equals_its_parts():
    training = make_training(teacher=False)
    tried = []
    for n_epochs in (1, 2, 4):
        teacher = training.build("full", None, 1)
        training.train(teacher, valid=None, max_epochs=n_epochs, random_state=1)
        student, history = distilled(training, Frozen(teacher))
        loss = history.rows[history.best_epoch]["valid_label_loss"]
        tried.append((loss, n_epochs, student))
    history = early_stopped_teacher(training, kind="checkpoint")
    found = history.notes["candidates"]
    assert [entry["teacher_epochs"] for entry in found] == [1, 2, 4]
    assert [entry["student_label_loss"] for entry in found] == [x[0] for x in tried]
    best = int(np.argmin([x[0] for x in tried]))
    assert history.notes["chosen"] == best
    assert history.notes["chosen_by"] == "label loss on validation trials"
    assert same(training.student, tried[best][2])
    row = history.rows[history.best_epoch]
    assert row["valid_label_loss"] == tried[best][0]
    assert history.seconds > 0
    json.dumps(history.notes)


def test_a_compressed_budget_ends_at_a_lower_rate(monkeypatch):
    seen = []
    original = Training.train

    def spy(self, decoder, objective=None, **settings):
        if objective is None:
            seen.append((settings["max_epochs"], self.recipe.lr))
        return original(self, decoder, objective, **settings)

    monkeypatch.setattr(Training, "train", spy)
    training = make_training(teacher=False, max_epochs=6)
    early_stopped_teacher(training, fractions=[0.5, 1], decay=0.2)
    assert seen == [(2, LR), (1, LR * 0.2), (4, LR), (2, LR * 0.2)]
    seen.clear()
    early_stopped_teacher(make_training(teacher=False, max_epochs=2), fractions=[0.5])
    assert seen == [(1, LR)]


def test_the_student_chooses_not_the_teacher():
    """The chosen budget is the best student's, and need not be the longest."""
    training = make_training(teacher=False, valid=False, max_epochs=6)
    history = early_stopped_teacher(training, fractions=[0.2, 0.5, 1.0])
    losses = [entry["student_label_loss"] for entry in history.notes["candidates"]]
    assert history.notes["chosen"] == int(np.argmin(losses))
    assert history.notes["chosen_by"] == "label loss on training trials"
    assert history.rows[history.best_epoch]["train_label_loss"] == min(losses)


@pytest.mark.parametrize("n_finished", [0, 2])
def test_an_interruption_keeps_the_best_candidate(n_finished):
    expected = make_training(teacher=False)
    if n_finished:
        early_stopped_teacher(expected, fractions=[0.25, 0.5], kind="checkpoint")
    n_epochs = 0

    def progress(epoch, row):
        nonlocal n_epochs
        n_epochs += 1
        if n_epochs == 4 + 4 * n_finished + 2:  # a teacher, students, and a half
            raise KeyboardInterrupt

    training = make_training(teacher=False, progress=progress)
    start = weights_of(training.student).clone()
    with pytest.raises(KeyboardInterrupt):
        early_stopped_teacher(training, fractions=[0.25, 0.5, 1], kind="checkpoint")
    assert not torch.equal(weights_of(training.student), start)
    assert not training.student.training
    if n_finished:
        # The long run of the reference is shorter, but its snapshots are the same.
        assert same(training.student, expected.student)


# -- assistants -------------------------------------------------------------------


def test_takd_equals_its_links():
    training = make_training()
    (middle,) = training.ladder(1)
    assistant = training.build(middle, None, 1)
    terms = [(CrossEntropy(), None), (KL(4.0), training.frozen())]
    training.train(assistant, Objective(terms, Constant(0.1, 0.9)), random_state=1)
    student, _ = distilled(training, Frozen(assistant))
    history = takd(training)
    assert same(training.student, student)
    (note,) = history.notes["assistants"]
    assert note["decoder"] == "SCCNet"
    assert note["n_chans"] == len(middle.ch_names)
    assert 3 < note["n_chans"] < 22


def test_a_chain_goes_down_the_ladder():
    training = make_training(max_epochs=1)
    history = takd(training, n_assistants=3)
    sizes = [note["n_chans"] for note in history.notes["assistants"]]
    assert sizes == sorted(sizes, reverse=True)
    assert 22 > sizes[0] > sizes[-1] > 3


def test_assistants_may_be_other_networks():
    training = make_training(max_epochs=1)
    history = takd(training, decoders=["EEGNet", "SCCNet"], montages="student")
    notes = history.notes["assistants"]
    assert [note["decoder"] for note in notes] == ["EEGNet", "SCCNet"]
    assert [note["n_chans"] for note in notes] == [3, 3]


def test_where_no_electrode_lies_between_assistants_read_the_students():
    training = make_training(max_epochs=1)
    training.student = training.build("full", None, 0)
    history = takd(training, n_assistants=2)
    assert [note["n_chans"] for note in history.notes["assistants"]] == [22, 22]


def em_weights(proba, y, n_steps=500):
    """Return the likeliest weights of a mixture by expectation-maximization."""
    right = proba[:, np.arange(len(y)), y]
    weights = np.full(len(right), 1 / len(right))
    for _ in range(n_steps):
        shares = weights[:, None] * right
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights


def test_differential_evolution_recovers_planted_weights():
    rng = np.random.default_rng(0)
    planted = np.array([0.2, 0.5, 0.3])
    proba = rng.dirichlet([0.3] * 4, size=(3, 8000))
    mixed = np.tensordot(planted, proba, 1)
    y = np.array([rng.choice(4, p=row / row.sum()) for row in mixed])
    weights = ensemble_weights(proba, y)
    assert weights == pytest.approx(planted, abs=0.03)
    assert weights == pytest.approx(em_weights(proba, y), abs=2e-3)
    assert sum(weights) == pytest.approx(1)
    assert weights == ensemble_weights(proba, y)


def test_weights_of_one_member_and_of_a_useless_one():
    proba = np.array([[[0.9, 0.1], [0.2, 0.8]]])
    assert ensemble_weights(proba, [0, 1]) == [1.0]
    both = np.concatenate([proba, 1 - proba])
    assert ensemble_weights(both, [0, 1]) == pytest.approx([1, 0], abs=1e-3)


@pytest.mark.parametrize("valid", [True, False])
def test_ta_ensemble_equals_its_parts(valid):
    training = make_training(valid=valid)
    terms = [(CrossEntropy(), None), (KL(4.0), training.frozen())]
    known, judges = training.sampler, training.valid
    if not valid:  # every fifth trial of a class, from its last one
        y = known.y.numpy()
        rows = [np.flatnonzero(y == label)[::-1][::5] for label in np.unique(y)]
        chosen = np.zeros(len(y), bool)
        chosen[np.concatenate(rows)] = True
        known, judges = known.subset(~chosen), known.subset(chosen)
    assistants = []
    for number, montage in enumerate(training.ladder(2)[::-1]):
        seed = 1 + number
        assistants.append(training.build(montage, None, seed))
        training.train(
            assistants[-1],
            Objective(terms, Constant(0.1, 0.9)),
            sampler=known,
            random_state=seed,
        )
    proba = np.stack(
        [answers(a, judges).double().softmax(1).numpy() for a in assistants]
    )
    right = proba[:, np.arange(len(judges)), judges.y.numpy()]
    shares = np.linspace(0, 1, 4001)
    best = shares[
        np.log(shares[:, None] * right[0] + (1 - shares[:, None]) * right[1])
        .mean(axis=1)
        .argmax()
    ]
    history = ta_ensemble(reference := make_training(valid=valid), n_assistants=2)
    weights = history.notes["weights"]
    assert ("validation" in history.notes["weights_from"]) == valid
    assert weights == pytest.approx([best, 1 - best], abs=2e-3)
    ensemble = Ensemble([Frozen(a) for a in assistants], weights, temperature=4.0)
    student, _ = distilled(training, ensemble)
    assert same(reference.student, student)


# -- the sweet spot and its controls ----------------------------------------------


def test_sweet_spot_equals_its_parts():
    training = make_training(teacher=False)
    teacher = training.build("full", None, 1)
    sampler = TrialSampler(
        training.sampler.X, training.sampler.y, training.sampler.subject, batch_size=12
    )
    training.train(teacher, sampler=sampler, valid=None, max_epochs=2, random_state=1)
    scores = answers(teacher, training.valid).numpy()
    _, alone = distilled(training, Frozen(teacher))
    history = sweet_spot(training, batch_sizes=(40, 12), fractions=(1.0, 0.5))
    grid = history.notes["candidates"]
    points = [(entry["batch_size"], entry["epochs"]) for entry in grid]
    assert points == [(12, 2), (12, 4), (40, 2), (40, 4)]
    row = alone.rows[alone.best_epoch]
    assert grid[0]["student_label_loss"] == row["valid_label_loss"]
    assert grid[0]["student_accuracy"] == row["valid_accuracy"]
    y = training.valid.y.numpy()
    assert grid[0]["teacher_accuracy"] == pytest.approx((scores.argmax(1) == y).mean())
    information = similarity_information(scores, y).to_dict()
    assert grid[0]["teacher_similarity"]["entropy"] == pytest.approx(
        information["entropy"], rel=1e-4
    )
    losses = [entry["student_label_loss"] for entry in grid]
    assert history.notes["chosen"] == int(np.argmin(losses))
    assert history.rows[history.best_epoch]["valid_label_loss"] == min(losses)
    json.dumps(history.notes, allow_nan=False)


def test_two_classes_hold_no_similarity_information():
    training = make_training(n_classes=2, teacher=False, max_epochs=1)
    history = sweet_spot(training, batch_sizes=[12], fractions=[1.0])
    assert history.notes["candidates"][0]["teacher_similarity"]["entropy"] is None


def test_smoothing_has_the_entropy_of_the_answers():
    generator = torch.Generator().manual_seed(0)
    proba = torch.randn(50, 4, generator=generator).softmax(dim=1)
    smoothing = matching_smoothing(proba)
    label = np.array([1 - smoothing + smoothing / 4] + [smoothing / 4] * 3)
    expected = -(proba * proba.log()).sum(dim=1).mean().item()
    assert -(label * np.log(label)).sum() == pytest.approx(expected, rel=1e-6)
    assert matching_smoothing(torch.full((2, 3), 1 / 3)) == pytest.approx(1, abs=1e-3)
    assert matching_smoothing(torch.eye(3)) == pytest.approx(0, abs=2e-6)


def test_smoothed_labels_equal_plain_label_smoothing():
    training = make_training(valid=False, teacher=False)
    expected = by_hand(
        training,
        lambda _, logits, batch: F.cross_entropy(logits, batch.y, label_smoothing=0.3),
    )
    history = smoothed_labels(
        training, smoothing=0.3, temperature=1, label_weight=0, soft_weight=1
    )
    assert history.notes == {"smoothing": 0.3}
    agree(training, expected)


def test_smoothed_labels_are_as_soft_as_the_teacher():
    training = make_training()
    proba = (answers(training.teacher, training.sampler) / 4).softmax(dim=1)
    history = smoothed_labels(training)
    assert history.notes["smoothing"] == pytest.approx(matching_smoothing(proba), 1e-4)
    with pytest.raises(ValueError, match="'teachers' must hold a trained decoder"):
        smoothed_labels(make_training(teacher=False))


def test_permuting_keeps_the_own_class_and_all_other_values():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 5, generator=generator)
    y, index = torch.arange(200) % 5, torch.arange(200)
    permuted = permute_others(logits, y, index)
    assert torch.equal(permuted.gather(1, y[:, None]), logits.gather(1, y[:, None]))
    assert torch.equal(permuted.sort(dim=1).values, logits.sort(dim=1).values)
    assert (permuted != logits).any(dim=1).double().mean() > 0.9


def test_each_trial_keeps_its_permutation():
    logits = torch.arange(40.0).reshape(8, 5)
    y, index = torch.arange(8) % 5, torch.arange(8) * 1000
    order = torch.tensor([3, 7, 0])
    whole = permute_others(logits, y, index, seed=2)
    part = permute_others(logits[order], y[order], index[order], seed=2)
    assert torch.equal(whole[order], part)
    assert not torch.equal(whole, permute_others(logits, y, index, seed=3))


@pytest.mark.parametrize("seed", range(3))
def test_all_permutations_are_alike(seed):
    n = 12_000
    logits = torch.tensor([[9.0, 1, 2, 3]]).repeat(n, 1)
    zeros = torch.zeros(n, dtype=torch.int64)
    permuted = permute_others(logits, zeros, torch.arange(n), seed)
    _, counts = permuted.unique(dim=0, return_counts=True)
    assert len(counts) == 6
    # Binomial: 2000 with a deviation of 41.
    assert (counts - n / 6).abs().max() < 200


def test_permuted_kd_is_kd_with_two_classes_and_not_with_three():
    for n_classes in (2, 3):
        first, second = make_training(n_classes), make_training(n_classes)
        kd(first)
        permuted_kd(second)
        assert same(first.student, second.student) is (n_classes == 2)


def test_permuted_kd_equals_a_loop_over_permuted_answers():
    training = make_training(valid=False)
    sampler = training.sampler
    permuted = permute_others(
        answers(training.teacher, sampler),
        sampler.y,
        torch.arange(len(sampler)),
        seed=5,
    )

    def loss(_, logits, batch):
        soft = F.kl_div(
            (logits / 4).log_softmax(1),
            (permuted[batch.index] / 4).softmax(1),
            reduction="batchmean",
        )
        return 0.1 * F.cross_entropy(logits, batch.y) + 0.9 * 16 * soft

    expected = by_hand(training, loss)
    permuted_kd(training, permutation_seed=5)
    agree(training, expected)


# -- meta-learned mixing ----------------------------------------------------------


def test_amal_is_kd_until_weights_move():
    first, second = make_training(max_epochs=3), make_training(max_epochs=3)
    kd(first)
    history = amal(second, every=3)
    assert history.notes["weight_updates"] == 0
    assert history.notes["mean_weights"] == pytest.approx([0.1, 0.9])
    torch.testing.assert_close(
        weights_of(first.student), weights_of(second.student), rtol=1e-4, atol=1e-6
    )


def test_amal_trusts_wrong_labels_less(monkeypatch):
    """Labels that were shuffled end with lower weights than those that were not."""
    module = sys.modules["eegkd.methods.amal"]  # the package has the function's name
    made = []

    class Spy(MetaLearned):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(module, "MetaLearned", Spy)
    training = make_training(max_epochs=16)
    training.recipe = replace(training.recipe, lr=1e-3)
    wrong = torch.arange(len(training.sampler)) % 4 == 1
    training.sampler.y[wrong] = (training.sampler.y[wrong] + 1) % 3
    history = amal(training, every=3, label_weight=1.0)
    (meta,) = made
    label = meta.weights_[0]
    assert label[~wrong].mean() > label[wrong].mean() + 0.5
    assert history.notes["weight_updates"] == 5
    assert history.notes["mean_weights"][0] == pytest.approx(label.mean().item())
    assert min(history.notes["weight_spread"]) > 0.01


def test_amal_without_validation_holds_trials_out():
    training = make_training(valid=False, max_epochs=2)
    rows = []
    original = training.student.forward

    def spy(self, x, features=True):
        if self.training:
            rows.append(x)
        return original(x, features)

    training.student.forward = types.MethodType(spy, training.student)
    history = amal(training, every=1)
    assert sum(len(x) for x in rows) == 2 * 27  # of 12 trials a class, 3 held out
    assert history.notes["weight_updates"] == 1


def test_the_largest_seed_of_permutations_works():
    permuted_kd(make_training(max_epochs=1), permutation_seed=2**23 - 1)


def test_amal_takes_several_teachers():
    training = make_training(max_epochs=2)
    training.teachers = [training.teacher, training.build("student", None, 3)]
    history = amal(training, every=5)
    assert history.notes["mean_weights"] == pytest.approx([0.1, 0.45, 0.45])


def test_amal_needs_two_trials_of_a_class():
    training = make_training(valid=False)
    training.sampler = training.sampler.subset(torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="'training' must hold two trials of a class"):
        amal(training)


# -- arguments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "options", "error", "message"),
    [
        (early_stopped_kd, {"stop": 1.2}, ValueError, "'stop' must be .* <= 1"),
        (early_stopped_teacher, {"kind": "best"}, ValueError, "'kind' must be one of"),
        (early_stopped_teacher, {"decay": 0}, ValueError, "'decay' must be .* > 0"),
        (early_stopped_teacher, {"fractions": []}, ValueError, "at least one part"),
        (early_stopped_teacher, {"fractions": [0]}, ValueError, "'fractions' must be"),
        (early_stopped_teacher, {"fractions": 0.5}, TypeError, "must be a list of"),
        (takd, {"n_assistants": 0}, ValueError, "'n_assistants' must be .* >= 1"),
        (takd, {"decoders": []}, ValueError, "'decoders' must list at least one"),
        (takd, {"decoders": "EEGNet"}, ValueError, "'decoders' must list at least"),
        (takd, {"montages": "full"}, ValueError, "'montages' must be one of"),
        (ta_ensemble, {"n_assistants": 0}, ValueError, "'n_assistants' must be"),
        (sweet_spot, {"batch_sizes": []}, ValueError, "at least one size"),
        (sweet_spot, {"batch_sizes": [0]}, ValueError, "'batch_sizes' must be"),
        (sweet_spot, {"batch_sizes": 12}, TypeError, "must be a list of integers"),
        (smoothed_labels, {"smoothing": 0}, ValueError, "'smoothing' must be .* >="),
        (smoothed_labels, {"smoothing": 1}, ValueError, "'smoothing' must be .* <="),
        (permuted_kd, {"permutation_seed": -1}, ValueError, "'permutation_seed' must"),
        (permuted_kd, {"permutation_seed": 2**23}, ValueError, "must be .* <= 8388607"),
        (amal, {"held_out": 0.6}, ValueError, "'held_out' must be .* <= 0.5"),
        (amal, {"label_weight": 0}, ValueError, "'initial' must be .* > 0"),
    ],
)
def test_wrong_options(method, options, error, message):
    with pytest.raises(error, match=message):
        method(make_training(max_epochs=1), **options)
