"""Which part of SK-KD helps on simulated motor imagery, and how good its teacher is.

Runs on other simulated subjects (seed 1 of the simulation) than the table of the
README, with the same training settings: the published mixture and mixtures with one
thing changed. Then prints the teachers' accuracy on the trials that they were trained
on: close to 1 their scores say little that the labels do not.

    python benchmarks/bench_ablation.py --subjects 1 2 3 4 5 6
"""

from __future__ import annotations

import argparse

import eegkd
from eegkd.benchmark.work import one_thread
from eegkd.data.simulated import SimulatedMotorImagery

TRAINING = {"recipe": "published", "max_epochs": 150, "lr": 2e-3}
VARIANTS = {
    "none": {},
    "sk_kd": {},
    "no soft labels": {"method": "sk_kd", "label_weight": 1.0, "soft_weight": 0.0},
    "similarity weight 45": {"method": "sk_kd", "similarity_weight": 45.0},
    "last tap alone": {"method": "sk_kd", "n_taps": 1},
}


def known_by_heart(dataset: SimulatedMotorImagery, subject: int) -> float:
    """Return a teacher's accuracy on its own training trials."""
    trials = eegkd.load_trials(dataset, subjects=[subject])
    train = trials.subset((trials.metadata["session"] == "0train").to_numpy())
    with one_thread():
        teacher = eegkd.DistilledClassifier(**TRAINING).train_teacher(train)
        return teacher.score(train, train.y)


def main() -> None:
    """Run what the store lacks, then print tables and comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=list(range(1, 10)))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--store", default="ablation.sqlite")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    dataset = SimulatedMotorImagery(seed=1)
    results = eegkd.benchmark(
        dataset,
        methods=VARIANTS,
        subjects=arguments.subjects,
        n_seeds=arguments.seeds,
        store=arguments.store,
        n_jobs=arguments.jobs,
        **TRAINING,
    )
    print(results.describe())
    for subject in arguments.subjects[:3]:
        accuracy = known_by_heart(dataset, subject)
        print(f"teacher of subject {subject} on its training trials: {accuracy:.3f}")


if __name__ == "__main__":
    main()
