"""The baselines: each learns, reads its montage alone, and behaves as scikit-learn."""

from __future__ import annotations

import pickle
import warnings
from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from eegkd.baselines import (
    BASELINES,
    Baseline,
    TrialPipeline,
    field_mapping,
    list_baselines,
    stimulation_frequencies,
)
from eegkd.baselines.calibration import Folds
from eegkd.baselines.signals import MontageSignals
from eegkd.baselines.ssvep import (
    CanonicalCorrelations,
    TaskRelatedComponents,
    _trca_filter,
)
from eegkd.data.channels import mne_montage
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.trials import Trials
from eegkd.decoders import DECODERS

from .conftest import make_trials

MOTOR = ("C3", "Cz", "C4", "CP3")
VISUAL = ("Oz", "O1", "O2", "POz", "Fz", "Cz", "Pz", "C3")
OCCIPITAL = ("Oz", "O1", "O2", "POz")
NOT_NEURAL = [name for name in BASELINES if name not in DECODERS]
OPTIONS = {
    "field_interpolation": {"max_epochs": 20, "lr": 4e-3, "device": "cpu"},
    "fbcsp_svm": {"bands": ((6, 10), (10, 14), (14, 18)), "n_features": 6},
}


def make_responses(n_per_class=(24, 12), seed=0):
    """Return trials of which targets have a positive wave at 0.3 s over Pz."""
    rng = np.random.default_rng(seed)
    ch_names = ("Fz", "Cz", "Pz", "P3", "P4", "Oz")
    time = np.arange(80) / 100
    wave = np.exp(-(((time - 0.3) / 0.06) ** 2))
    y = np.repeat(["NonTarget", "Target"], n_per_class)
    X = rng.standard_normal((len(y), len(ch_names), len(time)))
    gain = np.array([0.3, 0.7, 1.0, 0.7, 0.7, 0.2])
    X[y == "Target"] += 2 * gain[:, None] * wave
    order = rng.permutation(len(y))
    return Trials.from_arrays(1e-5 * X[order], y[order], ch_names, 100.0)


def make_flicker(n_per_class=8, labels=("9", "11.5", "14"), seed=0, sfreq=128.0):
    """Return trials of which each follows the flicker that its label names."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(2 * sfreq)) / sfreq
    gain = np.array([1.0, 0.8, 0.7, 0.5, 0.0, 0.0, 0.2, 0.0])
    X, y = [], []
    for label in np.tile(labels, n_per_class):
        angle = 2 * np.pi * float(label) * time if label != "rest" else 0 * time
        wave = np.sin(angle) + 0.5 * np.sin(2 * angle)
        X.append(rng.standard_normal((len(gain), len(time))) + gain[:, None] * wave)
        y.append(label)
    return Trials.from_arrays(1e-5 * np.array(X), np.array(y), VISUAL, sfreq)


@cache
def task(paradigm):
    """Return the montage, training trials and test trials of a planted task."""
    if paradigm == "imagery":
        trials = make_trials(n_subjects=1, n_per_class=10)
        first = (trials.metadata["session"] == "0train").to_numpy()
        return MOTOR, trials.subset(first), trials.subset(~first)
    if paradigm == "p300":
        return ("Cz", "Pz", "P3", "P4"), make_responses(), make_responses(seed=1)
    return OCCIPITAL, make_flicker(), make_flicker(seed=1)


def task_of(name):
    """Return the planted task of a baseline."""
    return task(BASELINES[name].paradigms[0])


@cache
def singles(trials):
    """Return trials as a list of epochs of one trial each."""
    epochs = trials.to_epochs()
    return [epochs[i] for i in range(len(epochs))]


@cache
def fitted(name):
    """Return a baseline, fitted to its planted task."""
    montage, train, _ = task_of(name)
    return BASELINES[name](montage, **OPTIONS.get(name, {})).fit(train)


def proba_of(name, train, test, **options):
    """Return the probabilities of a baseline fitted afresh."""
    montage = task_of(name)[0]
    options = {**OPTIONS.get(name, {}), **options}
    return BASELINES[name](montage, **options).fit(train).predict_proba(test)


def with_others(trials, montage, value):
    """Return trials of which the electrodes outside the montage hold a value."""
    X = trials.X.copy()
    X[:, [name not in montage for name in trials.ch_names]] = value
    return Trials(X, trials.y, trials.ch_names, trials.sfreq, trials.metadata)


# -- the registry ---------------------------------------------------------------


def test_registry_is_a_plain_dict_of_documented_baselines():
    assert type(BASELINES) is dict
    assert set(DECODERS) < set(BASELINES)
    assert len(NOT_NEURAL) == 14
    for name, baseline in BASELINES.items():
        assert type(baseline) is Baseline
        assert baseline.name == baseline.__name__ == name
        assert "References\n" in baseline.build.__doc__
        assert baseline.about.endswith(".")
        assert set(baseline.paradigms) <= set(PARADIGMS)
        assert baseline.uses_seed == (
            name in {"fbcsp_svm", "field_interpolation", *DECODERS}
        )
        assert baseline.needs_montage == (name == "field_interpolation")
        pipeline = baseline(MOTOR)
        assert isinstance(pipeline, TrialPipeline)
        assert " at 0x" not in repr(pipeline.get_params())


def test_list_baselines():
    assert list_baselines() == list(BASELINES)
    assert set(list_baselines("p300")) == {
        "xdawn_lda",
        "xdawncov_ts",
        "erpcov_mdm",
        "field_interpolation",
        *DECODERS,
    }
    with pytest.raises(ValueError, match="'paradigm' must be one of 'imagery'"):
        list_baselines("speech")


@pytest.mark.parametrize("name", list(BASELINES))
def test_printed_parameters_tell_settings_apart(name):
    make = BASELINES[name]
    long = [f"AF{i}" for i in range(30)]
    settings = [
        {},
        {"montage": "headband"},
        {"montage": long},
        {"montage": [*long[:15], "Cz", *long[16:]]},
        {"reference": "average"},
        {"on_missing": "nearest"},
        {"sfreq": 128.0},
        {"units": "uV"},
        {"ch_names": MOTOR},
    ]
    if make.uses_seed:
        settings.append({"random_state": 1})
    for option in set(make.options) & {"n_filters", "lag", "n_bands", "width", "lr"}:
        settings.append({option: 3})
    printed = [repr(make(**setting).get_params()) for setting in settings]
    assert len(set(printed)) == len(settings)


def test_same_montage_in_another_form_prints_the_same():
    from eegkd.montage import Montage

    made = [
        BASELINES["mdm"](montage)
        for montage in (list(MOTOR), MOTOR, Montage("mine", MOTOR))
    ]
    assert len({repr(pipeline.get_params()) for pipeline in made}) == 1


def test_unknown_option():
    with pytest.raises(TypeError, match=r"'csp_lda' has the options 'n_filters', got"):
        BASELINES["csp_lda"](n_filter=3)
    with pytest.raises(TypeError, match=r"Did you mean 'max_epochs'"):
        BASELINES["SCCNet"](max_epoch=3)
    with pytest.raises(TypeError, match="'model' brings its own settings, got 'lr'"):
        BASELINES["field_interpolation"](model=BASELINES["mdm"](), lr=1e-3)
    with pytest.raises(ValueError, match="'reference' must be one of"):
        BASELINES["mdm"](reference="mastoids")


# -- every baseline -------------------------------------------------------------


@pytest.mark.parametrize("name", NOT_NEURAL)
def test_learns_the_planted_task(name):
    _, train, test = task_of(name)
    pipeline = fitted(name)
    chance = max(np.mean(test.y == label) for label in test.classes)
    assert pipeline.classes_.tolist() == train.classes.tolist()
    predicted = pipeline.predict(test)
    assert predicted.dtype == train.y.dtype
    assert np.mean(predicted == test.y) > chance + 0.2
    proba = pipeline.predict_proba(test)
    assert proba.shape == (len(test), len(train.classes))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.min() >= 0
    assert (pipeline.classes_[proba.argmax(axis=1)] == predicted).mean() > 0.95


@pytest.mark.parametrize("name", NOT_NEURAL)
def test_electrodes_outside_the_montage_do_not_matter(name):
    montage, train, test = task_of(name)
    pipeline = fitted(name)
    expected = pipeline.predict_proba(test)
    order = [test.ch_names.index(electrode) for electrode in montage]
    for changed in (
        with_others(test, montage, np.nan),
        test.X[:, order],
        test.to_epochs().pick(list(montage[::-1])),
    ):
        np.testing.assert_array_equal(pipeline.predict_proba(changed), expected)
    np.testing.assert_array_equal(
        pipeline.predict_proba(test.X[:, order[::-1]], ch_names=montage[::-1]),
        expected,
    )
    if name != "field_interpolation":  # its model is trained on all electrodes
        blind = with_others(train, montage, np.nan)
        np.testing.assert_array_equal(proba_of(name, blind, test), expected)


@pytest.mark.parametrize("name", NOT_NEURAL)
def test_every_kind_of_trials(name):
    _, train, test = task_of(name)
    expected = fitted(name).predict_proba(test)
    epochs = test.to_epochs()
    for kind in (epochs, singles(test), test.X, 1e6 * test.X):
        np.testing.assert_allclose(
            fitted(name).predict_proba(kind), expected, atol=1e-4
        )
    if name == "field_interpolation":
        return
    arrays = {"ch_names": list(train.ch_names), "sfreq": train.sfreq}
    np.testing.assert_allclose(
        proba_of(name, singles(train), epochs), expected, atol=1e-4
    )
    arrays |= OPTIONS.get(name, {})
    pipeline = BASELINES[name](task_of(name)[0], **arrays).fit(train.X, train.y)
    np.testing.assert_allclose(pipeline.predict_proba(test.X), expected, atol=1e-4)


@pytest.mark.parametrize("name", NOT_NEURAL)
def test_clone_pickle_repeat(name):
    _, train, test = task_of(name)
    pipeline = fitted(name)
    expected = pipeline.predict_proba(test)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(test), expected)
    copy = clone(pipeline)
    assert type(copy) is TrialPipeline
    assert repr(copy.get_params()) == repr(pipeline.get_params())
    with pytest.raises(NotFittedError, match="not fitted"):
        copy.predict(test)
    np.testing.assert_array_equal(copy.fit(train).predict_proba(test), expected)


@pytest.mark.parametrize("name", NOT_NEURAL)
def test_whole_numbers_as_labels(name):
    montage, train, test = task_of(name)
    options = dict(OPTIONS.get(name, {}))
    if "frequencies" in BASELINES[name].options:
        options["frequencies"] = {3: 11.5, 4: 14, 5: 9}
    codes = 3 + np.unique(train.y, return_inverse=True)[1]
    pipeline = BASELINES[name](montage, **options).fit(train, codes)
    assert pipeline.classes_.tolist() == sorted(set(codes.tolist()))
    assert pipeline.predict(test).dtype == codes.dtype
    np.testing.assert_allclose(  # classes are in the same order
        pipeline.predict_proba(test), fitted(name).predict_proba(test), atol=1e-6
    )


@pytest.mark.parametrize("name", ["csp_lda", "fbcca", "xdawn_lda"])
def test_cross_validation(name):
    montage, train, _ = task_of(name)
    make = BASELINES[name]
    epochs = train.to_epochs()
    scores = cross_val_score(make(montage), epochs, train.y, cv=3)
    assert scores.mean() > 0.6
    arrays = make(montage, ch_names=train.ch_names, sfreq=train.sfreq)
    np.testing.assert_allclose(
        cross_val_score(arrays, train.X, train.y, cv=3), scores, atol=0.1
    )


@pytest.mark.parametrize(
    "name", ["csp_lda", "fbcsp_svm", "ts_lr", "fgmdm", "acm_ts", "mdm"]
)
@pytest.mark.parametrize("classes", [2, 3])
def test_average_reference_of_few_electrodes(name, classes):
    """Signals of average reference have singular covariances."""
    trials = make_trials(n_subjects=1, n_per_class=8, n_classes=classes)
    pipeline = BASELINES[name](MOTOR, reference="average", **OPTIONS.get(name, {}))
    pipeline.fit(trials)
    assert pipeline.score(trials, trials.y) > 1.4 / classes


def test_all_channels_without_a_montage():
    _, train, test = task("imagery")
    pipeline = BASELINES["ts_lr"]().fit(train)
    assert pipeline[0].view_.n_chans == 22
    assert pipeline.score(test, test.y) > 0.8
    assert BASELINES["mdm"]().fit(train.to_epochs()).classes_.tolist() == list(
        train.classes
    )


def test_more_patterns_than_electrodes():
    _, train, test = task("imagery")
    pipeline = BASELINES["csp_lda"](["C3", "C4"], n_filters=10).fit(train)
    assert pipeline[:-1].transform(test).shape == (len(test), 2)


# -- reading --------------------------------------------------------------------


def test_signals_are_microvolts_of_the_montage():
    _, train, test = task("imagery")
    step = MontageSignals(MOTOR, reference="average").fit(train)
    index = [test.ch_names.index(electrode) for electrode in MOTOR]
    picked = 1e6 * test.X[:, index].astype(float)
    shown = step.transform(test)
    assert shown.dtype == np.float64
    np.testing.assert_allclose(
        shown, picked - picked.mean(axis=1, keepdims=True), atol=1e-4
    )
    bands = MontageSignals(MOTOR, bands=((8, 12), (20, 30))).fit(train).transform(test)
    assert bands.shape == (*shown.shape, 2)
    spectrum = np.abs(np.fft.rfft(bands, axis=2)).mean(axis=(0, 1))
    hertz = np.fft.rfftfreq(test.n_times, 1 / test.sfreq)
    peak = hertz[spectrum.argmax(axis=0)]
    assert 8 <= peak[0] <= 12
    assert 20 <= peak[1] <= 30


def test_reading_errors():
    _, train, test = task("imagery")
    pipeline = fitted("mdm")
    make = BASELINES["mdm"]
    flat = with_others(train, train.ch_names[1:], 0.0)
    for call, message in (
        (
            lambda: pipeline.predict(test.X[:, :3]),
            "'X' must have the 22 channels of fit or the 4 of",
        ),
        (lambda: pipeline.predict(test.X[..., :-9]), "160 samples a trial as in fit"),
        (lambda: pipeline.predict(test.X[0]), r"must have shape \(n_trials, n_chans"),
        (
            lambda: pipeline.predict(1e-4 * test.X),
            "'X' must have the scale of the signals in fit",
        ),
        (
            lambda: pipeline.predict(test.to_epochs().resample(100, verbose="ERROR")),
            "sampled at 125 Hz as in fit, got 100",
        ),
        (
            lambda: pipeline.predict(with_others(test, ("Fz",), np.nan)),
            "'X' must be finite",
        ),
        (lambda: make().fit(train.X, train.y), "needs 'ch_names', 'sfreq'"),
        (lambda: make().fit(train.X), "needs 'y' as well"),
        (
            lambda: make(ch_names=MOTOR, sfreq=125).fit(train.X, train.y),
            "'ch_names' must name the 22 channels",
        ),
        (lambda: make("muse").fit(train), "needs electrodes that the data do not"),
        (lambda: make().fit(flat), "'Fz' are flat in all trials"),
        (lambda: make().fit(train, ["a"] * len(train)), "at least two classes"),
        (lambda: make().fit(train, train.y[:-1]), "'y' must have shape"),
        (
            lambda: make().fit(train, subjects=[1]),
            r"'subjects' must have shape \(30,\)",
        ),
        (
            lambda: BASELINES["fbcsp_svm"](bands=((8, 70),)).fit(train),
            r"'bands' must lie between 0 and half the sampling rate \(62.5 Hz\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_weak_and_flat_signals_are_reported():
    _, _, test = task("imagery")
    with pytest.warns(UserWarning, match=r"amplitudes 0\.02\d* times"):
        fitted("mdm").predict(0.02 * test.X)
    with pytest.warns(
        UserWarning, match="flat on 'C3', 'Cz', 'C4', 'CP3' in all trials"
    ):
        fitted("csp_lda")[0].transform(0 * test.X)


def test_epochs_without_eeg():
    _, train, _ = task("imagery")
    epochs = train.to_epochs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # units change
        epochs.set_channel_types(dict.fromkeys(epochs.ch_names, "misc"))
    with pytest.raises(ValueError, match="must have EEG channels, got only 'misc'"):
        BASELINES["mdm"]().fit(epochs)


def test_folds_fit_the_smallest_class():
    y = np.array(["a"] * 9 + ["b"] * 3)
    folds = Folds()
    assert folds.get_n_splits(None, y) == 3
    tested = np.concatenate([test for _, test in folds.split(y, y)])
    assert sorted(tested) == list(range(12))
    for train, test in folds.split(y, y):
        assert set(y[train]) == set(y[test]) == {"a", "b"}


# -- frequencies ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "event_id", "frequencies", "expected"),
    [
        (["13", "17"], {}, None, {"13": 13, "17": 17}),
        (["13 Hz", "8.5hz"], {}, None, {"13 Hz": 13, "8.5hz": 8.5}),
        ([13.0, 17.0], {}, None, {13.0: 13, 17.0: 17}),
        (["13", "rest"], {}, None, {"13": 13}),
        ([0, 1], {"13": 1, "17": 2}, None, {0: 13, 1: 17}),
        (["left", "right"], {"13": 1, "17": 2}, None, {"left": 13, "right": 17}),
        ([1, 2], {"a": 1, "b": 2}, {1: 7, 2: 9}, {1: 7, 2: 9}),
        (["13", "17"], {}, (("13", 7), ("17", 9)), {"13": 7, "17": 9}),
        # Names that come from somewhere else than the labels lose to the labels.
        (["13", "17"], {"8": 1, "9": 2}, None, {"13": 13, "17": 17}),
    ],
)
def test_frequencies(labels, event_id, frequencies, expected):
    y = np.array(labels * 2)
    events = np.array([1, 2] * 2)
    found = stimulation_frequencies(y, events, event_id, frequencies)
    assert found == expected


@pytest.mark.parametrize(
    ("labels", "event_id", "frequencies", "message"),
    [
        ([0, 1, 2], {}, None, "'y' must name the stimulation frequencies"),
        ([1, 2, 3], {}, None, "names or numbers of classes"),
        # MOABB names the events of its epochs after their codes.
        ([0, 1, 2], {"2": 2, "3": 3, "4": 4}, None, "names or numbers of classes"),
        (["a", "b", "c"], {}, None, "Pass frequencies={label: Hz}"),
        ([0, 1, 2], {}, {"13": 13}, "'frequencies' must have the labels 0, 1, 2"),
        ([0, 1, 2], {}, {0: -1, 1: 3, 2: 4}, "'frequencies' must be a finite number"),
    ],
)
def test_unknown_frequencies(labels, event_id, frequencies, message):
    with pytest.raises(ValueError, match=message):
        stimulation_frequencies(
            np.array(labels), np.array([2, 3, 4]), event_id, frequencies
        )


def test_frequencies_from_event_names():
    trials = make_flicker(n_per_class=4)
    codes = np.unique(trials.y, return_inverse=True)[1]
    pipeline = BASELINES["cca"](OCCIPITAL).fit(trials.to_epochs(), codes)
    assert pipeline.score(trials, codes) > 0.8
    with pytest.raises(ValueError, match="got 0, 1, 2, which are names or numbers"):
        BASELINES["cca"](OCCIPITAL).fit(trials, codes)


def test_rest_is_one_more_class_or_an_error():
    trials = make_flicker(n_per_class=6, labels=("9", "14", "rest"))
    with pytest.raises(ValueError, match="'rest' have none. Leave these trials out"):
        BASELINES["cca"](OCCIPITAL).fit(trials)
    pipeline = BASELINES["ssvep_ts"](OCCIPITAL).fit(trials)
    test = make_flicker(n_per_class=6, labels=("9", "14", "rest"), seed=1)
    recall = np.mean(pipeline.predict(test)[test.y == "rest"] == "rest")
    assert recall > 0.6


def test_frequencies_that_cannot_be():
    trials = make_flicker(n_per_class=3)
    make = BASELINES["cca"]
    with pytest.raises(ValueError, match="'y' must hold classes with different freq"):
        make(frequencies={"9": 9, "11.5": 9, "14": 14}).fit(trials)
    with pytest.raises(ValueError, match=r"half the sampling rate \(64 Hz\), got '80'"):
        make(frequencies={"9": 9, "11.5": 80, "14": 14}).fit(trials)


# -- SSVEP against references ---------------------------------------------------


def canonical_correlation(a, b):
    """Return the largest canonical correlation from covariances, (n_times, n)."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    product = np.linalg.inv(a.T @ a) @ a.T @ b @ np.linalg.inv(b.T @ b) @ b.T @ a
    return np.sqrt(np.linalg.eigvals(product).real.max())


def test_canonical_correlations_equal_the_definition():
    trials = make_flicker(n_per_class=2)
    epochs = trials.to_epochs()
    step = CanonicalCorrelations(n_harmonics=2).fit(epochs, trials.y)
    time = np.arange(trials.n_times) / trials.sfreq
    expected = [
        [
            canonical_correlation(
                trial.T,
                np.column_stack(
                    [
                        wave(2 * np.pi * harmonic * float(label) * time)
                        for harmonic in (1, 2)
                        for wave in (np.sin, np.cos)
                    ]
                ),
            )
            for label in np.unique(trials.y)
        ]
        for trial in trials.X.astype(float)
    ]
    np.testing.assert_allclose(step.transform(epochs), expected, rtol=1e-5)
    assert list(step.frequencies_.values()) == [11.5, 14.0, 9.0]


def test_canonical_correlation_does_not_depend_on_the_reference():
    """All electrodes and their average reference span almost the same space."""
    trials = make_flicker(n_per_class=2)
    X = trials.X.astype(float)
    X -= X.mean(axis=1, keepdims=True)
    epochs = trials.to_epochs()
    singular = trials.to_epochs()
    singular._data[:] = X
    fewer = singular.copy().drop_channels(["C3"])
    step = CanonicalCorrelations().fit(epochs, trials.y)
    np.testing.assert_allclose(step.transform(singular), step.transform(fewer))


def test_cca_decides_as_moabb_does_with_names_as_labels():
    from moabb.pipelines.classification import SSVEP_CCA

    trials = make_flicker(n_per_class=5, seed=3)
    trials.X[:, :4] += 6e-5 * np.random.default_rng(0).standard_normal(
        trials.X[:, :4].shape
    ).astype(np.float32)
    epochs = trials.to_epochs()
    theirs = SSVEP_CCA().fit(epochs, trials.y).predict(epochs)
    ours = BASELINES["cca"]().fit(epochs).predict(epochs)
    assert 0.4 < np.mean(ours == trials.y) < 1
    np.testing.assert_array_equal(ours, theirs)


def test_filter_bank_weights():
    """Without a filter the sum of squares is that of one band."""
    trials = make_flicker(n_per_class=2)
    epochs = trials.to_epochs()
    step = CanonicalCorrelations(n_bands=3).fit(epochs, trials.y)
    np.testing.assert_allclose(step.bands_, [(7, 57.6), (16, 57.6), (25, 57.6)])
    step.bands_ = step.bands_[:1]
    one = step.transform(epochs)
    step.bands_ = step.bands_ * 2
    np.testing.assert_allclose(
        step.transform(epochs), one * (1 + (2**-1.25 + 0.25) / 1.25)
    )


def test_task_related_filter_maximizes_what_it_should():
    rng = np.random.default_rng(0)
    trials = rng.standard_normal((6, 4, 200))
    trials += rng.standard_normal((4, 1)) * np.sin(np.arange(200) / 5)
    trials -= trials.mean(axis=2, keepdims=True)
    between = sum(
        a @ b.T for i, a in enumerate(trials) for j, b in enumerate(trials) if i != j
    )
    within = sum(a @ a.T for a in trials)

    def likeness(w):
        return (w @ between @ w) / (w @ within @ w)

    best = likeness(_trca_filter(trials))
    others = [likeness(w) for w in rng.standard_normal((500, 4))]
    assert best > max(others)
    top = np.linalg.eigvals(np.linalg.solve(within, between)).real.max()
    assert best == pytest.approx(top, rel=1e-3)


def test_task_related_scores_of_training_trials_are_out_of_fold():
    trials = make_flicker(n_per_class=5)
    noise = np.random.default_rng(0).standard_normal(trials.X.shape)
    epochs = Trials.from_arrays(
        1e-5 * noise, trials.y, trials.ch_names, trials.sfreq
    ).to_epochs()
    step = TaskRelatedComponents()
    held_out = step.fit_transform(epochs, trials.y)
    seen = step.transform(epochs)
    own = np.unique(trials.y, return_inverse=True)[1]
    rows = np.arange(len(own))
    assert (seen.argmax(axis=1) == own).mean() > 0.9
    assert abs(held_out[rows, own].mean() - held_out.mean()) < 0.1


@pytest.mark.parametrize("montage", [["Oz"], ["Oz", "O1"]])
@pytest.mark.parametrize("name", ["cca", "fbcca", "trca"])
def test_one_and_two_electrodes(name, montage):
    _, train, test = task("ssvep")
    assert BASELINES[name](montage).fit(train).score(test, test.y) > 0.8


def test_real_flicker(mne_data, monkeypatch):
    """Kalunga2016: names as labels work, what MOABB's encoding leaves is refused."""
    from moabb.datasets import Kalunga2016
    from moabb.paradigms import SSVEP

    if not (mne_data / "MNE-ssvepexo-data").is_dir():
        pytest.skip("no Kalunga2016 in the folder")
    monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "upstream")
    paradigm = SSVEP(events=["13", "17", "21"], n_classes=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X, y, _ = paradigm.get_data(Kalunga2016(), [3], return_epochs=True)
    assert set(X.event_id) == {"2", "3", "4"}  # codes, not frequencies
    y = np.asarray(y)
    for name in ("cca", "fbcca"):
        assert BASELINES[name]().fit(X[:12], y[:12]).score(X[12:], y[12:]) > 0.8
    with pytest.raises(ValueError, match="mne_labels=True"):
        BASELINES["cca"]().fit(X, np.unique(y, return_inverse=True)[1])


# -- geometry -------------------------------------------------------------------


def test_field_mapping_equals_mne():
    import mne

    _, _, test = task("imagery")
    template = mne_montage()
    ch_names, target = list(MOTOR), ["Fz", "C3", "Pz", "C6"]
    epochs = test.to_epochs().pick(ch_names).set_montage(template)
    everywhere = mne.create_info(template.ch_names, 1.0, "eeg").set_montage(template)
    origin = mne.make_sphere_model("auto", "auto", everywhere, verbose="ERROR")["r0"]
    known = template.get_positions()
    places = mne.channels.make_dig_montage(
        {name: known["ch_pos"][name] for name in target},
        **{key: known[key] for key in ("nasion", "lpa", "rpa", "coord_frame")},
    )
    theirs = epochs.interpolate_to(places, origin=tuple(origin), method="MNE")
    ours = field_mapping(ch_names, target) @ epochs.get_data()
    assert ours.shape == (len(test), 4, 160)
    np.testing.assert_allclose(ours, theirs.get_data(picks=target), atol=1e-12)
    with pytest.raises(ValueError, match="'target' must hold electrodes of the 10-05"):
        field_mapping(ch_names, ["Cz", "EMG"])


def test_field_interpolation_reads_the_montage_alone():
    _, train, test = task("imagery")
    pipeline = fitted("field_interpolation")
    classifier = pipeline[-1]
    interpolated = classifier.interpolate(test)
    index = [test.ch_names.index(electrode) for electrode in MOTOR]
    expected = field_mapping(MOTOR, test.ch_names) @ test.X[:, index].astype(float)
    np.testing.assert_allclose(1e6 * interpolated.X, 1e6 * expected, atol=1e-4)
    assert interpolated.ch_names == test.ch_names
    model = BASELINES["ts_lr"]()
    whole = BASELINES["field_interpolation"](model=model).fit(train)
    np.testing.assert_allclose(
        whole.predict_proba(test), model.fit(train).predict_proba(test), atol=1e-6
    )


# -- neural ---------------------------------------------------------------------


@pytest.mark.parametrize("name", list(DECODERS))
def test_neural_baselines_are_decoders_without_a_teacher(name):
    pipeline = BASELINES[name]("headband", max_epochs=3, lr=1e-3, random_state=5)
    classifier = pipeline[-1]
    assert classifier.decoder == name
    assert (classifier.max_epochs, classifier.lr) == (3, 1e-3)
    assert (classifier.montage, classifier.random_state) == ("headband", 5)
    with pytest.raises(NotFittedError, match="not fitted"):
        pipeline.predict(task("imagery")[2])


@pytest.mark.parametrize("name", ["SCCNet", "ShallowFBCSPNet"])
def test_a_neural_baseline_equals_its_decoder(name):
    from eegkd.estimators import DecoderClassifier

    montage, train, test = task("imagery")
    settings = {"max_epochs": 2, "device": "cpu", "random_state": 1}
    subjects = np.arange(len(train)) % 2
    pipeline = BASELINES[name](montage, **settings).fit(train, subjects=subjects)
    plain = DecoderClassifier(list(montage), name, **settings)
    plain.fit(train, subjects=subjects)
    np.testing.assert_array_equal(
        pipeline.predict_proba(with_others(test, montage, np.nan)),
        plain.predict_proba(test),
    )
    assert pipeline.classes_.tolist() == train.classes.tolist()
