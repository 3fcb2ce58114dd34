"""The methods that change which trials are seen."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from eegkd.benchmark import sweep
from eegkd.decoders import Output, build_decoder
from eegkd.distillation import Training
from eegkd.methods.augmented_kd import augmented_kd
from eegkd.methods.cudfkd import cudfkd
from eegkd.methods.kd import kd
from eegkd.methods.mix_kd import _StandardizedCrossEntropy, mix_kd
from eegkd.methods.single_recording import single_recording
from eegkd.samplers.augmented import AUGMENTATIONS
from eegkd.samplers.trials import Batch, TrialSampler
from eegkd.view import View

from .conftest import CH_22, adam, make_trials

ORACLES = {"augmented_kd", "mix_kd", "cudfkd", "single_recording"}
SFREQ = 125.0


def decoder(sampler, montage, seed=0, n_outputs=3):
    """Return an untrained SCCNet behind a view fitted to the trials."""
    return build_decoder(
        "SCCNet",
        View(montage, CH_22).fit(sampler.X),
        n_outputs=n_outputs,
        n_times=sampler.X.shape[2],
        sfreq=SFREQ,
        random_state=seed,
    )


def split(n_classes=3, n_subjects=1, batch_size=10):
    """Return training and validation samplers."""
    trials = make_trials(
        n_subjects=n_subjects, n_per_class=8, n_classes=n_classes, n_times=100
    )
    codes = np.searchsorted(trials.classes, trials.y)
    first = (trials.metadata["session"] == "0train").to_numpy()
    return tuple(
        TrialSampler.from_arrays(
            trials.X[part],
            codes[part],
            trials.metadata["subject"][part],
            trials.metadata["session"][part],
            batch_size=batch_size,
        )
        for part in (first, ~first)
    )


def make_training(samplers=None, **changes):
    """Return a training of a student on three electrodes, with a fresh teacher."""
    sampler, valid = samplers or split()
    n_outputs = int(sampler.y.max()) + 1
    return Training(
        student=decoder(sampler, ["C3", "Cz", "C4"], 1, n_outputs),
        sampler=sampler,
        valid=valid,
        teachers=[decoder(sampler, None, 2, n_outputs).eval()],
        recipe=adam(lr=1e-2),
        make=lambda montage, name, seed: decoder(sampler, montage, seed, n_outputs),
        sfreq=SFREQ,
        n_outputs=n_outputs,
        **{"loop": {"max_epochs": 3, "random_state": 4}, **changes},
    )


def scores(training):
    """Return what student and teacher say of the validation trials, as NumPy."""
    X = training.valid.X
    with torch.no_grad():
        return [
            one.eval()(one.view(X), features=False).logits.double().numpy()
            for one in (training.student, training.teacher)
        ]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def weights(training):
    """Return all weights of the student in one vector."""
    return torch.cat([p.detach().flatten() for p in training.student.parameters()])


# -- augmented_kd --------------------------------------------------------------------


def test_without_change_augmented_kd_is_plain_distillation():
    """The losses of the first epoch are those of kd.

    There the teacher reads all trials, here each batch, and rounds otherwise. What is
    compared is what rounding cannot move far: weights before a batch normalization,
    which cancels them, are moved by it alone, and with them whatever is said in
    validation.
    """

    def losses(method, **options):
        training = make_training(loop={"max_epochs": 1, "random_state": 4})
        row = method(training, **options).rows[0]
        return np.array([row["train_label_loss"], row["train_soft_loss"]])

    plain = losses(kd)
    same = losses(augmented_kd, augment="time_shift", probability=0)
    np.testing.assert_allclose(same, plain, rtol=1e-5)
    other = losses(augmented_kd, augment="time_shift", probability=1)
    assert (np.abs(other / plain - 1) > 5e-3).all()


def test_teacher_and_student_are_trained_on_the_same_changed_trials():
    training = make_training()
    seen = []

    def watch(X):
        seen.append(len(X))
        return X

    augmented_kd(training, augment=watch, probability=1)
    assert seen == [10, 10, 4] * 3  # once per trial and pass, never in validation


def test_a_teacher_of_its_own_is_trained_with_the_augmentation():
    given, own = make_training(), make_training()
    before = copy.deepcopy(own.teacher.state_dict())
    calls = []

    def watch(X):
        calls.append(len(X))
        return X

    augmented_kd(given, augment=watch, probability=1)
    single = len(calls)
    augmented_kd(own, augment=watch, probability=1, augment_teacher=True)
    assert len(calls) == 3 * single
    assert not torch.equal(weights(given), weights(own))
    after = own.teacher.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_teacher_of_its_own_is_of_the_given_teachers_kind():
    built = []

    def make(montage, name, seed):
        built.append(name)
        return decoder(training.sampler, montage, seed)

    training = make_training()
    training.make = make
    augmented_kd(training, augment_teacher=True)
    training.teacher.config["name"] = "EEGNet"
    augmented_kd(training, augment_teacher=True)
    assert built == [None, "EEGNet"]  # None is the student's kind
    training.teacher.config["foreign"] = True
    with pytest.raises(ValueError, match="'augment_teacher' needs a teacher .* got 'E"):
        augmented_kd(training, augment_teacher=True)


def test_options_of_augmented_kd_are_checked():
    with pytest.raises(ValueError, match="Unknown name 'noise' for 'augment'"):
        augmented_kd(make_training(), augment="noise")
    with pytest.raises(ValueError, match="'augment_teacher' must be one of"):
        augmented_kd(make_training(), augment_teacher="yes")


# -- mix_kd --------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0, 1])
def test_the_loss_of_mix_kd_is_that_of_the_formula(fraction):
    training = make_training()
    history = mix_kd(training, fraction=fraction, label_weight=0.3, soft_weight=0.6)
    s, t = (
        z / np.maximum(z.std(axis=1, ddof=1, keepdims=True), 0.1)
        for z in scores(training)
    )
    p_s, p_t = softmax(s), softmax(t)
    label = -np.log(p_s[np.arange(len(s)), training.valid.y.numpy()])
    soft = (p_t * np.log(p_t / p_s)).sum(axis=1)
    expected = 0.3 * label.mean() + 0.6 * soft.mean()
    assert history.best_loss == pytest.approx(expected, rel=1e-4)


def test_mix_kd_trains_on_mixed_trials_and_labels():
    plain, mixed = make_training(), make_training()
    mix_kd(plain, fraction=0)
    mix_kd(mixed, fraction=1)
    assert (weights(plain) - weights(mixed)).abs().max() > 0.01


def test_the_label_loss_of_mix_kd_takes_soft_labels():
    rng = np.random.default_rng(0)
    z, soft = rng.standard_normal((5, 3)), rng.dirichlet([1, 1, 1], 5)
    batch = Batch(None, *[torch.zeros(5, dtype=torch.int64)] * 4)
    batch.soft = torch.as_tensor(soft)
    output = Output(torch.as_tensor(z), {}, None)
    loss = _StandardizedCrossEntropy(0.1, False)(output, None, batch)
    p = softmax(z / z.std(axis=1, ddof=1, keepdims=True))
    np.testing.assert_allclose(loss, -(soft * np.log(p)).sum(axis=1), rtol=1e-10)


# -- cudfkd --------------------------------------------------------------------------


def test_cudfkd_reads_no_training_trial():
    training, other = make_training(), make_training()
    history = cudfkd(training, choose="last")
    other.sampler.y = other.sampler.y.flip(0)
    other.sampler.X = other.sampler.X.flip(1) * 3
    cudfkd(other, choose="last")
    assert torch.equal(weights(training), weights(other))
    assert "valid_loss" not in history.rows[0]
    shares = history.notes["generator"]["class_shares"]
    assert sum(shares) == pytest.approx(1)
    assert history.best_epoch == 2


def test_cudfkd_chooses_the_pass_by_the_distance_to_the_teacher():
    training = make_training()
    training.valid.y = torch.zeros_like(training.valid.y)  # labels are not used
    history = cudfkd(training)
    student, teacher = scores(training)
    expected = np.abs(student - teacher).mean()
    assert history.best_loss == pytest.approx(expected, rel=1e-4)
    assert history.best_loss == min(row["valid_loss"] for row in history.rows)


def test_cudfkd_fools_the_student_on_purpose():
    easy, hard = make_training(), make_training()
    options = {"choose": "last", "student_steps": 1}
    cudfkd(easy, adversarial_weight=0, **options)
    history = cudfkd(hard, adversarial_weight=1e3, **options)
    assert not torch.equal(weights(easy), weights(hard))
    assert history.notes["generator"]["adversarial"] >= 0


def test_options_of_cudfkd_are_checked():
    with pytest.raises(ValueError, match="'choose' must be one of"):
        cudfkd(make_training(), choose="best")
    with pytest.raises(ValueError, match="'pace_end'"):
        cudfkd(make_training(), pace_start=3, pace_end=2)
    with pytest.raises(ValueError, match="'student_steps'"):
        cudfkd(make_training(), student_steps=0)


# -- single_recording ----------------------------------------------------------------


def test_the_loss_of_single_recording_is_that_of_the_formula():
    training = make_training()
    history = single_recording(training, soft_weight=1 / 64)
    p_s, p_t = (softmax(z / 8) for z in scores(training))
    expected = (p_t * np.log(p_t / p_s)).sum(axis=1).mean()  # published: no square
    assert history.best_loss == pytest.approx(expected, rel=1e-3)


def test_single_recording_uses_no_label():
    training, other = make_training(), make_training()
    single_recording(training)
    other.sampler.y = other.sampler.y.flip(0)
    other.valid.y = other.valid.y.flip(0)
    single_recording(other)
    assert torch.equal(weights(training), weights(other))


def test_a_recording_takes_the_place_of_the_trials():
    joined, given, noise = make_training(), make_training(), make_training()
    single_recording(joined)
    single_recording(given, recording=torch.cat(list(given.sampler.X), dim=1).numpy())
    assert torch.equal(weights(joined), weights(given))
    rng = np.random.default_rng(0)
    single_recording(noise, recording=1e-5 * rng.standard_normal((22, 3000)))
    assert not torch.equal(weights(joined), weights(noise))
    with pytest.raises(ValueError, match=r"shape \(22, n_samples\)"):
        single_recording(make_training(), recording=np.zeros((3, 3000)))
    with pytest.raises(ValueError, match="'soft_weight'"):
        single_recording(make_training(), soft_weight=0)


# -- all -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", [augmented_kd, mix_kd, cudfkd, single_recording])
def test_methods_survive_awkward_trials(method):
    two = split(n_classes=2, n_subjects=2, batch_size=31)  # last batch of one trial
    assert len(two[0]) % 31 == 1
    for samplers in (two, (two[0], None)):
        training = make_training(samplers)
        before = copy.deepcopy(training.teacher.state_dict())
        training.loop.update(max_epochs=2, patience=2)
        history = method(training)
        assert all(np.isfinite(row["train_loss"]) for row in history.rows)
        assert torch.isfinite(weights(training)).all()
        after = training.teacher.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        again = make_training(samplers)
        again.loop.update(max_epochs=2, patience=2)
        method(again)
        assert torch.equal(weights(training), weights(again))


# -- the sweep -----------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Return what the sweep asks `benchmark` for."""
    calls = []
    monkeypatch.setattr(
        sweep, "benchmark", lambda *args, **options: calls.append((args, options))
    )
    return calls


def test_the_sweep_asks_for_each_augmentation_and_two_controls(asked):
    sweep.augmentation_sweep("data", "headband", n_seeds=2)
    (dataset, montage, methods), options = asked[0]
    assert (dataset, montage, options) == ("data", "headband", {"n_seeds": 2})
    assert list(methods)[:2] == ["none", "kd"]
    assert set(methods) - {"none", "kd"} == set(AUGMENTATIONS)
    assert methods["time_shift"] == {"method": "augmented_kd", "augment": "time_shift"}


def test_the_sweep_takes_mixtures_and_trains_teachers(asked):
    both = ["gaussian_noise", "time_shift"]
    sweep.augmentation_sweep("data", augmentations=[both], teacher_too=True)
    sweep.augmentation_sweep("data", augmentations={"both": both})
    sweep.augmentation_sweep("data", augmentations="sign_flip")
    first, second, third = (args[2] for args, _ in asked)
    assert first["gaussian_noise + time_shift"]["augment_teacher"] is True
    assert second["both"] == {"method": "augmented_kd", "augment": both}
    assert set(third) == {"none", "kd", "sign_flip"}


class Shift:
    """A transform that is an object."""

    def __init__(self, size):
        self.size = size

    def __call__(self, X):
        """Return the signals later."""
        return X.roll(self.size, 2)


def test_the_sweep_names_objects_by_their_type(asked):
    one = Shift(1)
    sweep.augmentation_sweep("data", augmentations=[one, [one, "sign_flip"]])
    assert list(asked[0][0][2])[2:] == ["Shift", "Shift + sign_flip"]


def test_what_the_sweep_refuses(asked):
    with pytest.raises(ValueError, match="Did you mean 'sign_flip'"):
        sweep.augmentation_sweep("data", augmentations=["sign_flp"])
    with pytest.raises(ValueError, match="must not use the label 'kd'"):
        sweep.augmentation_sweep("data", augmentations={"kd": "sign_flip"})
    for twice in (
        [lambda X: X, lambda X: -X],
        [Shift(1), Shift(2)],
        ["sign_flip", ["sign_flip"]],
    ):
        with pytest.raises(ValueError, match="occurs more than once. Pass a dict"):
            sweep.augmentation_sweep("data", augmentations=twice)
    for nothing in ([], {}):
        with pytest.raises(ValueError, match="must hold at least one augmentation"):
            sweep.augmentation_sweep("data", augmentations=nothing)
    with pytest.raises(ValueError, match="'methods' must be left out"):
        sweep.augmentation_sweep("data", methods=["kd"])
    assert not asked


def test_the_sweep_runs(tmp_path, monkeypatch):
    from eegkd.methods import METHODS

    monkeypatch.setitem(METHODS, "augmented_kd", augmented_kd)
    results = sweep.augmentation_sweep(
        make_trials(n_subjects=1, n_per_class=6, n_times=100),
        ["C3", "Cz", "C4"],
        augmentations=["sign_flip", ["sign_flip", "time_shift"]],
        n_seeds=1,
        max_epochs=1,
        store=tmp_path / "store.sqlite",
        progress=False,
    )
    assert results.complete
    assert {"none", "kd", "sign_flip", "sign_flip + time_shift"} <= set(
        results.scores["method"]
    )
