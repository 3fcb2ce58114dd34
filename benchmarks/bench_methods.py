"""What a teacher gives back, on simulated motor imagery: the table of the README.

Nine simulated subjects, three seeds. For each, one teacher on all electrodes and, on
each of the paper's two montages, a student without teacher, with KD and with SK-KD.
All train on the first session and are tested on the second. Everything is trained with
the same settings, which were chosen on other simulated persons (seed 1 of the
simulation) by the accuracy of decoders without a teacher.

    python benchmarks/bench_methods.py                    # about half an hour, 2 cores
    python benchmarks/bench_methods.py --store table.csv  # goes on where it stopped
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier, SimulatedMotorImagery
from eegkd.statistics import mean_interval, paired_permutation_test

MONTAGES = ("headphone", "headband")
METHODS = ("none", "kd", "sk_kd")
TRAINING = {"max_epochs": 150, "lr": 2e-3}


def split_sessions(subject: int, data_seed: int) -> tuple[eegkd.Trials, eegkd.Trials]:
    """Return the trials of the first and of the second session; one thread from now."""
    import torch

    torch.set_num_threads(1)
    dataset = SimulatedMotorImagery(seed=data_seed)
    trials = eegkd.load_trials(dataset, subjects=[subject])
    first = (trials.metadata["session"] == "0train").to_numpy()
    return trials.subset(first), trials.subset(~first)


def one_subject(subject: int, seed: int, data_seed: int) -> list[dict]:
    """Return the scores of all roles for one subject and seed."""
    train, test = split_sessions(subject, data_seed)
    teacher = DecoderClassifier(random_state=seed, **TRAINING).fit(train)
    rows = [("teacher", "full", teacher)]
    for montage in MONTAGES:
        for method in METHODS:
            student = DistilledClassifier(
                montage, method, teacher, random_state=seed, **TRAINING
            )
            rows.append((method, montage, student.fit(train)))
    return [
        {
            "subject": subject,
            "seed": seed,
            "method": method,
            "montage": montage,
            "accuracy": model.score(test, test.y),
        }
        for method, montage, model in rows
    ]


def table(scores: pd.DataFrame) -> str:
    """Return the scores as a Markdown table."""
    by_subject = scores.groupby(["montage", "method", "subject"])["accuracy"].mean()
    lines = [
        "| electrodes | decoder | accuracy | 95 % interval | minus no teacher | p |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    names = {
        "teacher": "teacher",
        "none": "no teacher",
        "kd": "KD",
        "sk_kd": "SK-KD",
    }
    for montage, methods in [("full", ["teacher"]), *((m, METHODS) for m in MONTAGES)]:
        for method in methods:
            own = by_subject[montage, method]
            mean, low, high = mean_interval(own.to_numpy())
            gain = p = ""
            if method in ("kd", "sk_kd"):
                alone = by_subject[montage, "none"].loc[own.index]
                gain = f"{mean - alone.mean():+.3f}"
                p = f"{paired_permutation_test(own.to_numpy(), alone.to_numpy()):.3f}"
            n_chans = {"full": 64}.get(montage) or eegkd.load_montage(montage).n_chans
            lines.append(
                f"| {montage} ({n_chans}) | {names[method]} | {mean:.3f} | "
                f"{low:.3f} to {high:.3f} | {gain} | {p} |"
            )
    return "\n".join(lines)


def draw(scores: pd.DataFrame, file: Path) -> None:
    """Write a figure: each subject as a dot, mean and interval beside it."""
    from matplotlib.figure import Figure

    columns = [("full", "teacher"), *((m, k) for m in MONTAGES for k in METHODS)]
    colors = ["#0072B2", "#E69F00", "#56B4E9", "#009E73"]
    by_subject = scores.groupby(["montage", "method", "subject"])["accuracy"].mean()
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    ax = figure.subplots()
    places = [0, 1.6, 2.6, 3.6, 5.2, 6.2, 7.2]
    for place, (montage, method) in zip(places, columns, strict=True):
        own = by_subject[montage, method].to_numpy()
        mean, low, high = mean_interval(own)
        color = colors[["teacher", *METHODS].index(method)]
        ax.plot([place - 0.15] * len(own), own, "o", color=color, alpha=0.35, ms=4)
        ax.errorbar(
            place + 0.15,
            mean,
            [[mean - low], [high - mean]],
            fmt="o",
            color=color,
            capsize=4,
        )
        ax.annotate(f"{mean:.2f}", (place + 0.28, mean), va="center", fontsize=9)
    ax.axhline(0.25, color="gray", lw=1, ls="--")
    ax.annotate("chance", (7.75, 0.255), color="gray", ha="right", fontsize=9)
    names = ["teacher", *["no teacher", "KD", "SK-KD"] * 2]
    ax.set_xticks(places, names)
    ax.secondary_xaxis(-0.12).set_xticks(
        [0, 2.6, 6.2], ["64 electrodes", "headphone (7)", "headband (4)"]
    )
    ax.set(ylabel="Test accuracy", ylim=(0.2, 1.0), xlim=(-0.5, 7.8))
    ax.spines[["top", "right"]].set_visible(False)
    n_subjects, n_seeds = scores["subject"].nunique(), scores["seed"].nunique()
    ax.set_title(
        f"Simulated motor imagery: {n_subjects} subjects, {n_seeds} seeds, "
        "4 classes, 95 % intervals",
        fontsize=10,
    )
    figure.savefig(file, dpi=150)


def main() -> None:
    """Run what the store lacks, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("bench_methods.csv"))
    parser.add_argument("--subjects", type=int, nargs="+", default=list(range(1, 10)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data-seed", type=int, default=0, help="of the simulation")
    parser.add_argument("--figure", type=Path, help="also write a figure")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    done = pd.read_csv(arguments.store) if arguments.store.exists() else pd.DataFrame()
    known = set() if done.empty else {*zip(done["subject"], done["seed"], strict=True)}
    jobs = [
        (subject, seed)
        for seed in arguments.seeds
        for subject in arguments.subjects
        if (subject, seed) not in known
    ]
    run = Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    for rows in run(
        delayed(one_subject)(subject, seed, arguments.data_seed)
        for subject, seed in jobs
    ):
        new = not arguments.store.exists()
        pd.DataFrame(rows).to_csv(arguments.store, mode="a", header=new, index=False)
        print(f"subject {rows[0]['subject']}, seed {rows[0]['seed']} done", flush=True)
    scores = pd.read_csv(arguments.store)
    print(table(scores))
    if arguments.figure is not None:
        draw(scores, arguments.figure)


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    main()
