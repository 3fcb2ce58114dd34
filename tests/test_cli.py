"""The command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import mne
import pytest

import eegkd
from eegkd.cli import main


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
    for command in ([], ["fit"], ["predict"]):
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
    arguments = [folder, tmp_path / "recording-epo.fif", "--subject", 1, "--seed", 1]
    assert run(capsys, "predict", *arguments)[0] == 0
    status, _, err = run(capsys, "predict", *arguments[:-1], 7)
    assert status == 2
    assert "must name a saved student" in err


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
