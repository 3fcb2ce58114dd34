"""The loop, sources and weightings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eegkd import View, build_decoder
from eegkd.criteria import CrossEntropy
from eegkd.distillation import History, Learner, Objective, Training, distill
from eegkd.methods import METHODS, kd
from eegkd.sources import TrialSource
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


def learner(data, **settings):
    """Return an untrained learner on the headphone."""
    view = View("headphone", CH_22).fit(data[0].X)
    decoder = build_decoder(
        "SCCNet", view, n_outputs=3, n_times=160, sfreq=125.0, random_state=0
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


def test_methods_without_a_teacher_say_so(data):
    for name, method in METHODS.items():
        training = Training(learner(data).decoder, data[0], loop={"max_epochs": 1})
        if method.needs_teacher:
            with pytest.raises(ValueError, match="must be a trained decoder"):
                method(training)
        else:
            assert len(method(training).rows) == 1, name


def test_options_of_a_method_reach_the_objective(data):
    teacher = learner(data).decoder
    histories = [
        kd(
            Training(learner(data).decoder, data[0], None, teacher, {}, loop),
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
