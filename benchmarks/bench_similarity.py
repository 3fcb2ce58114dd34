"""Why similarity keeping with its published weight outweighs the labels, and a remedy.

Everything here is development data, which no table of scores reports: the simulated
sets with ``seed=101``, and three subjects of a set of visual evoked responses if its
file is given. For each set and network the script measures

- how much the correlations between trials spread that the teacher's last two layers
  hold; the same after each trial is shifted in time at random, which keeps its spectrum
  and breaks whatever is locked to the stimulus; and which share of their variance the
  classes of the two trials explain, on trials that the teacher was not trained on,
- how long the gradients of the softened classes and of the similarities are beside that
  of the labels, with the published weights, before and after the training,
- scores of the student untaught, with published weights, with the transfer losses
  scaled by ``calibrate``, and with the mean over the trials of the batch taken from the
  features before they are compared.

    python benchmarks/bench_similarity.py
    python benchmarks/bench_similarity.py similarity.csv --visual visual_objects.npz

What is finished is in the table, similarity.csv, and is not run again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pandas as pd
import torch
from torch import Tensor

import eegkd
from eegkd.benchmark.work import one_thread
from eegkd.criteria import KL, SimilarityKeeping
from eegkd.criteria.relations import (
    last_taps,
    similarity_keeping_loss,
    trial_similarity,
)
from eegkd.data import simulated
from eegkd.data.trials import Trials
from eegkd.decoders import Decoder, Output
from eegkd.distillation import History, Training
from eegkd.evaluation.metrics import roc_auc
from eegkd.methods.objectives import transfer, weighted
from eegkd.methods.sk_kd import sk_kd
from eegkd.samplers import Batch

SIMULATED = {
    "imagery": ("SimulatedMotorImagery", "headband"),
    "p300": ("SimulatedP300", "headband"),
    "ssvep": ("SimulatedSSVEP", "occipital_3"),
    "rstate": ("SimulatedRestingState", "headband"),
}
RIM = ["AF7", "AF8", "TP7", "TP8"]
CASES = (
    ("imagery", "SCCNet"),
    ("imagery", "EEGNet"),
    ("p300", "SCCNet"),
    ("p300", "EEGNet"),
    ("visual", "EEGNet"),
    ("ssvep", "EEGNet"),
    ("rstate", "SCCNet"),
)
KEYS = ["data", "network", "subject", "variant", "seed"]
KL_TO_LABELS, SK_TO_LABELS = "KL beside labels", "SK beside labels"


# -- data --------------------------------------------------------------------------


def halves(data: str, visual: Path) -> Iterator[tuple[str, Trials, Trials]]:
    """Yield training and test trials of each subject."""
    if data == "visual":
        yield from visual_halves(visual)
        return
    kind = getattr(simulated, SIMULATED[data][0])
    for subject in (1, 2):
        trials = eegkd.load_trials(kind(seed=101), subjects=[subject])
        session = trials.metadata["session"].to_numpy()
        first = session == session[0]
        if first.all():
            first = np.arange(len(session)) < len(session) // 2
        yield str(subject), trials.subset(first), trials.subset(~first)


def visual_halves(path: Path) -> Iterator[tuple[str, Trials, Trials]]:
    """Yield the halves of the first three subjects: first or second picture."""
    with np.load(path, allow_pickle=True) as file:
        held = {name: file[name] for name in file.files}
    for subject in list(dict.fromkeys(held["subject"].tolist()))[:3]:
        own = np.flatnonzero(held["subject"] == subject)
        own = own[np.argsort(held["trial"][own], kind="stable")]
        X = held["X"][own].astype(float) * 1e-6
        X = mne.filter.filter_data(X, float(held["sfreq"]), 1, 24, verbose=False)
        trials = Trials(
            X=mne.filter.resample(X, down=held["sfreq"] / 64, verbose=False),
            y=np.array(["S1" in name for name in held["condition"][own]]).astype(int),
            metadata=pd.DataFrame(
                {"subject": [str(subject)] * len(own), "session": "0", "run": "0"}
            ),
            ch_names=[str(name) for name in held["ch_names"]],
            sfreq=64.0,
            paradigm="p300",
        )
        first = np.arange(len(own)) < len(own) // 2
        yield str(subject), trials.subset(first), trials.subset(~first)


# -- the methods -------------------------------------------------------------------


class Centered(SimilarityKeeping):
    """Similarities of features without what the trials of the batch have in common."""

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,)."""
        losses = []
        for own, other in last_taps(student, teacher, self.n_taps):
            pair = student.features[own], teacher.features[other]
            losses.append(
                similarity_keeping_loss(
                    *(trial_similarity(one - one.mean(dim=0)) for one in pair)
                )
            )
        return torch.stack(losses).sum(dim=0)


def published(training: Training, *, temperature: float = 4.0) -> History:
    """Similarity keeping, with its gradients beside that of the labels noted."""
    before = gradients(training, temperature)
    history = sk_kd(training, temperature=temperature)
    after = gradients(training, temperature)
    history.notes |= {f"{name}, first": value for name, value in before.items()}
    history.notes |= {f"{name}, last": value for name, value in after.items()}
    return history


def centered(training: Training, *, temperature: float = 4.0) -> History:
    """Similarity keeping on centered features, with the published weights."""
    return transfer(
        training,
        [(450.0, Centered())],
        label_weight=0.1,
        soft_weight=0.9,
        temperature=temperature,
    )


def gradients(training: Training, temperature: float) -> dict[str, float]:
    """Return lengths of the gradients on the first batch, labels' as the unit."""
    decoder, teacher = training.copy_student().train(), training.frozen()
    objective = weighted(
        [
            (0.1, training.label_loss(), None),
            (0.9, KL(temperature), teacher),
            (450.0, SimilarityKeeping(), teacher),
        ]
    )
    batch = next(iter(training.sampler(0)))
    output = decoder(batch.seen_by(decoder.view))
    losses, weights = objective.weigh(output, batch)
    label, soft, similarity = (
        length(term, decoder) for term in (losses * weights).mean(dim=1)
    )
    return {KL_TO_LABELS: soft / label, SK_TO_LABELS: similarity / label}


def length(term: Tensor, decoder: Decoder) -> float:
    """Return the length of a gradient over all parameters."""
    parts = torch.autograd.grad(
        term, list(decoder.parameters()), retain_graph=True, allow_unused=True
    )
    return sum(float(part.square().sum()) for part in parts if part is not None) ** 0.5


#: Method and ``calibrate``; None keeps the weights of the method.
VARIANTS: dict[str, tuple[Any, float | None]] = {
    "none": ("none", None),
    "kd": ("kd", None),
    "sk_kd": (published, None),
    "sk_kd, centered": (centered, None),
    "sk_kd, calibrate 0.1": ("sk_kd", 0.1),
    "sk_kd, calibrate 0.3": ("sk_kd", 0.3),
    "sk_kd, calibrate 1": ("sk_kd", 1.0),
}


# -- what is measured --------------------------------------------------------------


def similarities(teacher: Any, trials: Trials) -> dict[str, float]:
    """Return spread and class share of the last two layers, mean of the two."""
    chosen = trials.subset(np.arange(len(trials)) < 300)
    decoder = teacher.decoder_.eval()
    signals = torch.as_tensor(chosen.X, dtype=torch.float32)
    with torch.no_grad():
        features = decoder(decoder.view(signals)).features
    found = []
    generator = torch.Generator().manual_seed(0)
    for values in list(features.values())[-2:]:
        lags = torch.randint(values.shape[2], (len(values),), generator=generator)
        moved = torch.stack(
            [one.roll(int(lag), 1) for one, lag in zip(values, lags, strict=True)]
        )
        pairs = upper(trial_similarity(values))
        found.append(
            {
                "mean": pairs.mean(),
                "spread": pairs.std(),
                "spread, shifted": upper(trial_similarity(moved)).std(),
                "class share": class_share(pairs, chosen.y),
            }
        )
    return pd.DataFrame(found).mean().to_dict()


def upper(matrix: Tensor) -> np.ndarray:
    """Return the entries of all pairs of different trials."""
    return matrix.numpy()[np.triu_indices(len(matrix), 1)]


def class_share(pairs: np.ndarray, y: np.ndarray) -> float:
    """Return the share of the variance that lies between pairs of classes."""
    first, second = np.triu_indices(len(y), 1)
    codes = np.unique(y, return_inverse=True)[1]
    low, high = np.sort([codes[first], codes[second]], axis=0)
    kinds = pd.Series(pairs).groupby([low, high])
    return float(kinds.transform("mean").var() / pairs.var())


def score(student: Any, trials: Trials) -> float:
    """Return the ROC-AUC of two classes with evoked responses, else the accuracy."""
    if student.settings_["paradigm"] != "p300":
        return float(student.score(trials, trials.y))
    codes = np.searchsorted(student.classes_, trials.y)
    return float(roc_auc(codes, student.predict_proba(trials)))


def run(data: str, network: str, arguments: argparse.Namespace, done: set) -> None:
    """Measure one set with one network and append what is new to the file."""
    montage = RIM if data == "visual" else SIMULATED[data][1]
    for subject, train, test in halves(data, arguments.visual):
        for seed in range(arguments.seeds):
            missing = [
                variant
                for variant in ("teacher", *VARIANTS)
                if (data, network, subject, variant, seed) not in done
            ]
            if not missing:
                continue
            student = eegkd.DistilledClassifier(
                montage, student=network, random_state=seed
            )
            teacher = student.train_teacher(train)
            for variant in missing:
                if variant == "teacher":
                    values = similarities(teacher, test)
                    values["score"] = score(teacher, test)
                else:
                    values = taught(student, teacher, variant, train, test)
                append(arguments.file, [data, network, subject, variant, seed], values)
                print(data, network, subject, variant, seed, values, flush=True)


def taught(
    student: Any, teacher: Any, variant: str, train: Trials, test: Trials
) -> dict[str, float]:
    """Return the score of a student, and what its method noted of gradients."""
    method, ratio = VARIANTS[variant]
    student.set_params(
        method=method, calibrate=ratio, teacher=None if method == "none" else teacher
    ).fit(train)
    noted = student.history_.notes.items()
    return {"score": score(student, test)} | {
        name: value
        for name, value in noted
        if name.startswith((KL_TO_LABELS, SK_TO_LABELS))
    }


def append(file: Path, keys: list[Any], values: dict[str, float]) -> None:
    """Add rows, one for each quantity."""
    rows = [[*keys, name, value] for name, value in values.items()]
    pd.DataFrame(rows, columns=[*KEYS, "quantity", "value"]).to_csv(
        file, mode="a", header=not file.exists(), index=False
    )


# -- tables ------------------------------------------------------------------------


def show(table: pd.DataFrame) -> str:
    """Return both tables: what is measured, and scores beside the untaught student."""
    measured = table[table["quantity"] != "score"].pivot_table(
        index=["data", "network"], columns="quantity", values="value", sort=False
    )
    scores = table[table["quantity"] == "score"]
    runs = scores.pivot_table(
        index=["data", "network", "subject", "seed"],
        columns="variant",
        values="value",
        sort=False,
    )
    # One value for each subject; seeds of a subject are not independent.
    own = runs.groupby(["data", "network", "subject"], sort=False).mean()
    gain = own.sub(own["none"], axis=0).drop(columns=["none"])
    by_case = gain.groupby(["data", "network"], sort=False)
    seeds = runs.sub(runs["none"], axis=0).drop(columns=["none"])
    return "\n\n".join(
        f"{title}\n{part.round(3).to_string()}"
        for title, part in (
            ("Measured", measured),
            ("Score", own.groupby(["data", "network"], sort=False).mean()),
            ("Minus untaught, mean over subjects", by_case.mean()),
            ("Standard error over subjects", by_case.sem()),
            (
                "Standard error over runs",
                seeds.groupby(["data", "network"], sort=False).sem(),
            ),
        )
    )


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?", default=Path("similarity.csv"))
    parser.add_argument("--visual", type=Path, help="file of visual evoked responses")
    parser.add_argument("--data", nargs="+", default=[*SIMULATED, "visual"])
    parser.add_argument("--networks", nargs="+", default=["SCCNet", "EEGNet"])
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    logging.getLogger("eegkd").setLevel(logging.ERROR)
    done: set = set()
    if arguments.file.exists():
        table = pd.read_csv(arguments.file, dtype={"subject": str})
        done = set(table[KEYS].itertuples(index=False, name=None))
    with one_thread():
        for data, network in CASES:
            if data == "visual" and arguments.visual is None:
                print("visual: left out, --visual names no file")
            elif data in arguments.data and network in arguments.networks:
                run(data, network, arguments, done)
    print(show(pd.read_csv(arguments.file, dtype={"subject": str})))


if __name__ == "__main__":
    main()
