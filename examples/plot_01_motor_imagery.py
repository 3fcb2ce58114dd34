"""
Motor imagery
=============

A subject imagines moving the left hand, the right hand, the feet or the tongue, and a
decoder says which. What a headset can tell apart depends on where its electrodes are.
This page looks at the rhythms that imagery changes, teaches students on two headsets
from 64 electrodes, and shows which limb each of them sees. The EEG is *simulated*.
"""

# %%
# Data. Whoever imagines a movement loses mu and beta rhythm over the part of motor
# cortex that would move: over the hand area of the *other* side, in the middle for the
# feet, on both outer sides for the tongue (Pfurtscheller et al., 2006). The four
# classes differ in band power at places a few centimeters apart. ``--dataset`` takes
# any motor-imagery set of MOABB; name a ``--montage`` that it has (`eegkd montages`
# lists them).
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np

import eegkd
from eegkd.data.channels import mne_montage
from eegkd.data.simulated import SimulatedMotorImagery

parser = argparse.ArgumentParser(description="Motor imagery.")
parser.add_argument("--dataset", help="of MOABB, by default simulated")
parser.add_argument("--montage", nargs="+", default=["headphone", "brainbit"])
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 4")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3, 4])
montages = [eegkd.load_montage(name) for name in arguments.montage]
size = {"n_trials": 8, "n_runs": 1} if arguments.quick else {}
dataset = arguments.dataset or SimulatedMotorImagery(**size)

# %%
# The signal. Power from 8 to 13 Hz between 1 and 4 s after the cue, against the second
# before it, of the first subject. Blue is desynchronization. White dots are the
# electrodes of each headset. *headphone* is a band over the head from ear to ear and
# lies where the blue is; *brainbit* has two electrodes over the temples and two at the
# back of the head.
mu = eegkd.load_trials(dataset, subjects=subjects[:1], l_freq=8, h_freq=13, tmin=-1)
time = mu.tmin + np.arange(mu.n_times) / mu.sfreq
before = np.square(mu.X[..., time < 0]).mean(axis=-1)
during = np.square(mu.X[..., (time >= 1) & (time < 4)]).mean(axis=-1)
info = mne.create_info(list(mu.ch_names), mu.sfreq, "eeg")
info.set_montage(mne_montage(), match_case=False)
maps, axes = plt.subplots(
    len(montages),
    len(mu.classes),
    figsize=(1.6 * len(mu.classes) + 0.9, 1.8 * len(montages) + 0.5),
    squeeze=False,
    layout="constrained",
)
for ax, label in zip(axes[0], mu.classes, strict=True):
    ax.set_title(label.replace("_", " "))
for row, montage in zip(axes, montages, strict=True):
    row[0].set_ylabel(montage.name)
    electrodes = np.isin(mu.ch_names, montage.ch_names)
    for ax, label in zip(row, mu.classes, strict=True):
        own = mu.y == label
        change = 100 * (during[own].mean(axis=0) / before[own].mean(axis=0) - 1)
        image, _ = mne.viz.plot_topomap(
            change,
            info,
            axes=ax,
            show=False,
            cmap="RdBu_r",
            vlim=(-60, 60),
            contours=0,
            sensors=False,
            mask=electrodes,
            mask_params={"markersize": 5, "markerfacecolor": "white"},
        )
maps.colorbar(image, ax=axes, label="Change of power, 8 to 13 Hz (%)", shrink=0.8)
kind = "SIMULATED: " if mu.simulated else ""
maps.suptitle(f"{kind}{mu.name}, subject {subjects[0]}")
maps.savefig(folder / "desynchronization.png", dpi=150)

# %%
# One call trains a teacher on all 64 electrodes, an untaught student on those of the
# headset, and a student on the same ones with the teacher's help. What is not said here
# comes from `eegkd.PARADIGMS`: 4 to 38 Hz, so that mu and beta are inside;
# CovarianceNet, which reads the power of electrodes in frequency bands and what they
# have in common; accuracy, since the classes are equally many. Each subject's first day
# is for training, the second for testing.
epochs = arguments.max_epochs or (3 if arguments.quick else "auto")
trials = eegkd.load_trials(dataset, subjects=subjects)
options = {"max_epochs": epochs, "n_jobs": 1 if arguments.quick else 2}
results = {montage.name: eegkd.fit(trials, montage, **options) for montage in montages}
first = results[montages[0].name]
print(first.describe())

# %%
# The figure of the first headset. Lines are subjects. How far they lie apart is the
# first thing to see: some people change their rhythms little, and no headset mends
# that.
scores = first.plot()
scores.savefig(folder / "scores.png", dpi=150)

# %%
# The same for the other headset.
for name, result in results.items():
    if result is not first:
        print(f"\n{name}\n{result.describe()}")

# %%
# Accuracy over four classes hides which of them are told apart. For each class, the
# figure counts hits less false alarms: how often it was recognized, less how often it
# was said when another one was meant. A decoder at chance level has zero, whichever
# class it favors.
COLORS = ["#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito's


def hits_less_false_alarms(result, method):
    """Return a table of subjects and classes."""
    said = result.predictions.query("method == @method")
    return np.array(
        [
            [
                (own["predicted"][own["label"] == label] == label).mean()
                - (own["predicted"][own["label"] != label] == label).mean()
                for label in trials.classes
            ]
            for _, own in said.groupby("subject")
        ]
    )


rows = {f"all {trials.n_chans} electrodes": (first, "teacher", "#0072B2", "o")}
for montage, color, marker in zip(montages, COLORS, "Ds^vP", strict=False):
    label = f"{montage.name}, {montage.n_chans} electrodes"
    rows[label] = (results[montage.name], "sk_kd", color, marker)
limbs, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
places = np.arange(len(trials.classes))
for number, (label, (result, method, color, marker)) in enumerate(rows.items()):
    table = hits_less_false_alarms(result, method)
    x = places + 0.22 * (number - (len(rows) - 1) / 2)
    ax.plot(x, table.T, "o", color=color, markersize=4, alpha=0.4)
    ax.plot(x, table.mean(axis=0), marker, color=color, markersize=9, label=label)
ax.plot([], [], "o", color="#8c8c8c", markersize=4, alpha=0.6, label="one subject")
ax.axhline(0, color="black", linewidth=1, linestyle="--")
ax.annotate("chance", (-0.47, 0), (0, -12), textcoords="offset points", size=9)
ax.set_xticks(places, [label.replace("_", " ") for label in trials.classes])
ax.set(xlim=(-0.5, len(places) - 0.5), ylabel="Hits less false alarms, test trials")
ax.set_title(f"{kind}{trials.name}", loc="left")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.32), ncols=2, frameon=False)
ax.spines[["top", "right"]].set_visible(False)
limbs.savefig(folder / "limbs.png", dpi=150)

# %%
# **What can be concluded.** The electrodes of a headset decide which classes it is good
# for. *headphone* reads all four, hands and tongue much as 64 electrodes do; but in one
# of the four subjects its student is at chance level on the second day. *brainbit*
# recognizes the tongue, whose areas lie near its electrodes over the temples, and the
# feet a little; the hands are at chance level. Its teacher knows the hands, and cannot
# hand on what the student's electrodes do not see. For such a headset choose classes
# that it sees, or another paradigm.
#
# **What cannot.** Whether a teacher helps: with four subjects the smallest possible p
# is 0.125, and a difference of a few points of either sign is noise. The teacher is no
# ceiling either, since 64 electrodes have more weights to be learned from the same 120
# trials. People also move their jaw and tongue, which electrodes over the temples
# record as muscle activity; the simulation has none, so that a high score there would
# have to be looked at twice.
#
# Pfurtscheller, G., Brunner, C., Schlögl, A., Lopes da Silva, F. H. (2006). Mu rhythm
# (de)synchronization and EEG single-trial classification of different motor imagery
# tasks. NeuroImage, 31(1), 153-159.
first.save(folder)
print(f"Figures, and scores and models of {montages[0].name}: {folder}/")
