"""`fit`, what it returns, what it writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import eegkd
from eegkd.evaluation.metrics import METRICS
from eegkd.evaluation.table import SCORES
from eegkd.persistence import load_classifier, save_classifier

from .conftest import make_trials

DAYS = ("0train", "1test")
QUICK = {"max_epochs": 2, "batch_size": 16}


@pytest.fixture(scope="module")
def result():
    """Return a result of two subjects and two seeds."""
    return eegkd.fit(make_trials(), "headphone", n_seeds=2, **QUICK)


class TinyNet(torch.nn.Module):
    """A network of the user's own."""

    def __init__(self, n_chans, n_outputs, n_times):
        super().__init__()
        self.spatial = torch.nn.Conv1d(n_chans, 6, 5)
        self.final_layer = torch.nn.Linear(6, n_outputs)

    def forward(self, x):
        """Return one score for each class."""
        return self.final_layer(self.spatial(x).square().mean(dim=2))


# -- results ----------------------------------------------------------------------


def test_scores_are_tidy(result):
    scores = result.scores
    assert len(scores) == 2 * 2 * 3
    assert not scores.duplicated(["subject", "seed", "kind", "method"]).any()
    assert set(scores["kind"]) == {"teacher", "student"}
    assert {*METRICS, *SCORES} <= set(scores)
    assert scores.set_index("method")["n_chans"].to_dict() == {
        "teacher": 22,
        "none": 7,
        "sk_kd": 7,
    }
    assert set(scores["montage"]) == {"full", "headphone"}
    assert (scores["n_trials"] == 36).all()
    assert result.complete


def test_scores_are_those_of_the_predictions(result):
    keys = ["subject", "seed", "kind", "method"]
    right = result.predictions.assign(
        right=result.predictions["label"] == result.predictions["predicted"]
    )
    expected = right.groupby(keys)["right"].mean()
    got = result.scores.set_index(keys)["accuracy"].sort_index()
    assert np.allclose(got, expected.sort_index())


def test_summary_averages_seeds_before_subjects(result):
    summary = result.summary().set_index("method")
    student = result.scores[result.scores["method"] == "sk_kd"]
    by_subject = student.groupby("subject")["accuracy"].mean()
    assert summary.loc["sk_kd", "mean"] == pytest.approx(by_subject.mean())
    compared = result.compare("sk_kd", "none").iloc[0]
    assert compared["p_value"] >= 0.5  # two subjects cannot show more
    assert summary.loc["teacher", "of_teacher"] == 1
    assert set(result.summary("kappa")["method"]) == {"teacher", "none", "sk_kd"}


def test_the_student_is_the_best_validated_one(result):
    losses = [model.history_.label_loss for model in result.students.values()]
    assert result.student.history_.label_loss == min(losses)


def test_settings_say_everything(result):
    settings = json.loads(json.dumps(result.settings))
    assert settings["montage"]["ch_names"] == "C5 C3 C1 Cz C2 C4 C6".split()
    assert settings["seeds"] == [0, 1]
    assert settings["classifier"]["max_epochs"] == 2
    assert {"eegkd", "torch", "braindecode", "moabb", "mne"} <= set(
        settings["versions"]
    )
    assert settings["data_fingerprint"] == make_trials().fingerprint


def test_same_seed_same_result_and_in_parallel(result):
    again = eegkd.fit(make_trials(), "headphone", n_seeds=2, n_jobs=2, **QUICK)
    times = ["train_seconds", "predict_ms"]
    pd.testing.assert_frame_equal(
        again.scores.drop(columns=times), result.scores.drop(columns=times)
    )
    for key, student in result.students.items():
        assert again.students[key].fingerprint_ == student.fingerprint_


@pytest.mark.parametrize(
    ("evaluation", "keys"),
    [
        ("individual", {("1", 0), ("2", 0)}),
        ("dependent", {("all", 0)}),
        ("independent", {("1", 0), ("2", 0)}),
        ("cross_session", {(f"{who}/{day}", 0) for who in (1, 2) for day in DAYS}),
        ("cross_subject", {("1", 0), ("2", 0)}),
    ],
)
def test_evaluations(evaluation, keys):
    result = eegkd.fit(make_trials(), evaluation=evaluation, **QUICK)
    assert set(result.students) == keys
    assert set(result.scores["subject"]) == {"1", "2"}
    n_trained = {len(model.history_.rows) for model in result.students.values()}
    assert n_trained == {2}


def test_a_network_of_ones_own(tmp_path):
    result = eegkd.fit(make_trials(n_subjects=1), decoder=TinyNet, **QUICK)
    assert result.settings["classifier"]["student"].count("TinyNet") == 1
    result.save(tmp_path)
    with pytest.raises(ValueError, match="'decoders' must hold the factory of 'Tiny"):
        eegkd.load(tmp_path)
    loaded = eegkd.load(tmp_path, decoders={"TinyNet": TinyNet})
    tested = make_trials(n_subjects=1)
    assert np.array_equal(
        loaded.student.predict_proba(tested), result.student.predict_proba(tested)
    )


def test_teacher_of_another_kind_than_the_student():
    result = eegkd.fit(make_trials(n_subjects=1), student=TinyNet, **QUICK)
    assert "CovarianceNet" in repr(result.teachers["1", 0].decoder_)
    assert "TinyNet" in repr(result.student.decoder_)


def test_an_untaught_student_alone():
    result = eegkd.fit(make_trials(n_subjects=1), method="none", **QUICK)
    assert result.scores["method"].tolist() == ["none"]
    assert result.students == result.untaught
    assert not result.teachers
    assert result.student.teacher_ is None


def test_a_ready_estimator_is_trained_as_its_settings_are():
    trials = make_trials(n_subjects=1)
    ready = eegkd.DistilledClassifier("headphone", "kd", lr=0.01, **QUICK)
    result = eegkd.fit(trials, estimator=ready, n_seeds=2)
    by_hand = eegkd.fit(trials, "headphone", method="kd", lr=0.01, n_seeds=2, **QUICK)
    keys = [("1", 0), ("1", 1)]
    assert [*result.students] == keys
    for key in keys:
        assert result.students[key].fingerprint_ == by_hand.students[key].fingerprint_
    assert not hasattr(ready, "decoder_")
    # What it leaves open may be given beside it; what it says may not.
    fewer = eegkd.fit(trials, "headphone", estimator=ready, patience=1)
    assert fewer.student.patience == 1
    for name, value in (("montage", "headband"), ("method", "none"), ("lr", 0.1)):
        with pytest.raises(ValueError, match=f"'{name}' is .*'estimator' has .* once"):
            eegkd.fit(trials, estimator=ready, **{name: value})


def test_trials_that_do_not_say_their_paradigm_are_scored_as_the_one_that_is_named():
    trials = make_trials(n_subjects=1, n_classes=2)
    result = eegkd.fit(trials, paradigm="p300", **QUICK)
    assert result.metric == "roc_auc"
    assert result.scores["decoder"].eq("EEGNet").all()


def test_every_parameter_of_a_student_is_an_argument():
    import inspect

    own = inspect.signature(eegkd.fit).parameters
    params = eegkd.DistilledClassifier().get_params(deep=False)
    ready = {"ch_names", "sfreq", "units"}  # trials bring them
    assert set(params) - set(own) == ready
    assert not [p for p in own.values() if p.kind is p.VAR_KEYWORD]
    for name in set(params) - ready - {"montage", "method", "student"}:
        assert own[name].default == params[name]


# -- partial work -----------------------------------------------------------------


def test_a_failure_leaves_the_rest(tmp_path):
    trials = make_trials()
    X = trials.X.copy()
    X[(trials.metadata["subject"] == 2).to_numpy(), trials.ch_names.index("C3")] = 0
    with pytest.warns(UserWarning, match="3 of 6 jobs are finished, some failed"):
        result = eegkd.fit(replace(trials, X=X), "headphone", **QUICK)
    assert set(result.students) == {("1", 0)}
    ((key, text),) = result.failures.items()
    assert "'C3' are flat" in text
    assert "fold 2" in result.job(key)
    counts = result.planned["status"].value_counts().to_dict()
    assert counts == {"done": 3, "failed": 1, "missing": 2}
    loaded = eegkd.load(result.save(tmp_path))
    assert loaded.failures == result.failures


def test_if_all_fail_the_first_error_comes_through():
    trials = make_trials()
    X = trials.X.copy()
    X[:, [trials.ch_names.index(name) for name in ("C3", "C4")]] = 0
    with pytest.raises(ValueError, match="'C3', 'C4' are flat"):
        eegkd.fit(replace(trials, X=X), ["C3", "C4"], **QUICK)


def test_an_interruption_leaves_what_is_finished(tmp_path):
    calls = []

    def interrupting(training):
        calls.append(training)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return eegkd.METHODS["kd"](training)

    with pytest.warns(UserWarning, match="3 of 6 jobs .* the rest was inter"):
        result = eegkd.fit(make_trials(), method=interrupting, **QUICK)
    assert result.interrupted
    assert set(result.students) == {("1", 0)}
    assert eegkd.load(result.save(tmp_path)).interrupted


# -- on disk ----------------------------------------------------------------------


def test_save_and_load(result, tmp_path):
    folder = result.save(tmp_path / "new" / "folder")
    loaded = eegkd.load(folder)
    assert not list(folder.rglob("*.pkl"))
    for table in ("scores", "planned", "history", "predictions"):
        got, expected = getattr(loaded, table), getattr(result, table)
        pd.testing.assert_frame_equal(got, expected, check_dtype=False)
    assert loaded.settings == json.loads(json.dumps(result.settings))
    tested = make_trials()
    for name in ("teachers", "untaught", "students"):
        for key, model in getattr(result, name).items():
            other = getattr(loaded, name)[key]
            assert other.fingerprint_ == model.fingerprint_
            assert np.array_equal(
                other.predict_proba(tested), model.predict_proba(tested)
            )
    assert loaded.students["1", 0].teacher_ is loaded.teachers["1", 0]
    assert loaded.describe() == result.describe()
    for name, matrix in result.example.items():
        assert np.array_equal(loaded.example[name], matrix)


def test_a_loaded_student_can_be_fitted_again(result, tmp_path):
    loaded = eegkd.load(result.save(tmp_path))
    loaded.student.fit(make_trials(n_subjects=1))
    assert loaded.student.decoder_.view.n_chans == 7


def damage(folder, kind):
    """Do one thing wrong to a saved result."""
    weights = next((folder / "models" / "students").glob("*.safetensors"))
    described = folder / "result.json"
    if kind == "bit":
        data = bytearray(weights.read_bytes())
        data[-3] ^= 1
        weights.write_bytes(bytes(data))
    elif kind == "lost":
        weights.unlink()
    elif kind == "json":
        described.write_text(described.read_text()[:-40])
    elif kind == "foreign":
        described.write_text('{"hello": 1}')
    elif kind == "unfinished":
        described.unlink()
    elif kind == "later":
        saved = json.loads(described.read_text())
        described.write_text(json.dumps({**saved, "format": 99}))
    elif kind == "example":
        (folder / "example.safetensors").write_bytes(b"no")
    elif kind == "table":
        (folder / "scores.csv").unlink()


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("bit", ValueError, "is damaged or belongs to another classifier"),
        ("lost", FileNotFoundError, "is missing. Copy it beside"),
        ("json", ValueError, "is damaged: .* Copy it again"),
        ("foreign", ValueError, "is a JSON file, but not a result of eegkd"),
        ("unfinished", FileNotFoundError, "or was not written to the end"),
        ("later", ValueError, "has format 99, but this version"),
        ("example", ValueError, "is damaged"),
        ("table", FileNotFoundError, "is incomplete"),
    ],
)
def test_damaged_folders_are_refused(result, tmp_path, kind, error, message):
    folder = result.save(tmp_path)
    damage(folder, kind)
    with pytest.raises(error, match=message):
        eegkd.load(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="'folder' must be an existing folder"):
        eegkd.load(tmp_path / "nowhere")


def test_one_classifier_on_disk(result, tmp_path):
    student = result.students["1", 0]
    save_classifier(student, tmp_path / "my.student")
    loaded = load_classifier(tmp_path / "my.student")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "my.student.json",
        "my.student.safetensors",
    ]
    assert loaded.fingerprint_ == student.fingerprint_
    assert loaded.teacher_ is None


# -- wrong input ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"montage": "headbnad"}, ValueError, "Did you mean 'headband'"),
        ({"method": "sk"}, ValueError, "Unknown name 'sk' for 'method'"),
        ({"decoder": "SCNet"}, ValueError, "'decoder'.* Did you mean 'SCCNet'"),
        ({"student": "SCNet"}, ValueError, "'student'.* Did you mean 'SCCNet'"),
        (
            {"estimator": eegkd.DistilledClassifier},
            TypeError,
            r"got the class DistilledClassifier; pass an instance: Dist.*\(\)\.",
        ),
        (
            {
                "decoder": "EEGNet",
                "estimator": eegkd.DistilledClassifier(student="SCCNet"),
            },
            ValueError,
            "'decoder' is 'EEGNet', but 'estimator' has 'SCCNet'",
        ),
        ({"evaluation": "pooled"}, ValueError, "'evaluation' must be one of"),
        ({"n_seeds": 0}, ValueError, "'n_seeds' must be an integer >= 1"),
        (
            {"subjects": [7]},
            ValueError,
            "'subjects' must be among those of arrays: 1, 2, got 7",
        ),
        ({"max_epoch": 3}, TypeError, "unexpected keyword argument 'max_epoch'"),
        ({"estimator": 3}, TypeError, "'estimator' must be a DistilledClassifier"),
        ({"data": {"tmax": 1}}, ValueError, "'data' is for datasets that are loaded"),
        ({"on_missing": "skip"}, ValueError, "'on_missing' must be one of"),
        ({"n_jobs": 0}, ValueError, "'n_jobs' must be >= 1, or -1"),
        ({"test": "runs"}, ValueError, "'test' must be one of"),
        ({"max_epochs": -1}, ValueError, "'max_epochs' must be an integer >= 1"),
    ],
)
def test_wrong_arguments_are_named_before_any_training(arguments, error, message):
    with pytest.raises(error, match=message):
        eegkd.fit(make_trials(), **{**QUICK, **arguments})


# -- real EEG ---------------------------------------------------------------------


def test_real_eeg(mne_data, tmp_path):
    """PhysionetMI from disk: 64 electrodes, split by run, table and report written."""
    result = eegkd.fit("PhysionetMI", "headphone", subjects=[1], max_epochs=2)
    teacher = result.scores.set_index("method").loc["teacher"]
    assert teacher["n_chans"] == 64
    assert not result.settings["simulated"]
    assert "runs" in result.settings["test"]
    assert result.settings["data"]["sfreq"] == 125
    assert result.report(tmp_path / "report.html").stat().st_size > 1e5


def test_a_figure_of_simulated_trials_says_so(trials):
    """It may be saved and shown without the page around it."""
    for simulated, titles in ((True, "SIMULATED: made up"), (False, "")):
        own = replace(trials, name="made up", simulated=simulated)
        result = eegkd.fit(own, ["C3", "Cz", "C4"], subjects=[1], max_epochs=1)
        assert result.plot().axes[0].get_title(loc="left") == titles
