"""The loop, sources and weightings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eegkd import View, build_decoder
from eegkd.criteria import KL, CrossEntropy, SimilarityKeeping
from eegkd.criteria.base import TrainedCriterion
from eegkd.criteria.logits import LogitMSE
from eegkd.decoders import Output
from eegkd.distillation import History, Learner, Objective, Training, distill
from eegkd.methods import METHODS, kd
from eegkd.sources import TrialSource
from eegkd.teachers import EMA, Ensemble, Frozen, Peer, Virtual
from eegkd.weightings import Constant

from .conftest import CH_22, make_trials


@pytest.fixture(scope="module")
def data():
    """Return training and validation sources of one subject."""
    trials = make_trials(n_subjects=1)
    codes = np.searchsorted(trials.classes, trials.y)
    train = TrialSource.from_arrays(trials.X[:36], codes[:36], batch_size=10)
    valid = TrialSource.from_arrays(trials.X[36:], codes[36:], shuffle=False)
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
    return Learner(decoder, Objective([(CrossEntropy(), None)]), **settings)


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
    passes = []

    def stop(epoch, row):
        weights = {k: v.clone() for k, v in pupil.decoder.state_dict().items()}
        passes.append((row["valid_loss"], weights))
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(pupil, data[0], valid=data[1], max_epochs=5, progress=stop)
    _, best = min(passes, key=lambda entry: entry[0])
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
        Learner(None, None, lr=0)


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
            Training(learner(data).decoder, data[0], None, [teacher], {}, loop),
            label_weight=weight,
            soft_weight=0,
        )
        for weight, loop in ((1.0, {"max_epochs": 1}), (2.0, {"max_epochs": 1}))
    ]
    first, second = (history.rows[0] for history in histories)
    assert first["train_loss"] == pytest.approx(first["train_label_loss"])
    assert second["train_loss"] == pytest.approx(2 * second["train_label_loss"])


def test_a_source_yields_every_trial_once_in_an_order_of_its_seed(data):
    source = data[0]
    orders = [
        torch.cat([batch.index for batch in source(epoch)]).tolist()
        for epoch in (0, 1, 0)
    ]
    assert sorted(orders[0]) == list(range(36))
    assert orders[0] == orders[2] != orders[1]
    assert [len(batch) for batch in source(0)] == [10, 10, 10, 6]


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

    def start_pass(self, epoch):
        """Note the pass."""
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


def test_calibrated_terms_pull_alike(data):
    teacher = Frozen(learner(data).decoder)
    pupil = learner(data)
    objective = Objective(
        [(CrossEntropy(), None), (LogitMSE(), teacher)], Constant(1, 1e-6)
    )
    batch = data[0].batch(torch.arange(20))
    with torch.no_grad():  # a teacher that disagrees
        for parameter in teacher.decoder.parameters():
            parameter.add_(0.1)
    objective.calibrate(pupil.decoder.eval(), batch, ratio=0.5)
    norms = []
    for term in range(2):
        pupil.decoder.zero_grad()
        output = pupil.decoder(batch.seen_by(pupil.decoder.view))
        losses, weights = objective._losses(output, batch, 0, True)
        (weights * losses).mean(dim=1)[term].backward()
        grads = [p.grad for p in pupil.decoder.parameters() if p.grad is not None]
        norms.append(torch.cat([grad.flatten() for grad in grads]).norm().item())
    assert norms[1] == pytest.approx(0.5 * norms[0], rel=1e-4)


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
    assert history.notes == {"averaged_passes": 3}
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
        (lambda: Learner(None, None, average_from=1), "'average_from' must be"),
        (lambda: Learner(None, None, calibrate=0), "'calibrate' must be"),
    ],
)
def test_wrong_teachers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


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
