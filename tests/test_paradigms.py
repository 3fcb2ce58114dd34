"""The table of paradigms, and trials, training and scores that follow it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from moabb import paradigms as moabb_paradigms
from moabb.datasets.fake import FakeDataset
from sklearn.base import clone
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

import eegkd
from eegkd import PARADIGMS, DecoderClassifier, DistilledClassifier, load_trials
from eegkd.benchmark.grid import make_grid
from eegkd.benchmark.run import Run
from eegkd.benchmark.store import Store
from eegkd.criteria import CrossEntropy
from eegkd.data.find import quiet_moabb
from eegkd.data.paradigms import Paradigm, find_paradigm
from eegkd.data.simulated import SimulatedP300, SimulatedRestingState
from eegkd.decoders import DECODERS, Output
from eegkd.distillation import train_decoder
from eegkd.distillation.recipe import find_recipe
from eegkd.estimators import resolve_settings, single
from eegkd.estimators.defaults import FIELDS
from eegkd.estimators.labels import ClassLabels
from eegkd.evaluation.metrics import METRICS
from eegkd.methods import METHODS
from eegkd.samplers import TrialSampler

from .conftest import make_trials

EVENTS = {
    "imagery": ["left_hand", "right_hand"],
    "p300": ["Target", "NonTarget"],
    "ssvep": ["13", "17", "21"],
    "cvep": ["1.0", "0.0"],
    "rstate": ["open", "closed"],
}
SIMULATED = {
    "imagery": "SimulatedMotorImagery",
    "p300": "SimulatedP300",
    "ssvep": "SimulatedSSVEP",
    "cvep": "SimulatedCVEP",
    "rstate": "SimulatedRestingState",
}


def fake(paradigm, **options):
    """Return MOABB's white noise as a dataset of a paradigm."""
    return FakeDataset(
        EVENTS[paradigm],
        paradigm=paradigm,
        **{"n_subjects": 2, "n_events": 24, "duration": 80, "seed": 0, **options},
    )


# --- the table ------------------------------------------------------------------------


def test_every_kind_of_moabb_has_a_row():
    import moabb.datasets
    from moabb.datasets.utils import dataset_list

    assert moabb.datasets
    assert {kind().paradigm for kind in dataset_list} <= set(PARADIGMS)
    assert set(PARADIGMS) == set(EVENTS) == set(SIMULATED)


@pytest.mark.parametrize("row", PARADIGMS.values(), ids=PARADIGMS)
def test_a_row_is_possible_and_has_its_reasons(row):
    assert row.decoder in DECODERS
    assert row.metric in METRICS
    assert 0 < row.l_freq < row.h_freq < row.sfreq / 2
    known = {field.name for field in fields(Paradigm)}
    assert set(row.reasons) <= known
    # One reason stands for the band, one for network and options.
    free = {"name", "title", "moabb", "trial", "reasons", "h_freq"}
    free |= {"decoder_options", "published"}
    said = {
        name
        for name in known - free
        if getattr(row, name) != getattr(PARADIGMS["imagery"], name)
    }
    assert said <= set(row.reasons)
    for name in row.moabb:
        assert hasattr(moabb_paradigms, name)


def test_imagery_has_the_settings_of_the_paper_and_of_the_estimators():
    row = PARADIGMS["imagery"]
    assert (row.l_freq, row.h_freq, row.sfreq) == (4.0, 38.0, 125.0)
    usual = resolve_settings(DistilledClassifier().get_params())
    recipe = find_recipe("default", "imagery", "CovarianceNet")
    assert usual == {
        "paradigm": "imagery",
        "student": "CovarianceNet",
        "student_options": None,
        "class_weight": None,
        "taps": None,
        "recipe": recipe,
        **{name: getattr(recipe, name) for name in FIELDS},
        "method_options": None,
    }
    published = DistilledClassifier(recipe="published").get_params()
    settings = resolve_settings(published, "imagery")
    paper = {"max_epochs": 500, "batch_size": 128, "lr": 5e-4, "weight_decay": 0.1}
    assert {name: settings[name] for name in paper} == paper
    assert settings["valid_fraction"] == 1 / 8
    assert settings["recipe"].optimizer == "adam"
    assert row.method_options(METHODS["sk_kd"], None) == {}


def test_unknown_kind_is_imagery_and_a_wrong_name_an_error():
    assert find_paradigm(None) is PARADIGMS["imagery"]
    with pytest.raises(ValueError, match=r"'paradigm' must be one of .* Did you mean"):
        find_paradigm("P300")
    with pytest.raises(ValueError, match="'paradigm' must be one of"):
        replace(make_trials(), paradigm="erp")


def test_temperature_goes_where_a_method_has_one():
    row = PARADIGMS["p300"]
    assert row.method_options(METHODS["kd"], None) == {"temperature": 1.0}
    assert row.method_options(METHODS["kd"], {"temperature": 3}) == {"temperature": 3}
    assert row.method_options(METHODS["none"], None) == {}


def test_the_table_is_read_without_torch():
    code = "import sys, eegkd.data.paradigms; print('torch' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"


# --- trials ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARADIGMS)
def test_trials_follow_their_row(kind):
    row, dataset = PARADIGMS[kind], fake(kind, n_subjects=1)
    trials = load_trials(dataset)
    assert trials.paradigm == kind
    assert trials.sfreq == row.sfreq
    assert (trials.settings["l_freq"], trials.settings["h_freq"]) == (
        row.l_freq,
        row.h_freq,
    )
    assert trials.settings["paradigm"] in (*row.moabb, "LeftRightImagery")
    assert set(trials.classes) == set(EVENTS[kind])
    assert {"start", "stop", "group"} <= set(trials.metadata)
    assert trials.subset([0]).paradigm == kind


@pytest.mark.parametrize("kind", PARADIGMS)
def test_signals_are_those_of_moabb(kind):
    """Nothing but the unit, the end point and the windows differs."""
    dataset = fake(kind, n_subjects=1)
    options = {"fmin": 5, "fmax": 20, "resample": 50}
    if kind == "rstate":
        options.update(tmin=0, tmax=3)
    made = {
        "imagery": moabb_paradigms.LeftRightImagery,
        "p300": moabb_paradigms.P300,
        "ssvep": moabb_paradigms.SSVEP,
        "cvep": moabb_paradigms.CVEP,
        "rstate": moabb_paradigms.RestingStateToP300Adapter,
    }[kind](**options)
    with quiet_moabb():
        X, y, metadata = made.get_data(dataset, [1])
    trials = load_trials(dataset, l_freq=5, h_freq=20, sfreq=50, window=None)
    np.testing.assert_allclose(trials.X, 1e-6 * X[..., :150], atol=1e-9)
    assert trials.y.tolist() == y.tolist()
    same = trials.metadata[["subject", "session", "run"]]
    assert same.astype(str).equals(metadata.astype(str))


def test_times_are_those_of_the_recording():
    """Trials of MOABB's fake set begin every 80 / 24 seconds, whatever their rate."""
    dataset = fake("imagery", n_subjects=1, sfreq=200)
    trials = load_trials(dataset, sfreq=100)
    with quiet_moabb():
        raw = dataset.get_data([1])[1]["0"]["1"]
    first = trials.metadata.query("session == '0' and run == '1'")
    import mne

    onsets = mne.find_events(raw, verbose="error")[:, 0] / 200
    gaps = first["start"].to_numpy() - first["start"].iloc[0]
    np.testing.assert_allclose(gaps, onsets - onsets[0], atol=1e-9)
    np.testing.assert_allclose(first["stop"] - first["start"], 3.0)


def test_rest_is_cut_into_windows_that_stay_together():
    dataset = SimulatedRestingState(n_subjects=1)
    whole = load_trials(dataset, window=None)
    trials = load_trials(dataset)
    assert trials.n_times == round(PARADIGMS["rstate"].window * trials.sfreq)
    per = whole.n_times // trials.n_times
    assert len(trials) == per * len(whole) > 2 * len(whole)
    np.testing.assert_array_equal(trials.X[1], whole.X[0, :, 512:1024])
    keys = ["session", "run", "group"]
    assert trials.metadata.groupby(keys).size().unique().tolist() == [per]


def test_flashes_of_a_character_are_one_block():
    trials = load_trials(SimulatedP300(n_subjects=1))
    metadata = trials.metadata
    sizes = metadata.groupby(["session", "run", "group"]).size()
    assert sizes.min() > 1
    assert len(sizes) > 4
    for _, own in metadata.groupby(["session", "run", "group"]):
        assert (own["start"].diff().dropna() < own["stop"].iloc[0]).all()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("p300", {"paradigm": "SSVEP"}, r"'paradigm' must be one of 'P300'.*'SSVEP'"),
        (
            "ssvep",
            {"paradigm": moabb_paradigms.P300()},
            "P300 does not fit FakeDataset",
        ),
        ("rstate", {"window": 0}, "'window' must be a finite number > 0"),
        ("ssvep", {"h_freq": 64}, "'h_freq' must be below half of 'sfreq', got 64 Hz"),
        ("cvep", {"l_freq": 50}, "The default band for c-VEP is 1 to 45 Hz"),
        (
            "ssvep",
            {"events": ["13", "14"]},
            "'events' must be among .*'14'",
        ),
    ],
)
def test_wrong_arguments(kind, options, message):
    with pytest.raises(ValueError, match=message):
        load_trials(fake(kind), **options)


# --- class weights --------------------------------------------------------------------


def test_balanced_weights_are_those_of_scikit_learn():
    y = np.repeat(["NonTarget", "Target"], [50, 10])
    labels = ClassLabels(np.unique(y))
    codes = torch.as_tensor(np.repeat([0, 1], [50, 10]))
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    np.testing.assert_allclose(labels.weight("balanced", codes), expected, rtol=1e-6)


def test_weighted_cross_entropy_is_torch_s_up_to_its_normalization():
    rng = np.random.default_rng(0)
    logits = torch.as_tensor(rng.standard_normal((12, 3)))
    y = torch.as_tensor(rng.integers(0, 3, 12))
    weight = torch.tensor([0.5, 1.0, 4.0])
    sampler = TrialSampler.from_arrays(np.zeros((12, 1, 2), "float32"), y.numpy())
    batch = sampler.batch(torch.arange(12))
    loss = CrossEntropy(weight)(Output(logits, {}, None), None, batch)
    assert loss.shape == (12,)
    mean = F.cross_entropy(logits, y, weight.double())  # divides by the weights
    torch.testing.assert_close(loss.sum() / weight[y].sum(), mean)
    plain = CrossEntropy()(Output(logits, {}, None), None, batch)
    torch.testing.assert_close(loss, weight.double()[y] * plain)


def test_weights_find_the_rare_class():
    """A third of a deviation apart and one in eight: unweighted, all are common."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [140, 20])[rng.permutation(160)]
    X = 1e-5 * rng.standard_normal((160, 4, 128))
    X[y == 1, 0] += 0.35e-5
    recall = {}
    for weight in (None, "balanced", {0: 1.0, 1: 7.0}):
        model = DecoderClassifier(
            decoder="ShallowFBCSPNet",
            ch_names=["Fz", "C3", "Cz", "C4"],
            sfreq=128.0,
            decoder_options=None,
            recipe="published",
            max_epochs=12,
            lr=2e-3,
            class_weight=weight,
            valid_fraction=0,
        )
        said = model.fit(X, y).predict(X)
        recall[str(weight)] = (said[y == 1] == 1).mean()
    assert recall["balanced"] > recall["None"] + 0.2
    assert recall["{0: 1.0, 1: 7.0}"] > recall["None"] + 0.2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("even", "'class_weight' must be None, 'balanced' or a dict"),
        (np.array([1, 2, 3]), "'class_weight' must be None, 'balanced' or a dict"),
        ([1, 2, 3], "'class_weight' must be None, 'balanced' or a dict"),
        ({"feet": 1}, "each of the classes 'feet', 'left_hand', 'right_hand'"),
        (
            {"feet": 1, "left_hand": -1, "right_hand": 1},
            r"'class_weight\['left_hand'\]' must be a finite number >= 0",
        ),
        (
            {"feet": 0, "left_hand": 0, "right_hand": 0},
            "'class_weight' must have a weight > 0 for at least one class",
        ),
    ],
)
def test_wrong_class_weight(given, message):
    with pytest.raises(ValueError, match=message):
        DecoderClassifier(class_weight=given, max_epochs=1).fit(make_trials())


@pytest.mark.parametrize("kind", [int, np.int64, np.str_])
def test_class_weights_are_saved_with_their_labels(kind, tmp_path):
    given = {kind(1): 1.0, kind(2): np.float32(5), kind(3): 2}
    trials = make_trials(n_subjects=1, n_per_class=2)
    names, codes = np.unique(trials.y, return_inverse=True)
    trials = replace(trials, y=np.array([kind(1 + code) for code in codes]))
    model = DecoderClassifier(["C3", "C4"], class_weight=given, max_epochs=1)
    model.fit(trials)
    eegkd.persistence.save_classifier(model, tmp_path / "mine")
    again = eegkd.persistence.load_classifier(tmp_path / "mine")
    assert again.class_weight == given
    assert clone(again).fit(trials).fingerprint_ == model.fingerprint_


def test_a_list_of_taps_is_saved():
    trials = make_trials(n_subjects=1, n_per_class=2)
    taps = ["spatial_conv"]
    model = DecoderClassifier(["C3", "C4"], "SCCNet", taps=taps, max_epochs=1)
    model.fit(trials)
    again = eegkd.persistence.unpack_classifier(
        *eegkd.persistence.pack_classifier(model)
    )
    assert again.taps == taps
    assert list(clone(again).fit(trials).decoder_.taps) == list(model.decoder_.taps)


def test_continuous_labels_have_no_class_weight():
    trials = make_trials()
    model = eegkd.DecoderRegressor(class_weight="balanced", max_epochs=1)
    with pytest.raises(ValueError, match="'class_weight' is for classes"):
        model.fit(trials, np.linspace(0, 1, len(trials)))


SITES = ["Fz", "FC1", "FC2", "C3", "Cz", "C4", "Pz"]
WEIGHTS = {"feet": 1, "left_hand": 2, "right_hand": 3}


@pytest.fixture
def fitted(monkeypatch):
    """Return a function that fits a student, and what each training was given."""
    seen = []

    def teach(training):
        seen.append(training)
        return train_decoder(training)

    def fit(trials, **options):
        seen.clear()
        model = DistilledClassifier(["C3", "C4"], teach, max_epochs=1, **options)
        model.fit(trials)
        teacher, student = seen
        assert teacher.student is model.teacher_.decoder_
        assert student.student is model.decoder_
        return seen

    monkeypatch.setattr(single, "train_decoder", teach)
    return fit


def test_class_weights_reach_teacher_and_student(fitted):
    for training in fitted(make_trials(n_per_class=4), class_weight=WEIGHTS):
        assert training.class_weight.tolist() == [1, 2, 3]
        assert training.label_loss().weight.tolist() == [1, 2, 3]
    for training in fitted(make_trials(n_per_class=4)):
        assert training.class_weight is None


@pytest.mark.parametrize("method", METHODS)
def test_every_loss_on_labels_is_weighted(method, monkeypatch):
    """Whatever cross-entropy a method makes, of the student or others, has them."""
    seen = []
    real = CrossEntropy.__init__

    def spy(self, weight=None):
        seen.append(weight)
        real(self, weight)

    monkeypatch.setattr(CrossEntropy, "__init__", spy)
    trials = make_trials(n_per_class=4, ch_names=SITES)
    student = DistilledClassifier(
        ["C3", "Cz", "C4"], method, class_weight=WEIGHTS, max_epochs=1
    )
    student.fit(trials)
    assert seen
    assert all(weight.tolist() == [1, 2, 3] for weight in seen)


# --- validation -----------------------------------------------------------------------


def timed(trials, length, gap):
    """Return trials that follow each other every ``gap`` seconds, in one recording."""
    start = gap * np.arange(len(trials))
    times = {"start": start, "stop": start + length}
    metadata = trials.metadata.assign(subject="1", session="0", run="0", **times)
    # Each stands alone as far as it was noted: only the times say that they overlap.
    return replace(trials, metadata=metadata.assign(group=np.arange(len(trials))))


def test_teacher_and_student_learn_nothing_that_they_validate_on(fitted):
    trials = timed(make_trials(n_subjects=1), length=1.0, gap=0.4)
    start, stop = (trials.metadata[name].to_numpy() for name in ("start", "stop"))
    signals = torch.as_tensor(trials.X)
    for training in fitted(trials, valid_fraction=1 / 8):
        learned, valid = (
            [int((signals == one.cpu()).all((1, 2)).nonzero()) for one in part.X]
            for part in (training.sampler, training.valid)
        )
        assert len(valid) == 9  # an eighth of each class
        assert len(learned) < len(trials) - len(valid)
        for one in learned:
            assert not ((start[one] < stop[valid]) & (start[valid] < stop[one])).any()


@pytest.mark.parametrize("weight", [None, "balanced"])
def test_validation_must_leave_something_to_learn(weight):
    trials = timed(make_trials(n_subjects=1, n_per_class=2), length=9.0, gap=0.1)
    few = {"max_epochs": 1, "valid_fraction": 1 / 8}
    model = DecoderClassifier(class_weight=weight, **few)
    with pytest.raises(
        ValueError,
        match=r"none of 'feet', .* is left: of 12 trials 3 validate and 9 share",
    ):
        model.fit(trials)
    model.set_params(valid_fraction=0).fit(trials)
    regressor = eegkd.DecoderRegressor(**few)
    with pytest.raises(ValueError, match=r"at least two trials .* 10 share"):
        regressor.fit(trials, np.linspace(0, 1, len(trials)))


# --- taps -----------------------------------------------------------------------------


def test_the_embedding_as_one_vector_is_a_tap_of_every_network():
    trials = make_trials()
    model = DistilledClassifier(
        ["C3", "C4"], "sk_kd", "EEGNet", "SCCNet", taps="embedding", max_epochs=1
    ).fit(trials)
    for decoder in (model.decoder_, model.teacher_.decoder_):
        output = decoder(decoder.view(torch.as_tensor(trials.X[:3])))
        assert list(output.features) == ["embedding"]
        assert output.features["embedding"].shape == (3, 1, output.embedding.shape[1])
        torch.testing.assert_close(output.features["embedding"][:, 0], output.embedding)
    folder = eegkd.persistence.pack_classifier(model)
    again = eegkd.persistence.unpack_classifier(*folder)
    np.testing.assert_array_equal(
        again.predict_proba(trials), model.predict_proba(trials)
    )


# --- all in one call ------------------------------------------------------------------


@pytest.mark.parametrize("kind", PARADIGMS)
def test_fit_and_benchmark_take_every_paradigm_and_see_noise_as_chance(kind, tmp_path):
    """MOABB's fake sets are white noise: whoever sees more is mistaken."""
    row, dataset = PARADIGMS[kind], fake(kind)
    result = eegkd.fit(dataset, montage=["C3", "C4"], max_epochs=2)
    settings = result.settings["classifier"]
    assert result.settings["paradigm"] == kind
    assert result.metric == row.metric
    assert settings["student"] == row.decoder
    assert settings["class_weight"] == row.class_weight
    recipe = find_recipe("default", kind, row.decoder)
    assert settings["batch_size"] == recipe.batch_size
    assert result.teachers["1", 0].settings_["decoder"] == row.decoder
    assert "above chance" in result.describe()
    assert "above chance" in result.report(tmp_path / "page.html").read_text()

    results = eegkd.benchmark(
        dataset,
        [["C3", "C4"]],
        ["none", "kd"],
        n_seeds=1,
        max_epochs=2,
        store=tmp_path / "store.sqlite",
    )
    assert results.complete
    assert set(results.metrics) == {row.metric}
    (fact,) = results.settings["facts"]
    assert fact["paradigm"] == kind
    assert fact["decoders"] == [row.decoder]
    students = results.scores.query("kind == 'student'")
    assert set(students["decoder"]) == {row.decoder}
    assert "above chance" in results.describe()
    assert "above chance" in results.report(tmp_path / "all.html").read_text()


def test_one_comparison_may_span_paradigms(tmp_path):
    results = eegkd.benchmark(
        [fake("p300"), fake("imagery")],
        [["C3", "C4"]],
        ["none", "kd"],
        n_seeds=1,
        max_epochs=1,
        store=tmp_path / "store.sqlite",
    )
    used = results.scores.query("kind == 'student'").groupby("dataset")["decoder"]
    assert sorted(map(tuple, used.unique())) == [("CovarianceNet",), ("EEGNet",)]
    assert results.complete


def test_what_is_asked_for_overrides_the_table():
    result = eegkd.fit(
        fake("p300"),
        montage=["C3", "C4"],
        method="kd",
        decoder="SCCNet",
        method_options={"temperature": 2.0},
        class_weight=None,
        max_epochs=1,
    )
    settings = result.settings["classifier"]
    assert (settings["student"], settings["class_weight"]) == ("SCCNet", None)
    assert result.settings["method_options"] == {"temperature": 2.0}
    assert result.students["1", 0].settings_["student_options"] is None


def test_the_network_of_the_table_is_the_same_by_name():
    options = {
        "montage": ["C3", "C4"],
        "method": "kd",
        "subjects": [1],
        "max_epochs": 1,
    }
    dataset, own = (
        fake("p300", n_subjects=1),
        PARADIGMS["p300"].decoder_options["EEGNet"],
    )
    learned = []
    for named in ({}, {"decoder": "EEGNet"}, {"teacher": "EEGNet"}):
        result = eegkd.fit(dataset, **options, **named)
        student, teacher = result.students["1", 0], result.teachers["1", 0]
        assert student.settings_["student_options"] == own
        assert teacher.settings_["decoder_options"] == own
        learned.append((student.fingerprint_, teacher.fingerprint_))
    assert len(set(learned)) == 1

    result = eegkd.fit(dataset, **options, n_seeds=2, student="ShallowFBCSPNet")
    assert result.students["1", 0].settings_["student_options"] is None
    teachers = [result.teachers["1", seed] for seed in (0, 1)]
    assert [one.settings_["decoder"] for one in teachers] == ["EEGNet", "EEGNet"]
    assert [one.settings_["decoder_options"] for one in teachers] == [own, own]
    assert teachers[0].fingerprint_ == learned[0][1] != teachers[1].fingerprint_

    result = eegkd.fit(dataset, **options, decoder="EEGNet", student_options=None)
    assert result.teachers["1", 0].settings_["decoder_options"] is None
    assert result.students["1", 0].fingerprint_ != learned[0][0]


def test_options_of_a_teacher_that_is_named():
    trials = make_trials(n_subjects=1, n_per_class=2, ch_names=SITES)
    options = {"teacher": "EEGNet", "teacher_options": {"F1": 4}, "max_epochs": 1}
    model = DistilledClassifier(["C3", "C4"], "kd", **options).fit(trials)
    assert model.teacher_.decoder_options == {"F1": 4}
    assert model.teacher_.decoder_.config["options"] == {"F1": 4}
    model.set_params(teacher=DecoderClassifier())
    with pytest.raises(
        ValueError, match="'teacher_options' must be None or 'auto' where"
    ):
        model.fit(trials)


# --- keys of a comparison -------------------------------------------------------------


@pytest.fixture
def keys(tmp_path):
    """Return a function that lays a comparison out: keys and estimators of its jobs."""
    trials = replace(make_trials(n_subjects=1), paradigm="p300")

    def lay_out(decoders=None, **training):
        grid = make_grid(
            trials,
            [["C3", "C4"]],
            ["kd"],
            decoders,
            baselines=None,
            evaluation="individual",
            n_seeds=1,
            random_state=0,
            test="auto",
            subjects=None,
            training=training,
        )
        run = Run(grid, Store(tmp_path / "store.sqlite"))
        run.lay_out()
        found = {(job.kind, job.decoder): job for job in run.jobs}
        assert len(found) == len(run.jobs)
        estimators = {name: run.estimator(job) for name, job in found.items()}
        return {name: job.key for name, job in found.items()}, estimators

    return lay_out


@pytest.mark.parametrize(
    "changed",
    [
        {"taps": "embedding"},
        {"class_weight": None},
        {"class_weight": {"feet": 1, "left_hand": 2, "right_hand": 3}},
        {"student_options": {"F1": 4}},
        {"student_options": None},
    ],
    ids=str,
)
def test_what_changes_a_training_changes_its_keys(keys, changed):
    (usual, _), (other, estimators) = keys(), keys(**changed)
    assert set(usual) == set(other) == {("teacher", "EEGNet"), ("student", "EEGNet")}
    assert not set(usual.values()) & set(other.values())
    ((name, value),) = changed.items()
    assert all(getattr(one, name) == value for one in estimators.values())


def options_of(student):
    """Return the options of a student's network in P300."""
    return resolve_settings(student.get_params(), "p300")["student_options"]


def test_a_comparison_gives_the_network_of_the_table_its_options_by_name(keys):
    own = PARADIGMS["p300"].decoder_options["EEGNet"]
    usual, estimators = keys()
    assert {options_of(one) == own for one in estimators.values()} == {True}
    assert keys(["EEGNet"])[0] == usual

    both, estimators = keys(["EEGNet", "SCCNet"])
    assert usual.items() <= both.items()
    for (_, decoder), one in estimators.items():
        assert one.student == decoder
        assert options_of(one) == (own if decoder == "EEGNet" else None)

    taught, estimators = keys(["SCCNet"], teacher="EEGNet")
    teacher, student = (estimators[name] for name in taught)
    assert (teacher.teacher, teacher.teacher_options) == ("EEGNet", "auto")
    assert (student.student, options_of(student)) == ("SCCNet", None)
    assert (student.teacher, student.teacher_options) == (None, None)
    plain, estimators = keys(["SCCNet"], teacher="EEGNet", teacher_options=None)
    assert estimators["teacher", "EEGNet"].teacher_options is None
    assert not set(plain.values()) & set(taught.values())


def test_a_comparison_trains_a_named_teacher_as_fit_does(tmp_path):
    dataset = fake("p300", n_subjects=1)
    options = {"max_epochs": 1, "teacher": "EEGNet"}
    fitted = eegkd.fit(dataset, ["C3", "C4"], method="kd", student="SCCNet", **options)
    compared = eegkd.benchmark(
        dataset,
        [["C3", "C4"]],
        ["kd"],
        "SCCNet",
        n_seeds=1,
        store=tmp_path / "store.sqlite",
        **options,
    )
    assert compared.complete
    rows = compared.scores.set_index("kind")["fingerprint"]
    assert rows["teacher"] == fitted.teachers["1", 0].fingerprint_
    assert rows["student"] == fitted.students["1", 0].fingerprint_


@pytest.mark.parametrize("name", METHODS)
def test_methods_keep_their_own_temperature_in_imagery(name):
    assert PARADIGMS["imagery"].method_options(METHODS[name], None) == {}
