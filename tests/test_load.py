"""Loading: names, classes, windows, units, files on disk and files that are missing."""

from __future__ import annotations

import os
import sys

import mne
import numpy as np
import pytest
from moabb import paradigms
from moabb.datasets.base import BaseDataset
from requests.exceptions import ConnectionError as NoConnection

import eegkd
from eegkd import list_datasets, load_trials
from eegkd.data import find, on_disk
from eegkd.data.simulated import SimulatedMotorImagery
from eegkd.data.simulated.head import CH_NAMES

HANDS = ["left_hand", "right_hand"]


class Tiny(BaseDataset):
    """Noise of 10 microvolts on three electrodes, a trial every four seconds."""

    def __init__(
        self,
        events=("left_hand", "right_hand", "feet", "rest"),
        paradigm="imagery",
        interval=(0, 2),
        n_subjects=2,
        subjects=None,
    ):
        super().__init__(
            subjects=range(1, n_subjects + 1),
            sessions_per_subject=1,
            events={name: code for code, name in enumerate(events, start=1)},
            code="Tiny",
            interval=list(interval),
            paradigm=paradigm,
            selected_subjects=subjects,
        )
        self.provider = "not asked"

    def _get_single_subject_data(self, subject):
        self.provider = os.environ.get("MOABB_DOWNLOAD_PROVIDER")
        rng = np.random.default_rng(subject)
        info = mne.create_info(["C3", "Cz", "C4"], 200.0, "eeg")
        labels = np.tile(list(self.event_id), 3)
        cues = 1.0 + 4.0 * np.arange(len(labels))
        signals = 1e-5 * rng.standard_normal((3, int(200 * (cues[-1] + 8))))
        raw = mne.io.RawArray(signals, info, verbose="error")
        raw.set_annotations(mne.Annotations(cues, 1.0, labels))
        return {"0": {"0": raw}}

    def data_path(self, subject, **kwargs):
        """Return no files: the recordings are made up."""
        return []


@pytest.fixture(scope="module")
def small():
    return SimulatedMotorImagery(n_subjects=3, n_trials=2, n_runs=2)


@pytest.fixture(scope="module")
def trials(small):
    return load_trials(small, subjects=[1, 2])


# --- names --------------------------------------------------------------------------


def test_embedded_dataset_comes_first_and_then_those_of_moabb():
    names = list_datasets()
    assert names[0] == "SimulatedMotorImagery"
    assert {"BNCI2014_001", "PhysionetMI", "Cho2017", "Lee2019_MI"} <= set(names)
    assert names[1:] == sorted(names[1:])
    assert not [name for name in names if "Fake" in name or name == "Kalunga2016"]
    assert "Kalunga2016" in list_datasets("ssvep")
    assert "SimulatedMotorImagery" not in list_datasets("p300")


def test_unknown_kind_of_dataset():
    with pytest.raises(ValueError, match="'paradigm' must be one of 'imagery'"):
        list_datasets("motor")


@pytest.mark.parametrize("name", ["bnci2014_001", "BNCI2014-001", "BNCI2014001"])
def test_names_are_found_however_they_are_written(name):
    dataset = find.find_dataset(name)
    assert dataset.code == "BNCI2014-001"


def test_class_and_object_are_taken_too(small):
    assert find.find_dataset(Tiny).code == "Tiny"
    assert find.find_dataset(small) is small


def test_module_does_not_import_moabb_until_asked():
    with pytest.raises(AttributeError, match=r"'eegkd\.data' has no attribute 'x'"):
        eegkd.data.x  # noqa: B018


# --- what is made -------------------------------------------------------------------


def test_trials_are_what_moabb_makes_but_in_volts_and_without_the_end_point(
    small, trials
):
    paradigm = paradigms.MotorImagery(
        4, fmin=4, fmax=38, resample=125, events=list(small.event_id)
    )
    X, y, metadata = paradigm.get_data(small, [1, 2])
    assert X.shape == (32, 64, 501)
    np.testing.assert_allclose(trials.X, X[..., :500] * 1e-6, rtol=1e-5, atol=1e-10)
    assert trials.X.dtype == np.float32
    assert trials.y.tolist() == y.tolist()
    for column in ("subject", "session", "run"):
        assert trials.metadata[column].tolist() == metadata[column].tolist()


def test_trials_know_where_they_come_from(trials):
    assert trials.name == "SimulatedMotorImagery-trials2-runs2"
    assert trials.simulated
    assert "simulated" in repr(trials)
    assert trials.tmin == 0.0
    made = {key: trials.settings[key] for key in trials.settings if key[:2] != "mn"}
    assert made.pop("moabb")[0].isdigit()
    assert made == {
        "dataset": trials.name,
        "paradigm": "MotorImagery",
        "events": ["left_hand", "right_hand", "feet", "tongue"],
        "l_freq": 4.0,
        "h_freq": 38.0,
        "sfreq": 125.0,
        "tmin": 0.0,
        "tmax": 4.0,
    }


def test_real_data_are_not_called_simulated():
    assert not load_trials(Tiny()).simulated


def test_subjects_come_in_the_order_asked_for_and_do_not_depend_on_each_other(
    small, trials
):
    swapped = load_trials(small, subjects=[2, 1])
    assert swapped.subjects == [2, 1]
    assert swapped.subset(np.arange(16, 32)).fingerprint == (
        trials.subset(np.arange(16)).fingerprint
    )


def test_subjects_default_to_those_of_the_object():
    assert load_trials(Tiny(n_subjects=3, subjects=[3, 1])).subjects == [3, 1]


@pytest.mark.parametrize(
    ("options", "n_times"),
    [
        ({}, 250),
        ({"tmin": -0.5, "tmax": 4.0}, 562),  # the paper's window
        ({"tmin": 0.5}, 187),
        ({"sfreq": None}, 400),
        ({"sfreq": 100}, 200),
        ({"tmax": 0.3, "sfreq": 100}, 30),
    ],
)
def test_length_of_a_trial(options, n_times):
    trials = load_trials(Tiny(), subjects=[1], **options)
    assert trials.n_times == n_times
    assert trials.tmin == options.get("tmin", 0.0)


def test_window_counts_from_the_start_of_the_interval():
    """A cue at second 2 of the dataset's clock is time 0 of ours."""
    late = load_trials(Tiny(interval=(1, 3)), subjects=[1])
    early = load_trials(Tiny(interval=(0, 3)), subjects=[1], tmin=1.0)
    assert late.tmin == 0.0
    assert early.tmin == 1.0
    np.testing.assert_array_equal(late.X, early.X)


# --- classes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "paradigm", "chosen"),
    [
        ([*HANDS, "feet", "rest"], None, [*HANDS, "feet"]),
        ([*HANDS, "feet", "rest"], "LeftRightImagery", HANDS),
        ([*HANDS, "rest"], None, HANDS),
        (["feet", "rest"], None, ["feet", "rest"]),
    ],
)
def test_classes_are_the_imagery_without_rest(known, paradigm, chosen):
    trials = load_trials(Tiny(known), paradigm, subjects=[1])
    assert trials.classes.tolist() == sorted(chosen)
    assert len(trials) == 3 * len(chosen)
    kind = "LeftRightImagery" if chosen == HANDS else "MotorImagery"
    assert trials.settings["paradigm"] == kind


def test_events_choose_the_classes():
    trials = load_trials(Tiny(), subjects=[1], events=["rest", "feet"])
    assert trials.classes.tolist() == ["feet", "rest"]


def test_paradigm_object_brings_its_own_settings_and_is_left_alone():
    paradigm = paradigms.MotorImagery(fmin=8, fmax=30, tmin=0.5, tmax=1.5)
    trials = load_trials(Tiny(), paradigm, subjects=[1])
    assert (trials.sfreq, trials.n_times, trials.tmin) == (200.0, 200, 0.5)
    assert (trials.settings["l_freq"], trials.settings["h_freq"]) == (8, 30)
    assert trials.classes.tolist() == ["feet", "left_hand", "rest", "right_hand"]
    assert paradigm.n_classes is None  # MOABB's own get_data would set it


def test_paradigm_object_opens_other_kinds_of_data():
    dataset = Tiny(["Target", "NonTarget"], "p300", (0, 1))
    trials = load_trials(dataset, paradigms.P300(resample=50), subjects=[1])
    assert trials.classes.tolist() == ["NonTarget", "Target"]
    assert trials.n_times == 50


# --- wrong arguments ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "options", "error", "message"),
    [
        ("PhysionetM", {}, ValueError, "Did you mean 'PhysionetMI'"),
        (3, {}, TypeError, "'dataset' must be a name in .*got int"),
        (Tiny, {"subjects": [1, 7]}, ValueError, "those of Tiny: 1, 2, got 7"),
        (Tiny, {"subjects": []}, ValueError, "got none. Leave 'subjects' out"),
        (Tiny, {"subjects": [1, 1]}, ValueError, "name each subject once"),
        (Tiny, {"subjects": 1}, TypeError, r"write subjects=\[1\]"),
        (Tiny, {"l_freq": 40}, ValueError, "'l_freq' must be below 'h_freq', got 40"),
        (Tiny, {"l_freq": 0}, ValueError, "'l_freq' must be a finite number > 0"),
        (Tiny, {"h_freq": 70}, ValueError, "below half of 'sfreq', got 70 Hz at 125"),
        (Tiny, {"sfreq": "fast"}, TypeError, "'sfreq' must be a finite number > 0"),
        (Tiny, {"tmin": 2.5}, ValueError, "'tmin' must be before the end of the trial"),
        (Tiny, {"tmax": None, "tmin": "a"}, TypeError, "'tmin' must be a finite num"),
        (Tiny, {"events": ["feat", "rest"]}, ValueError, "Did you mean 'feet'"),
        (Tiny, {"events": ["feet"]}, ValueError, "two or more event names"),
        (Tiny, {"events": "feet"}, ValueError, "list of two or more event names"),
        (Tiny, {"paradigm": "P300"}, ValueError, "'paradigm' must be one of 'MotorI"),
        (
            Tiny,
            {"paradigm": "LeftRightImagery", "events": HANDS},
            ValueError,
            "'events' cannot be given with paradigm 'LeftRightImagery'",
        ),
        (
            Tiny(["feet", "rest"]),
            {"paradigm": "LeftRightImagery"},
            ValueError,
            "got 'left_hand', 'right_hand'",
        ),
        (
            Tiny,
            {"paradigm": paradigms.MotorImagery(), "l_freq": 8, "sfreq": 100},
            ValueError,
            "'l_freq', 'sfreq' cannot be given together with a paradigm object",
        ),
        (
            Tiny,
            {"paradigm": paradigms.P300()},
            ValueError,
            r"P300 does not fit Tiny \(kind 'imagery'",
        ),
    ],
)
def test_wrong_arguments(dataset, options, error, message):
    with pytest.raises(error, match=message):
        load_trials(dataset, **options)


# --- files --------------------------------------------------------------------------


def test_absent_recordings_say_where_to_put_them(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise NoConnection("no network")

    monkeypatch.setattr("moabb.datasets.download.retrieve", no_network)
    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="PhysionetMI, subject 4") as caught:
        load_trials("PhysionetMI", subjects=[4])
    text = str(caught.value)
    file = tmp_path / "MNE-eegbci-data/files/eegmmidb/1.0.0/S004/S004R04.edf"
    assert str(file) in text
    assert f"MNE_DATA is {str(tmp_path)!r}" in text
    assert "moabb.datasets.PhysionetMI().download(subject_list=[4])" in text
    assert "SimulatedMotorImagery" in text
    assert isinstance(caught.value.__cause__, NoConnection)


def test_missing_data_folder_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "nowhere"
    monkeypatch.setenv("MNE_DATA", str(folder))
    with pytest.raises(FileNotFoundError, match="are not on disk") as caught:
        load_trials("PhysionetMI", subjects=[1])
    assert f"MNE_DATA is {str(folder)!r}" in str(caught.value)


def test_folder_that_may_not_be_read_is_another_error(monkeypatch):
    def locked(self, subject):
        raise PermissionError("locked")

    monkeypatch.setattr(Tiny, "_get_single_subject_data", locked)
    with pytest.raises(PermissionError, match="locked"):
        load_trials(Tiny())


def test_mirror_is_not_asked_and_settings_are_put_back(monkeypatch):
    monkeypatch.delenv("MOABB_DOWNLOAD_PROVIDER", raising=False)
    dataset = Tiny()
    load_trials(dataset)
    assert dataset.provider == "upstream"
    assert "MOABB_DOWNLOAD_PROVIDER" not in os.environ


def test_choice_of_the_user_is_kept(monkeypatch):
    monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "nemar")
    dataset = Tiny()
    load_trials(dataset)
    assert dataset.provider == os.environ["MOABB_DOWNLOAD_PROVIDER"] == "nemar"


def test_copy_from_the_mirror_is_still_found(tmp_path, monkeypatch):
    monkeypatch.delenv("MOABB_DOWNLOAD_PROVIDER", raising=False)
    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    dataset = Tiny()
    dataset.nemar_id = "on000001"
    assert on_disk.moabb_settings(dataset) == {"MOABB_DOWNLOAD_PROVIDER": "upstream"}
    (tmp_path / "NEMAR" / "on000001").mkdir(parents=True)
    assert on_disk.moabb_settings(dataset) == {}


def test_configuration_of_the_user_is_not_written(tmp_path, monkeypatch):
    for key in ("MNE_DATA", "MOABB_DOWNLOAD_PROVIDER"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("_MNE_FAKE_HOME_DIR", str(tmp_path))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    load_trials(SimulatedMotorImagery(n_subjects=1, n_trials=1, n_runs=1))
    assert list(tmp_path.iterdir()) == []
    load_trials(Tiny())
    assert [path.name for path in tmp_path.iterdir()] == ["mne_data"]
    assert "MNE_DATA" not in os.environ


def test_cache_of_moabb(tmp_path, monkeypatch):
    cache = {"use": True, "save_epochs": True, "path": str(tmp_path)}
    first = load_trials(Tiny(), cache_config=cache)

    def never(self, subject):
        raise RuntimeError("the recordings were read again")

    monkeypatch.setattr(Tiny, "_get_single_subject_data", never)
    again = load_trials(Tiny(), cache_config=cache)
    np.testing.assert_allclose(again.X, first.X, rtol=1e-5, atol=1e-12)
    assert again.y.tolist() == first.y.tolist()
    with pytest.raises(RuntimeError, match="read again"):
        load_trials(Tiny())


def test_progress_bar_where_somebody_sees_it(capsys, monkeypatch):
    load_trials(Tiny())
    assert capsys.readouterr().err == ""
    load_trials(Tiny(), progress=True)
    assert "Loading Tiny" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    load_trials(Tiny())
    assert "Loading Tiny" in capsys.readouterr().err
    load_trials(Tiny(), subjects=[1])
    assert capsys.readouterr().err == ""


# --- real EEG -----------------------------------------------------------------------


def test_real_eeg(mne_data):
    trials = load_trials("PhysionetMI", subjects=[1])
    assert trials.classes.tolist() == ["feet", "hands", "left_hand", "right_hand"]
    assert (len(trials), trials.n_chans, trials.n_times) == (90, 64, 375)
    assert trials.sfreq == 125.0
    assert not trials.simulated
    assert set(trials.ch_names) == set(CH_NAMES)
    spread = trials.X.std(axis=-1)
    assert np.isfinite(trials.X).all()
    assert 2e-6 < np.median(spread) < 5e-5


def test_real_eeg_of_two_hands_in_the_window_of_the_paper(mne_data):
    trials = load_trials(
        "PhysionetMI", "LeftRightImagery", subjects=[2], tmin=-0.5, tmax=4.0
    )
    assert trials.classes.tolist() == HANDS
    assert (len(trials), trials.n_times) == (45, 562)
