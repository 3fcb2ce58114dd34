"""Shared fixtures: small seeded data, a head of electrodes, real EEG where present."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parent.parent
CH_22 = (
    "Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz"
).split()


@pytest.fixture(autouse=True)
def _no_user_configuration(tmp_path_factory, monkeypatch):
    """Keep MNE's and MOABB's configuration and results out of the user's home."""
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("_MNE_FAKE_HOME_DIR", str(home))
    monkeypatch.setenv("MNE_DATA", str(home))
    monkeypatch.setenv("MOABB_RESULTS", str(home))


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep torch at one thread, so that results do not depend on the machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def mne_data(monkeypatch):
    """Point MOABB at real EEG on disk, or skip."""
    folder = Path(
        os.environ.get("EEGKD_TEST_MNE_DATA", PROJECT.parent / "shared" / "mne_data")
    )
    if not (folder / "MNE-eegbci-data").is_dir():
        pytest.skip(
            "no real EEG: set EEGKD_TEST_MNE_DATA to a folder with MNE-eegbci-data"
        )
    monkeypatch.setenv("MNE_DATA", str(folder.resolve()))
    return folder


def make_trials(
    n_subjects=2,
    n_per_class=12,
    n_classes=3,
    ch_names=CH_22,
    n_times=160,
    sfreq=125.0,
    seed=0,
):
    """Return trials of two sessions whose classes differ in rhythm over C3, Cz, C4.

    Noise has the size of EEG (10 microvolts); class k raises a 10 Hz rhythm at the
    k-th of C3, Cz and C4 and, fainter, at its neighbors.
    """
    from eegkd.data.trials import Trials

    rng = np.random.default_rng(seed)
    time = np.arange(n_times) / sfreq
    centers = ["C3", "Cz", "C4"]
    X, y, rows = [], [], []
    for subject in range(1, n_subjects + 1):
        for session in ("0train", "1test"):
            for label in np.tile(np.arange(n_classes), n_per_class):
                trial = rng.standard_normal((len(ch_names), n_times))
                phase = rng.uniform(0, 2 * np.pi)
                wave = np.sin(2 * np.pi * 10 * time + phase)
                center = ch_names.index(centers[label])
                for channel in range(len(ch_names)):
                    trial[channel] += 1.6 * wave * np.exp(-abs(channel - center) / 1.5)
                X.append(1e-5 * trial)
                y.append(["left_hand", "feet", "right_hand"][label])
                rows.append((subject, session, "0"))
    metadata = pd.DataFrame(rows, columns=["subject", "session", "run"])
    return Trials.from_arrays(np.array(X), np.array(y), ch_names, sfreq, metadata)


@pytest.fixture
def trials():
    """Two subjects, two sessions, 36 trials a session, 22 electrodes."""
    return make_trials()


def adam(**fields):
    """Return a recipe of Adam with the L2 penalty and the statistics of the paper."""
    from eegkd.distillation import Recipe

    own = {"lr": 5e-4, "weight_decay": 0.1, "batch_size": 128, "max_epochs": 500}
    kept = {"schedule": "constant", "batch_statistics": "running"}
    return Recipe(**{"optimizer": "adam", **kept, **own, **fields})
