"""How hard the simulated set is for plain decoders, by montage.

Each subject's decoder is trained on the first session and tested on the second. No
teacher is involved: the difficulty of the set was chosen by this table alone. Band
power is the log power of mu and beta at each electrode with a linear discriminant;
SCCNet is trained on the labels for 100 epochs.

    python benchmarks/bench_simulated.py                  # all nine subjects
    python benchmarks/bench_simulated.py --subjects 1 2 --decoders "band power"
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import torch
from scipy.signal import welch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from eegkd import DecoderClassifier, load_trials
from eegkd.data.simulated import SimulatedMotorImagery
from eegkd.data.simulated.head import CH_NAMES
from eegkd.data.trials import Trials

MONTAGES = {
    "full": list(CH_NAMES),
    "headphone": "C5 C3 C1 Cz C2 C4 C6".split(),
    "headband": "Fz C5 C6 POz".split(),
}
TASKS = {"four classes": None, "two hands": ["left_hand", "right_hand"]}
BANDS = ((8, 13), (15, 26))  # Hz
TRAINING = {
    "decoder": "SCCNet",
    "recipe": "published",
    "max_epochs": 100,
    "lr": 3e-3,
    "batch_size": 32,
}


def band_power(trials: Trials, names: list[str]) -> np.ndarray:
    picks = [trials.ch_names.index(name) for name in names]
    X = 1e6 * trials.X[:, picks, 75:].astype(float)  # rhythms have fallen by then
    freqs, power = welch(X, trials.sfreq, nperseg=125)
    inside = [(freqs >= low) & (freqs <= high) for low, high in BANDS]
    return np.hstack([np.log(power[..., band].mean(axis=-1)) for band in inside])


def score_band_power(train: Trials, test: Trials, names: list[str]) -> float:
    decoder = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    decoder.fit(band_power(train, names), train.y)
    return decoder.score(band_power(test, names), test.y)


def score_sccnet(train: Trials, test: Trials, names: list[str]) -> float:
    picks = [train.ch_names.index(name) for name in names]
    decoder = DecoderClassifier(ch_names=names, sfreq=train.sfreq, **TRAINING)
    decoder.fit(train.X[:, picks], train.y)
    return float(np.mean(decoder.predict(test.X[:, picks]) == test.y))


DECODERS = {"band power": score_band_power, "SCCNet": score_sccnet}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=list(range(1, 10)))
    parser.add_argument("--decoders", nargs="+", choices=DECODERS, default=[*DECODERS])
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    options = parser.parse_args()
    torch.set_num_threads(1)

    dataset = SimulatedMotorImagery(n_subjects=max(options.subjects), seed=options.seed)
    rows = []
    for subject in options.subjects:
        trials = load_trials(dataset, subjects=[subject])
        first = (trials.metadata["session"] == "0train").to_numpy()
        for task, classes in TASKS.items():
            chosen = np.isin(trials.y, trials.classes if classes is None else classes)
            train, test = trials.subset(chosen & first), trials.subset(chosen & ~first)
            for decoder in options.decoders:
                scores = [DECODERS[decoder](train, test, v) for v in MONTAGES.values()]
                rows.append((task, decoder, *scores))
                shown = "  ".join(f"{score:.2f}" for score in scores)
                print(
                    f"subject {subject}  {task:12}  {decoder:10}  {shown}", flush=True
                )
    table = pd.DataFrame(rows, columns=["task", "decoder", *MONTAGES])
    print(f"\nmean accuracy of {len(options.subjects)} subjects")
    print(table.groupby(["task", "decoder"]).mean().round(3).to_string())


if __name__ == "__main__":
    main()
