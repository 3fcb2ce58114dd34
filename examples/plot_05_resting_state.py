"""
Resting state
=============

A subject rests with eyes closed or open, and a decoder says which, from four seconds of
EEG. The same is done with other states, such as relaxation or fatigue. This page looks
at the spectra, teaches students on two headsets from 64 electrodes, and asks what a
headset on the forehead really measures. The EEG is *simulated*.
"""

# %%
# Data. States last a minute here: eight segments each day, eyes closed and open in
# turn. Each is cut into windows of 4 s, long enough for some tens of cycles of alpha
# and as fast as a device has to answer. Windows of one segment have nearly everything
# in common, its drifts and its sweat included. They stay on one side of every split:
# parted at random, they would test whether a decoder recognizes the segment.
# ``--dataset`` takes any resting-state set of MOABB; name a ``--montage`` that it has
# (``eegkd montages`` lists them).
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np
from scipy.signal import welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import eegkd
from eegkd.data.channels import mne_montage
from eegkd.data.simulated import SimulatedRestingState
from eegkd.evaluation.splits import held_out
from eegkd.montage import nearest_electrodes

parser = argparse.ArgumentParser(description="Resting state.")
parser.add_argument("--dataset", help="of MOABB, by default simulated")
parser.add_argument("--montage", nargs="+", default=["brainbit", "hermes"])
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 4")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3, 4])
montages = [eegkd.load_montage(name) for name in arguments.montage]
size = {"segment": 24.0} if arguments.quick else {}
dataset = arguments.dataset or SimulatedRestingState(**size)

trials = eegkd.load_trials(dataset, subjects=subjects)
is_test, rule = held_out(trials.metadata, trials.y)
print(trials)
print(f"Tested on {rule}.")
places = trials.metadata.groupby(["subject", "session", "run", "group"])
print(f"{places.ngroups} segments of about {places.size().mean():.0f} windows each.")

# %%
# The signal: spectra of the first subject. At the back of the head alpha is stronger
# with closed eyes (Barry et al., 2007). At the forehead there is a second difference:
# open eyes blink and closed ones drift slowly, which gives large waves below 4 Hz. That
# is no brain activity. The head shows where alpha changes.
own = trials.subset((trials.metadata["subject"] == subjects[0]).to_numpy())
frequency, power = welch(1e6 * own.X, own.sfreq, nperseg=own.n_times)
spectra = {label: power[own.y == label].mean(axis=0) for label in own.classes}
alpha = (frequency >= 8) & (frequency <= 13)
level = [10 * np.log10(spectra[label][:, alpha].mean(axis=1)) for label in own.classes]
back, _ = nearest_electrodes("Oz", own.ch_names)[0]
front, _ = nearest_electrodes("Fpz", own.ch_names)[0]
COLORS = ["#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito's
styles = [("#0072B2", "-"), ("#D55E00", "--")]

signal = plt.figure(figsize=(8.0, 3.2), layout="constrained")
*panels, head = signal.subplots(1, 3, width_ratios=(1, 1, 0.9))
shown = (frequency >= 1) & (frequency <= 35)
for ax, electrode, where in zip(
    panels, (back, front), ("back", "forehead"), strict=True
):
    for (color, line), label in zip(styles, own.classes, strict=True):
        row = spectra[label][own.ch_names.index(electrode)]
        ax.semilogy(frequency[shown], row[shown], line, color=color, label=label)
    ax.axvspan(8, 13, color="#dddddd", zorder=0)
    ax.set(xlabel="Frequency (Hz)", title=f"{electrode}, {where}")
    ax.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("Power (µV²/Hz)")
panels[1].sharey(panels[0])
panels[1].legend(title="eyes", frameon=False)
info = mne.create_info(list(own.ch_names), own.sfreq, "eeg")
info.set_montage(mne_montage(), match_case=False)
change = level[0] - level[1]
limit = np.abs(change).max()
image, _ = mne.viz.plot_topomap(
    change,
    info,
    axes=head,
    show=False,
    cmap="RdBu_r",
    vlim=(-limit, limit),
    contours=0,
    sensors=False,
)
head.set_title("8 to 13 Hz")
label = f"{own.classes[0]} over {own.classes[1]} (dB)"
signal.colorbar(image, ax=head, label=label, shrink=0.8)
kind = "SIMULATED: " if own.simulated else ""
signal.suptitle(f"{kind}{own.name}, subject {subjects[0]}")
signal.savefig(folder / "spectra.png", dpi=150)

# %%
# One call trains a teacher on all electrodes, an untaught student on those of the
# headset, and a student on the same ones with the teacher's help. What is not said here
# comes from `eegkd.PARADIGMS`: 1 to 35 Hz, SCCNet, which squares and averages what its
# filters let through, and ``taps="embedding"``. The last one matters. Nothing begins
# with a window: where in its cycle alpha is at the first sample is chance, so that
# layers that are maps over time have nothing in common between trials. Teacher and
# student are compared behind the averaging over time instead. Training sees the first
# day, testing the second.
#
# *brainbit* has two electrodes at the back of the head, *hermes* eight at the front.
epochs = arguments.max_epochs or (3 if arguments.quick else "auto")
options = {
    "max_epochs": epochs,
    "validate": False,  # a check of the teacher on training trials, as long again
    "n_jobs": 1 if arguments.quick else 2,
}
results = {montage.name: eegkd.fit(trials, montage, **options) for montage in montages}
first = results[montages[0].name]
print(first.describe())

# %%
# The figure of the first headset. Lines are subjects.
scores = first.plot()
scores.savefig(folder / "scores.png", dpi=150)

# %%
# The same for the other headset.
for name, result in results.items():
    if result is not first:
        print(f"\n{name}\n{result.describe()}")

# %%
# From day to day the level of everything changes: electrodes sit a little elsewhere,
# and alpha is stronger or weaker. A decoder of power may keep telling the states apart
# and put its threshold at the wrong place. ROC-AUC does not depend on the threshold.
# Where it is much higher than accuracy, a minute of calibration on the day would help
# more than another network.
for name, result in results.items():
    means = result.scores.groupby("method", sort=False)[["accuracy", "roc_auc"]].mean()
    print(f"{name}\n{means.round(3).to_string()}")

# %%
# What a device would show: each student's probability of the first state, window by
# window, through the second day of the first subject. Grey is when the eyes were
# closed.
tested = trials.subset(is_test & (trials.metadata["subject"] == subjects[0]).to_numpy())
state = trials.classes[0]
minute = tested.metadata["start"].to_numpy() / 60
minute = minute - minute.min()
width = tested.n_times / tested.sfreq / 60
course, axes = plt.subplots(
    len(montages),
    1,
    figsize=(7.2, 1.9 * len(montages) + 0.5),
    sharex=True,
    sharey=True,
    squeeze=False,
    layout="constrained",
)
for ax, montage, color in zip(axes[:, 0], montages, COLORS, strict=False):
    student = results[montage.name].students[str(subjects[0]), 0]
    proba = student.predict_proba(tested)[:, student.classes_.tolist().index(state)]
    for _, rows in tested.metadata.groupby(["run", "group"]).indices.items():
        ax.plot(minute[rows] + width / 2, proba[rows], ".-", color=color, linewidth=1)
        if tested.y[rows[0]] == state:
            ax.axvspan(
                minute[rows[0]], minute[rows[-1]] + width, color="#dddddd", zorder=0
            )
    ax.axhline(0.5, color="black", linewidth=1, linestyle="--")
    accuracy = student.score(tested, tested.y)
    ax.set_title(
        f"{montage.name}, {montage.n_chans} electrodes: {accuracy:.0%} right",
        loc="left",
    )
    ax.set(ylim=(-0.05, 1.05), ylabel=f"P({state})")
    ax.spines[["top", "right"]].set_visible(False)
axes[-1, 0].set_xlabel("Minutes of the test session")
course.suptitle(f"{kind}{own.name}, subject {subjects[0]}; gray: eyes {state}")
course.savefig(folder / "course.png", dpi=150)

# %%
# Which part of the spectrum is it? Power in one band at the electrodes of a headset,
# and a linear classifier, take no time to train. Alpha is brain activity. From 1 to 6
# Hz there is hardly a difference but blinks.
BANDS = {"1 to 6 Hz": (1, 6), "8 to 13 Hz": (8, 13)}
subject = trials.metadata["subject"].to_numpy()
frequency, power = welch(1e6 * trials.X, trials.sfreq, nperseg=trials.n_times // 2)


def score_band(montage, band):
    """Return the accuracy of each subject's power in a band on the second day."""
    low, high = band
    electrodes = [trials.ch_names.index(name) for name in montage.ch_names]
    inside = (frequency >= low) & (frequency <= high)
    levels = np.log(power[:, electrodes][:, :, inside].mean(axis=2))
    scores = []
    for who in subjects:
        train, test = (subject == who) & ~is_test, (subject == who) & is_test
        rule = LinearDiscriminantAnalysis().fit(levels[train], trials.y[train])
        scores.append(rule.score(levels[test], trials.y[test]))
    return scores


found, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for number, (montage, color) in enumerate(zip(montages, COLORS, strict=False)):
    students = results[montage.name].scores.query("method == 'sk_kd'")["accuracy"]
    table = [students, *(score_band(montage, band) for band in BANDS.values())]
    x = np.arange(len(table)) + 0.2 * (number - (len(montages) - 1) / 2)
    ax.plot(x, np.array(table), "o", color=color, markersize=4, alpha=0.4)
    label = f"{montage.name}, {montage.n_chans} electrodes"
    means = [np.mean(row) for row in table]
    ax.plot(x, means, "Ds^vP"[number], color=color, markersize=9, label=label)
ax.plot([], [], "o", color="#8c8c8c", markersize=4, alpha=0.6, label="one subject")
chance = 1 / len(trials.classes)
ax.axhline(chance, color="black", linewidth=1, linestyle="--")
ax.annotate("chance", (-0.45, chance), (0, 4), textcoords="offset points", size=9)
ax.set_xticks(range(3), ["student", *(f"power,\n{name}" for name in BANDS)])
ax.set(xlim=(-0.5, 2.5), ylabel="Test accuracy")
ax.set_title(f"{kind}{trials.name}", loc="left")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.34), ncols=3, frameon=False)
ax.spines[["top", "right"]].set_visible(False)
found.savefig(folder / "bands.png", dpi=150)

# %%
# **What can be concluded.** Four electrodes are enough where two of them are at the
# back of the head. Eight at the forehead do worse, and what they do may be the eyes
# themselves: their power below 6 Hz, where blinks are, is right about as often as their
# alpha. That is a good switch and a poor measure of relaxation. The control above costs
# nothing and belongs beside every result of a frontal headset.
#
# **What cannot.** Open and closed eyes are the easiest states there are; a student that
# tells them apart is no evidence for states that have no such sign. With four subjects
# no difference between taught and untaught student can reach p < 0.05. People have more
# sources of slow waves and of muscle activity than the simulation, and dry electrodes
# more noise.
#
# Barry, R. J., Clarke, A. R., Johnstone, S. J., Magee, C. A., Rushby, J. A. (2007). EEG
# differences between eyes-closed and eyes-open resting conditions. Clinical
# Neurophysiology, 118(12), 2765-2773.
first.save(folder)
print(f"Figures, and scores and models of {montages[0].name}: {folder}/")
