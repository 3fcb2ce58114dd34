"""The command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import mne
import pytest

import eegkd
from eegkd.benchmark.estimate import _duration
from eegkd.cli import main
from eegkd.data.paradigms import PARADIGMS


def run(capsys, *arguments):
    """Return exit status, output and error output of a command."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as error:  # argparse ends the process
        status = error.code
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that the command wrote."""
    folder = tmp_path_factory.mktemp("cli") / "headband"
    arguments = ["fit", "SimulatedMotorImagery", "--subjects", "1", "--seeds", "2"]
    quick = ["--max-epochs", "2", "--output", str(folder)]
    assert main([*arguments, *quick]) == 0
    return folder


def test_help_shows_examples(capsys):
    for command in ([], ["fit"], ["predict"], ["benchmark"]):
        status, out, _ = run(capsys, *command, "--help")
        assert status == 0
        assert "examples:" in out
        assert "eegkd " in out


def test_fit_writes_everything_and_prints_the_table(folder, capsys):
    assert {file.name for file in folder.iterdir()} >= {
        "result.json",
        "scores.csv",
        "report.html",
        "models",
    }
    status, out, _ = run(capsys, "info", folder)
    assert status == 0
    assert "simulated" in out
    assert "teacher" in out
    assert "headband" in out
    assert "fingerprint" in out


def test_predict_labels_a_recording(folder, capsys, tmp_path):
    trials = eegkd.load_trials("SimulatedMotorImagery", subjects=[1])
    few = trials.to_epochs().pick(["C6", "POz", "Fz", "C5"])[:5]
    few.save(tmp_path / "recording-epo.fif", verbose="error")
    status, out, _ = run(capsys, "predict", folder, tmp_path / "recording-epo.fif")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = eegkd.load(folder).student.predict(few)
    assert [row["label"] for row in rows] == expected.tolist()
    arguments = [folder, tmp_path / "recording-epo.fif", "--fold", 1, "--seed", 1]
    assert run(capsys, "predict", *arguments)[0] == 0
    status, _, err = run(capsys, "predict", *arguments[:-1], 7)
    assert status == 2
    assert "must name a student" in err
    _, _, err = run(capsys, "predict", *arguments[:2], "--subject", "1/0")
    assert "Folds: '1'; seeds: 0, 1." in err


def test_predict_refuses_a_recording_without_the_electrodes(folder, capsys, tmp_path):
    info = mne.create_info(["C3", "C4"], 125.0, "eeg")
    import numpy as np

    epochs = mne.EpochsArray(np.zeros((2, 2, 500)), info, verbose="error")
    epochs.save(tmp_path / "other-epo.fif", verbose="error")
    status, out, err = run(capsys, "predict", folder, tmp_path / "other-epo.fif")
    assert status == 2
    assert "are missing" in err
    assert not out


def test_lists(capsys):
    for command, word in (
        ("montages", "headphone"),
        ("decoders", "SCCNet"),
        ("methods", "sk_kd"),
        ("datasets", "SimulatedMotorImagery"),
        ("info", "braindecode"),
    ):
        status, out, _ = run(capsys, command)
        assert status == 0
        assert word in out, command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "NoSuchSet"], "Unknown name 'NoSuchSet'"),
        (["fit", "SimulatedMotorImagery", "--montage", "hat"], "Unknown name 'hat'"),
        (["fit", "SimulatedMotorImagery", "--subjects", "99"], "'subjects' must be"),
        (["fit", "SimulatedMotorImagery", "--method", "x"], "Unknown name 'x'"),
        (["fit", "SimulatedMotorImagery", "--seeds", "0"], "'n_seeds'"),
        (["fit", "SimulatedMotorImagery", "--decoder", "EEGNett"], "EEGNet"),
        (["predict", "nowhere", "recording-epo.fif"], "must be an existing folder"),
        (["fit"], "DATASET"),
        (["dance"], "invalid choice"),
    ],
)
def test_wrong_input_is_one_line_and_status_two(capsys, arguments, words):
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert words in err
    assert "Traceback" not in err
    assert not out
    if not err.startswith("usage:"):  # argparse shows its usage line first
        assert len(err.strip().splitlines()) == 1


def test_a_montage_of_ones_own(capsys):
    arguments = ["fit", "SimulatedMotorImagery", "--subjects", "1", "--max-epochs", "1"]
    status, out, _ = run(
        capsys, *arguments, "--montage", "C3", "C4", "--method", "none"
    )
    assert status == 0
    assert "custom" in out


def test_help_needs_no_heavy_package():
    code = (
        "import sys\nfrom eegkd.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'mne', 'moabb', 'braindecode', 'sklearn', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")


# benchmark


@pytest.fixture
def plan(tmp_path):
    """Return a plan of four jobs on one simulated subject."""
    file = tmp_path / "plan.toml"
    file.write_text(
        'datasets = ["SimulatedMotorImagery"]\n'
        "subjects = [1]\n"
        'montages = ["headband"]\n'
        'methods = ["none", "kd"]\n'
        "n_seeds = 1\n"
        f'store = "{tmp_path / "store.sqlite"}"\n'
        "[training]\n"
        "max_epochs = 1\n"
    )
    return file


def test_benchmark_runs_a_plan_and_writes_what_is_asked(plan, capsys, tmp_path):
    status, out, err = run(capsys, "benchmark", "--plan", plan, "--dry-run")
    assert status == 0
    assert "3 jobs, 3 missing." in out
    assert "About" in out
    files = ["--report", tmp_path / "r.html", "--csv", tmp_path / "s.csv"]
    status, out, err = run(capsys, "benchmark", "--plan", plan, *files)
    assert status == 0, err
    assert "SIMULATED" in out
    assert "unresolved: one seed" in out
    assert "1 subject cannot reach p < 0.05" in out
    assert "seeds would" not in out
    assert "SIMULATED" in (tmp_path / "r.html").read_text()
    with open(tmp_path / "s.csv") as file:
        assert len(list(csv.DictReader(file))) == 3
    status, out, _ = run(capsys, "benchmark", "--plan", plan, "--dry-run")
    assert "3 jobs, 0 missing." in out


def test_options_replace_those_of_the_plan(plan, capsys):
    changed = ["--methods", "none", "--montages", "headphone", "--max-epochs", "2"]
    changed += ["--tmax", "2", "--test", "run"]
    status, out, _ = run(capsys, "benchmark", "--plan", plan, *changed)
    assert status == 0
    assert "headphone" in out
    assert "headband" not in out
    settings = eegkd.load_results(plan.parent / "store.sqlite").settings
    assert settings["data"] == {"tmax": 2.0}
    assert settings["training"]["max_epochs"] == 2
    assert settings["facts"][0]["n_times"] == 250


def test_a_failed_job_gives_exit_status_1(plan, capsys, monkeypatch):
    from eegkd.benchmark import engine, work

    attempt = work.attempt

    def break_students(task):
        if task.items[0].named["method"] == "kd":
            return work.Outcome(task.key, traceback="ValueError: planted")
        return attempt(task)

    monkeypatch.setattr(engine, "attempt", break_students)
    status, out, _ = run(capsys, "benchmark", "--plan", plan)
    assert status == 1
    assert "INCOMPLETE: 1 of 3 jobs are not done (1 failed)" in out
    assert "FAILED SimulatedMotorImagery" in out
    assert "planted" in out


def test_benchmark_needs_a_dataset_and_a_good_plan(capsys, tmp_path):
    status, _, err = run(capsys, "benchmark")
    assert (status, "Name a DATASET" in err) == (2, True)
    status, _, err = run(capsys, "benchmark", "--plan", tmp_path / "no.toml")
    assert (status, "does not exist" in err) == (2, True)
    for text, message in (
        ("datasets = [", "is not valid TOML"),
        ('dataset = "X"', "Did you mean 'datasets'?"),
        ("training = 3", "as a table"),
        ("n_seeds = 1\n[training]\nn_seeds = 2", "'n_seeds' twice"),
    ):
        (tmp_path / "bad.toml").write_text(text)
        status, _, err = run(capsys, "benchmark", "--plan", tmp_path / "bad.toml")
        assert (status, message in err) == (2, True), err


def test_paradigms_are_listed_with_their_reasons(capsys):
    status, out, _ = run(capsys, "paradigms")
    assert status == 0
    for row in PARADIGMS.values():
        assert f"{row.name}: {row.title}" in out
        assert row.reasons["l_freq"] in out


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (OSError, 2)])
def test_what_ends_the_command_is_its_status(error, code, capsys, monkeypatch):
    def stop():
        raise error("stopped")

    monkeypatch.setattr(eegkd, "list_montages", stop)
    status, _, err = run(capsys, "montages")
    assert status == code
    assert err.startswith("eegkd: ")


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m eegkd.cli montages | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert not done.stderr


@pytest.mark.parametrize(
    ("seconds", "text"), [(89, "89 s"), (90, "2 min"), (5400, "1.5 h")]
)
def test_durations_are_read_at_a_glance(seconds, text):
    assert _duration(seconds) == text


def test_baselines_are_listed(capsys):
    status, out, _ = run(capsys, "baselines")
    assert status == 0
    assert {line.split()[0] for line in out.splitlines()} == set(eegkd.BASELINES)


def test_methods_are_described_one_by_one(capsys):
    status, out, _ = run(capsys, "methods", "rkd")
    assert status == 0
    assert "distance_weight" in out
    assert "Park et al. 2019" in out
    status, _, err = run(capsys, "methods", "rkdd")
    assert status == 2
    assert "Did you mean 'rkd'?" in err


def test_options_of_a_method_reach_it(capsys, monkeypatch):
    seen = {}

    def fit(*arguments, **options):
        seen.update(options)
        raise ValueError("enough")

    monkeypatch.setattr(eegkd, "fit", fit)
    options = ["temperature=2", "modalities=regions", "fractions=(0.5, 1.0)"]
    given = [part for option in options for part in ("--option", option)]
    status, _, _ = run(capsys, "fit", "SimulatedMotorImagery", *given)
    assert status == 2
    assert seen["method_options"] == {
        "temperature": 2,
        "modalities": "regions",
        "fractions": (0.5, 1.0),
    }
    status, _, err = run(capsys, "fit", "SimulatedMotorImagery", "--option", "x")
    assert status == 2
    assert "--option: must be NAME=VALUE" in err
