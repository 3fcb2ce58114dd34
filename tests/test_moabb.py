"""Inside MOABB: its evaluations, its benchmark, its cache of results."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import mne
import moabb
import moabb.datasets.utils
import numpy as np
import pytest
import yaml
from moabb import paradigms as moabb_paradigms
from moabb.analysis.results import get_digest, get_pipeline_digest
from moabb.benchmark import _ppl_needs_epochs
from moabb.datasets import PhysionetMI
from moabb.datasets.fake import FakeDataset
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from moabb.paradigms import LeftRightImagery
from moabb.pipelines.utils import create_pipeline_from_config
from moabb.pipelines.utils import parse_pipelines_from_directory as parse
from packaging.version import Version
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from eegkd import (
    DecoderClassifier,
    DistilledClassifier,
    Montage,
    list_montages,
    load_montage,
)
from eegkd import baselines as eegkd_baselines
from eegkd.baselines.pipelines import (
    CLASSES,
    EPOCHS_MARK,
    contexts_file,
    pipelines_folder,
)
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.simulated import SimulatedMotorImagery
from eegkd.decoders import DECODERS
from eegkd.estimators import resolve_settings

from .conftest import CH_22, PROJECT, make_trials

EVALUATIONS = {
    "WithinSession": WithinSessionEvaluation,
    "CrossSession": CrossSessionEvaluation,
    "CrossSubject": CrossSubjectEvaluation,
}
# Third parties about themselves: MOABB's positions of electrodes and its plots.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Montage name 'standard_10:FutureWarning"),
    pytest.mark.filterwarnings(
        r"ignore:The set_\w+ function:PendingDeprecationWarning"
    ),
]
FILES = sorted(Path(pipelines_folder()).glob("*.yml"))
CLASSICAL = {
    name: baseline
    for name, baseline in eegkd_baselines.BASELINES.items()
    if name not in DECODERS and name != "field_interpolation"
}
HEADBAND = ["Fz", "C5", "C6", "POz"]
CHANNELS = (*HEADBAND, "C3", "Cz", "C4", "Oz")
SHORT = {"tmin": 0.0, "tmax": 2.0, "resample": 80.0}  # s and Hz: small trials


class SimulatedMotor(SimulatedMotorImagery):
    """A small set that MOABB can make by itself, as its search for datasets does."""

    def __init__(self, subjects=None, sessions=None):
        super().__init__(2, n_trials=4, n_runs=1, subjects=subjects, sessions=sessions)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Ask no mirror for data, and undo the log level that MOABB's benchmark sets."""
    monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "upstream")
    before = mne.set_log_level("WARNING", return_old_level=True)
    yield
    mne.set_log_level(before)


@pytest.fixture
def findable(monkeypatch):
    """Let MOABB's search for datasets find the small simulated set."""
    known = [*moabb.datasets.utils.dataset_list, SimulatedMotor]
    monkeypatch.setattr(moabb.datasets.utils, "dataset_list", known)
    return SimulatedMotor()


@pytest.fixture
def bench(tmp_path):
    """Run MOABB's benchmark with everything it writes in a temporary folder."""
    contexts = tmp_path / "contexts.yml"
    settings = {
        "LeftRightImagery": SHORT,
        "MotorImagery": SHORT | {"n_classes": 4},
        "P300": {"tmax": 1.0, "resample": 80.0},
        "SSVEP": {"tmax": 2.0, "resample": 100.0},
    }
    contexts.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return functools.partial(
        moabb.benchmark,
        results=str(tmp_path / "results"),
        output=str(tmp_path / "output"),
        contexts=str(contexts),
        n_jobs=1,
    )


def evaluate(kind, pipelines, tmp_path, dataset=None, **paradigm):
    """Return MOABB's scores of left against right hand."""
    evaluation = EVALUATIONS[kind](
        paradigm=LeftRightImagery(**SHORT | paradigm),
        datasets=[SimulatedMotor() if dataset is None else dataset],
        hdf5_path=str(tmp_path),
        random_state=42,
        return_epochs=True,
        n_splits=2 if kind == "WithinSession" else None,
    )
    return evaluation.process(pipelines)


def student(**params):
    """Return a student that is trained in no time."""
    return DistilledClassifier(**{"max_epochs": 1, "device": "cpu"} | params)


# --- the files ----------------------------------------------------------------------


def test_without_a_folder_the_files_are_gone_when_the_process_ends():
    code = (
        "import eegkd, os\n"
        "folder = eegkd.pipelines_folder(methods=['kd'])\n"
        "print(folder, len(os.listdir(folder)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    folder, n_files = done.stdout.split()
    assert "eegkd-pipelines-" in folder
    assert int(n_files) == 4 * 3 + 13 * 3
    assert not Path(folder).exists()


def test_a_folder_holds_the_same_files_wherever_it_is(tmp_path):
    written = {file.name: file for file in Path(pipelines_folder(tmp_path)).iterdir()}
    assert len(written) == len(FILES) == 67
    for file in FILES:
        assert written[file.name].read_text("utf-8") == file.read_text("utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_moabb_reads_each_file(file, tmp_path):
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    (config,) = parse(str(copy))
    assert _ppl_needs_epochs(config["name"])
    assert config["name"].endswith(EPOCHS_MARK)
    assert not set('/\\:*?"<>|') & set(config["name"])  # MOABB makes folders of names
    assert set(config["paradigms"]) <= {c for names in CLASSES.values() for c in names}
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for citation in content.get("citations", []):
        assert citation.startswith("https://doi.org/10.")


def test_every_family_is_there_for_every_paradigm():
    count = Counter()
    for file in FILES:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        component = content["pipeline"][0]
        montage = component["parameters"]["montage"]
        name = component["parameters"].get("method", component["name"])
        count.update((paradigm, name, montage) for paradigm in content["paradigms"])
    assert set(count.values()) == {1}
    for paradigm in [c for names in CLASSES.values() for c in names]:
        here = {key[1:] for key in count if key[0] == paradigm}
        assert ("DecoderClassifier", None) in here
        for montage in ("headphone", "headband"):
            assert {("none", montage), ("kd", montage), ("sk_kd", montage)} <= here
        (kind,) = [k for k, names in CLASSES.items() if paradigm in names]
        names = {name for name in CLASSICAL if kind in CLASSICAL[name].paradigms}
        assert len(names) >= 3
        for name in names:
            assert {(name, m) for m in (None, "headphone", "headband")} <= here


def test_classical_decoders_are_the_library_s():
    for name, baseline in CLASSICAL.items():
        assert getattr(eegkd_baselines, name) is baseline
        assert baseline.citations
    with pytest.raises(AttributeError, match="no attribute 'csp'"):
        _ = eegkd_baselines.csp


@pytest.mark.parametrize("paradigm", CLASSES)
def test_files_have_the_network_and_training_of_their_paradigm(paradigm):
    found = 0
    for file in FILES:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        (component,) = content["pipeline"]
        if component["name"] != "DistilledClassifier":
            continue
        if content["paradigms"][0] in CLASSES[paradigm]:
            found += 1
            model = DistilledClassifier(**component["parameters"])
            usual = DistilledClassifier(method=model.method).get_params()
            assert resolve_settings(model.get_params()) == resolve_settings(
                usual, paradigm
            )
            assert set(component["parameters"]) == {
                "montage",
                "method",
                "on_missing",
                "paradigm",
            }
    assert found == 6  # three methods on two montages


def test_files_hold_what_was_asked_for_and_no_default(tmp_path):
    folder = pipelines_folder(
        tmp_path, montage="muse", methods=["kd"], student="EEGNet", teacher="EEGNet"
    )
    for file in Path(folder).glob("*eegnet*.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        parameters = dict(content["pipeline"][0]["parameters"])
        assert content["paradigms"][0] in CLASSES[parameters.pop("paradigm")]
        if content["pipeline"][0]["name"] == "DecoderClassifier":
            assert parameters == {"montage": None, "decoder": "EEGNet"}
        else:
            assert parameters == {
                "montage": "muse",
                "method": "kd",
                "on_missing": "error",
                "student": "EEGNet",
                "teacher": "EEGNet",
            }


def test_contexts_are_the_bands_and_rates_of_the_table(tmp_path):
    content = yaml.safe_load(Path(contexts_file(tmp_path / "c.yml")).read_text())
    assert set(content) == {c for names in CLASSES.values() for c in names}
    for paradigm, names in CLASSES.items():
        row = PARADIGMS[paradigm]
        for name in names:
            made = getattr(moabb_paradigms, name)(**content[name])
            assert tuple(made.filters[0]) == (row.l_freq, row.h_freq)
            assert made.resample == row.sfreq


def test_files_for_another_montage_and_settings(tmp_path):
    folder = pipelines_folder(
        tmp_path / "new" / "mine",
        montage="muse",
        methods=["none", "kd"],
        on_missing="nearest",
        max_epochs=50,
        lr=1e-5,
        student="EEGNet",
        student_options={"F1": 4},
        n_teachers=2,
    )
    assert folder == str((tmp_path / "new" / "mine").resolve())
    configs = {c["name"].removesuffix(EPOCHS_MARK): c for c in parse(folder)}
    full = {f"{entry.title} full" for entry in CLASSICAL.values()}
    small = {f"{entry.title} muse" for entry in CLASSICAL.values()}
    neural = {
        f"{name}{kind}"
        for name in ("No teacher EEGNet muse", "KD EEGNet muse", "EEGNet full")
        for kind in ("", " P300", " SSVEP", " c-VEP")
    }
    assert set(configs) == full | small | neural
    taught = configs["KD EEGNet muse"]["pipeline"].named_steps["distilledclassifier"]
    assert isinstance(taught, DistilledClassifier)
    expected = {
        "montage": "muse",
        "method": "kd",
        "on_missing": "nearest",
        "paradigm": "imagery",
        "max_epochs": 50,
        "lr": 1e-5,
        "student": "EEGNet",
        "student_options": {"F1": 4},
        "n_teachers": 2,
    }
    assert taught.get_params() == DistilledClassifier(**expected).get_params()
    whole = configs["EEGNet full"]["pipeline"].named_steps["decoderclassifier"]
    alike = DecoderClassifier(
        decoder="EEGNet",
        decoder_options={"F1": 4},
        paradigm="imagery",
        max_epochs=50,
        lr=1e-5,
    )
    assert whole.get_params() == alike.get_params()


@pytest.mark.parametrize(
    ("montage", "label", "value"),
    [
        (["c3", "CZ", "c4"], "C3-Cz-C4", ["C3", "Cz", "C4"]),
        (Montage("mine", ("T7", "T8")), "mine", ["T7", "T8"]),
        (PROJECT / "montages" / "muse.toml", "muse", ["TP9", "AF7", "AF8", "TP10"]),
    ],
)
def test_montages_are_spelled_out(montage, label, value, tmp_path):
    folder = pipelines_folder(tmp_path, montage=montage, methods=["kd"])
    (file,) = Path(folder).glob("kd_covariancenet_*.yml")
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert content["name"] == f"KD CovarianceNet {label}{EPOCHS_MARK}"
    assert content["pipeline"][0]["parameters"]["montage"] == value


def test_long_lists_of_electrodes_are_told_apart(tmp_path):
    for montage in (CH_22, [*CH_22[:10], "Oz", *CH_22[11:]]):
        pipelines_folder(tmp_path, montage=montage, methods=["kd"])
    names = {config["name"] for config in parse(str(tmp_path))}
    assert (
        sum(name.startswith("KD CovarianceNet 22 electrodes ") for name in names) == 2
    )


def test_two_montages_fit_into_one_folder(tmp_path):
    pipelines_folder(tmp_path, montage="muse")
    pipelines_folder(tmp_path, montage="headband")
    pipelines_folder(tmp_path, montage="headband", max_epochs=7)  # replaces
    names = [config["name"] for config in parse(str(tmp_path))]
    neural = len(CLASSES) * (1 + 2 * 3)
    assert len(names) == len(set(names)) == neural + 3 * len(CLASSICAL)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"folder": 3}, TypeError, "'folder' must be a path, got int"),
        ({"folder": "x", "montage": "muze"}, ValueError, "Did you mean 'muse'"),
        ({"folder": "x", "methods": ["skd"]}, ValueError, "'methods' must be one of"),
        ({"folder": "x", "methods": "kd"}, TypeError, "'methods' must be a list"),
        ({"folder": "x", "max_epoch": 5}, TypeError, "Did you mean 'max_epochs'"),
        ({"folder": "x", "sfreq": 5}, TypeError, "has no argument 'sfreq'"),
        ({"folder": "x", "max_epochs": 0}, ValueError, "'max_epochs' must be"),
        ({"folder": "x", "on_missing": "no"}, ValueError, "'on_missing' must be"),
        ({"folder": "x", "student": min}, TypeError, "'student' must be a decoder's"),
        (
            {"folder": "x", "student_options": {"activation": min}},
            TypeError,
            "must hold text, numbers, lists and dicts",
        ),
    ],
)
def test_errors_say_what_is_allowed_and_write_nothing(
    arguments, error, match, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=match):
        pipelines_folder(**arguments)
    assert not list(tmp_path.iterdir())


# --- MOABB's evaluations ------------------------------------------------------------


@pytest.mark.parametrize("kind", EVALUATIONS)
def test_evaluations_score_students_and_decoders(kind, tmp_path):
    pipelines = {
        "SK-KD": student(),
        "none": make_pipeline(student(method="none", montage="headphone")),
        "full": DecoderClassifier(max_epochs=1),
    }
    scores = evaluate(kind, pipelines, tmp_path)
    assert len(scores) == 3 * 2 * 2  # pipelines, subjects, sessions
    assert set(scores["pipeline"]) == set(pipelines)
    assert scores["score"].between(0, 1).all()


@pytest.mark.parametrize("mne_labels", [False, True])
def test_scores_are_those_of_the_student_fitted_by_hand(mne_labels, tmp_path):
    paradigm = LeftRightImagery(**SHORT)
    dataset = SimulatedMotor(subjects=[1])
    scores = CrossSessionEvaluation(
        paradigm=paradigm,
        datasets=[dataset],
        hdf5_path=str(tmp_path),
        return_epochs=True,
        mne_labels=mne_labels,
    ).process({"student": student(max_epochs=3)})
    epochs, labels, metadata = paradigm.get_data(dataset, [1], return_epochs=True)
    train = (metadata["session"] == "0train").to_numpy()
    proba = student(max_epochs=3).fit(epochs[train]).predict_proba(epochs[~train])
    right, left = (proba[labels[~train] == f"{s}_hand", 1] for s in ("right", "left"))
    auc = np.mean(right[:, np.newaxis] > left)  # Mann-Whitney; no ties
    (score,) = scores.loc[scores["session"] == "1test", "score"]
    np.testing.assert_allclose(score, auc, rtol=1e-6)


class Blinded(DistilledClassifier):
    """A student whose other electrodes hold NaN when it predicts."""

    seen = 0

    def predict_proba(self, X, ch_names=None):
        """Blind the other electrodes, then predict."""
        assert isinstance(X, mne.BaseEpochs)
        values = X.get_data(copy=True)
        others = [name not in HEADBAND for name in X.ch_names]
        assert sum(others) == 60
        values[:, others] = np.nan
        type(self).seen += 1
        blind = mne.EpochsArray(values, X.info, X.events, X.tmin, X.event_id)
        return super().predict_proba(blind, ch_names)


@pytest.mark.parametrize("kind", EVALUATIONS)
def test_students_see_only_their_electrodes_at_prediction(kind, tmp_path):
    Blinded.seen = 0
    pipelines = {"blind": Blinded(max_epochs=2), "seeing": student(max_epochs=2)}
    scores = evaluate(kind, pipelines, tmp_path).set_index(
        ["pipeline", "subject", "session"]
    )["score"]
    assert Blinded.seen >= 4
    assert scores["blind"].to_dict() == scores["seeing"].to_dict()


def test_each_subject_takes_part_in_the_validation_across_subjects(
    tmp_path, monkeypatch
):
    from eegkd.estimators import training_data as estimators

    people = []
    real = estimators.validation_mask

    def spy(codes, metadata, fraction):
        people.append(set(metadata["subject"]))
        return real(codes, metadata, fraction)

    monkeypatch.setattr(estimators, "validation_mask", spy)
    dataset = SimulatedMotorImagery(3, n_trials=2, n_runs=1)
    evaluate(
        "CrossSubject", {"full": DecoderClassifier(max_epochs=1)}, tmp_path, dataset
    )
    assert sorted(map(sorted, people)) == [[1, 2], [1, 3], [2, 3]]


@pytest.mark.parametrize(
    ("kind", "subjects"), [("WithinSession", [1]), ("CrossSubject", [1, 2])]
)
def test_evaluations_on_real_eeg(kind, subjects, tmp_path, mne_data):
    pipelines = {"SK-KD": student(), "full": DecoderClassifier(max_epochs=1)}
    dataset = PhysionetMI(subjects=subjects)
    scores = evaluate(kind, pipelines, tmp_path, dataset)
    assert len(scores) == 2 * len(subjects)
    assert scores["score"].between(0, 1).all()
    assert set(scores["channels"]) == {64}


# --- MOABB's benchmark --------------------------------------------------------------


def folder_for(paradigm, tmp_path, montage=None):
    """Return a folder with the files of one paradigm, trained for one epoch."""
    folder = Path(
        pipelines_folder(tmp_path / "pipelines", montage=montage, max_epochs=1)
    )
    for file in folder.glob("*.yml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if paradigm not in content["paradigms"]:
            file.unlink()
    return str(folder)


def check_scores(scores, folder, n_scores):
    """Check that each file of a folder has all its scores."""
    names = {config["name"] for config in parse(folder)}
    assert scores.groupby("pipeline").size().to_dict() == dict.fromkeys(names, n_scores)
    assert scores["score"].between(0, 1).all()


@pytest.mark.parametrize(
    "paradigm",
    ["LeftRightImagery", pytest.param("MotorImagery", marks=pytest.mark.slow)],
)
def test_benchmark_finds_the_simulated_set(paradigm, bench, findable, tmp_path):
    folder = folder_for(paradigm, tmp_path)
    for file in Path(folder).glob("*.yml"):  # classical ones are slow on 64 electrodes
        if not any(name in file.name for name in ("sccnet", "csp_lda")):
            file.unlink()
    scores = bench(
        pipelines=folder,
        evaluations=["CrossSession"],
        paradigms=[paradigm],
        include_datasets=[findable],
    )
    check_scores(scores, folder, 2 * 2)


@pytest.mark.parametrize(
    ("paradigm", "events"),
    [
        pytest.param(
            "LeftRightImagery", ["left_hand", "right_hand"], marks=pytest.mark.slow
        ),
        ("MotorImagery", ["left_hand", "right_hand", "feet", "tongue"]),
        ("P300", ["Target", "NonTarget"]),
        ("SSVEP", ["13", "17", "21"]),
        pytest.param("CVEP", ["0.0", "1.0"], marks=pytest.mark.slow),
    ],
)
def test_benchmark_runs_all_files(paradigm, events, bench, tmp_path):
    dataset = FakeDataset(
        events,
        n_sessions=1,
        n_runs=1,
        n_subjects=1,
        paradigm=paradigm.lower() if "Imagery" not in paradigm else "imagery",
        channels=CHANNELS,
        seed=0,
        duration=120,
        n_events=40,
    )
    folder = folder_for(paradigm, tmp_path, "headband")
    scores = bench(
        pipelines=folder,
        evaluations=["WithinSession"],
        paradigms=[paradigm],
        include_datasets=[dataset],
    )
    check_scores(scores, folder, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_benchmark_takes_the_folder_as_it_is(bench, findable, monkeypatch):
    for cls, fit in _FITS.items():
        monkeypatch.setattr(cls, "fit", functools.partialmethod(_fit_quickly, fit))
    scores = bench(
        pipelines=pipelines_folder(),
        evaluations=["CrossSession"],
        paradigms=["LeftRightImagery"],
        include_datasets=["SimulatedMotorImagery-trials4-runs1"],
    )
    plain = set(scores["pipeline"].str.removesuffix(EPOCHS_MARK))
    assert {
        "SK-KD CovarianceNet headband",
        "CovarianceNet full",
        "CSP + LDA headphone",
    } <= plain
    assert len(plain) == 7 + 3 * 6
    assert np.isfinite(scores["score"]).all()


_FITS = {cls: cls.fit for cls in (DistilledClassifier, DecoderClassifier)}


def _fit_quickly(self, fit, X, y=None, subjects=None):
    """Fit with one epoch, whatever the parameters say."""
    self.max_epochs = 1
    return fit(self, X, y, subjects)


def test_pipelines_for_arrays_run_beside_ours(bench, findable):
    arrays = make_pipeline(Covariances("oas"), CSP(4), LinearDiscriminantAnalysis())
    paradigms = ["LeftRightImagery"]
    scores = bench(
        pipelines=[
            {"name": "CSP of arrays", "paradigms": paradigms, "pipeline": arrays},
            {
                "name": "SK-KD" + EPOCHS_MARK,
                "paradigms": paradigms,
                "pipeline": student(),
            },
        ],
        evaluations=["CrossSubject"],
        include_datasets=[findable],
    )
    assert set(scores["pipeline"]) == {"CSP of arrays", "SK-KD" + EPOCHS_MARK}
    assert scores["score"].between(0, 1).all()


def test_without_the_mark_an_error_says_what_arrays_lack(bench, findable):
    config = {
        "name": "SK-KD",
        "paradigms": ["LeftRightImagery"],
        "pipeline": student(),
    }
    with pytest.raises(ValueError, match="'X' is an array.*'ch_names' and|ch_names"):
        bench(
            pipelines=[config],
            evaluations=["CrossSession"],
            include_datasets=[findable],
        )


# --- MOABB's cache ------------------------------------------------------------------


def digest(pipeline):
    """Return MOABB's key of a pipeline, as its evaluations make it."""
    return get_pipeline_digest(make_pipeline("passthrough"), pipeline)


@pytest.fixture(scope="module")
def teachers():
    """Two teachers that differ in nothing but what they have learned."""
    trials = [make_trials(1, 4, seed=seed) for seed in (0, 1)]
    return [DecoderClassifier(max_epochs=1).fit(part) for part in trials]


def factory(value):
    """Return a function and a class that differ from others by what they enclose."""

    def method(training):
        return value

    class Network:
        def __init__(self, n_chans, n_outputs, n_times, sfreq):
            self.value = value

    return method, Network


class Callable:
    """An object that can be called."""

    def __init__(self, value):
        self.value = value

    def __call__(self, training):
        """Return the value."""
        return self.value


def different(teachers):
    """Return settings, each different from all others."""
    electrodes = list_montages() and [
        f"{row}{column}" for row in ("FC", "C", "CP", "P") for column in "12345678z"
    ]
    changed = [*electrodes[:17], "Oz", *electrodes[18:]]
    signals = np.zeros(5000)
    altered = signals.copy()
    altered[2500] = 1
    return {
        "default": {},
        "first teacher": {"teacher": teachers[0]},
        "second teacher": {"teacher": teachers[1]},
        "unfitted teacher": {"teacher": DecoderClassifier(max_epochs=1)},
        "teacher's decoder": {"teacher": DecoderClassifier(factory(1)[1])},
        "teacher's other decoder": {"teacher": DecoderClassifier(factory(2)[1])},
        "list": {"montage": ["C3", "Cz", "C4"]},
        "other order": {"montage": ["Cz", "C3", "C4"]},
        "long list": {"montage": electrodes},
        "changed long list": {"montage": changed},
        "montage object": {"montage": Montage("long", tuple(electrodes))},
        "changed montage object": {"montage": Montage("long", tuple(changed))},
        "loaded montage": {"montage": load_montage("muse")},
        "lambda": {"method": lambda training: 1},
        "other lambda": {"method": lambda training: 2},
        "function": {"method": factory(1)[0]},
        "function of the same name": {"method": factory(2)[0]},
        "partial": {"method": functools.partial(factory(1)[0], 1)},
        "other partial": {"method": functools.partial(factory(1)[0], 2)},
        "callable": {"method": Callable(1)},
        "other callable": {"method": Callable(2)},
        "class": {"student": factory(1)[1]},
        "other class": {"student": factory(2)[1]},
        "options": {"method_options": {"a": {"b": [*range(3000), 1]}}},
        "options differ deep inside": {"method_options": {"a": {"b": [*range(3001)]}}},
        "array": {"method_options": {"a": signals}},
        "array differs in the middle": {"method_options": {"a": altered}},
        "names": {"ch_names": electrodes, "sfreq": 160.0},
        "changed names": {"ch_names": changed, "sfreq": 160.0},
        "weights": {"method_options": {"similarity_weight": 10}},
        "other weights": {"method_options": {"similarity_weight": 100}},
        "seed": {"random_state": 1},
    }


@pytest.mark.filterwarnings("ignore:You are probably using a classifier with a lambda")
@pytest.mark.parametrize("wrap", [lambda x: x, make_pipeline], ids=["bare", "pipeline"])
def test_different_settings_have_different_keys(wrap, teachers):
    keys = {
        name: digest(wrap(DistilledClassifier(**settings)))
        for name, settings in different(teachers).items()
    }
    shared = [name for name, key in keys.items() if [*keys.values()].count(key) > 1]
    assert not shared


@pytest.mark.filterwarnings("ignore:You are probably using a classifier with a lambda")
def test_equal_settings_have_equal_keys(teachers):
    first, second = different(teachers), different(teachers)
    for name in first:
        keys = {digest(DistilledClassifier(**s[name])) for s in (first, second)}
        assert len(keys) == 1, name


def test_keys_of_fitted_and_unfitted_decoders_differ(teachers):
    keys = {digest(decoder) for decoder in (*teachers, DecoderClassifier(max_epochs=1))}
    assert len(keys) == 3


def test_progress_does_not_change_the_key():
    plain, shown = DistilledClassifier(), DistilledClassifier(progress=print)
    assert "settings" not in repr(shown)
    assert repr(plain) == "DistilledClassifier()"


def test_files_have_keys_of_their_own(tmp_path):
    folders = [
        pipelines_folder(),
        pipelines_folder(tmp_path / "muse", montage="muse", methods=["kd"]),
        pipelines_folder(tmp_path / "epochs", montage="headband", max_epochs=3),
    ]
    named = {}
    for number, folder in enumerate(folders):
        for config in parse(folder):
            named[number, config["name"]] = digest(config["pipeline"])
    # Full-electrode baselines and those of the headband are the same in all folders.
    same = {name for number, name in named if number == 0}
    repeated = [
        (number, name)
        for number, name in named
        if (number > 0 and name in same and "Net " not in name)
        or (number == 1 and "Net full" in name)  # no settings, so the same networks
    ]
    distinct = {key: value for key, value in named.items() if key not in repeated}
    assert len(set(distinct.values())) == len(distinct)
    for number, name in repeated:
        assert named[number, name] == named[0, name]


def test_keys_are_the_same_in_another_process():
    code = f"""
import functools, json, sys
sys.path.insert(0, {str(PROJECT)!r})
from tests import test_moabb
print(json.dumps(test_moabb.keys_here()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": "1234"},
    )
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == keys_here()


def keys_here():
    """Return the keys of the files and of settings that are hard to print."""
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in FILES]
    keys = {
        f["name"]: digest(create_pipeline_from_config(f["pipeline"])) for f in files
    }
    keys["callable"] = digest(DistilledClassifier(method=Callable({"a", "b"})))
    keys["function"] = digest(DistilledClassifier(method=factory({"c", "d"})[0]))
    keys["class"] = digest(DecoderClassifier(decoder=factory(3)[1]))
    return keys


def test_moabb_reuses_equal_results_and_no_others(tmp_path, monkeypatch, teachers):
    fits = []
    real = DistilledClassifier.fit

    def fit(self, X, y=None, subjects=None):
        fits.append(self.method)
        return real(self, X, y, subjects)

    monkeypatch.setattr(DistilledClassifier, "fit", fit)

    def short(share):
        def method(training):
            from eegkd.methods import none

            training.loop["max_epochs"] = share
            return none(training)

        method.needs_teacher = False
        return method

    dataset = SimulatedMotor(subjects=[1])
    for share, expected in ((1, 2), (1, 2), (3, 4)):
        evaluate("CrossSession", {"a": student(method=short(share))}, tmp_path, dataset)
        assert len(fits) == expected


# --- what docs/moabb.md says of MOABB -------------------------------------------------


def test_moabb_is_as_the_docs_say():
    assert not _ppl_needs_epochs("SK-KD headband")
    first, second = np.zeros(5000), np.zeros(5000)
    second[2500] = 1
    assert get_digest(first) == get_digest(second)


def test_docs_show_names_that_exist():
    text = (PROJECT / "docs" / "moabb.md").read_text(encoding="utf-8")
    (tried,) = set(re.findall(r"\b1\.\d+\.\d+\b", text))
    assert Version(tried) >= Version(moabb.__version__)
    assert "SK-KD CovarianceNet headband" + EPOCHS_MARK in text
    names = {yaml.safe_load(file.read_text(encoding="utf-8"))["name"] for file in FILES}
    assert "SK-KD CovarianceNet headband" + EPOCHS_MARK in names
