"""What all simulated sets promise: reproducible, and for MOABB like any other."""

from __future__ import annotations

import inspect
import itertools
from typing import NamedTuple

import numpy as np
import pytest
from moabb.paradigms import (
    CVEP,
    P300,
    SSVEP,
    LeftRightImagery,
    RestingStateToP300Adapter,
)

from eegkd.data.simulated import SIMULATED, base


class Case(NamedTuple):
    """A small set of one kind, a paradigm of MOABB that takes it, and its trials."""

    options: dict
    paradigm: object
    shape: tuple
    classes: list
    n_runs: int = 1


CASES = {
    "SimulatedMotorImagery": Case(
        {"n_trials": 2, "n_runs": 2},
        LeftRightImagery(resample=125),
        (8, 64, 501),
        ["left_hand", "right_hand"],
        n_runs=2,
    ),
    "SimulatedP300": Case(
        {"n_characters": 2, "n_repetitions": 2},
        P300(resample=128),
        (96, 64, 129),
        ["NonTarget", "Target"],
    ),
    "SimulatedSSVEP": Case(
        {"n_trials": 2, "n_runs": 2},
        SSVEP(resample=128),
        (20, 64, 513),
        ["11", "13", "17", "8", "9.5"],
        n_runs=2,
    ),
    "SimulatedCVEP": Case(
        {"n_trials": 2, "n_runs": 2},
        CVEP(),
        (2 * 8 * 63, 64, 49),
        ["0.0", "1.0"],
        n_runs=2,
    ),
    "SimulatedRestingState": Case(
        {"n_segments": 2, "segment": 6.0},
        RestingStateToP300Adapter(tmin=0, tmax=None),
        (4, 64, 6 * 128 + 1),
        ["closed", "open"],
    ),
}
PARADIGMS = dict(
    zip(CASES, ["imagery", "p300", "ssvep", "cvep", "rstate"], strict=True)
)


@pytest.fixture(params=SIMULATED)
def name(request):
    return request.param


def make(name, n_subjects=3, **options):
    """Return a small set."""
    return SIMULATED[name](n_subjects=n_subjects, **CASES[name].options, **options)


def signals(dataset, subject, session="0train", run="0"):
    """Return the values of one run."""
    return dataset.get_data([subject])[subject][session][run].get_data()


def test_every_set_has_a_case():
    assert set(CASES) == set(SIMULATED)


def test_same_seed_same_bits_whoever_else_is_asked_for(name):
    places = [
        (subject, session, str(run))
        for subject in (1, 3)
        for session in ("0train", "1test")
        for run in range(CASES[name].n_runs)
    ]
    kept = [signals(make(name), *place) for place in places]
    base._recordings.clear()
    few = make(name, 20, subjects=[3, 1])
    for place, values in zip(places, kept, strict=True):
        np.testing.assert_array_equal(signals(few, *place), values)
    base._recordings.clear()
    one_day = make(name, 3, subjects=[3], sessions=[1])
    assert list(one_day.get_data([3])[3]) == ["1test"]
    place = (3, "1test", "0")
    np.testing.assert_array_equal(signals(one_day, *place), kept[places.index(place)])


def test_subjects_sessions_runs_and_seeds_differ(name):
    variants = [
        signals(make(name), 1),
        signals(make(name), 2),
        signals(make(name), 1, session="1test"),
        signals(make(name, seed=1), 1),
    ]
    if CASES[name].n_runs > 1:
        variants.append(signals(make(name), 1, run="1"))
    starts = np.array([variant[:, :1500].ravel() for variant in variants])
    correlation = np.corrcoef(starts) - np.eye(len(starts))
    assert np.abs(correlation).max() < 0.3


def test_it_says_that_it_is_simulated(name):
    dataset = SIMULATED[name]()
    assert dataset.simulated
    assert repr(dataset) == dataset.code == name == type(dataset).__name__
    assert dataset.paradigm == PARADIGMS[name]
    assert "Simulated" in dataset.__doc__.splitlines()[0]
    assert "Nobody was recorded" in dataset.__doc__


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("SimulatedMotorImagery", {"n_trials": 5}, "trials5"),
        ("SimulatedMotorImagery", {"n_runs": 1, "seed": 3}, "runs1-seed3"),
        ("SimulatedMotorImagery", {"sfreq": 128.5}, "sfreq128-5"),
        (
            "SimulatedMotorImagery",
            {"events": ["left_hand", "feet"]},
            "left-hand-feet",
        ),
        ("SimulatedSSVEP", {"n_trials": 5}, "trials5"),
        ("SimulatedSSVEP", {"n_runs": 1, "sfreq": 128}, "runs1-sfreq128"),
        ("SimulatedSSVEP", {"frequencies": [7.5, 11]}, "7-5hz-11hz"),
        ("SimulatedCVEP", {"n_trials": 5}, "trials5"),
        ("SimulatedCVEP", {"n_targets": 8, "sfreq": 200}, "targets8-sfreq200"),
        ("SimulatedCVEP", {"labels": "targets", "n_runs": 1}, "runs1-by-target"),
        ("SimulatedRestingState", {"n_segments": 4}, "segments4"),
        ("SimulatedRestingState", {"segment": 12.5, "seed": 2}, "length12-5-seed2"),
        ("SimulatedP300", {"n_characters": 4}, "characters4"),
        ("SimulatedP300", {"n_repetitions": 3, "seed": 2}, "repetitions3-seed2"),
    ],
)
def test_code_tells_other_signals_apart(name, options, code, caplog):
    """MOABB keeps results and caches by code alone."""
    wanted = "Simulated-{}-P300" if name == "SimulatedP300" else name + "-{}"
    assert SIMULATED[name](**options).code == wanted.format(code)
    assert SIMULATED[name](n_subjects=2, subjects=[1]).code == name
    assert not caplog.records  # MOABB logs a warning about codes that it dislikes


@pytest.mark.filterwarnings("ignore:HED annotations:RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "step"),
    [*itertools.product(SIMULATED, ("raw", "array")), ("SimulatedP300", "epochs")],
)
def test_paradigms_and_caches_of_moabb(name, step, tmp_path, monkeypatch):
    case, dataset = CASES[name], make(name)
    cache = {"use": True, f"save_{step}": True, "path": str(tmp_path)}
    X, y, metadata = case.paradigm.get_data(dataset, [1], cache_config=cache)
    assert X.shape == case.shape
    assert np.unique(y).tolist() == case.classes
    assert metadata["session"].unique().tolist() == ["0train", "1test"]

    def never(self, subject):
        raise RuntimeError("the recordings were made again")

    monkeypatch.setattr(SIMULATED[name], "_get_single_subject_data", never)
    X_again, y_again, _ = case.paradigm.get_data(dataset, [1], cache_config=cache)
    assert y_again.tolist() == y.tolist()
    np.testing.assert_allclose(X_again, X, atol=0.02 if step == "raw" else 1e-4)


def test_nothing_is_downloaded(name, monkeypatch):
    monkeypatch.delenv("MNE_DATA")
    dataset = make(name)
    dataset.download(subject_list=[1])
    assert dataset.data_path(1) == [inspect.getfile(SIMULATED[name])]
    with pytest.raises(ValueError, match="'subject' must be one of 1, 2, 3, got 4"):
        dataset.data_path(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_subjects": 0}, "'n_subjects' must be an integer >= 1"),
        ({"sfreq": 100}, "'sfreq' must be a finite number >= 110"),
        ({"seed": -1}, "'seed' must be an integer >= 0"),
        ({"subjects": [10]}, "Invalid subjects"),
    ],
)
def test_wrong_arguments(name, options, message):
    with pytest.raises(ValueError, match=message):
        SIMULATED[name](**options)
