"""The table of paradigms, and trials, training and scores that follow it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from moabb import paradigms as moabb_paradigms
from moabb.datasets.fake import FakeDataset
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

import eegkd
from eegkd import PARADIGMS, DecoderClassifier, DistilledClassifier, load_trials
from eegkd.criteria import CrossEntropy
from eegkd.datasets.find import quiet
from eegkd.decoders import DECODERS, Output
from eegkd.methods import METHODS
from eegkd.metrics import METRICS
from eegkd.paradigms import Paradigm, find_paradigm
from eegkd.sources import TrialSource

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
    assert set(PARADIGMS) == {kind().paradigm for kind in dataset_list} & set(PARADIGMS)
    assert set(PARADIGMS) == set(EVENTS) == set(SIMULATED)


@pytest.mark.parametrize("row", PARADIGMS.values(), ids=PARADIGMS)
def test_a_row_is_possible_and_has_its_reasons(row):
    assert row.decoder in DECODERS
    assert row.metric in METRICS
    assert 0 < row.l_freq < row.h_freq < row.sfreq / 2
    known = {field.name for field in fields(Paradigm)}
    assert set(row.reasons) <= known
    # One reason stands for the band, one for network and options.
    free = {"name", "title", "moabb", "reasons", "h_freq", "decoder_options"}
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
    defaults = DistilledClassifier().get_params()
    assert {name: defaults[name] for name in row.estimator()} == row.estimator()
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
    assert {"start", "stop", "block"} <= set(trials.metadata)
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
    with quiet():
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
    with quiet():
        raw = dataset.get_data([1])[1]["0"]["1"]
    first = trials.metadata.query("session == '0' and run == '1'")
    import mne

    onsets = mne.find_events(raw, verbose="error")[:, 0] / 200
    gaps = first["start"].to_numpy() - first["start"].iloc[0]
    np.testing.assert_allclose(gaps, onsets - onsets[0], atol=1e-9)
    np.testing.assert_allclose(first["stop"] - first["start"], 3.0)


def test_rest_is_cut_into_windows_that_stay_together():
    dataset = eegkd.SimulatedRestingState(n_subjects=1)
    whole = load_trials(dataset, window=None)
    trials = load_trials(dataset)
    assert trials.n_times == round(PARADIGMS["rstate"].window * trials.sfreq)
    per = whole.n_times // trials.n_times
    assert len(trials) == per * len(whole) > 2 * len(whole)
    np.testing.assert_array_equal(trials.X[1], whole.X[0, :, 512:1024])
    keys = ["session", "run", "block"]
    assert trials.metadata.groupby(keys).size().unique().tolist() == [per]


def test_flashes_of_a_character_are_one_block():
    trials = load_trials(eegkd.SimulatedP300(n_subjects=1))
    metadata = trials.metadata
    sizes = metadata.groupby(["session", "run", "block"]).size()
    assert sizes.min() > 1
    assert len(sizes) > 4
    for _, own in metadata.groupby(["session", "run", "block"]):
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
    classifier = DecoderClassifier(class_weight="balanced")
    classifier.classes_ = np.unique(y)
    codes = torch.as_tensor(np.repeat([0, 1], [50, 10]))
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    np.testing.assert_allclose(classifier._class_weight(codes), expected, rtol=1e-6)


def test_weighted_cross_entropy_is_torch_s_up_to_its_normalization():
    rng = np.random.default_rng(0)
    logits = torch.as_tensor(rng.standard_normal((12, 3)))
    y = torch.as_tensor(rng.integers(0, 3, 12))
    weight = torch.tensor([0.5, 1.0, 4.0])
    source = TrialSource.from_arrays(np.zeros((12, 1, 2), "float32"), y.numpy())
    batch = source.batch(torch.arange(12))
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
    "given", ["even", {"feet": 1}, {"feet": 1, "left_hand": -1, "right_hand": 1}]
)
def test_wrong_class_weight(given):
    with pytest.raises(ValueError, match="'class_weight"):
        DecoderClassifier(class_weight=given, max_epochs=1).fit(make_trials())


def test_continuous_labels_have_no_class_weight():
    trials = make_trials()
    model = eegkd.DecoderRegressor(class_weight="balanced", max_epochs=1)
    with pytest.raises(ValueError, match="'class_weight' is for classes"):
        model.fit(trials, np.linspace(0, 1, len(trials)))


@pytest.mark.parametrize("method", ["kd", "sk_kd", "mix_kd"])
def test_class_weights_reach_teacher_and_student(method, monkeypatch):
    seen = []
    real = CrossEntropy.__init__

    def spy(self, weight=None):
        seen.append(weight)
        real(self, weight)

    monkeypatch.setattr(CrossEntropy, "__init__", spy)
    given = {"feet": 1, "left_hand": 2, "right_hand": 3}
    DistilledClassifier(["C3", "C4"], method, class_weight=given, max_epochs=1).fit(
        make_trials()
    )
    assert len(seen) > 1
    assert all(weight.tolist() == [1, 2, 3] for weight in seen)


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
    folder = eegkd.storage.pack_classifier(model)
    again = eegkd.storage.unpack_classifier(*folder)
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
    assert settings["student"] == row.decoder
    assert settings["class_weight"] == row.class_weight
    assert settings["batch_size"] == row.batch_size
    assert result.teachers["1", 0].decoder == row.decoder
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
    assert sorted(map(tuple, used.unique())) == [("EEGNet",), ("SCCNet",)]
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
    assert result.students["1", 0].student_options is None
