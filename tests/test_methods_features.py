"""Methods that transfer scores and features: composition, oracles, ends."""

from __future__ import annotations

import copy
import functools
import inspect

import numpy as np
import pytest
import torch

from eegkd.decoders import build_decoder
from eegkd.distillation import Training
from eegkd.methods.activation_boundaries import activation_boundaries
from eegkd.methods.attention_transfer import attention_transfer
from eegkd.methods.dist import dist
from eegkd.methods.dkd import dkd
from eegkd.methods.factor_transfer import factor_transfer
from eegkd.methods.fitnet import fitnet
from eegkd.methods.kd import kd
from eegkd.methods.logit_matching import logit_matching
from eegkd.methods.none import none
from eegkd.methods.review_kd import review_kd
from eegkd.methods.standardized_kd import standardized_kd
from eegkd.methods.vid import vid
from eegkd.samplers import TrialSampler
from eegkd.view import View

from .conftest import CH_22, adam, make_trials

ORACLES = {
    "logit_matching",
    "dkd",
    "standardized_kd",
    "dist",
    "fitnet",
    "attention_transfer",
    "vid",
    "factor_transfer",
    "activation_boundaries",
    "review_kd",
}

# terms of the history and their weights as documented
WEIGHTS = {
    logit_matching: {"logit_loss": 1},
    dkd: {"label_loss": 1, "decoupled_loss": 1},
    standardized_kd: {"label_loss": 0.1, "standardized_loss": 9},
    dist: {"label_loss": 1, "dist_loss": 1},
    fitnet: {"label_loss": 1, "hint_loss": 100},
    attention_transfer: {"label_loss": 1, "attention_loss": 1000},
    vid: {"label_loss": 1, "vid_loss": 1},
    factor_transfer: {"label_loss": 1, "factor_loss": 1600},
    activation_boundaries: {"label_loss": 1},
    review_kd: {"label_loss": 1, "review_loss": 1},
}
FEATURES = [fitnet, attention_transfer, vid, factor_transfer, review_kd]
TWO_STAGES = [factor_transfer, activation_boundaries]


@functools.cache
def arrays(n_classes=3):
    """Return signals and classes of one subject, and a trained teacher's weights."""
    trials = make_trials(n_subjects=1, n_per_class=6, n_classes=n_classes)
    return trials.X, np.searchsorted(trials.classes, trials.y)


def build(montage, n_outputs, seed, name="SCCNet"):
    """Return an untrained decoder."""
    view = View(montage, CH_22).fit(torch.as_tensor(arrays(max(n_outputs, 2))[0]))
    return build_decoder(
        name, view, n_outputs=n_outputs, n_times=160, sfreq=125.0, random_state=seed
    )


@functools.cache
def trained_teacher(n_outputs=3, name="SCCNet"):
    """Return a teacher that was trained for a few passes on all electrodes."""
    training = make(n_outputs, teacher=False)
    training.student = build(CH_22, n_outputs, 5, name)
    none(training)
    return training.student


def make(n_outputs=3, *, teacher="SCCNet", max_epochs=2, valid=False, y=None, **more):
    """Return a training of a fresh student on C3, Cz and C4, in batches of 7 or 1."""
    X, codes = arrays(max(n_outputs, 2))
    n_train = 15
    y = codes if y is None else y
    if n_outputs == 1:
        y = np.sin(np.arange(len(X)))

    def sampler(part, **settings):
        made = TrialSampler.from_arrays(X[part], codes[part], **settings)
        made.y = torch.as_tensor(
            y[part], dtype=torch.float if n_outputs == 1 else torch.long
        )
        return made

    return Training(
        build(["C3", "Cz", "C4"], n_outputs, 0),
        sampler(slice(n_train), batch_size=7),
        sampler(slice(n_train, None), shuffle=False) if valid else None,
        teachers=[trained_teacher(n_outputs, teacher)] if teacher else [],
        recipe=adam(**{"lr": 5e-3, "weight_decay": 0.0, **more}),
        loop={"max_epochs": max_epochs, "random_state": 3},
        sfreq=125.0,
        n_outputs=n_outputs,
    )


def weights(training):
    """Return all of the student's trained weights as one vector."""
    return torch.cat([p.detach().flatten() for p in training.student.parameters()])


def run(method, training=None, **options):
    """Run a method and return the student's weights and the history."""
    training = make() if training is None else training
    history = method(training, **options)
    return weights(training), history


# -- composition ------------------------------------------------------------------


@pytest.mark.parametrize("method", WEIGHTS)
def test_the_loss_is_the_documented_sum(method):
    """With validation, on batches the last of which holds one trial."""
    _, history = run(method, make(valid=True))
    assert len(history.rows) == 2
    for row in history.rows:
        for part in ("train", "valid"):
            terms = {
                key.removeprefix(f"{part}_"): value
                for key, value in row.items()
                if key.startswith(part) and key not in (f"{part}_loss",)
            }
            terms.pop("accuracy", None)
            assert set(terms) == set(WEIGHTS[method])
            total = sum(WEIGHTS[method][name] * terms[name] for name in terms)
            assert row[f"{part}_loss"] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("method", WEIGHTS)
def test_two_classes(method):
    _, history = run(method, make(2))
    assert np.isfinite(losses(history)).all()


@pytest.mark.parametrize("method", [*FEATURES, activation_boundaries])
def test_softened_classes_may_be_added(method):
    _, history = run(method, soft_weight=0.9, label_weight=0.1)
    assert "train_soft_loss" in history.rows[0]


@pytest.mark.parametrize("method", WEIGHTS)
def test_the_teacher_does_not_change_and_the_seed_decides(method):
    before = copy.deepcopy(trained_teacher().state_dict())
    first, second = run(method)[0], run(method)[0]
    assert torch.equal(first, second)
    for name, value in trained_teacher().state_dict().items():
        assert torch.equal(value, before[name]), name


def options(method):
    """Return the options of a method with their defaults."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return {option.name: option.default for option in parameters}


@pytest.mark.parametrize("method", FEATURES)
def test_with_weight_0_the_student_is_the_one_without_teacher(method):
    """Neither a first stage nor the modules leave a trace in the student."""
    name = next(
        key for key in inspect.signature(method).parameters if key.endswith("_weight")
    )
    alone, history = run(method, **{name: 0.0})
    assert torch.equal(alone, run(none)[0])
    assert not torch.equal(alone, run(method)[0])
    assert set(history.rows[0]) == {"epoch", "train_label_loss", "train_loss"}


@pytest.mark.parametrize("method", [m for m in WEIGHTS if m.card.regression])
def test_continuous_labels(method):
    """Labels are compared by the squared error, without a softmax."""
    training = make(1, valid=True)
    _, history = run(method, training)
    row = history.rows[-1]
    assert "valid_accuracy" not in row
    if "label_loss" in WEIGHTS[method]:
        with torch.no_grad():
            x = training.valid.seen_by(
                training.student.view,
                training.valid.batch(torch.arange(len(training.valid))),
            )
            error = training.student(x).logits[:, 0] - training.valid.y
        best = history.rows[history.best_epoch]["valid_label_loss"]
        assert error.square().mean().item() == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("method", FEATURES)
def test_a_teacher_of_another_kind(method):
    """EEGNet has other numbers of maps and steps at its taps."""
    _, history = run(method, make(teacher="EEGNet"))
    assert np.isfinite(history.rows[-1]["train_loss"])


def test_only_methods_without_softmax_promise_regression():
    promised = {method.__name__ for method in WEIGHTS if method.card.regression}
    assert promised == {
        "logit_matching",
        *(method.__name__ for method in FEATURES),
        "activation_boundaries",
    }


# -- oracles ----------------------------------------------------------------------


def test_logit_matching_reads_no_label_and_reaches_the_teacher():
    codes = arrays()[1]
    first, history = run(logit_matching, make(max_epochs=25))
    other, _ = run(logit_matching, make(max_epochs=25, y=(codes + 1) % 3))
    assert torch.equal(first, other)
    assert losses(history)[-1] < 0.5 * losses(history)[0]
    assert not torch.equal(first, run(logit_matching, distance="absolute")[0])


def losses(history):
    """Return the training loss of each epoch."""
    return [row["train_loss"] for row in history.rows]


def test_dkd_of_two_classes_is_plain_distillation():
    """The same course of training, up to rounding."""
    _, decoupled = run(dkd, make(2, max_epochs=4), alpha=0.9, label_weight=0.1)
    _, plain = run(kd, make(2, max_epochs=4))
    assert losses(decoupled) == pytest.approx(losses(plain), rel=1e-3)
    _, other = run(dkd, make(2, max_epochs=4))
    assert losses(other) != pytest.approx(losses(plain), rel=1e-3)


@pytest.mark.parametrize("method", [standardized_kd, kd])
def test_only_standardized_kd_ignores_the_size_of_the_teachers_scores(method):
    training = make(max_epochs=4)
    louder = copy.deepcopy(training.teacher)
    with torch.no_grad():
        for parameter in louder.network.final_layer.parameters():
            parameter.mul_(7)
    training.teachers = [louder]
    options = {"floor": 1e-6} if method is standardized_kd else {}
    loud = losses(run(method, training, **options)[1])
    quiet = losses(run(method, make(max_epochs=4), **options)[1])
    assert (loud == pytest.approx(quiet, rel=1e-3)) == (method is standardized_kd)


def test_dist_learns_the_correlations():
    _, history = run(dist, make(max_epochs=25), label_weight=0.0)
    assert losses(history)[-1] < 0.7 * losses(history)[0]


@pytest.mark.parametrize("method", FEATURES)
def test_features_of_the_teacher_are_learned(method):
    """The term falls, with the documented weight as the default."""
    name = next(
        key for key in inspect.signature(method).parameters if key.endswith("_weight")
    )
    _, history = run(method, make(max_epochs=15))
    (term,) = set(WEIGHTS[method]) - {"label_loss"}
    values = [row[f"train_{term}"] for row in history.rows]
    assert values[-1] < values[0]
    assert options(method)[name] == WEIGHTS[method][term]


def test_activation_boundaries_initialize_without_labels():
    """Without a second loss, what is left is the first stage."""
    codes = arrays()[1]
    starts = [
        run(activation_boundaries, make(y=y), label_weight=0.0)[0]
        for y in (codes, (codes + 1) % 3)
    ]
    assert torch.equal(*starts)
    assert not torch.equal(starts[0], weights(make()))
    n_last = sum(p.numel() for p in make().student.network.final_layer.parameters())
    assert torch.equal(starts[0][-n_last:], weights(make())[-n_last:])


@pytest.mark.parametrize(
    ("method", "part", "note"),
    [
        (activation_boundaries, "init_part", "boundary_loss"),
        (factor_transfer, "paraphrase_part", "paraphrase_loss"),
    ],
)
def test_a_longer_first_stage_gets_further(method, part, note):
    short = run(method, **{part: 0.01})[1].notes[note]
    long = run(method, **{part: 10})[1].notes[note]
    assert 0 < long < short


@pytest.mark.parametrize("method", TWO_STAGES)
def test_the_first_stage_does_not_shorten_the_second(method):
    _, history = run(method, make(max_epochs=4, valid=True))
    assert [row["epoch"] for row in history.rows] == [0, 1, 2, 3]


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (logit_matching, {"distance": "l2"}, r"'distance' must be one of 'squared', "),
        (factor_transfer, {"paraphrase_part": 0}, r"'paraphrase_part' must be .* > 0"),
        (activation_boundaries, {"init_part": 0}, r"'init_part' must be .* > 0"),
        (fitnet, {"tap": 0}, r"'tap' must be an integer >= 1, got 0"),
        (dkd, {"beta": -8}, r"'beta' must be .* >= 0, got -8"),
    ],
)
def test_errors_say_what_to_do(method, options, message):
    with pytest.raises(ValueError, match=message):
        method(make(), **options)


@pytest.mark.parametrize("method", WEIGHTS)
def test_a_teacher_is_needed(method):
    assert method.needs_teacher
    with pytest.raises(ValueError, match="must hold a trained decoder"):
        method(make(teacher=False))
