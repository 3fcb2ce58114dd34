"""
c-VEP: from flashes to the code that was looked at
==================================================

Targets flicker by a code, a row of light and dark bits that looks like noise. A decoder
says of every single bit whether it was light, which is hard; the bits of a trial
together say which code it was, which is easy. This page goes through both steps, with
the electrodes of the Unicorn headset and with those of a Muse, with and without a
teacher. The EEG is *simulated*.
"""

# %%
# Trials. In the convention of MOABB every bit is a trial of its own: the 0.3 s after
# its onset, named ``1.0`` (light) or ``0.0`` (dark). Neighbors overlap, and the
# metadata know which windows belong to one turn of the code (``group``), so that no
# split parts them. The first day of each subject is for training, the second for
# testing.
#
# The simulated set is recorded here at the rate that it is decoded at, 120 Hz, which
# saves the time of resampling. ``--dataset`` takes any c-VEP set of MOABB.
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import eegkd
from eegkd.data.simulated import SimulatedCVEP
from eegkd.evaluation.splits import held_out
from eegkd.report import KIND_COLORS

parser = argparse.ArgumentParser(description="c-VEP: from flashes to codes.")
parser.add_argument("--dataset", help="of MOABB, by default the simulated set")
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 3")
parser.add_argument(
    "--montage", nargs="+", default=["unicorn", "muse"], help="one or several"
)
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3])
epochs = arguments.max_epochs or (2 if arguments.quick else "auto")

size = {"n_trials": 2, "n_runs": 2} if arguments.quick else {"n_trials": 4, "n_runs": 4}
trials = eegkd.load_trials(
    arguments.dataset or SimulatedCVEP(n_targets=8, sfreq=120, **size),
    subjects=subjects,
    sfreq=120.0,
)
is_test, rule = held_out(trials.metadata, trials.y)
kind = "SIMULATED: " if trials.simulated else ""
print(f"{trials}\nTested on {rule}.")

# %%
# The answer to a bit: the average over the windows of each class. What follows a bit is
# mixed with the answers to its neighbors, 25 ms apart; since the code looks like noise,
# the average cancels them. The wave after a light bit has two microvolts and more at
# Oz; after a dark bit it is the opposite. Fz sees less than half of it, in another
# shape.
electrodes = [electrode for electrode in ("Oz", "Fz") if electrode in trials.ch_names]
electrodes = electrodes or list(trials.ch_names[:1])
LOOKS = [("#0072B2", "--"), ("#E69F00", "-"), ("#009E73", ":"), ("#CC79A7", "-.")]
milliseconds = 1e3 * (trials.tmin + np.arange(trials.n_times) / trials.sfreq)
subject = (trials.metadata["subject"] == subjects[0]).to_numpy()
answers = Figure(figsize=(6.4, 3.2), layout="constrained")
axes = answers.subplots(1, len(electrodes), sharey=True, squeeze=False)[0]
for ax, electrode in zip(axes, electrodes, strict=True):
    for label, (color, dashes) in zip(trials.classes, LOOKS, strict=False):
        windows = 1e6 * trials.X[subject & (trials.y == label)]
        average = windows[:, trials.ch_names.index(electrode)].mean(axis=0)
        name = {"1.0": "light", "0.0": "dark"}.get(str(label), str(label))
        ax.plot(milliseconds, average, color=color, linestyle=dashes, label=name)
    ax.axhline(0, color="#8c8c8c", linewidth=0.8, zorder=0)
    ax.set_xlabel("Time after the bit's onset (ms)")
    ax.set_title(electrode, loc="left", size=10)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("Average (µV)")
axes[-1].legend(loc="upper right", frameon=False)
answers.suptitle(f"{kind}{trials.name}, subject {subjects[0]}", size=11)
answers.savefig(folder / "answers.png", dpi=150)

# %%
# Teacher and students. Network and training are those of `eegkd.PARADIGMS` and of the
# default recipe for c-VEP: EEGNet with short kernels. The teacher reads the nine
# electrodes over the visual cortex; the first layer of EEGNet works on each electrode,
# so that all 64 would take seven times as long.
visual = "PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz".split()
visual = [electrode for electrode in visual if electrode in trials.ch_names]
teacher = eegkd.DecoderClassifier(visual or None, max_epochs=epochs)
results = {
    montage: eegkd.fit(
        trials,
        montage=montage,
        teacher=teacher,
        on_missing="nearest",  # the cap has no TP9: its neighbor stands in
        validate=False,  # a check of the teacher on training trials, as long again
        n_jobs=1 if arguments.quick else 2,
        max_epochs=epochs,
    )
    for montage in arguments.montage
}
for found in results.values():
    print(found.describe(), end="\n\n")

# %%
# The figure of the first montage, and its models and report as files. A single bit
# stays uncertain even for the teacher.
first = arguments.montage[0]
result = results[first]
saved = result.save(folder)
report = result.report(saved / "report.html")
scores = result.plot()
scores.savefig(folder / "scores.png", dpi=150)

# %%
# From bits to codes. A decoder gives the probability of light for every bit of a trial.
# The code with which this row of probabilities correlates most is the answer. A speller
# knows the codes that it shows; here they are read from the labels. After how many bits
# does one answer? All prefixes are tried, so that one sees what waiting brings.
level = trials.y.astype(float)  # 1 for light, 0 for dark


def turns(rows):
    """Return the windows of each turn of the code, (n_turns, n_bits)."""
    own = trials.metadata.iloc[rows].reset_index(drop=True)
    groups = own.groupby(["subject", "session", "run", "group"], sort=False).indices
    n_bits = max(map(len, groups.values()))
    return np.array([rows[g] for g in groups.values() if len(g) == n_bits])


codes = np.unique(level[turns(np.arange(len(trials)))], axis=0)
steps = np.arange(8, codes.shape[1] + 1, 5)


def unit(values):
    """Return rows without their mean and of length one."""
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def decode(model, subject):
    """Return how often the code is right after some numbers of bits."""
    rows = turns(np.flatnonzero(person_is(subject) & is_test))
    proba = model.predict_proba(trials.subset(rows.ravel()))
    light = (proba @ model.classes_.astype(float)).reshape(rows.shape)
    looked_at = (level[rows][:, None] == codes).all(axis=2).argmax(axis=1)
    found = [(unit(light[:, :n]) @ unit(codes[:, :n]).T).argmax(axis=1) for n in steps]
    return [(best == looked_at).mean() for best in found]


def person_is(subject):
    """Say which trials are those of a subject."""
    return (trials.metadata["subject"] == subject).to_numpy()


one = turns(np.flatnonzero(is_test))[0]
start = trials.metadata["start"].to_numpy()[one]
seconds = start[steps - 1] - start[0] + trials.n_times / trials.sfreq
lines = {}
for montage, found in results.items():
    models_of = {"untaught student": found.untaught, "taught student": found.students}
    if montage == first:  # the same one for all
        models_of = {"teacher": found.teachers, **models_of}
    for kind_of, models in models_of.items():
        name = "all" if kind_of == "teacher" else montage
        curves = [decode(models[str(subject), 0], subject) for subject in subjects]
        lines[name, kind_of] = np.mean(curves, axis=0)
table = pd.DataFrame(lines, index=pd.Index(seconds.round(3), name="seconds"))
table.to_csv(folder / "codes.csv")
print(f"{len(codes)} codes of {codes.shape[1]} bits\n{table.round(2).to_string()}")

# %%
# Means over subjects. The Unicorn has three electrodes over the visual cortex, the Muse
# none. Set the curves beside the scores of single bits above: errors of bits are not
# errors of codes. A decoder that is right in little more than half of the bits finds
# codes once it has read enough of them, and a better one needs fewer.
#
# What one may conclude: the share of right bits alone says little about a speller, and
# one has to look at codes and at the time that they take; where the electrodes are
# decides about both. What one may not: three simulated subjects and one seed do not say
# whether a teacher helps. Eight codes are few, and more are harder to tell apart. The
# simulation adds up the answers to bits exactly, which cortex does not, and its
# electrodes at the ears are those of a cap. And the field's classical decoders of
# c-VEP, which compare the response with one predicted for each code, are not among the
# baselines here, so that nothing is said about networks and them.
NAMES = {"teacher": "teacher", "untaught student": "alone", "taught student": "taught"}
decoding = Figure(figsize=(6.4, 4.2), layout="constrained")
ax = decoding.subplots()
marks = dict(zip(["all", *results], ["o", "s", "^", "D", "v", "P"], strict=False))
for (montage, kind_of), curve in lines.items():
    place = (
        f"{len(visual) or trials.n_chans} electrodes" if montage == "all" else montage
    )
    ax.plot(
        seconds,
        curve,
        color=KIND_COLORS[kind_of],
        marker=marks[montage],
        markersize=4,
        linestyle="-" if montage in ("all", first) else "--",
        label=f"{place}, {NAMES[kind_of]}",
    )
ax.axhline(1 / len(codes), color="black", linewidth=1, linestyle=":")
ax.annotate(
    "chance", (seconds[0], 1 / len(codes)), (0, 3), textcoords="offset points", size=9
)
ax.set(ylim=(0, 1.02), xlabel="Seconds since the code's start")
ax.set_ylabel("Share of codes found in the test session")
ax.set_title(f"{kind}{trials.name}", loc="left", size=11)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=9)
ax.spines[["top", "right"]].set_visible(False)
decoding.savefig(folder / "codes.png", dpi=150)
print(f"Scores, models, report and figures: {folder}/")
