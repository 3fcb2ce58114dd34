"""The loop, samplers and weightings."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from eegkd.criteria import KL, CrossEntropy, SimilarityKeeping
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.logits import LogitMSE
from eegkd.criteria.relations import trial_similarity
from eegkd.decoders import Output, build_decoder
from eegkd.distillation import (
    History,
    Learner,
    Objective,
    Recipe,
    Training,
    distill,
)
from eegkd.methods import METHODS, kd
from eegkd.samplers import TrialSampler
from eegkd.teachers import EMA, Ensemble, Frozen, Peer, Virtual
from eegkd.view import View
from eegkd.weightings import Constant, Schedule

from .conftest import CH_22, adam, make_trials


@pytest.fixture(scope="module")
def data():
    """Return training and validation samplers of one subject."""
    trials = make_trials(n_subjects=1)
    codes = np.searchsorted(trials.classes, trials.y)
    train = TrialSampler.from_arrays(trials.X[:36], codes[:36], batch_size=10)
    valid = TrialSampler.from_arrays(trials.X[36:], codes[36:], shuffle=False)
    return train, valid


def learner(data, random_state=0, options=(), **settings):
    """Return an untrained learner on the headphone."""
    view = View("headphone", CH_22).fit(data[0].X)
    decoder = build_decoder(
        "SCCNet",
        view,
        n_outputs=3,
        n_times=160,
        sfreq=125.0,
        random_state=random_state,
        **dict(options),
    )
    return Learner(decoder, Objective([(CrossEntropy(), None)]), adam(**settings))


def test_the_pass_with_the_lowest_validation_loss_is_kept(data):
    pupil = learner(data, lr=5e-3)
    history = distill(pupil, data[0], valid=data[1], max_epochs=12)
    losses = [row["valid_loss"] for row in history.rows]
    assert history.best_epoch == int(np.argmin(losses))
    assert history.best_loss == min(losses)
    assert not pupil.decoder.training
    batch = data[1].batch(torch.arange(len(data[1])))
    with torch.no_grad():
        loss, _ = pupil.objective(
            pupil.decoder(batch.seen_by(pupil.decoder.view)), batch
        )
    assert loss.item() == pytest.approx(min(losses), rel=1e-4)


def test_without_validation_the_last_pass_is_kept(data):
    history = distill(learner(data), data[0], max_epochs=3)
    assert history.best_epoch == 2
    assert history.best_loss == history.rows[-1]["train_loss"]


def test_patience_stops(data):
    history = distill(
        learner(data, lr=0.2), data[0], valid=data[1], max_epochs=60, patience=3
    )
    assert len(history.rows) == history.best_epoch + 4 < 60


def test_history_as_a_table(data):
    table = distill(learner(data), data[0], valid=data[1], max_epochs=2).to_frame()
    assert list(table["epoch"]) == [0, 1]
    assert {"train_label_loss", "valid_label_loss", "valid_accuracy"} <= set(table)
    assert np.isnan(History().best_loss)


def test_progress_is_told_of_each_pass(data):
    seen = []
    distill(
        learner(data),
        data[0],
        max_epochs=3,
        progress=lambda epoch, row: seen.append((epoch, row["train_loss"])),
    )
    assert [epoch for epoch, _ in seen] == [0, 1, 2]


def test_an_interruption_restores_the_best_weights(data):
    pupil = learner(data)
    epochs = []

    def stop(epoch, row):
        weights = {k: v.clone() for k, v in pupil.decoder.state_dict().items()}
        epochs.append((row["valid_loss"], weights))
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(pupil, data[0], valid=data[1], max_epochs=5, progress=stop)
    _, best = min(epochs, key=lambda entry: entry[0])
    for name, value in pupil.decoder.state_dict().items():
        assert torch.equal(value, best[name]), name
    assert not pupil.decoder.training


def test_a_loss_that_is_not_finite_is_an_error(data):
    def broken(student, teacher, batch):
        return student.logits.sum(dim=1) * float("nan")

    pupil = learner(data)
    pupil.objective = Objective([(broken, None)])
    with pytest.raises(FloatingPointError, match="The loss is nan after epoch 0. Low"):
        distill(pupil, data[0], max_epochs=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_epochs": 0}, "'max_epochs' must be an integer >= 1, got 0"),
        ({"patience": 2}, "'patience' needs validation trials"),
        ({"random_state": -1}, "'random_state' must be an integer >= 0"),
    ],
)
def test_wrong_arguments(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        distill(learner(data), data[0], **arguments)


def test_wrong_parts():
    with pytest.raises(ValueError, match="'terms' must hold at least one"):
        Objective([])
    with pytest.raises(ValueError, match="'weights' must be .* >= 0, got -1"):
        Constant(-1)
    with pytest.raises(ValueError, match="'lr' must be"):
        Recipe(lr=0)


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if m.needs_teacher])
def test_methods_without_a_teacher_say_so(data, name):
    settings = {"loop": {"max_epochs": 1}, "sfreq": 125.0, "n_outputs": 3}
    training = Training(learner(data).decoder, data[0], **settings)
    with pytest.raises(ValueError, match="must hold a trained decoder"):
        METHODS[name](training)


def test_options_of_a_method_reach_the_objective(data):
    teacher = learner(data).decoder
    histories = [
        kd(
            Training(learner(data).decoder, data[0], None, [teacher], loop=loop),
            label_weight=weight,
            soft_weight=0,
        )
        for weight, loop in ((1.0, {"max_epochs": 1}), (2.0, {"max_epochs": 1}))
    ]
    first, second = (history.rows[0] for history in histories)
    assert first["train_loss"] == pytest.approx(first["train_label_loss"])
    assert second["train_loss"] == pytest.approx(2 * second["train_label_loss"])


def test_a_source_yields_every_trial_once_in_an_order_of_its_seed(data):
    sampler = data[0]
    orders = [
        torch.cat([batch.index for batch in sampler(epoch)]).tolist()
        for epoch in (0, 1, 0)
    ]
    assert sorted(orders[0]) == list(range(36))
    assert orders[0] == orders[2] != orders[1]
    assert [len(batch) for batch in sampler(0)] == [10, 10, 10, 6]


def test_a_view_is_applied_once(data):
    calls = []

    class CountingView(View):
        def __call__(self, X):
            calls.append(len(X))
            return super().__call__(X)

    view = CountingView("headband", CH_22).fit(data[0].X)
    for epoch in range(2):
        for batch in data[0](epoch):
            assert batch.seen_by(view).shape[1] == 4
    assert calls == [36]


# -- parts of an objective --------------------------------------------------------


class Told:
    """A criterion that writes down what the loop tells it."""

    name = "told"

    def __init__(self):
        self.events = []

    def __call__(self, student, teacher, batch):
        """Return some loss."""
        return student.logits.square().mean(dim=1)

    def start_epoch(self, epoch):
        """Note the epoch."""
        self.events.append(epoch)

    def after_update(self):
        """Note the step."""
        self.events.append("step")


def test_parts_are_told_of_passes_and_updates(data):
    part, pupil = Told(), learner(data)
    pupil.objective = Objective([(part, None), (part, None)])
    assert pupil.objective.names == ["told", "told_2"]
    distill(pupil, data[0], max_epochs=2)
    assert part.events == [0, *["step"] * 4, 1, *["step"] * 4]


class Scale(TrainedCriterion):
    """A criterion with one learned number."""

    name = "scale"
    only_training = True

    def start(self, student, teacher, batch):
        """Make the number."""
        self.factor = torch.nn.Parameter(torch.ones(student.logits.shape[1]))

    def forward(self, student, teacher, batch):
        """Return some loss."""
        return (student.logits * self.factor - 1).square().mean(dim=1)


def test_parameters_of_criteria_are_trained_without_decay(data):
    criterion, pupil = Scale(), learner(data, lr=1e-2)
    pupil.objective = Objective([(CrossEntropy(), None), (criterion, None)])
    history = distill(pupil, data[0], valid=data[1], max_epochs=2)
    assert not torch.equal(criterion.factor, torch.ones(3))
    assert {row["valid_scale"] for row in history.rows} == {0.0}
    assert all(row["train_scale"] > 0 for row in history.rows)
    other = learner(data, lr=1e-2)
    other.objective = Objective(
        [(CrossEntropy(), None), (Scale(), None)], Constant(1, 0)
    )
    distill(other, data[0], max_epochs=2)
    kept = other.objective.terms[1][0].factor
    assert torch.equal(kept, torch.ones(3))  # weight decay would have shrunk it


def test_a_teacher_is_asked_once_a_batch(data):
    calls = []

    def teacher(batch):
        calls.append(len(batch))
        return learner_output

    pupil = learner(data)
    batch = data[0].batch(torch.arange(5))
    with torch.no_grad():
        learner_output = pupil.decoder(batch.seen_by(pupil.decoder.view))
    objective = Objective([(KL(), teacher), (SimilarityKeeping(), teacher)])
    objective(learner_output, batch)
    assert calls == [5]


def gradient_norms(pupil, objective, batch):
    """Return the norm of each weighted term's gradient in train mode, seeded."""
    norms = []
    for term in range(len(objective.terms)):
        decoder = copy.deepcopy(pupil.decoder).train()
        torch.manual_seed(5)
        output = decoder(batch.seen_by(pupil.decoder.view))
        losses, weights = objective.weigh(output, batch)
        (weights * losses).mean(dim=1)[term].backward()
        grads = [p.grad for p in decoder.parameters() if p.grad is not None]
        norms.append(torch.cat([grad.flatten() for grad in grads]).norm().item())
    return norms


def disagreeing(data):
    """Return a teacher that is not the student."""
    teacher = Frozen(learner(data).decoder)
    with torch.no_grad():
        for parameter in teacher.decoder.parameters():
            parameter.add_(0.1)
    return teacher


def calibrated(data, terms, weighting=None, ratio=0.5):
    """Return a learner and a batch, with its objective calibrated under a seed."""
    pupil = learner(data)
    pupil.objective = Objective(terms, weighting)
    batch = data[0].batch(torch.arange(20))
    torch.manual_seed(5)
    pupil.objective.calibrate(pupil.decoder.eval(), batch, ratio)
    return pupil, batch


def test_calibrated_terms_pull_alike(data):
    """In the mode in which they will be trained."""
    terms = [(CrossEntropy(), None), (LogitMSE(), disagreeing(data))]
    pupil, batch = calibrated(data, terms, Constant(1, 1e-6))
    norms = gradient_norms(pupil, pupil.objective, batch)
    assert norms[1] == pytest.approx(0.5 * norms[0], rel=1e-4)


def test_calibration_measures_by_the_first_term_with_a_gradient(data):
    teacher = disagreeing(data)
    terms = [(CrossEntropy(), None), (LogitMSE(), teacher), (KL(), teacher)]
    pupil, batch = calibrated(data, terms, Constant(0, 1, 1))
    assert pupil.objective.scale[:2].flatten().tolist() == [1, 1]
    norms = gradient_norms(pupil, pupil.objective, batch)
    assert norms[0] == 0
    assert norms[2] == pytest.approx(0.5 * norms[1], rel=1e-4)
    pupil, _ = calibrated(data, terms, Constant(0, 0, 0))
    assert pupil.objective.scale.flatten().tolist() == [1, 1, 1]


@pytest.mark.parametrize("training", [True, False])
def test_calibration_leaves_running_statistics_and_the_mode_alone(data, training):
    pupil = learner(data)
    before = {k: v.clone() for k, v in pupil.decoder.state_dict().items()}
    pupil.decoder.train(training)
    pupil.objective.calibrate(pupil.decoder, data[0].batch(torch.arange(20)), 1.0)
    assert pupil.decoder.training is training
    for name, value in pupil.decoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_each_training_is_calibrated_anew(data):
    teacher, pupil = disagreeing(data), learner(data, calibrate=1.0)
    pupil.objective = Objective([(CrossEntropy(), None), (LogitMSE(), teacher)])
    distill(pupil, data[0], max_epochs=1)
    first = pupil.objective.scale
    assert first[1] != 1
    again = learner(data, calibrate=1.0)
    again.objective = pupil.objective
    distill(again, data[0], max_epochs=1)
    assert torch.equal(again.objective.scale, first)
    plain = learner(data)
    plain.objective = pupil.objective
    distill(plain, data[0], max_epochs=1)
    assert plain.objective.scale.flatten().tolist() == [1, 1]


def test_calibration_is_for_weights_that_do_not_move(data):
    pupil = learner(data, calibrate=1.0)
    terms = [(CrossEntropy(), None), (KL(), disagreeing(data))]
    pupil.objective = Objective(terms, Schedule({0: (1, 1)}))
    distill(pupil, data[0], max_epochs=1)  # a recipe does not touch them
    assert (pupil.objective.scale == 1).all()
    pupil.must_calibrate = True
    with pytest.raises(ValueError, match="'calibrate' needs weights .* of Constant"):
        distill(pupil, data[0], max_epochs=1)


@pytest.mark.parametrize("weighting", [Constant(0.5), Constant(1, 1, 1)])
def test_the_number_of_weights_is_checked(data, weighting):
    pupil = learner(data)
    pupil.objective = Objective(
        [(CrossEntropy(), None), (KL(), disagreeing(data))], weighting
    )
    with pytest.raises(ValueError, match="'weighting' must give one row .* 2 terms"):
        distill(pupil, data[0], max_epochs=1)


@pytest.mark.parametrize("silent", ["weight", "only_training"])
def test_where_nothing_counts_on_validation_the_last_pass_is_kept(data, silent):
    only = Scale()
    terms = [(CrossEntropy(), None), (only, None)]
    weighting = Constant(0, 1)
    if silent == "weight":
        terms, weighting = terms[:1], Schedule({0: (1,)}, valid=(0,))
    pupil, states = learner(data, lr=1e-2), []
    pupil.objective = Objective(terms, weighting)

    def keep(epoch, row):
        states.append({k: v.clone() for k, v in pupil.decoder.state_dict().items()})

    history = distill(
        pupil, data[0], valid=data[1], max_epochs=4, patience=1, progress=keep
    )
    assert len(history.rows) == 4
    assert history.best_epoch == 3
    assert history.best_loss == history.rows[-1]["train_loss"]
    assert "valid_loss" not in history.rows[0]
    assert {"valid_label_loss", "valid_accuracy"} <= set(history.rows[0])
    for name, value in pupil.decoder.state_dict().items():
        assert torch.equal(value, states[-1][name]), name


class ModuleTeacher(torch.nn.Module):
    """A teacher of a user's own, with parameters and dropout."""

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(3))

    def forward(self, batch):
        """Return the same scores for each trial."""
        self.asked_in_train_mode = self.training
        return Output(self.bias.expand(len(batch), 3) + 0.0, {}, None)


def test_teachers_are_never_trained(data):
    teacher, pupil, answers = ModuleTeacher().eval(), learner(data, lr=0.1), []

    def watch(student, answer, batch):
        answers.append(answer.logits.requires_grad)
        return (student.logits - answer.logits).square().mean(dim=1)

    pupil.objective = Objective([(watch, teacher), (Scale(), teacher)])
    assert teacher not in pupil.objective.modules
    distill(pupil, data[0], max_epochs=2)
    assert torch.equal(teacher.bias, torch.zeros(3))
    assert teacher.asked_in_train_mode is False
    assert not any(answers)


def test_teachers_inside_teachers_are_told(data):
    pupil = learner(data, lr=1e-2)
    inner = EMA(pupil.decoder)
    outer = Ensemble([inner, Ensemble([Virtual(3), inner])])
    pupil.objective = Objective([(KL(), outer)])
    distill(pupil, data[0], max_epochs=2)
    assert inner.n_updates == 8  # once a step, though it is found twice


def test_only_the_devices_of_the_learners_are_seeded(data, monkeypatch):
    pupil, forked, fork = learner(data), [], torch.random.fork_rng

    def watched(devices=None, **options):
        forked.append(devices)
        return fork(devices=[], **options)

    monkeypatch.setattr(torch.random, "fork_rng", watched)
    monkeypatch.setattr(torch, "manual_seed", None)  # would seed every device
    state = torch.random.get_rng_state()
    distill(pupil, data[0], max_epochs=1)
    assert forked == [[]]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_peers_do_not_depend_on_their_order(data):
    def train(order):
        pair = [  # without dropout, which draws numbers in the order of the learners
            learner(data, seed, {"drop_prob": 0.0}, lr=1e-2) for seed in (0, 1)
        ]
        for one, other in (pair, pair[::-1]):
            one.objective = Objective(
                [(CrossEntropy(), None), (KL(), Peer(other.decoder))]
            )
        learners = [pair[i] for i in order]
        histories = distill(learners, data[0], valid=data[1], max_epochs=3)
        assert len(histories) == 2
        return [one.decoder.state_dict() for one in pair]

    for first, second in zip(train([0, 1]), train([1, 0]), strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_peer_must_be_in_training(data):
    stranger = learner(data).decoder
    pupil = learner(data)
    pupil.objective = Objective([(KL(), Peer(stranger))])
    with pytest.raises(ValueError, match="'decoder' of Peer must be trained in the sa"):
        distill(pupil, data[0], max_epochs=1)


def test_averaged_weights_are_the_mean_of_the_passes(data):
    pupil, states = learner(data, average_from=0.5, lr=1e-2), []

    def keep(epoch, row):
        states.append({k: v.clone() for k, v in pupil.decoder.named_parameters()})

    history = distill(pupil, data[0], valid=data[1], max_epochs=6, progress=keep)
    assert history.notes == {"averaged_epochs": 3}
    for name, value in pupil.decoder.named_parameters():
        mean = torch.stack([state[name] for state in states[3:]]).mean(dim=0)
        assert torch.allclose(value, mean, atol=1e-6), name
    # Batch statistics are those of all trials, whatever the size of the last batch.
    norm, seen = pupil.decoder.network.spatial_batch_norm, []
    hook = norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    everything = data[0].batch(torch.arange(len(data[0])))
    with torch.no_grad():
        pupil.decoder(everything.seen_by(pupil.decoder.view))
    hook.remove()
    mean = seen[0].transpose(0, 1).flatten(1).mean(dim=1)
    assert torch.allclose(norm.running_mean, mean, atol=1e-5)
    assert norm.momentum is not None


# -- teachers ---------------------------------------------------------------------


def test_an_ensemble_averages_probabilities(data):
    teachers = [Frozen(learner(data).decoder) for _ in range(2)]
    with torch.no_grad():
        for parameter in teachers[1].decoder.parameters():
            parameter.mul_(-1)
    batch = data[0].batch(torch.arange(6))
    answers = [(t(batch).logits / 3).softmax(1).numpy() for t in teachers]
    ensemble = Ensemble(teachers, [1, 3], temperature=3)
    expected = 0.25 * answers[0] + 0.75 * answers[1]
    value = (ensemble(batch).logits / 3).softmax(1)
    assert np.allclose(value.numpy(), expected, atol=1e-6)


def test_a_moving_average_keeps_the_old_weights(data):
    pupil = learner(data)
    teacher = EMA(pupil.decoder, decay=0.9)
    teacher.n_updates = 1000
    old = {k: v.clone() for k, v in teacher.decoder.state_dict().items()}
    with torch.no_grad():
        for value in pupil.decoder.state_dict().values():
            value.add_(1)
    teacher.after_update()
    for name, value in teacher.decoder.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, old[name] + 0.1, atol=1e-5), name


def test_a_virtual_teacher_smooths_the_label(data):
    batch = data[0].batch(torch.arange(4))
    proba = Virtual(3, correct=0.8)(batch).logits.softmax(1)
    assert torch.allclose(proba.gather(1, batch.y[:, None]), torch.tensor(0.8))
    assert torch.allclose(proba.sum(1), torch.ones(4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ensemble([]), "'teachers' must hold at least one"),
        (lambda: Ensemble([None], [0]), "'weights' must hold one weight for each of 1"),
        (lambda: Virtual(3, 0.2), "'correct' must be .* > 0.333"),
        (lambda: Virtual(3, 1.0), "'correct' must be below 1"),
        (lambda: EMA(None, 1.5), "'decay' must be .* <= 1"),
        (lambda: Recipe(average_from=1), "'average_from' must be"),
        (lambda: Recipe(calibrate=0), "'calibrate' must be"),
    ],
)
def test_wrong_teachers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def asked(frozen, batch):
    """Return all that a frozen teacher says of a batch, and how many trials it read."""
    read = []
    hook = frozen.decoder.register_forward_hook(
        lambda module, args, out: read.append(len(args[0]))
    )
    output = frozen(batch)
    scores, embedding = output.logits, output.embedding
    quick = sum(read)
    features = dict(output.features)
    relations = [output.relation(trial_similarity, tap) for tap in features]
    hook.remove()
    return (scores, embedding, *features.values(), *relations), quick, sum(read)


def test_a_teacher_whose_features_do_not_fit_remembers_the_rest(data):
    whole, small = (
        Frozen(learner(data).decoder, memory_limit=limit) for limit in (2**30, 1)
    )
    batch = data[0].batch(torch.tensor([3, 1, 30, 7]))
    expected, _, read = asked(whole, batch)
    assert read == 36  # all trials of the sampler, once
    first, quick, read = asked(small, batch)
    assert (quick, read) == (36, 40)  # features of the batch are read once
    again, quick, read = asked(small, batch)
    assert (quick, read) == (0, 4)
    for one, two, three in zip(expected, first, again, strict=True):
        assert torch.allclose(one, two, atol=1e-5)
        assert torch.equal(two, three)


def test_a_matrix_that_does_not_fit_is_computed_on_the_batch(data):
    decoder = learner(data).decoder
    batch = data[0].batch(torch.arange(36))
    features = Frozen(decoder)(batch).features
    size = sum(v.numel() * v.element_size() for v in features.values())
    matrix = 4 * 36**2
    part = data[0].batch(torch.arange(5))
    for room, n_kept in ((0, 0), (matrix, 1), (matrix * len(features), len(features))):
        frozen = Frozen(decoder, memory_limit=size + room)
        values, _, read = asked(frozen, part)
        assert read == 36, "features fit"
        assert len(frozen._memories[data[0]].relations) == n_kept
        for one, two in zip(values, asked(Frozen(decoder), part)[0], strict=True):
            assert torch.allclose(one, two, atol=1e-5)


def test_frozen_teachers_of_a_training_share_their_memory(data):
    given = [learner(data, seed).decoder for seed in (0, 1)]
    training = Training(learner(data).decoder, data[0], teachers=given)
    assert training.frozen() is training.frozen() is training.all_frozen()[0]
    assert training.all_frozen()[1] is training.all_frozen()[1]
    assert training.frozen("as_published") is not training.frozen()
    assert "_frozen" not in repr(training)
    training.teachers = given[1:]
    assert training.frozen() is training.all_frozen()[0]
    assert torch.equal(
        next(training.frozen().decoder.parameters()), next(given[1].parameters())
    )


# -- what a method may do ---------------------------------------------------------


def test_a_ladder_of_montages_goes_from_the_student_to_all_channels(data):
    training = Training(learner(data).decoder, data[0])
    steps = [montage.ch_names for montage in training.ladder(2)]
    assert [len(names) for names in steps] == [10, 15]
    assert set(training.student.view.ch_names) < set(steps[0]) < set(steps[1])
    assert set(steps[1]) < set(CH_22)
    assert training.ladder(0) == []


def test_a_subset_of_a_source_counts_anew(data):
    part = data[0].subset(torch.tensor([5, 1, 30]))
    assert len(part) == 3
    assert torch.equal(part.y, data[0].y[[5, 1, 30]])
    assert torch.equal(part.batch(torch.tensor([2])).y, data[0].y[[30]])
    assert part.batch_size == data[0].batch_size


def test_the_last_layer_alone(data):
    for name in ("SCCNet", "EEGNet", "ShallowFBCSPNet"):
        view = View("headphone", CH_22).fit(data[0].X)
        decoder = build_decoder(
            name, view, n_outputs=3, n_times=160, sfreq=125.0, random_state=0
        ).eval()
        batch = data[0].batch(torch.arange(4))
        with torch.no_grad():
            output = decoder(batch.seen_by(view))
            again = decoder.classify(output.embedding)
        assert torch.allclose(again, output.logits, atol=1e-6), name
        with pytest.raises(ValueError, match="'embedding' must have shape"):
            decoder.classify(output.embedding[:, :-1])


def test_soft_labels_take_the_place_of_classes(data):
    batch = data[0].batch(torch.arange(4))
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    hard = CrossEntropy()(Output(logits, {}, None), None, batch)
    batch.soft = torch.nn.functional.one_hot(batch.y, 3).float()
    soft = CrossEntropy()(Output(logits, {}, None), None, batch)
    assert torch.allclose(hard, soft)
