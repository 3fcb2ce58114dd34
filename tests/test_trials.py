"""The container: what goes in, in which unit, and what is refused."""

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
import pytest

from eegkd.data.trials import Trials, concatenate, to_volts

from .conftest import make_trials

NAMES = ["C3", "Cz", "C4"]


def arrays(n_trials=4, scale=1e-5):
    """Return signals and labels."""
    rng = np.random.default_rng(0)
    return scale * rng.standard_normal((n_trials, 3, 50)), np.arange(n_trials) % 2


def test_units_are_found_or_given():
    X, y = arrays()
    volts = Trials.from_arrays(X, y, NAMES, 100)
    microvolts = Trials.from_arrays(X * 1e6, y, NAMES, 100)
    assert np.allclose(volts.X, microvolts.X, rtol=1e-6, atol=0)
    assert volts.X.dtype == np.float32
    assert np.allclose(to_volts(X, "uV"), X * 1e-6)
    with pytest.raises(ValueError, match="'units' must be one of 'auto', 'V', 'uV'"):
        to_volts(X, "mV")


def test_epochs_and_back():
    trials = make_trials(n_subjects=1)
    again = Trials.from_epochs(trials.to_epochs())
    assert np.allclose(again.X, trials.X)
    assert again.ch_names == trials.ch_names
    assert again.y.tolist() == trials.y.tolist()
    assert again.metadata["session"].tolist() == trials.metadata["session"].tolist()


def test_only_eeg_channels_are_taken():
    X, _ = arrays()
    info = mne.create_info([*NAMES[:2], "EOG"], 100.0, ["eeg", "eeg", "eog"])
    epochs = mne.EpochsArray(X, info, verbose="error")
    assert Trials.from_epochs(epochs).ch_names == ("C3", "Cz")
    with pytest.raises(ValueError, match="must have EEG channels, got only 'eog'"):
        Trials.from_epochs(epochs.pick(["EOG"]))


def test_subset_concatenate_and_fingerprint():
    trials = make_trials()
    mask = (trials.metadata["subject"] == 1).to_numpy()
    parts = [trials.subset(mask), trials.subset(np.flatnonzero(~mask))]
    joined = concatenate(parts)
    assert joined.fingerprint == trials.fingerprint
    assert parts[0].fingerprint != trials.fingerprint
    assert joined.subjects == [1, 2]
    assert len(joined) == len(trials)
    with pytest.raises(ValueError, match="'parts' must share channels"):
        concatenate([trials, make_trials(n_times=150)])


def test_metadata_is_completed():
    X, y = arrays()
    table = Trials.from_arrays(X, y, NAMES, 100).metadata
    assert set(table) == {"subject", "session", "run"}
    own = pd.DataFrame({"session": [1, 1, 2, 2], "age": 30})
    table = Trials.from_arrays(X, y, NAMES, 100, own).metadata
    assert table["session"].tolist() == ["1", "1", "2", "2"]
    assert set(own) == {"session", "age"}


def test_repr_says_simulated():
    X, y = arrays()
    assert "simulated" in repr(Trials.from_arrays(X, y, NAMES, 100, simulated=True))
    assert "simulated" not in repr(Trials.from_arrays(X, y, NAMES, 100))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": np.zeros((4, 3))}, ValueError, r"got \(4, 3\). Pass trials"),
        ({"X": np.zeros((0, 3, 5))}, ValueError, r"without a zero, got \(0, 3, 5\)"),
        ({"X": [[[1, 2]], [[1]]]}, ValueError, "do not stack into one array"),
        ({"X": np.full((4, 3, 5), "a")}, TypeError, "must hold real numbers"),
        ({"y": [0, 1, None, 1]}, ValueError, "but 1 of 4 labels are missing"),
        ({"y": [0.5, 1, 0, 1]}, ValueError, "got continuous values such as .*0.5"),
        ({"y": [0, 1]}, ValueError, r"'y' must have shape \(4,\)"),
        ({"ch_names": ["C3", "C3", "C4"]}, ValueError, "'C3' occur more than once"),
        ({"ch_names": ["C3", "C4"]}, ValueError, "must name the 3 channels"),
        ({"ch_names": "C3"}, TypeError, "must be a list of channel names, got 'C3'"),
        ({"sfreq": 0}, ValueError, "'sfreq' must be a finite number > 0, got 0"),
        ({"sfreq": "fast"}, TypeError, "'sfreq' must be a finite number"),
        ({"metadata": pd.DataFrame({"a": [1]})}, ValueError, "got 1 rows"),
        ({"metadata": [1]}, TypeError, "must be a pandas DataFrame, got list"),
    ],
)
def test_errors(change, error, message):
    X, y = arrays()
    arguments = {"X": X, "y": y, "ch_names": NAMES, "sfreq": 100.0, **change}
    with pytest.raises(error, match=message):
        Trials.from_arrays(**arguments)
