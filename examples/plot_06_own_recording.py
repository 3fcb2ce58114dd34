"""
Your own recording, your own montage
====================================

Files from your amplifier become a dataset, and a student learns to read the electrodes
of your device. The files of this example are *simulated* and written as if they had
been recorded: two days of one subject who imagines moving the left or the right hand,
with all 64 electrodes, and one run with the device alone.
"""

# %%
# Files. Any format that MNE reads will do (EDF, BDF, GDF, FIF, BrainVision, EEGLAB and
# others), and XDF of the Lab Streaming Layer. Here the cap is recorded in EDF, with
# cues named by codes, as many programs do.
import argparse
from pathlib import Path

import mne

import eegkd
from eegkd.data.recordings import RecordedDataset
from eegkd.data.simulated import SimulatedMotorImagery

parser = argparse.ArgumentParser(description="Your own recording.")
parser.add_argument("--files", nargs="+", help="recordings of one subject, in order")
parser.add_argument(
    "--events", nargs="+", help="classes, such as left_hand=769 right_hand=770"
)
parser.add_argument("--montage", nargs="+", default=["FC3", "CP3", "FC4", "CP4"])
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--output", type=Path, default=Path("own_recording"))
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
arguments = parser.parse_args()

CODES = {"left_hand": "769", "right_hand": "770"}
folder = arguments.output / "recordings"
folder.mkdir(parents=True, exist_ok=True)


def record(raw, name, electrodes=None):
    """Write a run as a program for recording would, with codes for cues."""
    raw = raw.copy() if electrodes is None else raw.copy().pick(electrodes)
    raw.annotations.rename(CODES)
    mne.export.export_raw(folder / name, raw, overwrite=True, verbose="error")


if not arguments.files:
    subject = SimulatedMotorImagery(n_subjects=1, events=list(CODES))
    days = subject.get_data([1])[1]
    for day, runs in enumerate(days.values(), start=1):
        for number, run in list(runs.items())[: 3 if day == 1 else 2]:
            record(run, f"day{day}_run{number}.edf")
    print("Simulated recordings:", *sorted(path.name for path in folder.iterdir()))

# %%
# From files to a dataset. A pattern says what the parts of the names mean; a list of
# paths, a dictionary and a table do as well. ``events`` says which code is which class.
# ``overview`` opens and checks all of them: other channels in one file, a missing code
# or a wrong path are errors that say what was found.
if arguments.files:
    events = dict(pair.split("=") for pair in arguments.events or []) or None
    recorded = RecordedDataset(arguments.files, events, name="mine")
else:
    recorded = RecordedDataset(
        f"{folder}/day{{session}}_run{{run}}.edf",
        events=CODES,
        interval=(0, 4),  # seconds after the cue
        name="example",
        simulated=True,  # so that every table and report says so
    )
print(recorded.overview().to_string(index=False))
print("Channels:", *recorded.ch_names[:8], "...")

# %%
# A montage of your own is a list of electrodes. As a file it has a name, and can be
# given to others.
montage = folder / "mine.toml"
montage.write_text(
    f'name = "mine"\nch_names = {list(arguments.montage)}\n'.replace("'", '"')
    + 'citation = "the manual of my device"\n'
)
print(eegkd.load_montage(montage))

# %%
# From here on nothing differs from a public dataset. The last day is for testing; with
# one day it would be the last run, and with one run its end, which is optimistic.
result = eegkd.fit(
    recorded,
    montage=montage,
    max_epochs=arguments.max_epochs or (2 if arguments.quick else "auto"),
)
print(result.describe())

# %%
# One subject, one seed and few trials: the figure shows what happened once, not which
# way is better.
saved = result.save(arguments.output)
report = result.report(saved / "report.html")
figure = result.plot()
figure.savefig(saved / "scores.png", dpi=150)
print(f"Scores, models and report: {saved}/")

# %%
# Then the cap stays in the drawer. A recording of the device has only its own channels,
# often without names of electrodes: ``rename`` names them in order. The student reads
# them as it read the same electrodes in the cap. (Four electrodes of a gel cap stand in
# for a device here. Its dry electrodes would be noisier, and a few trials recorded with
# both would show by how much.)
if not arguments.files:
    electrodes = list(arguments.montage)
    last = days["1test"]["2"].copy().pick(electrodes)
    last.rename_channels(
        {electrode: f"CH{i}" for i, electrode in enumerate(electrodes, start=1)}
    )
    record(last, "device.edf")
    device = RecordedDataset(
        folder / "device.edf", CODES, rename=electrodes, name="device", simulated=True
    )
    trials = eegkd.load_trials(device)
    labels = result.student.predict(trials.to_epochs())
    print(f"{trials}\nSimulated cues:     {', '.join(trials.y[:6])}")
    print(f"Labels of the student: {', '.join(labels[:6])}")
    print(f"Right: {(labels == trials.y).sum()} of {len(trials)} trials")
