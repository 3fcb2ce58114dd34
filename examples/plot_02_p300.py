"""
P300
====

A subject waits for one of many flashes, and a decoder says for each whether it was the
one. This page looks at the average response, teaches students on two headsets of eight
electrodes each from 64 electrodes, and averages their scores over repetitions, as
spellers do. The EEG is *simulated*.
"""

# %%
# Data. In a speller of six rows and six columns two flashes out of twelve are targets.
# One follows the other after 0.2 s while a response lasts about a second: epochs
# overlap, five at a time. Two things follow. Whoever never says "target" is right in
# five of six trials. And a trial shares samples with its neighbors, so that a split
# that parts them has seen the test. ``--dataset`` takes any P300 set of MOABB; name a
# ``--montage`` that it has (``eegkd montages`` lists them).
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import numpy as np
from sklearn.metrics import roc_auc_score

import eegkd
from eegkd.data.channels import mne_montage
from eegkd.data.simulated import SimulatedP300
from eegkd.evaluation.splits import held_out
from eegkd.montage import nearest_electrodes

parser = argparse.ArgumentParser(description="P300.")
parser.add_argument("--dataset", help="of MOABB, by default simulated")
parser.add_argument("--montage", nargs="+", default=["unicorn", "hermes"])
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 3")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3])
montages = [eegkd.load_montage(name) for name in arguments.montage]
size = {"n_characters": 2, "n_repetitions": 3} if arguments.quick else {}
dataset = arguments.dataset or SimulatedP300(**size)

trials = eegkd.load_trials(dataset, subjects=subjects)
is_test, rule = held_out(trials.metadata, trials.y)
blocks = trials.metadata.groupby(["subject", "session", "run", "group"]).size()
print(trials)
print(f"Tested on {rule}.")
print(f"{(trials.y == 'Target').mean():.0%} of the trials are targets.")
print(f"{len(blocks)} blocks of trials that overlap, of {blocks.min()} or more trials.")

# %%
# The signal: the average response of the first subject at Pz, with 95 % intervals over
# trials, and below where targets differ from other flashes. First comes what the eyes
# do: a target is looked at, and its visual response at the back of the head is larger.
# After 0.3 s comes what attention does, the P300, widest over parietal cortex (Polich,
# 2007). The ripple of the dashed line is the answer to all flashes, five in a second.
own = trials.subset((trials.metadata["subject"] == subjects[0]).to_numpy())
time = own.tmin + np.arange(own.n_times) / own.sfreq
electrode, _ = nearest_electrodes("Pz", own.ch_names)[0]
info = mne.create_info(list(own.ch_names), own.sfreq, "eeg")
info.set_montage(mne_montage(), match_case=False)
mean = {label: 1e6 * own.X[own.y == label].mean(axis=0) for label in own.classes}
difference = mean["Target"] - mean["NonTarget"]

response = plt.figure(figsize=(6.4, 5.4), layout="constrained")
upper, lower = response.subfigures(2, 1, height_ratios=(1.35, 1))
ax = upper.subplots()
styles = {"Target": ("#D55E00", "-"), "NonTarget": ("#0072B2", "--")}
for label, (color, line) in styles.items():
    shown = 1e6 * own.X[own.y == label, own.ch_names.index(electrode)]
    half = 1.96 * shown.std(axis=0) / np.sqrt(len(shown))
    ax.plot(
        time, shown.mean(axis=0), line, color=color, label=f"{label} ({len(shown)})"
    )
    ax.fill_between(
        time, shown.mean(axis=0) - half, shown.mean(axis=0) + half,
        color=color, alpha=0.25, linewidth=0,
    )  # fmt: skip
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xlabel="Time after the flash (s)", ylabel=f"{electrode} (microvolts)")
ax.set(xlim=(time[0], time[-1]))
kind = "SIMULATED: " if own.simulated else ""
ax.set_title(f"{kind}{own.name}, subject {subjects[0]}", loc="left")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
instants = (0.16, 0.24, 0.32, 0.4, 0.48)
heads = lower.subplots(1, len(instants))
limit = np.abs(difference).max()
for head, instant in zip(heads, instants, strict=True):
    image, _ = mne.viz.plot_topomap(
        difference[:, np.abs(time - instant).argmin()],
        info,
        axes=head,
        show=False,
        cmap="RdBu_r",
        vlim=(-limit, limit),
        contours=0,
        sensors=False,
    )
    head.set_title(f"{instant:g} s", size=10)
lower.colorbar(image, ax=heads, label="Target less\nNonTarget (µV)", shrink=0.8)
response.savefig(folder / "response.png", dpi=150)

# %%
# One call trains a teacher on all electrodes, an untaught student on those of the
# headset, and a student on the same ones with the teacher's help. What is not said here
# comes from `eegkd.PARADIGMS`: 1 to 24 Hz at 64 Hz, EEGNet, ``class_weight="balanced"``
# (each target counts five times as much as another flash), and the area under the ROC
# curve (ROC-AUC), which is 0.5 at chance level, however rare targets are. Training
# sees the first day and testing the second.
#
# *unicorn* has Pz and two electrodes over visual cortex, *hermes* as many, all of them
# over frontal cortex.
epochs = arguments.max_epochs or (2 if arguments.quick else "auto")
options = {
    "max_epochs": epochs,
    "validate": False,  # a check of the teacher on training trials, as long again
    "n_jobs": 1 if arguments.quick else 2,
}
results = {montage.name: eegkd.fit(trials, montage, **options) for montage in montages}
first = results[montages[0].name]
print(first.describe())

# %%
# The same students by plain accuracy, which the class weights do not optimize. Set it
# beside the 5/6 of never saying "target": a decoder that is of use can have less.
means = first.scores.groupby("method", sort=False)["accuracy"].mean()
print(means.round(3).to_string())

# %%
# The figure of the first headset. Lines are subjects.
scores = first.plot()
scores.savefig(folder / "scores.png", dpi=150)

# %%
# The same for the other headset. As many electrodes at other electrodes are not the
# same thing.
for name, result in results.items():
    if result is not first:
        print(f"\n{name}\n{result.describe()}")

# %%
# Spellers do not decide by one flash. All rows and columns flash several times, and the
# scores of each are averaged. MOABB's labels say only whether a flash is a target, not
# which row or column it is, so that choosing characters is left to the user, who knows.
# What averaging does for ROC-AUC can be shown: each of the twelve flashes once in every
# repetition, so that the n-th target of one is averaged with the n-th of the next, and
# the other flashes likewise.
N_LINES, N_TARGETS = 12, 2  # rows and columns, and how many of them are attended


def after_repetitions(model, day):
    """Return ROC-AUC by the number of repetitions that scores are averaged over."""
    proba = model.predict_proba(day)[:, model.classes_.tolist().index("Target")]
    score = np.log(np.clip(proba, 1e-6, 1)) - np.log(np.clip(1 - proba, 1e-6, 1))
    averaged = {"Target": [], "NonTarget": []}
    for rows in day.metadata.groupby(["run", "group"]).indices.values():
        for label, n in (("Target", N_TARGETS), ("NonTarget", N_LINES - N_TARGETS)):
            table = score[rows[day.y[rows] == label]].reshape(-1, n)
            count = np.arange(1, len(table) + 1)[:, np.newaxis]
            averaged[label].append(table.cumsum(axis=0) / count)
    targets, others = (np.hstack(parts) for parts in averaged.values())
    truth = np.repeat([1, 0], [targets.shape[1], others.shape[1]])
    return [roc_auc_score(truth, row) for row in np.hstack([targets, others])]


if trials.simulated:
    COLORS = ["#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9"]  # Okabe and Ito's
    lines = {
        f"teacher, all {trials.n_chans} electrodes": (first.teachers, "#0072B2", "o")
    }
    for montage, color, marker in zip(montages, COLORS, "Ds^vP", strict=False):
        label = f"student, {montage.name} ({montage.n_chans})"
        lines[label] = (results[montage.name].students, color, marker)
    subject = trials.metadata["subject"].to_numpy()
    repeated, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for label, (models, color, marker) in lines.items():
        curves = np.array(
            [
                after_repetitions(
                    models[str(who), 0], trials.subset(is_test & (subject == who))
                )
                for who in subjects
            ]
        )
        x = np.arange(1, curves.shape[1] + 1)
        ax.plot(x, curves.T, color=color, linewidth=0.8, alpha=0.4)
        ax.plot(x, curves.mean(axis=0), color=color, marker=marker, label=label)
    ax.plot([], [], color="#8c8c8c", linewidth=0.8, label="one subject")
    ax.axhline(0.5, color="black", linewidth=1, linestyle="--")
    ax.annotate("chance", (1, 0.5), (0, 4), textcoords="offset points", size=9)
    ax.set(xlabel="Repetitions averaged", ylabel="ROC-AUC, second day", xticks=x)
    ax.set_title(f"SIMULATED: {trials.name}", loc="left")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.36), ncols=2, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    repeated.savefig(folder / "repetitions.png", dpi=150)

# %%
# **What can be concluded.** Electrodes count for more than their number: eight
# electrodes with some over parietal and visual cortex come near all 64, eight over
# frontal cortex do not, and averaging does not make up for it in everyone. What looks
# poor for one flash may be enough for a speller, which asks several times; what
# repetitions cost is time.
#
# **What cannot.** Whether the teacher helps: with three subjects the smallest possible
# p is 0.25, and a difference of either sign may be noise. The teacher is no ceiling
# either: 64 electrodes have more weights to be learned from the same 960 flashes. With
# two classes its scores say how sure it is and little else; `eegkd.benchmark` compares
# methods that have more to pass on. In people blinks and eye movements may follow
# targets, which frontal electrodes see; here they do not. And dry electrodes are
# noisier than these.
#
# Polich, J. (2007). Updating P300: an integrative theory of P3a and P3b. Clinical
# Neurophysiology, 118(10), 2128-2148.
first.save(folder)
print(f"Figures, and scores and models of {montages[0].name}: {folder}/")
