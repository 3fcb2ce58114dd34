"""What wrong labels cost the student, without a teacher, with KD and with RoS-KD.

In a part of the training trials of simulated subjects the label is replaced by another
class, drawn at random; these trials stay wrong for teachers, student and validation.
Students are tested on the second day with its true labels. KD's teacher sees all
training trials, those of RoS-KD overlapping parts of them.

    python benchmarks/bench_label_noise.py
    python benchmarks/bench_label_noise.py --subjects 1 2 3 --noise 0 0.2 --seeds 3
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
import pandas as pd

import eegkd
from eegkd.benchmark.work import one_thread
from eegkd.data.simulated import SimulatedMotorImagery
from eegkd.data.trials import Trials

METHODS = ("none", "kd", "ros_kd")
TRAINING = {"montage": "headphone", "recipe": "published", "lr": 2e-3}


def sessions(subject: int) -> tuple[Trials, Trials]:
    """Return the first and the second day of a simulated subject."""
    dataset = SimulatedMotorImagery(seed=2)
    trials = eegkd.load_trials(dataset, subjects=[subject])
    first = (trials.metadata["session"] == "0train").to_numpy()
    return trials.subset(first), trials.subset(~first)


def wrong_labels(y: np.ndarray, part: float, seed: int) -> np.ndarray:
    """Return labels of which a part, drawn at random, is another class each."""
    rng = np.random.default_rng(seed)
    classes, codes = np.unique(y, return_inverse=True)
    chosen = rng.permutation(len(y))[: round(part * len(y))]
    codes[chosen] += rng.integers(1, len(classes), len(chosen))
    return classes[codes % len(classes)]


def measure(arguments: argparse.Namespace) -> pd.DataFrame:
    """Return one accuracy for each subject, part of wrong labels, method and seed."""
    rows = []
    for subject in arguments.subjects:
        train, test = sessions(subject)
        for part, seed in itertools.product(arguments.noise, range(arguments.seeds)):
            y = wrong_labels(train.y, part, seed)
            for method in arguments.methods:
                student = eegkd.DistilledClassifier(
                    method=method,
                    max_epochs=arguments.epochs,
                    random_state=seed,
                    **TRAINING,
                )
                score = student.fit(train, y).score(test, test.y)
                rows.append((subject, part, method, seed, score))
    columns = ["subject", "wrong labels", "method", "seed", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Print accuracy by part of wrong labels and method, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.3])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100)
    arguments = parser.parse_args()
    with one_thread():
        scores = measure(arguments)
    table = scores.pivot_table(
        index=["wrong labels", "method"],
        columns="seed",
        values="accuracy",
        sort=False,
    )
    table.columns = [f"seed {seed}" for seed in table.columns]
    table["mean"] = table.mean(axis=1)
    print(f"Accuracy on the second day, mean over subjects {arguments.subjects}:\n")
    print(table.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
