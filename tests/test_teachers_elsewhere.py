"""Teachers that come from elsewhere: own networks, files, other kinds, several."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.estimators import DecoderRegressor, DistilledRegressor
from eegkd.persistence import load_classifier, save_classifier
from eegkd.teachers import Frozen

from .conftest import CH_22, make_trials
from .test_regression import make_numbers

QUICK = {"max_epochs": 2, "batch_size": 16}
ORDER = ["right_hand", "feet", "left_hand"]  # not sorted
SMALL = ["Cz", "C4", "C3"]


class OwnNet(torch.nn.Module):
    """A user's network; batch statistics would move if it were trained."""

    def __init__(self, n_chans, n_outputs, n_times=160):
        super().__init__()
        self.spatial = torch.nn.Conv1d(n_chans, 6, 5)
        self.norm = torch.nn.BatchNorm1d(6)
        self.drop = torch.nn.Dropout(0.5)
        self.final_layer = torch.nn.Linear(6, n_outputs)

    def forward(self, x):
        """Return one score for each class."""
        power = self.norm(self.spatial(x)).square().mean(dim=2)
        return self.final_layer(self.drop(power))


def own_network(n_chans=22, n_outputs=3):
    """Return a network with weights and statistics that are not the initial ones."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = OwnNet(n_chans, n_outputs)
        network.train()
        with torch.no_grad():
            network(2 * torch.randn(40, n_chans, 160))
    return network


def adopt(network, **changes):
    """Return a classifier around a network that reads microvolts."""
    settings = {
        "classes": ORDER,
        "ch_names": CH_22,
        "n_times": 160,
        "sfreq": 125.0,
        "center": 0,
        "scale": 1e-6,
    }
    return DecoderClassifier.from_network(network, **{**settings, **changes})


def state(module):
    """Return a copy of weights and statistics."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(module, before):
    """Return whether weights and statistics are bit for bit as before."""
    after = module.state_dict()
    return all(torch.equal(after[name], value) for name, value in before.items())


def spy(training):
    """Train nothing for long, and remember what was given; a method."""
    spy.training = training
    return training.train(training.student)


spy.needs_teacher = True


@pytest.fixture(scope="module")
def train():
    """Return one session of one subject."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture(scope="module")
def test():
    """Return the other session."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "1test").to_numpy())


@pytest.fixture(scope="module")
def teacher(train):
    """Return a fitted teacher on all electrodes."""
    return DecoderClassifier(**QUICK).fit(train)


# -- a network of one's own -------------------------------------------------------


def test_an_own_network_predicts_as_it_does_alone(test):
    network = own_network()
    model = adopt(network)
    proba = model.predict_proba(test)
    with torch.no_grad():
        logits = copy.deepcopy(network).eval()(torch.as_tensor(1e6 * test.X))
    expected = logits.double().softmax(dim=1).numpy()
    assert np.allclose(proba, expected, atol=1e-5)
    labels = np.array(ORDER)[expected.argmax(axis=1)]
    assert np.array_equal(model.predict(test), labels)
    assert np.array_equal(model.predict(test.to_epochs()), labels)
    assert model.history_.rows == []


@pytest.mark.parametrize("method", ["none", "kd", "sk_kd"])
def test_an_own_network_teaches_and_stays_as_it_is(train, method):
    network = own_network()
    before, training = state(network), network.training
    model = adopt(network)
    student = DistilledClassifier("headphone", method, model, **QUICK).fit(train)
    assert same(network, before)
    assert network.training == training
    assert not network.spatial._forward_hooks
    assert all(p.requires_grad for p in network.parameters())
    assert same(model.decoder_.network, before)
    assert not any(p.requires_grad for p in model.decoder_.parameters())
    if method != "none":
        assert same(student.teacher_.decoder_.network, before)
        assert student.teacher_.fingerprint_ == model.fingerprint_


def test_the_scores_reach_the_student_in_the_order_of_its_classes(train):
    model = adopt(own_network())
    student = DistilledClassifier("headphone", spy, model, **QUICK).fit(train)
    decoder = spy.training.teacher
    batch = spy.training.sampler.batch(torch.arange(6))
    logits = Frozen(decoder)(batch).logits
    assert list(student.classes_) == sorted(ORDER)
    own = model.predict_proba(train.X[:6])
    columns = [ORDER.index(label) for label in student.classes_]
    assert np.allclose(logits.softmax(dim=1).numpy(), own[:, columns], atol=1e-5)
    output = decoder(batch.seen_by(decoder.view))
    assert torch.allclose(decoder.classify(output.embedding), output.logits, atol=1e-5)
    twice = pickle.loads(pickle.dumps(copy.deepcopy(decoder)))
    assert torch.equal(twice(batch.seen_by(decoder.view)).logits, output.logits)


def test_an_own_network_on_a_montage(test):
    network = own_network(n_chans=3)
    few = adopt(network, montage=SMALL)
    index = [CH_22.index(name) for name in SMALL]
    alone = adopt(network, ch_names=SMALL)
    expected = alone.predict_proba(test.X[:, index])
    assert np.allclose(few.predict_proba(test), expected, atol=1e-6)
    assert few.view_.ch_names == tuple(SMALL)


def test_the_scale_is_measured_given_or_left_in_volts(train, test):
    network = own_network()
    measured = adopt(network, center=None, scale=None, X=train, standardize="channel")
    scale = train.X.astype(float).std(axis=(0, 2))
    center = train.X.astype(float).mean(axis=(0, 2))
    given = adopt(network, center=center, scale=scale)
    expected = measured.predict_proba(test)
    assert np.allclose(given.predict_proba(test), expected, atol=1e-4)
    arrays = adopt(
        network, center=None, scale=None, X=1e6 * train.X, standardize="channel"
    )
    assert np.allclose(arrays.predict_proba(test), expected, atol=1e-4)
    volts = adopt(network, center=None, scale=None)
    with torch.no_grad():
        alone = copy.deepcopy(network).eval()(torch.as_tensor(test.X))
    assert np.allclose(volts.predict_proba(test), alone.softmax(1).numpy(), atol=1e-5)
    with pytest.raises(ValueError, match="must have the scale of the signals in fit"):
        measured.predict(test.to_epochs().apply_function(lambda x: 1e6 * x))


def test_taps_of_an_own_network(test):
    model = adopt(own_network(), taps=["spatial", "norm"])
    output = model.decoder_(model.view_(torch.as_tensor(test.X[:2])))
    assert list(output.features) == ["spatial", "norm"]
    assert output.features["norm"].shape == (2, 6, 156)
    assert model.similarity(test).shape == (36, 36)


def test_an_own_network_in_a_file(train, test, tmp_path):
    model = adopt(own_network())
    save_classifier(model, tmp_path / "own")
    loaded = load_classifier(tmp_path / "own", decoders={"OwnNet": OwnNet})
    assert np.array_equal(loaded.predict_proba(test), model.predict_proba(test))
    assert loaded.fingerprint_ == model.fingerprint_
    students = [
        DistilledClassifier("headband", "kd", one, **QUICK).fit(train)
        for one in (model, loaded)
    ]
    assert students[0].fingerprint_ == students[1].fingerprint_


def test_a_bare_network_is_no_teacher(train):
    network = own_network()
    before = state(network)
    for given in (network, [network]):
        with pytest.raises(TypeError, match=r"DecoderClassifier.from_network\(network"):
            DistilledClassifier(teacher=given, **QUICK).fit(train)
    with pytest.raises(TypeError, match=r"DecoderRegressor.from_network\(network"):
        DistilledRegressor(method="none", teacher=network).check()
    assert same(network, before)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"classes": ["a", "b"]},
            ValueError,
            r"must return logits of shape .*\(2, 2\)",
        ),
        ({"classes": ["a", "a", "b"]}, ValueError, "'classes' must name each output"),
        ({"n_times": 3}, ValueError, "cannot read trials of 3 samples"),
        ({"scale": None}, ValueError, "'center' and 'scale' must be given together"),
        ({"scale": 0.0}, ValueError, "'scale' must be > 0 everywhere, got 0.0"),
        ({"scale": [1, 2]}, ValueError, "'scale' must be a finite number .* 22 elec"),
        (
            {"center": None, "scale": None, "standardize": "channel"},
            ValueError,
            "'standardize' 'channel' needs 'X', the trials",
        ),
        ({"X": np.ones((2, 22, 160))}, ValueError, "'X' must be left out where"),
        ({"sfreq": 0}, ValueError, "'sfreq' must be a finite number > 0"),
    ],
)
def test_wrong_descriptions_of_a_network(changes, error, message):
    with pytest.raises(error, match=message):
        adopt(own_network(), **changes)


def test_what_is_no_network():
    with pytest.raises(TypeError, match="'network' must be a trained torch module"):
        adopt("EEGNet")


def test_an_own_network_estimates_and_teaches_continuous_labels():
    trials = make_numbers(n_trials=24)
    network = own_network(n_outputs=1)
    settings = {"ch_names": CH_22, "n_times": 160, "sfreq": 125.0}
    model = DecoderRegressor.from_network(
        network, center=0, scale=1e-6, label_center=400, label_scale=50, **settings
    )
    with torch.no_grad():
        alone = copy.deepcopy(network).eval()(torch.as_tensor(1e6 * trials.X))[:, 0]
    assert np.allclose(model.predict(trials), 400 + 50 * alone.numpy(), rtol=1e-4)
    before = state(network)
    student = DistilledRegressor("headphone", spy, model, **QUICK).fit(trials)
    batch = spy.training.sampler.batch(torch.arange(4))
    said = Frozen(spy.training.teacher)(batch).logits[:, 0].numpy()
    mine = said * student.label_scale_ + student.label_center_
    assert np.allclose(mine, model.predict(trials)[:4], rtol=1e-4)
    assert same(network, before)
    with pytest.raises(ValueError, match="'label_scale' must be a finite number > 0"):
        DecoderRegressor.from_network(network, label_scale=0, **settings)


# -- files, other kinds, several --------------------------------------------------


def test_a_saved_decoder_teaches(train, teacher, tmp_path):
    save_classifier(teacher, tmp_path / "teacher")
    loaded = load_classifier(tmp_path / "teacher")
    one = DistilledClassifier("headband", "sk_kd", teacher, **QUICK).fit(train)
    other = DistilledClassifier("headband", "sk_kd", loaded, **QUICK).fit(train)
    assert other.fingerprint_ == one.fingerprint_


def test_a_teacher_of_another_architecture_and_montage(train):
    other = DecoderClassifier("headphone", "EEGNet", **QUICK).fit(train)
    before = other.fingerprint_
    model = DistilledClassifier("headband", "sk_kd", other, **QUICK).fit(train)
    assert type(model.teacher_.decoder_.network).__name__ == "EEGNet"
    assert model.teacher_.view_.n_chans == 7
    assert model.decoder_.view.n_chans == 4
    assert other.fingerprint_ == before == model.teacher_.fingerprint_


def test_several_teachers_of_different_montages(train, teacher):
    given = [
        teacher,
        DecoderClassifier("headphone", "EEGNet", **QUICK, random_state=7),
        adopt(own_network(n_chans=3), montage=SMALL),
        "EEGNet",
    ]
    model = DistilledClassifier("headband", spy, given, **QUICK).fit(train)
    assert len(model.teachers_) == 4
    assert model.teacher_ is model.teachers_[0]
    assert model.teachers_[0].fingerprint_ == teacher.fingerprint_
    alone = clone(given[1]).fit(train)
    assert model.teachers_[1].fingerprint_ == alone.fingerprint_
    assert not given[1].__sklearn_is_fitted__()
    views = [decoder.view.n_chans for decoder in spy.training.teachers]
    assert views == [22, 7, 3, 22]
    batch = spy.training.sampler.batch(torch.arange(5))
    for frozen, fitted in zip(spy.training.all_frozen(), model.teachers_, strict=True):
        proba = fitted.predict_proba(train.X[:5])
        order = [fitted.classes_.tolist().index(k) for k in model.classes_]
        said = frozen(batch).logits.softmax(dim=1).numpy()
        assert np.allclose(said, proba[:, order], atol=1e-5)


def test_a_list_of_one_is_that_teacher(train, teacher):
    one = DistilledClassifier("headband", "kd", teacher, **QUICK).fit(train)
    listed = DistilledClassifier("headband", "kd", [teacher], **QUICK).fit(train)
    assert listed.fingerprint_ == one.fingerprint_
    assert len(one.teachers_) == 1
    assert (
        DistilledClassifier("headband", "none", [teacher], **QUICK).fit(train).teachers_
        == []
    )
    trained = listed.train_teacher(train)
    assert [t.fingerprint_ for t in trained] == [teacher.fingerprint_]


def test_lists_are_cloned_compared_and_printed(train, teacher):
    fresh = DecoderClassifier("headphone", **QUICK)
    model = DistilledClassifier("headband", "amal", [teacher, fresh], **QUICK)
    copied = clone(model)
    assert copied.teacher[0] is teacher
    assert copied.teacher[1] is not fresh
    assert repr(copied) == repr(model)
    assert copied.get_params()["teacher"][0].fingerprint_ == teacher.fingerprint_
    other = DecoderClassifier(**QUICK, random_state=5).fit(train)
    other.set_params(random_state=0)
    changed = DistilledClassifier("headband", "amal", [other, fresh], **QUICK)
    assert repr(changed) != repr(model)
    assert clone(DistilledClassifier(teacher=(teacher,))).teacher == (teacher,)
    fitted = model.fit(train)
    assert [one.fingerprint_ for one in fitted.teachers_] == [
        one.fingerprint_ for one in pickle.loads(pickle.dumps(fitted)).teachers_
    ]


def test_what_cannot_be_a_teacher(train, teacher):
    with pytest.raises(
        ValueError, match="'teacher' must be a list of at least one Dec"
    ):
        DistilledClassifier(teacher=[], **QUICK).fit(train)
    with pytest.raises(TypeError, match="a list of them, got DistilledClassifier"):
        DistilledClassifier(teacher=DistilledClassifier(), **QUICK).fit(train)
    with pytest.raises(ValueError, match="'EEGNett'.*Did you mean 'EEGNet'"):
        DistilledClassifier(method="amal", teacher=[teacher, "EEGNett"], **QUICK).fit(
            train
        )
    stranger = adopt(own_network(), classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="'teacher' must know the classes"):
        DistilledClassifier(method="amal", teacher=[teacher, stranger], **QUICK).fit(
            train
        )
    with pytest.raises(ValueError, match="one teacher for .* 'kd', got .* 2.*'amal'"):
        DistilledClassifier(method="kd", teacher=[teacher, "EEGNet"]).check()


def test_self_distillation_begins_with_the_given_teacher(train, teacher, caplog):
    options = {"start": "teacher", "n_generations": 1}
    models = [
        DistilledClassifier(
            "headband",
            "self_distillation",
            given,
            method_options=options,
            **QUICK,
        ).fit(train)
        for given in (teacher, None)
    ]
    assert models[0].teacher_.fingerprint_ == teacher.fingerprint_
    assert models[1].teacher_ is None
    assert models[0].fingerprint_ != models[1].fingerprint_
    assert not caplog.records


@pytest.mark.parametrize(
    ("method", "hint"),
    [
        ("self_distillation", "{'start': 'teacher'} lets it take part"),
        ("bd_kd", "{'teacher_decoder': ...} chooses their network"),
        ("ros_kd", "{'decoders': ...} chooses their network"),
        ("tf_kd", "teaches itself."),
        ("none", None),
    ],
)
def test_a_teacher_that_is_not_used_is_said(train, teacher, caplog, method, hint):
    quick = {**QUICK, "max_epochs": 1}
    model = DistilledClassifier("headband", method, teacher, **quick).fit(train)
    assert model.teacher_ is None
    if hint is None:
        assert not caplog.records
        return
    record = caplog.records[0]
    assert record.levelname == "WARNING"
    assert f"'teacher' is not used: the method {method!r}" in record.getMessage()
    assert hint in record.getMessage()


def test_a_teacher_in_another_order_of_classes_teaches_without_data(train):
    """Its decoder is wrapped; batch statistics are found inside."""
    model = DistilledClassifier("headband", "cudfkd", adopt(own_network()), **QUICK)
    assert np.isfinite(model.fit(train).history_.best_loss)
