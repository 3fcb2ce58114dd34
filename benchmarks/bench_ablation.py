"""Which part of SK-KD helps on simulated motor imagery, and how good its teacher is.

Runs on other simulated persons (seed 1 of the simulation) than the table of the README,
with the same training settings: the published mixture and mixtures with one thing
changed. "teacher, train" is the teacher's accuracy on the trials that it was trained
on: close to 1 its scores say little that the labels do not.

    python benchmarks/bench_ablation.py --subjects 1 2 3 4 5 6
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from bench_methods import MONTAGES, TRAINING, split_sessions
from joblib import Parallel, delayed

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.statistics import paired_permutation_test

VARIANTS = {
    "no teacher": ("none", {}),
    "SK-KD as published": ("sk_kd", {}),
    "no soft labels": ("sk_kd", {"label_weight": 1.0, "soft_weight": 0.0}),
    "similarity weight 45": ("sk_kd", {"similarity_weight": 45.0}),
    "last tap alone": ("sk_kd", {"n_taps": 1}),
}


def one_subject(subject: int, seed: int) -> list[dict]:
    """Return the accuracy of every variant for one subject."""
    train, test = split_sessions(subject, data_seed=1)
    teacher = DecoderClassifier(random_state=seed, **TRAINING).fit(train)
    rows = [
        ("teacher, train", "full", teacher.score(train, train.y)),
        ("teacher", "full", teacher.score(test, test.y)),
    ]
    for montage in MONTAGES:
        for name, (method, options) in VARIANTS.items():
            student = DistilledClassifier(
                montage,
                method,
                teacher,
                method_options=options,
                random_state=seed,
                **TRAINING,
            ).fit(train)
            rows.append((name, montage, student.score(test, test.y)))
    return [
        {"subject": subject, "variant": name, "montage": montage, "accuracy": accuracy}
        for name, montage, accuracy in rows
    ]


def main() -> None:
    """Print mean accuracies, differences to no teacher and p-values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=list(range(1, 10)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, help="also write the scores (CSV)")
    arguments = parser.parse_args()
    run = Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    rows = []
    for found in run(
        delayed(one_subject)(who, arguments.seed) for who in arguments.subjects
    ):
        rows += found
        if arguments.output is not None:
            pd.DataFrame(rows).to_csv(arguments.output, index=False)
    scores = pd.DataFrame(rows).pivot(
        index="subject", columns=["montage", "variant"], values="accuracy"
    )
    for montage, variant in scores.columns:
        own = scores[montage, variant]
        line = f"{montage:<10} {variant:<22} {own.mean():.3f}"
        if montage in MONTAGES and variant != "no teacher":
            alone = scores[montage, "no teacher"]
            p = paired_permutation_test(own.to_numpy(), alone.to_numpy())
            line += f"  {own.mean() - alone.mean():+.3f}  p {p:.3f}"
        print(line)


if __name__ == "__main__":
    main()
