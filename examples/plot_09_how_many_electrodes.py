"""
How many electrodes do I need?
==============================

Every electrode less makes a device lighter and, at some point, a decoder worse. This
page draws accuracy against the number of electrodes, for students without and with a
teacher on all of them. The EEG is *simulated*, from a few simulated subjects: the curve
shows how to ask, not what the answer is for people.
"""

# %%
# Montages that hold each other: the four electrodes of the headband, all 64, and steps
# in between. `eegkd.montage.ladder` adds the electrodes nearest to those that are there
# already, and the numbers grow by a constant factor. Another ladder, say one that keeps
# electrodes spread over the head, is a list of lists of electrodes.
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import eegkd
from eegkd.evaluation.statistics import mean_interval
from eegkd.montage import ladder
from eegkd.report import plot_montage

parser = argparse.ArgumentParser(description="How many electrodes do I need?")
parser.add_argument("--dataset", default="SimulatedMotorImagery", help="of MOABB")
parser.add_argument("--montage", default="headband", help="the smallest")
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 4")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1, 2] if arguments.quick else [1, 2, 3, 4])
epochs = arguments.max_epochs or (1 if arguments.quick else "auto")

trials = eegkd.load_trials(arguments.dataset, subjects=subjects)
smallest = eegkd.load_montage(arguments.montage)
steps = ladder(smallest.ch_names, trials.ch_names, n_steps=1 if arguments.quick else 3)
for step in [smallest, *steps]:
    print(f"{step.n_chans:>3}: {', '.join(step.ch_names)}")

# %%
# On the head: filled electrodes belong to the step, gray ones are the rest of the cap.
heads = plt.figure(figsize=(2.6 * (1 + len(steps)), 2.9), layout="constrained")
for ax, step in zip(heads.subplots(1, 1 + len(steps)), [smallest, *steps], strict=True):
    plot_montage(step.ch_names, trials.ch_names, ax, names=False)
    ax.set_title(f"{step.n_chans} electrodes")
heads.savefig(folder / "montages.png", dpi=150)

# %%
# One benchmark does all of it. A teacher on all electrodes is trained once for each
# subject and serves all steps; ``none`` is the student of the same step without it. The
# last session is for testing.
results = eegkd.benchmark(
    trials,
    montages=[smallest, *steps],
    methods=["none", "sk_kd"],
    n_seeds=1,
    max_epochs=epochs,
    n_jobs=1 if arguments.quick else 2,
    store=folder / "electrodes.sqlite",
)
print(results.describe())

# %%
# The curve. The teacher's decoder on all electrodes is the right end of both lines.
# Points are means over subjects, bars are 95 % intervals, and thin lines are single
# subjects: where intervals are as wide as here, a difference of a few points between
# the lines is noise. A plateau tells more than a difference: to its right, further
# electrodes add little *for this task and decoder*.
metric = results.metrics[0]
colors = {"none": "#E69F00", "sk_kd": "#009E73"}
names = {"none": "without a teacher", "sk_kd": "taught by all electrodes (SK-KD)"}
scores = results.scores
curve, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
for shift, method in ((0.985, "none"), (1.015, "sk_kd")):
    shown = scores[scores["method"].eq(method) | scores["kind"].eq("teacher")]
    table = shown.pivot_table(index="n_chans", columns="subject", values=metric)
    ax.plot(table, color=colors[method], linewidth=0.8, alpha=0.35)
    ends = [mean_interval(row) for row in table.to_numpy()]
    bars = [[m - low for m, low, _ in ends], [high - m for m, _, high in ends]]
    ax.errorbar(
        table.index * shift,
        table.mean(axis=1),
        bars,
        color=colors[method],
        marker="o" if method == "none" else "D",
        capsize=4,
        linewidth=2,
        elinewidth=1.2,
        label=names[method],
    )
chance = 1 / len(trials.classes)
if metric == "accuracy":
    ax.axhline(chance, color="black", linewidth=1, linestyle="--")
    ax.annotate("chance", (table.index[0], chance), (0, 4), textcoords="offset points")
ax.set_xscale("log")
ax.set_xticks(table.index, [str(n) for n in table.index])
ax.set_xticks([], minor=True)
ax.set_ylim(0, 1)
ax.set_xlabel("Electrodes of the student")
ax.set_ylabel(f"Test {metric.replace('_', ' ')}")
kind = "SIMULATED: " if trials.simulated else ""
ax.set_title(f"{kind}{trials.name}, {len(subjects)} subjects, one seed", loc="left")
ax.legend(loc="lower right", frameon=False)
ax.spines[["top", "right"]].set_visible(False)
curve.savefig(folder / "electrodes.png", dpi=150)
print(f"Scores and figures: {folder}/")
