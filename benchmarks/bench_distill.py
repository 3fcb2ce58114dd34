"""What distilling costs: the student alone, SK-KD here, SK-KD as published.

Times one epoch over 252 training trials with 22 electrodes and 562 samples (batches of
128) and the validation on 36 trials, in three ways:

a. the student alone, on the labels;
b. SK-KD here: the frozen teacher is read once, its matrix of similarities is sliced;
c. SK-KD by the published procedure: the teacher is read live for each batch and in
   validation, batches come from a loader with worker processes, and the similarity is
   left to autograd.

The three take turns in one run and the table gives the median of the ratios of
neighboring epochs, which holds on a noisy machine. The data are random: this measures
time only. (c) is run with the teacher in eval mode, so that its losses can be
compared with those of (b).

What (b) adds to (a) is the similarity of the student's trials and its gradient: for
each tap one product of a batch with itself forward and one backward. The smaller the
network, the more that weighs.

    python benchmarks/bench_distill.py            # all decoders and montages
    python benchmarks/bench_distill.py --rounds 5 --decoders SCCNet
"""

from __future__ import annotations

import argparse
import copy
import time

import numpy as np
import torch
from torch.nn import functional as F

from eegkd.criteria import KL, CrossEntropy, SimilarityKeeping
from eegkd.decoders import build_decoder
from eegkd.distillation import Learner, Objective, distill
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen
from eegkd.view import View
from eegkd.weightings import Constant

CH_NAMES = (
    "Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz"
).split()
N_TRAIN, N_VALID, N_TIMES, SFREQ, BATCH = 252, 36, 562, 125.0, 128
WEIGHTS = (0.1, 0.9, 450.0)
TEMPERATURE = 4.0


def random_sampler(n_trials: int, seed: int) -> TrialSampler:
    """Return random trials of the size of the paper's."""
    rng = np.random.default_rng(seed)
    X = 1e-5 * rng.standard_normal((n_trials, len(CH_NAMES), N_TIMES))
    return TrialSampler.from_arrays(X, np.arange(n_trials) % 4, batch_size=BATCH)


def sk_objective(teacher: Frozen) -> Objective:
    """Return the objective of SK-KD with the published weights."""
    return Objective(
        [
            (CrossEntropy(), None),
            (KL(TEMPERATURE), teacher),
            (SimilarityKeeping(), teacher),
        ],
        Constant(*WEIGHTS),
    )


def published_loss(student, teacher, y: torch.Tensor) -> torch.Tensor:
    """Return the published loss, written out and left to autograd."""

    def gram(features: torch.Tensor) -> torch.Tensor:
        centered = features - features.mean(dim=2, keepdim=True)
        rows = F.normalize(centered, dim=2).flatten(1)
        return rows @ rows.T / features.shape[1]

    label = F.cross_entropy(student.logits, y)
    soft = F.kl_div(
        F.log_softmax(student.logits / TEMPERATURE, dim=1),
        F.softmax(teacher.logits / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    taps = list(student.features)[-2:]
    similarity = sum(
        F.mse_loss(gram(student.features[tap]), gram(teacher.features[tap]))
        for tap in taps
    )
    return (
        WEIGHTS[0] * label
        + WEIGHTS[1] * TEMPERATURE**2 * soft
        + WEIGHTS[2] * similarity
    )


class PublishedProcedure:
    """One student trained as the published code does, with a live teacher."""

    def __init__(self, student, teacher, sampler, valid, n_workers: int) -> None:
        self.student, self.teacher = student, teacher.eval()
        self.optimizer = torch.optim.Adam(
            student.parameters(), lr=5e-4, weight_decay=0.1
        )
        data = torch.utils.data.TensorDataset(sampler.X, sampler.y)
        self.train_loader = torch.utils.data.DataLoader(
            data, BATCH, shuffle=True, num_workers=n_workers
        )
        self.valid_loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(valid.X, valid.y),
            BATCH,
            num_workers=n_workers,
        )

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the loss of one batch, with the teacher read now."""
        with torch.no_grad():
            target = self.teacher(self.teacher.view(x))
        return published_loss(self.student(self.student.view(x)), target, y)

    def one_pass(self) -> None:
        """Train and validate once."""
        self.student.train()
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            self.loss(x, y).backward()
            self.optimizer.step()
        self.student.eval()
        with torch.no_grad():
            for x, y in self.valid_loader:
                float(self.loss(x, y))


def seconds(work) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(name: str, montage: str, rounds: int, epochs: int, n_workers: int) -> str:
    """Return one line of the table."""
    sampler, valid = random_sampler(N_TRAIN, 0), random_sampler(N_VALID, 1)
    sizes = {"n_outputs": 4, "n_times": N_TIMES, "sfreq": SFREQ, "random_state": 0}
    teacher = build_decoder(name, View(None, CH_NAMES).fit(sampler.X), **sizes)
    student = build_decoder(name, View(montage, CH_NAMES).fit(sampler.X), **sizes)
    frozen = Frozen(teacher)

    def train(objective: Objective) -> None:
        learner = Learner(copy.deepcopy(student), objective)
        learner.decoder.view = student.view
        distill(learner, sampler, valid=valid, max_epochs=epochs)

    alone = Objective([(CrossEntropy(), None)])
    here = sk_objective(frozen)
    published = PublishedProcedure(
        copy.deepcopy(student), copy.deepcopy(teacher), sampler, valid, n_workers
    )
    gap = loss_gap(student, teacher, here, sampler)
    train(alone), train(here), published.one_pass()  # warm up, fill the memory
    rows = []
    for _ in range(rounds):
        a = seconds(lambda: train(alone)) / epochs
        b = seconds(lambda: train(here)) / epochs
        c = seconds(published.one_pass)
        rows.append((a, b, c, b / a, c / b))
    a, b, c, b_over_a, c_over_b = np.median(rows, axis=0)
    return (
        f"{name:<16} {montage:<10} {a:8.3f} {b:8.3f} {c:8.3f} "
        f"{b_over_a:8.2f} {c_over_b:8.2f}   {gap:.1e}"
    )


def loss_gap(student, teacher, here: Objective, sampler: TrialSampler) -> float:
    """Return the largest relative difference between the losses of (b) and (c)."""
    student.eval(), teacher.eval()
    gaps = []
    with torch.no_grad():
        for batch in sampler(0):
            output = student(batch.seen_by(student.view))
            target = teacher(teacher.view(sampler.X[batch.index]))
            b = here(output, batch)[0]
            c = published_loss(output, target, batch.y)
            gaps.append(float((b - c).abs() / c))
    return max(gaps)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    decoders = ["SCCNet", "EEGNet", "ShallowFBCSPNet"]
    parser.add_argument("--decoders", nargs="+", default=decoders)
    parser.add_argument("--montages", nargs="+", default=["headphone", "headband"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=3, help="epochs in a round")
    parser.add_argument("--workers", type=int, default=2, help="of the loader in (c)")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"{'decoder':<16} {'montage':<10} {'a s':>8} {'b s':>8} {'c s':>8} "
        f"{'b/a':>8} {'c/b':>8}   loss gap (b, c)"
    )
    for name in arguments.decoders:
        for montage in arguments.montages:
            line = measure(
                name, montage, arguments.rounds, arguments.epochs, arguments.workers
            )
            print(line, flush=True)


if __name__ == "__main__":
    main()
