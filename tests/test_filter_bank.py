"""Filter banks: an electrode is a channel in every band, from MOABB to the table."""

from __future__ import annotations

import json
from dataclasses import replace

import mne
import numpy as np
import pytest
import torch
from moabb import paradigms
from moabb.datasets.base import BaseDataset
from moabb.evaluations import WithinSessionEvaluation
from moabb.pipelines.features import ExtendedSSVEPSignal
from sklearn.base import clone
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier, Trials, load_trials
from eegkd.baselines import BASELINES, field_mapping
from eegkd.criteria.modalities import _region_masks
from eegkd.data.channels import canonical_name, positions
from eegkd.data.filter_bank import band_name, in_band, read_rows, split_band
from eegkd.estimators.base import MontageEstimator
from eegkd.montage import ladder, list_montages, nearest_electrodes, resolve
from eegkd.persistence import load_classifier, save_classifier
from eegkd.report.figures import plot_montage
from eegkd.samplers.recording import _read_raw
from eegkd.view import View

from .conftest import make_trials

SITES = ("Fz", "C3", "Cz", "C4", "Pz", "Oz")
BANDS = [(8, 12), (12.0, 16.5)]
NAMES = ("8-12 Hz", "12-16.5 Hz")
HANDS = ["left_hand", "right_hand"]
QUICK = {"max_epochs": 1, "device": "cpu"}

pytestmark = pytest.mark.filterwarnings(
    "ignore:Montage name 'standard_10:FutureWarning"
)


class Small(BaseDataset):
    """Noise, other in each of two sessions of two runs, with labels in any order."""

    def __init__(self, events=HANDS, paradigm="imagery", subjects=None, sessions=None):
        super().__init__(
            subjects=[1],
            sessions_per_subject=2,
            events={name: code for code, name in enumerate(events, start=1)},
            code=f"Small-{paradigm}",
            interval=[0, 1],
            paradigm=paradigm,
            selected_subjects=subjects,
            selected_sessions=sessions,
        )

    def _get_single_subject_data(self, subject):
        return {str(s): {str(r): self._run(s, r) for r in (0, 1)} for s in (0, 1)}

    def _run(self, session, run):
        rng = np.random.default_rng([session, run])
        labels = rng.permutation(np.tile(list(self.event_id), 5 + run))
        cues = 1.0 + 1.5 * np.arange(len(labels))
        signals = 1e-5 * rng.standard_normal((6, int(100 * (cues[-1] + 3))))
        info = mne.create_info(list(SITES), 100.0, "eeg")
        raw = mne.io.RawArray(signals, info, verbose="error")
        return raw.set_annotations(mne.Annotations(cues, 1.0, labels))

    def data_path(self, subject, **kwargs):
        """Return no files: the recordings are made up."""
        return []


def stacked_by_moabb(paradigm, dataset):
    """Return MOABB's own arrays with its own step that makes bands channels."""
    X, y, metadata = paradigm.get_data(dataset)
    assert X.ndim == 4
    return ExtendedSSVEPSignal().transform(X), y, metadata


@pytest.fixture(scope="module")
def one_band():
    """Trials of one band whose classes differ over C3 and C4."""
    return make_trials(n_subjects=1, n_per_class=8, n_classes=3, n_times=120)


@pytest.fixture(scope="module")
def bank(one_band):
    """Trials in three bands, of which the second tells the classes."""
    rng = np.random.default_rng(3)
    noise = 1e-5 * rng.standard_normal((2, *one_band.X.shape))
    X = np.stack([noise[0], one_band.X, 3 * noise[1]], axis=-1)
    return Trials.from_arrays(
        X, one_band.y, one_band.ch_names, one_band.sfreq, one_band.metadata
    )


def as_array(trials):
    """Return trials of a filter bank in the shape that MOABB gives them."""
    rows = read_rows(trials.ch_names)
    return np.moveaxis(trials.X[:, rows.index], 1, -1), rows.electrodes


def of_band(trials, band):
    """Return the trials of a single band."""
    rows = read_rows(trials.ch_names)
    index = rows.index[rows.bands.index(band)]
    return replace(trials, X=trials.X[:, index], ch_names=rows.electrodes)


# -- names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "electrode", "band"),
    [
        ("C3", "C3", ""),
        ("C3 8-12 Hz", "C3", "8-12 Hz"),
        ("fp1  12.50-13.5hz", "fp1", "12.5-13.5 Hz"),
        ("C3 band 01", "C3", "band 1"),
        ("EEG 061", "EEG 061", ""),
        ("C3-C4", "C3-C4", ""),
    ],
)
def test_names_hold_electrode_and_band(name, electrode, band):
    assert split_band(name) == (electrode, band)
    assert split_band(in_band(electrode, band)) == (electrode, band)


def test_bands_are_named_without_an_exponent():
    assert band_name(0.00001, 100.0) == "0.00001-100 Hz"
    assert split_band("Cz " + band_name(7.5, 8.5)) == ("Cz", "7.5-8.5 Hz")


def test_names_are_spelled_and_placed_as_their_electrodes():
    assert canonical_name("t3. 8-12hz") == "T7 8-12 Hz"
    assert canonical_name("other 8-12 Hz") == "other 8-12 Hz"
    place = positions(["T7", "t3 band 2"])
    assert np.array_equal(place["t3 band 2"], place["T7"])


def test_rows_are_read_in_any_order():
    names = ["C4 band 1", "C3 band 2", "C4 band 2", "C3 band 1"]
    rows = read_rows(names)
    assert (rows.electrodes, rows.bands) == (("C4", "C3"), ("band 1", "band 2"))
    assert rows.index.tolist() == [[0, 3], [2, 1]]
    assert read_rows(["T3", "T7"]).index.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["C3 band 1", "C4 band 1", "C3 band 2"],
            "every electrode in every band of a filter bank, but 'C4' lacks the band "
            "'band 2'",
        ),
        (["C3 8-12 Hz", "EOG"], "but 'EOG' lacks the band '8-12 Hz'. The bands are"),
        (["EOG", "C3 8-12 Hz"], "'C3' has bands and others none"),
        (
            ["C3 band 1", "C4 band 1", "Cz band 1", "C3 band 2"],
            "but 'C4', 'Cz' lack the band 'band 2'",
        ),
        (["C3", "C4", "Cz band 1", "C3 band 1", "C4 band 1"], "'Cz' has bands"),
        (["EOG", "C3 band 1", "C4 band 1"], "'C3', 'C4' have bands and others none"),
        (["C3 8-12 Hz", "C3 8-12Hz"], "name each electrode once in each band"),
    ],
)
def test_incomplete_banks_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        View(None, names)
    if "C4 band 1" in names:
        with pytest.raises(ValueError, match=message):
            resolve(["C3"], names)


# -- loading ----------------------------------------------------------------------


def test_trials_equal_moabbs_arrays():
    paradigm = paradigms.FilterBankLeftRightImagery(filters=BANDS, resample=50.0)
    X, y, metadata = stacked_by_moabb(paradigm, Small())
    trials = load_trials(Small(), paradigm)
    assert X[..., :50] == pytest.approx(1e6 * trials.X, abs=1e-3)  # microvolts
    assert trials.y.tolist() == y.tolist()
    columns = ["subject", "session", "run"]
    assert trials.metadata[columns].astype(str).equals(metadata[columns].astype(str))
    assert trials.ch_names == tuple(f"{s} {b}" for b in NAMES for s in SITES)
    assert trials.settings["bands"] == [[8.0, 12.0], [12.0, 16.5]]
    assert "l_freq" not in trials.settings
    assert "6 electrodes in 2 bands" in repr(trials)


@pytest.mark.parametrize(
    ("paradigm", "kind", "events", "options"),
    [
        ("FilterBankLeftRightImagery", "imagery", HANDS, {"filters": BANDS}),
        (
            "FilterBankMotorImagery",
            "imagery",
            [*HANDS, "feet"],
            {"n_classes": 3, "filters": BANDS},
        ),
        ("FilterBankSSVEP", "ssvep", ["13", "9.5"], {}),
        ("FilterBankCVEP", "cvep", ["0.0", "1.0"], {}),
    ],
)
def test_moabbs_filter_banks_by_name(paradigm, kind, events, options):
    dataset = Small(events, kind)
    made = getattr(paradigms, paradigm)(resample=96.0, tmax=1.0, **options)
    X, y, _ = stacked_by_moabb(made, dataset)
    trials = load_trials(dataset, paradigm, sfreq=96, bands=options.get("filters"))
    assert X[..., :96] == pytest.approx(1e6 * trials.X, abs=1e-3)
    assert trials.y.tolist() == y.tolist()
    assert trials.settings["paradigm"] == paradigm
    assert paradigm in eegkd.PARADIGMS[kind].moabb
    named = tuple(band_name(*map(float, band)) for band in made.filters)
    assert read_rows(trials.ch_names).bands == named


def test_ssvep_bands_are_those_of_the_classes():
    """Rest has no frequency; bands come in the order of the events."""
    trials = load_trials(Small(["21", "rest", "8"], "ssvep"), "FilterBankSSVEP")
    assert read_rows(trials.ch_names).bands == ("20.5-21.5 Hz", "7.5-8.5 Hz")
    assert trials.classes.tolist() == ["21", "8"]


@pytest.mark.parametrize(
    ("kind", "events", "window"),
    [
        ("p300", ["Target", "NonTarget"], None),
        ("rstate", ["open", "closed"], 0.5),
        ("imagery", HANDS, None),
    ],
)
def test_any_paradigm_in_bands(kind, events, window):
    dataset, options = Small(events, kind), {"sfreq": 64, "window": window}
    trials = load_trials(dataset, bands=BANDS, **options)
    for (low, high), name in zip(BANDS, NAMES, strict=True):
        single = load_trials(dataset, l_freq=low, h_freq=high, **options)
        assert np.array_equal(of_band(trials, name).X, single.X)
        assert trials.metadata.equals(single.metadata)
    assert trials.paradigm == kind
    assert trials.n_times == (32 if window else 64)


def test_one_band_is_no_filter_bank():
    trials = load_trials(Small(), bands=[(8, 12)])
    assert np.array_equal(trials.X, load_trials(Small(), l_freq=8, h_freq=12).X)
    assert trials.ch_names == SITES
    assert (trials.settings["l_freq"], trials.settings["h_freq"]) == (8, 12)


def test_the_users_paradigm_does_not_change():
    paradigm = paradigms.FilterBankSSVEP()
    load_trials(Small(["13", "9.5"], "ssvep"), paradigm)
    assert paradigm.filters is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bands": BANDS, "l_freq": 4}, ValueError, "'l_freq' cannot be given togeth"),
        (
            {"paradigm": "FilterBankMotorImagery", "h_freq": 4},
            ValueError,
            "'h_freq' cannot be given together with several pass bands",
        ),
        (
            {"paradigm": paradigms.LeftRightImagery(), "bands": BANDS},
            ValueError,
            "'bands' cannot be given together with a paradigm object",
        ),
        (
            {"paradigm": paradigms.FilterBankLeftRightImagery(filters=[[None, 9]] * 2)},
            TypeError,
            "'paradigm' must be a finite number > 0, got NoneType",
        ),
        (
            {"paradigm": "FilterBankLeftRightImagery", "events": HANDS},
            ValueError,
            "'events' cannot be given with paradigm 'FilterBankLeftRightImagery'",
        ),
        ({"bands": (8, 12)}, TypeError, r"as pairs of low and high edge, such as \[\("),
        ({"bands": []}, TypeError, "'bands' must give pass bands in Hz as pairs"),
        ({"bands": [(8, "12")]}, TypeError, "'bands' must be a finite number > 0, got"),
        ({"bands": [(0, 12)]}, ValueError, "'bands' must be a finite number > 0, got"),
        ({"bands": [(12, 8)]}, ValueError, r"low before high, got \(12, 8\) Hz"),
        (
            {"bands": [(8, 70)]},
            ValueError,
            r"below half of the sampling rate, low before high, got \(8, 70\) Hz at 12",
        ),
        ({"bands": [(8, 9), (8.0, 9)]}, ValueError, "'bands' must hold each band once"),
        ({"bands": BANDS, "sfreq": -1}, ValueError, "'sfreq' must be a finite number"),
        ({"paradigm": "FilterBankSSVEP"}, ValueError, "'paradigm' must be one of"),
    ],
)
def test_wrong_bands(options, error, message):
    with pytest.raises(error, match=message):
        load_trials(Small(), **options)


def test_events_that_are_no_frequencies_make_no_bands():
    dataset = Small(["slow", "fast"], "ssvep")
    with pytest.raises(ValueError, match="the events of Small-ssvep are no frequenci"):
        load_trials(dataset, "FilterBankSSVEP")
    trials = load_trials(dataset, "FilterBankSSVEP", bands=BANDS)
    assert read_rows(trials.ch_names).bands == NAMES


def test_arrays_equal_epochs(bank):
    epochs = bank.to_epochs()
    assert epochs.ch_names == list(bank.ch_names)
    again = Trials.from_epochs(epochs)
    assert np.allclose(again.X, bank.X)
    assert read_rows(again.ch_names).bands == ("band 1", "band 2", "band 3")
    X, electrodes = as_array(bank)
    arrays = Trials.from_arrays(X, bank.y, electrodes, bank.sfreq, units="V")
    assert arrays.ch_names == bank.ch_names
    assert np.array_equal(arrays.X, bank.X)
    with pytest.raises(ValueError, match="'ch_names' must name the 22 electrodes of"):
        Trials.from_arrays(X, bank.y, electrodes[1:], bank.sfreq)


# -- views ------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [None, "average"])
@pytest.mark.parametrize(
    ("montage", "on_missing"),
    [
        (["C4", "C3"], "error"),
        (None, "error"),
        (["C3", "Oz", "T7"], "nearest"),
        (["C3", "Oz", "T7"], "interpolate"),
    ],
)
def test_a_view_is_that_of_each_band(bank, montage, on_missing, reference):
    how = {"on_missing": on_missing, "reference": reference}
    view = View(montage, bank.ch_names, **how)
    X = torch.as_tensor(bank.X)
    parts = []
    for band in view.bands:
        part = of_band(bank, band)
        single = View(montage, part.ch_names, **how)
        parts.append(single.fit(torch.as_tensor(part.X))(torch.as_tensor(part.X)))
        assert view.resolved.report() == single.resolved.report()
    assert torch.allclose(view.fit(X)(X), torch.cat(parts, dim=1), atol=1e-5)
    assert view.montage.ch_names == single.ch_names
    assert view.ch_names[: single.n_chans] == tuple(
        f"{electrode} band 1" for electrode in single.ch_names
    )
    assert view.n_chans == 3 * view.montage.n_chans
    assert "in 3 bands" in repr(view)


@pytest.mark.parametrize("on_missing", ["error", "nearest", "interpolate"])
def test_views_find_electrodes_by_name_and_are_saved(bank, on_missing):
    electrodes = ["C3", "Fz"] if on_missing == "error" else ["C3", "Oz"]
    X = torch.as_tensor(bank.X)
    view = View(electrodes, bank.ch_names, on_missing=on_missing).fit(X)
    order = np.random.default_rng(0).permutation(len(bank.ch_names))
    names = [bank.ch_names[row] for row in order]
    assert read_rows(names).bands != view.bands  # another order of bands, too
    bound = view.bind(names)
    assert torch.allclose(bound(X[:, order]), view(X), atol=1e-5)
    for saved, signals in ((view, X), (bound, X[:, order])):
        again = View.from_dict(json.loads(json.dumps(saved.to_dict())))
        assert (again.ch_names, again.bands) == (view.ch_names, view.bands)
        assert torch.allclose(again(signals), view(X), atol=1e-5)
    own = [name for name in view.ch_names if name in bank.ch_names][::-1]
    if on_missing == "error":
        picked = X[:, [bank.ch_names.index(name) for name in own]]
        assert torch.equal(view.bind(own)(picked), view(X))
        with pytest.raises(ValueError, match="but 'C3 band 3' are missing from the 5"):
            view.bind([name for name in own if name != "C3 band 3"])


def test_a_view_of_all_channels_that_was_bound_is_saved(one_band):
    """The order is that of the data that it was fitted to, not of the latest."""
    X = torch.as_tensor(one_band.X) * torch.arange(1, 23)[:, None]
    view = View(None, one_band.ch_names).fit(X)
    bound = view.bind(one_band.ch_names[::-1])
    again = View.from_dict(json.loads(json.dumps(bound.to_dict())))
    assert torch.equal(again(X.flip(1)), view(X))
    assert again.montage == view.montage
    saved = view.to_dict()
    del saved["ch_names"]  # as files of older versions
    assert torch.equal(View.from_dict(saved)(X), view(X))


def test_electrodes_in_data_of_a_filter_bank(bank):
    names = bank.ch_names
    assert list_montages(names) == list_montages(make_trials(1, 2).ch_names)
    assert nearest_electrodes("Oz", names) == nearest_electrodes(
        "Oz", read_rows(names).electrodes
    )
    small = ["C3 band 1", "C3 band 2", "C3 band 3"]
    steps = [step.ch_names for step in ladder(small, names, 3)]
    electrodes = read_rows(names).electrodes
    assert steps == [step.ch_names for step in ladder(["C3"], electrodes, 3)]
    with pytest.raises(ValueError, match=r"the data do not have: 'Oz' \(nearest: 'POz"):
        resolve(["Oz"], names)


def test_regions_and_drawings_are_of_electrodes(bank):
    names = ["C3 8-12 Hz", "Fz 8-12 Hz", "C3 12-16 Hz", "Fz 12-16 Hz"]
    masks = _region_masks(names, {"center": ["C3"]})
    assert masks["center"].tolist() == [1, 0, 1, 0]
    by_name = _region_masks(names, None)
    assert [mask.tolist() for mask in by_name.values()] == [[1, 0, 1, 0], [0, 1, 0, 1]]
    texts = [text.get_text() for text in plot_montage(names).axes[0].texts]
    assert sorted(text for text in texts if text) == ["C3", "Fz"]


# -- estimators -------------------------------------------------------------------


def test_arrays_are_read_as_their_channels(bank):
    X, electrodes = as_array(bank)
    how = {"montage": ["C3", "Fz"], "method": "kd", "units": "V", **QUICK}
    by_name = DistilledClassifier(**how).fit(bank)
    student = DistilledClassifier(**how, ch_names=electrodes, sfreq=bank.sfreq)
    student = clone(student).fit(X, bank.y)
    assert student.fingerprint_ == by_name.fingerprint_
    assert student.teacher_.fingerprint_ == by_name.teacher_.fingerprint_
    expected = by_name.predict_proba(bank)
    assert np.array_equal(student.predict_proba(X), expected)
    assert np.array_equal(student.predict_proba(bank.to_epochs()), expected)
    own = [electrodes.index(electrode) for electrode in ("C3", "Fz")]
    assert np.array_equal(student.predict_proba(X[:, own]), expected)
    assert np.array_equal(
        student.predict_proba(X[:, own[::-1]], ["Fz", "C3"]), expected
    )
    assert "2 electrodes in 3 bands" in repr(student.decoder_)
    for wrong in (X[..., :2], X[..., :1]):
        with pytest.raises(ValueError, match="'X' must have the 3 bands of fit along"):
            student.predict(wrong)
    with pytest.raises(ValueError, match="'ch_names' must name the 5 electrodes"):
        student.predict(X[:, :5])
    with pytest.raises(ValueError, match="must have the 66 channels of fit"):
        student.predict(X[..., 0])


def test_bands_in_hertz_are_those_of_an_array_in_order(bank):
    """What was trained on loaded trials reads MOABB's arrays of the same filters."""
    names = [
        in_band(electrode, band)
        for band in ("9-10 Hz", "4-8 Hz", "20-30 Hz")
        for electrode in read_rows(bank.ch_names).electrodes
    ]
    decoder = DecoderClassifier(["C3", "C4"], **QUICK, units="V")
    decoder.fit(replace(bank, ch_names=tuple(names)))
    numbered = clone(decoder).fit(bank)
    X, _ = as_array(bank)
    assert np.array_equal(decoder.predict_proba(X), numbered.predict_proba(X))


@pytest.mark.parametrize("reference", [None, "average"])
def test_other_electrodes_do_not_reach_the_student_in_any_band(bank, reference):
    student = DistilledClassifier("headband", reference=reference, **QUICK).fit(bank)
    expected = student.predict_proba(bank)
    own = student.view_.ch_names
    others = [row for row, name in enumerate(bank.ch_names) if name not in own]
    assert len(own) + len(others) == len(bank.ch_names)
    X = bank.X.copy()
    X[:, others] *= -1e3
    X[:, others[::5]] = np.nan
    changed = replace(bank, X=X)
    assert np.array_equal(student.predict_proba(changed), expected)
    arrays, _ = as_array(replace(bank, X=1e6 * X.astype(float)))
    assert np.allclose(student.predict_proba(arrays), expected, atol=1e-6)
    student = DecoderClassifier("headband", reference=reference, **QUICK)
    alone = clone(student).fit(replace(bank, X=np.nan_to_num(X)))
    assert alone.fingerprint_ == student.fit(bank).fingerprint_


def test_bands_do_not_reach_each_other_in_the_average(bank):
    view = View("headband", bank.ch_names, reference="average", standardize=None)
    X = torch.as_tensor(bank.X)
    changed = X.clone()
    changed[:, read_rows(bank.ch_names).index[0]] *= 7
    n = view.montage.n_chans
    assert torch.equal(view.pick(changed)[:, n:], view.pick(X)[:, n:])
    assert not torch.allclose(view.pick(changed)[:, :n], view.pick(X)[:, :n])


def test_students_are_saved(bank, tmp_path):
    student = DistilledClassifier(["C3", "C4"], method="none", **QUICK).fit(bank)
    save_classifier(student, tmp_path / "student")
    again = load_classifier(tmp_path / "student")
    assert np.array_equal(again.predict_proba(bank), student.predict_proba(bank))
    assert again.fingerprint_ == student.fingerprint_
    assert clone(again).fit(bank).fingerprint_ == student.fingerprint_


def test_networks_that_ask_for_positions_refuse_bands(bank):
    with pytest.raises(ValueError, match="'DGCNN' reads electrodes by their positions"):
        DecoderClassifier(["C3", "C4"], "DGCNN", **QUICK).fit(bank)


def test_a_network_from_elsewhere_reads_bands(bank):
    X, _ = as_array(bank)
    names = [name for name in bank.ch_names if name.startswith(("C3 ", "C4 "))]
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6 * 120, 3))
    ready = DecoderClassifier.from_network(
        network,
        classes=bank.classes,
        ch_names=list(bank.ch_names),
        montage=["C3", "C4"],
        sfreq=bank.sfreq,
        n_times=120,
        X=bank,
        units="V",
    )
    assert isinstance(ready, MontageEstimator)
    assert sorted(ready.view_.ch_names) == sorted(names)
    expected = ready.predict_proba(bank)
    assert np.array_equal(ready.predict_proba(X), expected)


def test_an_unlabelled_recording_has_no_bands(bank):
    info = mne.create_info(list(read_rows(bank.ch_names).electrodes), bank.sfreq, "eeg")
    raw = mne.io.RawArray(np.zeros((22, 500)), info, verbose="error")
    with pytest.raises(ValueError, match="but 'Fz band 1'.* are missing"):
        _read_raw(raw, bank.ch_names, bank.sfreq)


# -- tables -----------------------------------------------------------------------


def test_tables_count_electrodes(bank, tmp_path):
    result = eegkd.fit(bank, ["C3", "C4"], method="kd", **QUICK)
    rows = result.scores.groupby("method")["n_chans"].first().to_dict()
    assert rows == {"none": 2, "kd": 2, "teacher": 22}
    results = eegkd.benchmark(
        bank,
        [["C3", "C4"]],
        ["none"],
        baselines=["ts_lr"],
        n_seeds=1,
        store=tmp_path / "results.sqlite",
        progress=False,
        **QUICK,
    )
    counted = results.scores.groupby("montage")["n_chans"].unique()
    assert {name: list(n) for name, n in counted.items()} == {
        "custom": [2],
        "full": [22],
    }


# -- baselines --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["csp_lda", "ts_lr", "mdm", "fgmdm"])
def test_baselines_of_covariances_read_all_bands(bank, name):
    X, electrodes = as_array(bank)
    fitted = BASELINES[name](["C3", "C4", "Cz"]).fit(bank)
    proba = fitted.predict_proba(bank)
    assert fitted[0].transform(bank).shape == (len(bank), 9, bank.n_times)
    how = {"ch_names": electrodes, "sfreq": bank.sfreq, "units": "V"}
    arrays = BASELINES[name](["C3", "C4", "Cz"], **how).fit(X, bank.y)
    assert np.allclose(arrays.predict_proba(X), proba)
    # The second band alone tells the classes; the others add noise, no more.
    assert (
        proba.argmax(axis=1) == np.unique(bank.y, return_inverse=True)[1]
    ).mean() > (0.7)


@pytest.mark.parametrize("name", ["fbcsp_svm", "cca", "fbcca", "trca", "ssvep_ts"])
def test_baselines_that_look_for_frequencies_refuse_bands(bank, name):
    y = np.array(["8", "10", "12"])[np.unique(bank.y, return_inverse=True)[1]]
    with pytest.raises(ValueError, match="must be trials of one broad pass band for"):
        BASELINES[name](["C3", "C4", "Cz"]).fit(replace(bank, y=y))


def test_field_interpolation_maps_each_band(bank):
    own = ("C3", "Cz", "C4")
    electrodes = [*own, "Fz", "Pz", "FC3", "CP4"]
    some = [
        row for row, n in enumerate(bank.ch_names) if split_band(n)[0] in electrodes
    ]
    shuffled = np.random.default_rng(2).permutation(some)
    names = tuple(bank.ch_names[row] for row in shuffled)
    trials = replace(bank, X=bank.X[:, shuffled], ch_names=names)
    how = {"model": BASELINES["ts_lr"]()}
    model = BASELINES["field_interpolation"](own, **how).fit(trials)[-1]
    interpolated, rows = model.interpolate(trials), read_rows(names)
    mapping = field_mapping(own, rows.electrodes)
    picked = [rows.electrodes.index(electrode) for electrode in own]
    for band in rows.bands:
        expected = mapping @ of_band(trials, band).X[:, picked]
        assert np.allclose(
            of_band(interpolated, band).X, expected, rtol=1e-3, atol=1e-9
        )


# -- inside MOABB -----------------------------------------------------------------


def test_scikit_learn_scores_students_on_moabbs_arrays():
    paradigm = paradigms.FilterBankLeftRightImagery(filters=BANDS, resample=50.0)
    X, y, metadata = paradigm.get_data(Small())
    reads = {"ch_names": list(SITES), "sfreq": 50.0}
    student = DistilledClassifier(["C3", "C4"], method="kd", **reads, **QUICK)
    groups = metadata["session"].to_numpy()
    cv = LeaveOneGroupOut()
    scores = cross_val_score(student, X, y, groups=groups, cv=cv)
    trials = load_trials(Small(), paradigm)
    expected = [
        student.fit(trials.subset(train)).score(trials.subset(test), y[test])
        for train, test in cv.split(X, y, groups)
    ]
    assert scores.tolist() == expected


@pytest.mark.filterwarnings("ignore:'X' has the shape of a filter bank:UserWarning")
def test_moabb_evaluates_students_of_a_filter_bank(tmp_path):
    """MOABB 1.7.2 passes the first band alone; the estimator takes what comes."""
    seen = []

    class Watched(DistilledClassifier):
        """Remembers what MOABB passed."""

        def fit(self, X, y=None, subjects=None):
            seen.append(X.shape)
            return super().fit(X, y, subjects)

    evaluation = WithinSessionEvaluation(
        paradigm=paradigms.FilterBankLeftRightImagery(filters=BANDS, resample=50.0),
        datasets=[Small()],
        hdf5_path=str(tmp_path),
        random_state=42,
        n_splits=2,
    )
    reads = {"ch_names": list(SITES), "sfreq": 50.0}
    results = evaluation.process(
        {
            "student": Watched(["C3", "C4"], method="kd", **reads, **QUICK),
            "ts_lr": BASELINES["ts_lr"](["C3", "C4"], **reads),
        }
    )
    assert {shape[1:] for shape in seen} <= {(6, 50, 1), (6, 50, 2)}
    assert len(seen) == 4
    assert results.groupby("pipeline").size().to_dict() == {"student": 2, "ts_lr": 2}
    assert results["score"].between(0, 1).all()


def test_a_single_band_in_the_shape_of_a_bank_is_told(bank):
    X, electrodes = as_array(bank)
    with pytest.warns(UserWarning, match="evaluations pass the first band of a filter"):
        one = Trials.from_arrays(X[..., :1], bank.y, electrodes, bank.sfreq, units="V")
    assert one.ch_names == electrodes
    assert np.array_equal(one.X, of_band(bank, "band 1").X)
    reads = {"ch_names": electrodes, "sfreq": bank.sfreq, "units": "V"}
    decoder = DecoderClassifier(["C3", "C4"], **reads, **QUICK).fit(one)
    expected = decoder.predict_proba(one)
    assert np.array_equal(decoder.predict_proba(X[..., :1]), expected)
