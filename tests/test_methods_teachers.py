"""Methods with several teachers: each against an oracle, and the teachers they make."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from eegkd.criteria import KL, CrossEntropy
from eegkd.decoders import Output, build_decoder
from eegkd.distillation import Objective, Training
from eegkd.methods import _several_teachers
from eegkd.methods._several_teachers import RandomSubset, subsets_of_groups
from eegkd.methods.aekd import aekd
from eegkd.methods.ca_mkd import ca_mkd
from eegkd.methods.ces_kd import ces_kd
from eegkd.methods.entropy_mkd import entropy_mkd
from eegkd.methods.mean_mkd import mean_mkd
from eegkd.methods.pskd import pskd
from eegkd.methods.ros_kd import ros_kd
from eegkd.samplers import TrialSampler
from eegkd.teachers import Ensemble, Frozen
from eegkd.view import View
from eegkd.weightings import Constant

from .conftest import CH_22, adam, make_trials

ORACLES = {"mean_mkd", "entropy_mkd", "aekd", "ca_mkd", "ces_kd", "ros_kd", "pskd"}
METHODS = {
    "mean_mkd": mean_mkd,
    "entropy_mkd": entropy_mkd,
    "aekd": aekd,
    "ca_mkd": ca_mkd,
    "ces_kd": ces_kd,
    "ros_kd": ros_kd,
    "pskd": pskd,
}
LADDERS = ("ces_kd", "pskd")
GIVEN = [name for name in METHODS if name != "ros_kd"]
T = 4.0


def make(montage, decoder, random_state):
    """Return an untrained decoder whose view is fitted to the training trials."""
    view = View(montage, CH_22).fit(SAMPLER.X)
    return build_decoder(
        decoder or "SCCNet",
        view,
        n_outputs=3,
        n_times=160,
        sfreq=125.0,
        random_state=random_state,
    )


def samplers():
    """Return training and validation trials of one subject."""
    trials = make_trials(n_subjects=1, n_per_class=8)
    codes = np.searchsorted(trials.classes, trials.y)
    return (
        TrialSampler.from_arrays(trials.X[:24], codes[:24], batch_size=7),
        TrialSampler.from_arrays(trials.X[24:], codes[24:], shuffle=False),
    )


SAMPLER, VALID = samplers()


def training(n_teachers=1, *, valid=VALID, sampler=SAMPLER, max_epochs=1, seed=3):
    """Return what a method is given, with teachers of different strength."""
    teachers = []
    for number in range(n_teachers):
        teacher = make(None, None, 20 + number)
        with torch.no_grad():
            teacher.network.final_layer.weight.mul_(1 + 2 * number)
        teachers.append(teacher.eval())
    return Training(
        student=make("headphone", None, 0),
        sampler=sampler,
        valid=valid,
        teachers=teachers,
        recipe=adam(lr=5e-3, weight_decay=0.0),
        loop={"max_epochs": max_epochs, "random_state": seed},
        make=make,
        sfreq=125.0,
        n_outputs=3,
    )


def logits(decoder, sampler=VALID):
    """Return a decoder's scores of all trials, in NumPy."""
    with torch.no_grad():
        return decoder.eval()(decoder.view(sampler.X)).logits.double().numpy()


def softmax(z):
    """Return the softmax over the last axis, in NumPy."""
    power = np.exp(z - z.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def expected_terms(given, sampler=VALID):
    """Return label losses and divergences of all trials of a sampler, in NumPy."""
    z_s, y = logits(given.student, sampler), sampler.y.numpy()
    label = -np.log(softmax(z_s)[np.arange(len(y)), y])
    p_s = softmax(z_s / T)
    soft = []
    for teacher in given.teachers:
        p_t = softmax(logits(teacher, sampler) / T)
        soft.append(T**2 * (p_t * np.log(p_t / p_s)).sum(axis=1))
    return label, np.array(soft)


# -- oracles: the loss of all trials of a sampler --------------------------------------


def oracle_mean(given, label, soft, sampler=VALID):
    """Return the mean of the divergences."""
    return label + soft.mean(axis=0)


def oracle_entropy(given, label, soft, sampler=VALID):
    """Return the divergences weighted by the teachers' certainty."""
    p = np.stack([softmax(logits(teacher, sampler)) for teacher in given.teachers])
    entropy = -(p * np.log(p)).sum(axis=2)
    return label + ((1 - entropy / entropy.sum(axis=0)) / 2 * soft).sum(axis=0)


def oracle_aekd(given, label, soft, sampler=VALID):
    """Return the divergences in the mixture whose mean gradient is shortest."""
    p_s = softmax(logits(given.student, sampler) / T)
    grads = np.stack(
        [(p_s - softmax(logits(t, sampler) / T)).mean(axis=0) for t in given.teachers]
    )
    grads /= np.abs(grads).max()
    found = minimize(
        lambda a: ((a @ grads) ** 2).sum(),
        np.full(3, 1 / 3),
        bounds=[(0, 0.6)] * 3,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        options={"ftol": 1e-14},
    )
    assert np.ptp(found.x) > 0.1
    return label + found.x @ soft


def oracle_confidence(given, label, soft, sampler=VALID):
    """Return the divergences weighted by the teachers' closeness to the label."""
    y = sampler.y.numpy()
    p = np.stack(
        [softmax(logits(t, sampler))[np.arange(len(y)), y] for t in given.teachers]
    )
    trust = np.exp(-np.log(p)) / np.exp(-np.log(p)).sum(axis=0)
    return label + ((1 - trust) / 2 * soft).sum(axis=0)


def oracle_curriculum(given, label, soft, sampler=VALID):
    """Return the divergence from the expert of each trial's difficulty."""
    rank = np.array([(label < value).sum() for value in label]) / len(label)
    which = np.floor(rank * 3).astype(int)
    return 0.1 * label + 0.9 * soft[which, np.arange(len(label))]


def oracle_select(given, label, soft, sampler=VALID):
    """Return the divergence from the most confident right teacher, or the label."""
    y = sampler.y.numpy()
    p = np.stack([softmax(logits(t, sampler)) for t in given.teachers])
    trust = p[:, np.arange(len(y)), y] * (p.argmax(axis=2) == y)
    choice = np.where(trust.max(axis=0) > np.exp(-label), trust.argmax(axis=0), -1)
    assert len(set(choice)) > 2
    return np.where(choice < 0, label, soft[choice, np.arange(len(y))])


LOSSES = {
    "mean_mkd": oracle_mean,
    "entropy_mkd": oracle_entropy,
    "aekd": oracle_aekd,
    "ca_mkd": oracle_confidence,
    "ces_kd": oracle_curriculum,
    "pskd": oracle_select,
}
# What counts on validation trials where the weights move with the student.
FIXED = {
    "aekd": oracle_mean,
    "ces_kd": lambda given, label, soft: 0.1 * label + 0.9 * soft.mean(axis=0),
    "pskd": lambda given, label, soft: label,
}


@pytest.mark.parametrize("name", LOSSES)
def test_validation_loss_equals_numpy_reference(name):
    given = training(3)
    options = {"hint_weight": 0} if name == "ca_mkd" else {}
    history = METHODS[name](given, **options)
    label, soft = expected_terms(given)
    row = history.rows[0]
    assert row["valid_label_loss"] == pytest.approx(label.mean(), rel=1e-4)
    names = ["valid_soft_loss", "valid_soft_loss_2", "valid_soft_loss_3"]
    assert [row[n] for n in names] == pytest.approx(soft.mean(axis=1), rel=1e-4)
    expected = {**LOSSES, **FIXED}[name](given, label, soft).mean()
    assert row["valid_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_training_loss_of_the_first_batch_equals_numpy_reference(name):
    whole = replace(SAMPLER, batch_size=len(SAMPLER))
    given = training(3, sampler=whole, valid=None)
    given.student.eval()
    given.student.train = lambda mode=True: given.student  # no dropout
    label, soft = expected_terms(given, whole)
    expected = LOSSES[name](given, label, soft, whole).mean()
    options = {"hint_weight": 0} if name == "ca_mkd" else {}
    if name in LADDERS:
        options["all_from"] = 0
    row = METHODS[name](given, **options).rows[0]
    assert row["train_loss"] == pytest.approx(expected, rel=1e-4)


def test_ca_mkd_adds_the_hint():
    without = ca_mkd(training(3), hint_weight=0, label_weight=0, soft_weight=0)
    assert without.rows[0].get("valid_loss", 0) == 0
    row = ca_mkd(training(3), hint_weight=50, label_weight=0, soft_weight=0).rows[0]
    assert row["valid_confident_hint_loss"] > 0
    assert row["valid_loss"] == pytest.approx(
        50 * row["valid_confident_hint_loss"], rel=1e-5
    )


@pytest.mark.parametrize(
    ("name", "factor"), [("ca_mkd", 1 / 3), ("entropy_mkd", 2 / 3)]
)
def test_official_normalization_weakens_the_teachers(name, factor):
    given = training(3)
    options = {"hint_weight": 0} if name == "ca_mkd" else {}
    history = METHODS[name](given, normalization="official", **options)
    label, soft = expected_terms(given)
    mixed = LOSSES[name](given, label, soft) - label
    expected = (label + factor * mixed).mean()
    assert history.rows[0]["valid_loss"] == pytest.approx(expected, rel=1e-4)


# -- a single teacher -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["mean_mkd", "entropy_mkd", "aekd", "ca_mkd"])
def test_one_teacher_is_plain_distillation(name):
    given, plain = training(max_epochs=2), training(max_epochs=2)
    options = {"hint_weight": 0} if name == "ca_mkd" else {}
    METHODS[name](given, n_teachers=1, soft_weight=0.9, **options)
    plain.run(
        Objective([(CrossEntropy(), None), (KL(T), plain.frozen())], Constant(1.0, 0.9))
    )
    assert_same(given.student, plain.student)


def test_one_expert_is_plain_distillation():
    given, plain = training(max_epochs=2), training(max_epochs=2)
    ces_kd(given, n_teachers=1)
    plain.run(
        Objective([(CrossEntropy(), None), (KL(T), plain.frozen())], Constant(0.1, 0.9))
    )
    assert_same(given.student, plain.student)


def assert_same(one, other):
    """Fail unless two decoders have the same weights, up to rounding."""
    for name, value in one.state_dict().items():
        torch.testing.assert_close(
            value, other.state_dict()[name], rtol=1e-4, atol=1e-6, msg=name
        )


# -- which teachers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "electrodes"),
    [
        *[(name, [22, 22, 22]) for name in GIVEN if name not in LADDERS],
        ("ces_kd", "rising"),
        ("pskd", "from the student's"),
    ],
)
def test_teachers_beside_a_single_one(name, electrodes):
    found = METHODS[name](training(), n_teachers=3).notes["teacher_n_chans"]
    assert len(found) == 3
    if isinstance(electrodes, list):
        assert found == electrodes
        return
    assert found == sorted(set(found))
    assert found[-1] == 22
    assert found[0] == 7 if name == "pskd" else 7 < found[0] < 22


@pytest.mark.parametrize("name", GIVEN)
def test_several_given_teachers_are_all_used_and_no_others(name, monkeypatch):
    monkeypatch.setattr(_several_teachers, "another", None)  # calling it would fail
    history = METHODS[name](training(2), n_teachers=5)
    assert history.notes["teacher_n_chans"] == [22, 22]


@pytest.mark.parametrize("name", LADDERS)
def test_given_experts_are_put_in_order(name):
    given = training(3)
    given.teachers[1] = make("headband", None, 5)
    given.teachers[0] = make("headphone", None, 5)
    history = METHODS[name](given)
    assert history.notes["teacher_n_chans"] == [4, 7, 22]


def test_pskd_with_two_teachers_has_the_ends_of_the_ladder():
    history = pskd(training(), n_teachers=2)
    assert history.notes["teacher_n_chans"] == [7, 22]


@pytest.mark.parametrize("name", LADDERS)
def test_a_short_ladder_gives_fewer_teachers(name):
    given = training()
    given.student = make(CH_22[1:], None, 0)
    found = METHODS[name](given, n_teachers=4).notes["teacher_n_chans"]
    assert found == ([21, 22] if name == "pskd" else [22])


def test_further_teachers_are_trained_each_with_its_seed(monkeypatch):
    seeds, trained = [], []
    given = training(seed=3)
    build, train = given.build, given.train

    def spy_build(montage="student", decoder=None, random_state=0):
        seeds.append((montage, random_state))
        return build(montage, decoder, random_state)

    def spy_train(decoder, objective=None, **options):
        trained.append((objective is None, options.get("random_state")))
        return train(decoder, objective, **options)

    monkeypatch.setattr(given, "build", spy_build)
    monkeypatch.setattr(given, "train", spy_train)
    mean_mkd(given, n_teachers=3)
    # Far from the seeds 3, 4, ... of candidates for the given teacher.
    assert seeds == [("full", 1004), ("full", 1005)]
    assert trained == [(True, 1004), (True, 1005), (False, None)]


@pytest.mark.parametrize("name", GIVEN)
def test_a_teacher_is_needed(name):
    with pytest.raises(ValueError, match="'teachers' must hold a trained decoder"):
        METHODS[name](training(0))
    assert METHODS[name].card.needs_teacher


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_teachers": 0}, "'n_teachers' must be an integer >= 1"),
        ({"temperature": 0}, "'temperature' must be a finite number > 0"),
        ({"label_weight": -1}, "'label_weight' must be a finite number >= 0"),
        ({"soft_weight": -1}, "'soft_weight' must be a finite number >= 0"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_trained(
    name, options, message, monkeypatch
):
    monkeypatch.setattr(Training, "train", None)
    with pytest.raises(ValueError, match=message):
        METHODS[name](training(), **options)


# -- what holds for all ---------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_deterministic_and_teachers_untouched(name):
    students = []
    for _ in range(2):
        given = training(1, valid=None, max_epochs=2)
        before = [copy.deepcopy(t.state_dict()) for t in given.teachers]
        METHODS[name](given, n_teachers=2)
        students.append(given.student)
        for teacher, state in zip(given.teachers, before, strict=True):
            for key, value in teacher.state_dict().items():
                assert torch.equal(value, state[key])
    for key, value in students[0].state_dict().items():
        assert torch.equal(value, students[1].state_dict()[key])


@pytest.mark.parametrize("name", GIVEN)
def test_each_teacher_reads_each_trial_once(name, monkeypatch):
    read = []
    live = Frozen.live

    def spy(self, batch, features=True):
        read.append((id(self), batch.sampler is SAMPLER, len(batch)))
        return live(self, batch, features)

    monkeypatch.setattr(Frozen, "live", spy)
    METHODS[name](training(2, max_epochs=3))
    assert len({who for who, _, _ in read}) == 2
    for kind in (True, False):
        trials = [n for _, of_training, n in read if of_training is kind]
        assert trials == [24, 24]


# -- RoS-KD ---------------------------------------------------------------------------


def test_ros_kd_trains_teachers_on_parts_and_averages_the_student(monkeypatch):
    seen = []
    given = training(0, max_epochs=4)
    train = given.train

    def spy(decoder, objective=None, **options):
        seen.append((decoder.view.n_chans, options.get("sampler"), options))
        return train(decoder, objective, **options)

    monkeypatch.setattr(given, "train", spy)
    history = ros_kd(given)
    assert [n_chans for n_chans, _, _ in seen] == [22, 22, 22, 7]
    assert [o.get("random_state") for _, _, o in seen] == [4, 5, 6, None]
    parts = [sampler for _, sampler, _ in seen[:3]]
    assert history.notes["groups"] == "parts of sessions"
    assert history.notes["teacher_n_trials"] == [len(part) for part in parts]
    assert all(14 <= len(part) <= 19 for part in parts)
    assert history.notes["averaged_epochs"] == 2
    assert seen[3][2]["average_from"] == 0.5


def people(n_people, n_sessions=1, n_trials=20):
    """Return a sampler of several subjects and sessions without signals."""
    subject = np.repeat(np.arange(n_people), n_sessions * n_trials)
    session = np.tile(np.repeat(np.arange(n_sessions), n_trials), n_people)
    X = np.zeros((len(subject), 1, 2))
    return TrialSampler.from_arrays(X, np.zeros(len(X), int), subject, session)


@pytest.mark.parametrize(
    ("sampler", "kind", "n_groups"),
    [
        (people(10), "subjects", 10),
        (people(3, 4), "subjects", 3),
        (people(2, 5), "sessions", 10),
        (people(2), "parts of sessions", 10),
        (people(1, 2), "parts of sessions", 10),
        (people(1, 1, 4), "parts of sessions", 4),
    ],
)
def test_parts_of_the_trials_leave_out_whole_groups_in_turn(sampler, kind, n_groups):
    found, parts = subsets_of_groups(sampler, 3, 0.7, seed=1)
    assert found == kind
    if kind == "parts of sessions":
        size = len(sampler) // len(sampler.session.unique()) // n_groups
        place = torch.arange(len(sampler)) % (size * n_groups)
        group = place // size
    else:
        group = sampler.subject if kind == "subjects" else sampler.session
    left_out = []
    for part in parts:
        inside = set(group[part].tolist())
        assert len(inside) == round(0.7 * n_groups)
        whole = torch.isin(group, group[part]).nonzero().flatten()
        assert part.tolist() == whole.tolist()
        left_out.append(set(range(n_groups)) - inside)
    if n_groups == 10:  # three times three of ten: nobody is left out twice
        assert len(set.union(*left_out)) == 9
        assert set(parts[0].tolist()) & set(parts[1].tolist())
    assert (
        subsets_of_groups(sampler, 3, 0.7, seed=2)[1][0].tolist() != parts[0].tolist()
    )


@pytest.mark.parametrize("fraction", [0.01, 1.0])
def test_parts_are_never_empty(fraction):
    for sampler in (people(4), people(1, 1, 1), people(1, 1, 2)):
        for part in subsets_of_groups(sampler, 3, fraction, seed=0)[1]:
            assert len(part) == len(sampler) or fraction < 1


def test_ros_kd_teaches_the_mean_of_a_changing_subset():
    teachers = [Frozen(make(None, None, number)) for number in range(3)]
    target = RandomSubset(teachers, SAMPLER, T, seed=0)
    p = np.stack([softmax(logits(t.decoder, SAMPLER) / T) for t in teachers])
    means = {
        mask: p[[k for k in range(3) if mask >> k & 1]].mean(axis=0)
        for mask in range(1, 8)
    }
    drawn = []
    for epoch in range(12):
        target.start_epoch(epoch)
        for batch in SAMPLER(epoch):
            found = torch.softmax(target(batch).logits / T, dim=1).numpy()
            errors = {
                mask: np.abs(found - mean[batch.index]).max()
                for mask, mean in means.items()
            }
            drawn.append(min(errors, key=errors.get))
            assert errors[drawn[-1]] < 1e-6
    assert set(drawn) == set(means)
    batch = VALID.batch(torch.arange(len(VALID)))
    whole = np.stack([softmax(logits(t.decoder) / T) for t in teachers]).mean(axis=0)
    for _ in range(3):
        found = torch.softmax(target(batch).logits / T, dim=1).numpy()
        np.testing.assert_allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize("weights", [None, [2, 1, 0]])
def test_an_ensemble_of_sure_teachers_is_exact(weights):
    """Also where a probability is too small for single precision."""
    scores = torch.tensor([[900.0, 0.0, -500.0], [0.0, 30.0, -40.0], [7.0, 8.0, 9.0]])
    teachers = [lambda batch, row=row: Output(row[None], {}, None) for row in scores]
    answer = Ensemble(teachers, weights, temperature=2.0)(
        SAMPLER.batch(torch.tensor(0))
    )
    shares = np.array(weights or [1, 1, 1]) / 3
    logs = scores.double().numpy() / 2
    logs = logs - logsumexp(logs, axis=1, keepdims=True)
    expected = 2 * logsumexp(logs, axis=0, b=shares[:, None])
    np.testing.assert_allclose(answer.logits[0].numpy(), expected, rtol=1e-5)


def test_draws_of_a_pass_depend_on_seed_and_pass_alone():
    teachers = [Frozen(make(None, None, number)) for number in range(3)]

    def draws(seed, epochs):
        target = RandomSubset(teachers, SAMPLER, T, seed)
        for epoch in epochs:
            target.start_epoch(epoch)
            found = torch.cat([target(batch).logits for batch in SAMPLER(0)])
        return found

    assert torch.equal(draws(0, [0, 1, 2]), draws(0, [2]))
    assert not torch.equal(draws(0, [2]), draws(0, [1]))
    assert not torch.equal(draws(0, [2]), draws(1, [2]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fraction": 0}, "'fraction' must be a finite number > 0 and <= 1"),
        ({"average_from": 1}, "'average_from' must be a finite number >= 0 and"),
    ],
)
def test_ros_kd_checks_its_options(options, message):
    with pytest.raises(ValueError, match=message):
        ros_kd(training(0), **options)


def test_ros_kd_mixes_networks():
    kinds = ["SCCNet", "EEGNet", "ShallowFBCSPNet"]
    given = training(0, max_epochs=2)
    built = []
    build = given.build
    given.build = lambda *args, **options: (
        built.append(build(*args, **options)) or (built[-1])
    )
    history = ros_kd(given, decoders=kinds, n_teachers=1)  # the list sets their number
    assert [type(one.network).__name__ for one in built] == kinds
    assert history.notes["teacher_decoders"] == kinds
    assert len(history.notes["teacher_n_trials"]) == 3
    assert {one.view.n_chans for one in built} == {22}
    assert np.isfinite(history.best_loss)


def test_the_ensemble_of_mixed_networks_is_the_mean_of_their_probabilities():
    teachers = [Frozen(make(None, kind, 4)) for kind in ("SCCNet", "EEGNet")]
    batch = VALID.batch(torch.arange(len(VALID)))
    found = RandomSubset(teachers, SAMPLER, T, seed=0)(batch).logits / T
    expected = np.mean([softmax(logits(one.decoder) / T) for one in teachers], axis=0)
    np.testing.assert_allclose(torch.softmax(found, 1).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("decoders", "message"),
    [
        ([], "'decoders' must list at least one decoder, got \\[\\]"),
        ("SCCNet", "'decoders' must list at least one decoder, got 'SCCNet'"),
        (["SCCNet", "EEGNett"], "'EEGNett'.*Did you mean 'EEGNet'"),
    ],
)
def test_networks_of_ros_kd_are_checked_before_any_is_trained(decoders, message):
    given = training(0)
    given.build = None  # nothing is built
    with pytest.raises(ValueError, match=message):
        ros_kd(given, decoders=decoders)
