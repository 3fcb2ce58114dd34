"""`eegkd predict`: label the trials of a recording with a saved student."""

from __future__ import annotations

import csv
import sys
from typing import Any

from eegkd.cli.options import add_command

EXAMPLES = """\
examples:
  eegkd predict headphone recording-epo.fif
  eegkd predict headphone recording-epo.fif --fold 1 --seed 0 > labels.csv

RECORDING holds epochs in MNE's format with at least the montage's electrodes, cut and
filtered as the trials that the student was trained on (eegkd info FOLDER tells how).
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    about = "label the trials of a recording with a saved student"
    command = add_command(commands, "predict", run, about, EXAMPLES)
    add = command.add_argument
    add("folder", metavar="FOLDER", help="from eegkd fit --output")
    add("recording", metavar="RECORDING", help="a -epo.fif file")
    add(
        "--fold",
        "--subject",
        help="which fold's student, such as a subject (default: the best validated)",
    )
    add("--seed", type=int, help="which seed's student")


def run(
    folder: str, recording: str, fold: str | None = None, seed: int | None = None
) -> None:
    """Print the label of each trial, and the probability of each class."""
    import mne

    import eegkd

    student = eegkd.load(folder).best_student(fold, seed)
    proba = student.predict_proba(mne.read_epochs(recording, verbose="error"))
    writer = csv.writer(sys.stdout)
    writer.writerow(["trial", "label", *(f"p_{label}" for label in student.classes_)])
    for number, row in enumerate(proba):
        label = student.classes_[row.argmax()]
        writer.writerow([number, label, *(f"{value:.4f}" for value in row)])
