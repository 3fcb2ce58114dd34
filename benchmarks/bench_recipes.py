"""Which recipe trains best, and whether it reaches the classical baselines.

    python benchmarks/bench_recipes.py --part development
    python benchmarks/bench_recipes.py --part reported --write docs/results

Recipes and networks were chosen by the first command, which reads development data
alone: simulated subjects of other seeds, and some of the subjects of each real set. The
second command trains what was chosen on all others. Students are untaught; every
arm reads the same electrodes and the same trials. Each finished training is one line
of the store, so that the command can be interrupted and resumed. Sets that are not
there are left out, with the reason.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from scipy.signal import resample_poly
from scipy.stats import t as student_t

from eegkd import BASELINES, DecoderClassifier, load_montage, load_trials
from eegkd.data.simulated import SIMULATED
from eegkd.data.trials import Trials
from eegkd.distillation import Recipe
from eegkd.evaluation.metrics import METRICS, class_codes

PARTS = ("development", "reported")
Fold = tuple[Trials, Trials]  # training and test trials
COLUMNS = "part set job montage arm seed subject score seconds".split()

CLASSICAL = {
    "imagery": ["csp_lda", "ts_lr", "fgmdm", "mdm", "acm_ts"],
    "p300": ["xdawn_lda", "xdawncov_ts", "erpcov_mdm"],
    "ssvep": ["cca", "fbcca", "trca", "ssvep_ts"],
    "rstate": ["csp_lda", "ts_lr", "fgmdm", "mdm"],
}


# --- Sets ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A set: where its subjects come from and how their trials are divided.

    ``jobs`` names what is trained on in each part; ``load`` takes such a name and
    returns folds of training and test trials.
    """

    paradigm: str
    metric: str
    montages: tuple[str, ...]  # names, or electrodes
    jobs: dict[str, list[str]]
    load: Callable[[str], list[Fold]] = field(repr=False)

    def electrodes(self) -> list[str]:
        """Return every electrode that a montage of the set has."""
        names = [name for montage in self.montages for name in channels(montage)]
        return list(dict.fromkeys(names))


def channels(montage: str) -> list[str]:
    """Return the electrodes of a montage, by name or one after the other."""
    return montage.split() if " " in montage else list(load_montage(montage).ch_names)


def numbered(seed: int, n: int) -> list[str]:
    return [f"{seed}/{number}" for number in range(1, n + 1)]


def simulated(name: str, paradigm: str, metric: str, *montages: str) -> Source:
    """Two days of simulated subjects: trained on the first, tested on the second."""

    def load(job: str) -> list[Fold]:
        seed, number = map(int, job.split("/"))
        dataset = SIMULATED[name](n_subjects=number, seed=seed)
        trials = load_trials(dataset, subjects=[number])
        return [split(trials, trials.metadata["session"].eq("0train").to_numpy())]

    development = numbered(101, 4) + numbered(102, 4)
    jobs = {"development": development, "reported": numbered(0, 30)}
    return Source(paradigm, metric, montages, jobs, load)


def split(trials: Trials, train: np.ndarray) -> Fold:
    return trials.subset(train), trials.subset(~train)


def physionet() -> Source:
    """Three folds of runs; each leaves out a run of hands and a run of feet."""

    def load(job: str) -> list[Fold]:
        trials = load_trials("PhysionetMI", subjects=[int(job)])
        runs = trials.metadata["run"].astype(int).to_numpy()
        ranks = np.searchsorted(np.unique(runs), runs)
        # Three runs of left and right, then three of hands and feet.
        return [split(trials, ranks % 3 != k) for k in range(3)]

    jobs = {"development": ["1"], "reported": ["2", "3"]}
    return Source("imagery", "accuracy", ("headphone", "headband"), jobs, load)


def kalunga() -> Source:
    """Trained on one run and tested on the other, and the other way round."""

    def load(job: str) -> list[Fold]:
        trials = load_trials("Kalunga2016", subjects=[int(job)])
        first = trials.metadata["run"].astype(str).eq("0").to_numpy()
        return [split(trials, first), split(trials, ~first)]

    jobs = {"development": ["1"], "reported": ["2", "3", "4"]}
    return Source("ssvep", "accuracy", ("occipital_3",), jobs, load)


def visual_objects(file: Path) -> Source:
    """First picture or second: trained on the first half of the trials."""

    def load(job: str) -> list[Fold]:
        with np.load(file, allow_pickle=True) as arrays:
            mine = np.flatnonzero(arrays["subject"] == int(job))
            mine = mine[np.argsort(arrays["trial"][mine], kind="stable")]
            X = arrays["X"][mine].astype(float)
            y = np.where(arrays["condition"][mine] == "S1 obj", "first", "second")
            names = [str(name) for name in arrays["ch_names"]]
        X = resample_poly(X, 1, 4, axis=-1)  # 64 Hz, that of P300
        X -= X.mean(axis=-1, keepdims=True)
        trials = Trials.from_arrays(
            X, y, names, 64.0, units="uV", name="visual_objects", paradigm="p300"
        )
        return [split(trials, np.arange(len(y)) < len(y) // 2)]

    numbers = [str(number) for number in range(1, 11)]
    jobs = {"development": numbers[:3], "reported": numbers[3:]}
    montages = ("AF7 AF8 TP7 TP8", "O1 Oz O2 Pz")
    return Source("p300", "balanced_accuracy", montages, jobs, load)


def mental_arithmetic(file: Path) -> Source:
    """Rest or arithmetic of subjects that were not trained on: four folds of subjects.

    In development both training and test subjects are among the first eight.
    """

    def load(job: str) -> list[Fold]:
        n_subjects, fold = map(int, job.split("/"))
        with np.load(file, allow_pickle=True) as arrays:
            known = arrays["subject"] <= n_subjects
            X, y = arrays["X"][known], arrays["condition"][known].astype(str)
            who = arrays["subject"][known]
            names = [str(name) for name in arrays["ch_names"]]
            sfreq = float(arrays["sfreq"])
        trials = Trials.from_arrays(
            X,
            y,
            names,
            sfreq,
            pd.DataFrame({"subject": who}),
            units="V",
            name="mental_arithmetic",
            paradigm="rstate",
        )
        first, n_tested = (1, 2) if n_subjects == 8 else (9, 4)
        tested = first + fold * n_tested + np.arange(n_tested)
        return [split(trials, ~np.isin(who, tested))]

    folds = {
        part: [f"{n}/{k}" for k in range(4)]
        for part, n in ((PARTS[0], 8), (PARTS[1], 24))
    }
    return Source("rstate", "accuracy", ("F7 F8 T5 T6",), folds, load)


def sources(options: argparse.Namespace) -> dict[str, Source]:
    """Return the sets that are there; say why others are not."""
    found = {
        "SimulatedMotorImagery": ("imagery", "accuracy", "headband", "headphone"),
        "SimulatedP300": ("p300", "roc_auc", "unicorn", "hermes"),
        "SimulatedSSVEP": ("ssvep", "accuracy", "occipital_3", "headband"),
        "SimulatedRestingState": ("rstate", "accuracy", "brainbit", "hermes"),
    }
    made = {name: simulated(name, *about) for name, about in found.items()}
    if options.mne_data is None:
        print("PhysionetMI, Kalunga2016: left out, no --mne-data and no MNE_DATA")
    else:
        import moabb

        os.environ["MNE_DATA"] = str(options.mne_data)
        moabb.set_download_provider("upstream")
        made |= {"PhysionetMI": physionet(), "Kalunga2016": kalunga()}
    for make in (visual_objects, mental_arithmetic):
        name = make.__name__
        if options.arrays is None:
            print(f"{name}: left out, no --arrays")
        elif not (options.arrays / f"{name}.npz").is_file():
            print(f"{name}: left out, no {options.arrays / name}.npz")
        else:
            made[name] = make(options.arrays / f"{name}.npz")
    return {name: made[name] for name in options.sets or made if name in made}


def read(name: str, source: Source, job: str, cache: Path | None) -> list[Fold]:
    """Return the folds of a job with the electrodes that montages read."""
    file = cache and cache / f"{name}_{job.replace('/', '_')}.joblib"
    if file and file.is_file():
        return joblib.load(file)
    wanted = source.electrodes()

    def pick(trials: Trials) -> Trials:
        picks = [trials.ch_names.index(electrode) for electrode in wanted]
        return replace(trials, X=trials.X[:, picks], ch_names=tuple(wanted))

    folds = [(pick(train), pick(test)) for train, test in source.load(job)]
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(folds, file)
    return folds


# --- Arms ---------------------------------------------------------------------------

# What was compared on development data, as parameters of `DecoderClassifier`.
SHORT = Recipe(max_epochs=200, n_updates=240, min_epochs=12)
LONG = replace(SHORT, n_updates=900)
DECAY = replace(SHORT, lr=3e-3, weight_decay=1.0)
SMALL = replace(
    SHORT, lr=3e-3, weight_decay=10.0, batch_size=8, n_updates=500, max_epochs=40
)
NARROW = {"bands": [(low, low + 2) for low in range(7, 44)], "shrinkage": 0.1}
OF_RHYTHMS: dict[str, dict[str, Any]] = {
    "SCCNet 240": {"decoder": "SCCNet", "recipe": SHORT},
    "CovarianceNet 240": {"decoder": "CovarianceNet", "recipe": SHORT},
    "CovarianceNet 2e-3": {
        "decoder": "CovarianceNet",
        "recipe": replace(SHORT, lr=2e-3),
    },
    "CovarianceNet 480": {
        "decoder": "CovarianceNet",
        "recipe": replace(SHORT, n_updates=480),
    },
    "CovarianceNet small batches": {
        "decoder": "CovarianceNet",
        "recipe": replace(SHORT, weight_decay=1.0, batch_size=16, n_updates=480),
    },
    "CovarianceNet decay": {"decoder": "CovarianceNet", "recipe": DECAY},
}
CANDIDATES: dict[str, dict[str, dict[str, Any]]] = {
    "imagery": OF_RHYTHMS,
    "rstate": OF_RHYTHMS,
    "p300": {
        "EEGNet 900": {"decoder": "EEGNet", "recipe": LONG},
        "EEGNet 900 3e-3": {"decoder": "EEGNet", "recipe": replace(LONG, lr=3e-3)},
        "EEGNet 1800": {"decoder": "EEGNet", "recipe": replace(LONG, n_updates=1800)},
    },
    "ssvep": {
        "EEGNet 240": {
            "decoder": "EEGNet",
            "decoder_options": {"kernel_length": 128},
            "recipe": SHORT,
        },
        "SpectrumNet 500": {"decoder": "SpectrumNet", "recipe": SMALL},
        "SpectrumNet amplitudes": {
            "decoder": "SpectrumNet",
            "decoder_options": {"phase_weight": 0.0},
            "recipe": SMALL,
        },
        "CovarianceNet narrow": {
            "decoder": "CovarianceNet",
            "decoder_options": NARROW,
            "recipe": replace(SHORT, lr=3e-3, weight_decay=10.0),
        },
    },
}


def networks(paradigm: str) -> dict[str, dict[str, Any]]:
    """Return the arms that are networks, as parameters of `DecoderClassifier`."""
    usual: dict[str, dict[str, Any]] = {
        "default": {"recipe": "default"},
        "published": {"recipe": "published"},
    }
    return usual | CANDIDATES[paradigm]


def estimator(arm: str, paradigm: str, electrodes: list[str], seed: int) -> Any:
    """Return an unfitted decoder."""
    if arm in BASELINES:
        return BASELINES[arm](electrodes, random_state=seed)
    params = networks(paradigm)[arm]
    return DecoderClassifier(electrodes, paradigm=paradigm, random_state=seed, **params)


def arms_of(source: Source, part: str, names: list[str] | None) -> Iterator[str]:
    """Yield the arms of a set: its classical baselines, then networks."""
    known = networks(source.paradigm)
    candidates = CANDIDATES[source.paradigm]
    usual = known if part == "development" else known.keys() - candidates.keys()
    for name in names or ["classical", *sorted(usual)]:
        if name == "classical":
            yield from CLASSICAL[source.paradigm]
        elif name == "candidates":
            yield from candidates
        elif name in known or name in CLASSICAL[source.paradigm]:
            yield name


# --- Measuring ----------------------------------------------------------------------


def measure(source: Source, fold: Fold, montage: str, arm: str, seed: int) -> dict:
    """Train an arm on a fold and return the score of each test subject."""
    train, test = fold
    start = time.perf_counter()
    fitted = estimator(arm, source.paradigm, channels(montage), seed).fit(train)
    seconds = time.perf_counter() - start
    codes = class_codes(test.y, np.asarray(fitted.classes_))
    proba = fitted.predict_proba(test)
    who = test.metadata["subject"].to_numpy()
    score = METRICS[source.metric].function
    scores = {str(one): score(codes[who == one], proba[who == one]) for one in set(who)}
    return {"scores": scores, "seconds": seconds}


class Store:
    """A table of finished trainings, one line for each test subject."""

    key = ["part", "set", "job", "montage", "arm", "seed"]

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
        self.done = {tuple(row) for row in self.table()[self.key].to_numpy()}

    def table(self) -> pd.DataFrame:
        """Return all lines."""
        kinds = dict.fromkeys(COLUMNS[:7], str) | {"seed": int}
        return pd.read_csv(self.file, dtype=kinds)

    def add(self, key: tuple, found: list[dict]) -> None:
        """Write the folds of a job, averaged for each test subject."""
        rows = []
        for who in sorted({who for one in found for who in one["scores"]}):
            score = np.mean([f["scores"][who] for f in found if who in f["scores"]])
            seconds = np.mean([one["seconds"] for one in found])
            rows.append([*key, who, f"{score:.6f}", f"{seconds:.3f}"])
        with self.file.open("a", encoding="utf-8") as file:
            file.writelines(",".join(map(str, row)) + "\n" for row in rows)
        self.done.add(key)


def run(options: argparse.Namespace, store: Store) -> None:
    """Train everything that is missing."""
    for name, source in sources(options).items():
        jobs = source.jobs[options.part]
        for job in jobs[: options.subjects]:
            missing = [
                (montage, arm, seed)
                for montage in source.montages
                if not options.montages or montage in options.montages
                for arm in arms_of(source, options.part, options.arms)
                for seed in seeds_of(arm, options.seeds)
                if (options.part, name, job, montage, arm, seed) not in store.done
            ]
            folds = read(name, source, job, options.cache) if missing else []
            for montage, arm, seed in missing:
                found = [measure(source, f, montage, arm, seed) for f in folds]
                store.add((options.part, name, job, montage, arm, seed), found)
                scores = [score for one in found for score in one["scores"].values()]
                seconds = np.mean([one["seconds"] for one in found])
                print(
                    f"{name} {job} {montage} {arm} seed {seed}: "
                    f"{np.mean(scores):.3f} in {seconds:.1f} s",
                    flush=True,
                )


def seeds_of(arm: str, n_seeds: int) -> range:
    """Return the seeds of an arm: one where a seed changes nothing."""
    varies = arm not in BASELINES or BASELINES[arm].uses_seed
    return range(n_seeds if varies else 1)


# --- Summary ------------------------------------------------------------------------


def by_subject(table: pd.DataFrame) -> pd.DataFrame:
    """Return one score for each subject and arm, the mean over seeds."""
    keys = ["set", "montage", "job", "subject", "arm"]
    return table.groupby(keys)["score"].mean().unstack("arm")


def scores_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean score of each arm, its subjects, seeds and seconds."""
    subjects = table.groupby(["set", "montage", "arm", "job", "subject"]).agg(
        score=("score", "mean"), seeds=("seed", "nunique"), seconds=("seconds", "mean")
    )
    return subjects.groupby(["set", "montage", "arm"]).agg(
        score=("score", "mean"),
        subjects=("score", "size"),
        seeds=("seeds", "max"),
        seconds=("seconds", "mean"),
    )


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Return a mean and its 95 % interval by Student's t; NaN for one subject."""
    mean, n = float(differences.mean()), len(differences)
    if n < 2:
        return mean, float("nan"), float("nan")
    half = student_t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Return networks minus the best classical baseline, and minus the published arm.

    Over the subjects of each set that both have. The best baseline is the one with the
    highest mean over these very subjects, which favors the baseline.
    """
    rows = []
    for place, scores in by_subject(table).groupby(["set", "montage"]):
        for arm in scores.columns.drop("published", errors="ignore"):
            mine = scores[scores[arm].notna()]
            if arm in BASELINES or mine.empty:
                continue
            whole = mine.dropna(axis=1)  # classical baselines that everybody has
            classical = [name for name in whole if name in BASELINES]
            rivals = [whole[classical].mean().idxmax()] if classical else []
            for rival in [*rivals, *(["published"] if "published" in mine else [])]:
                found = (mine[arm] - mine[rival]).dropna().to_numpy()
                if len(found):
                    rows.append((*place, arm, rival, len(found), *interval(found)))
    columns = ["set", "montage", "arm", "minus", "subjects", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def pages(table: pd.DataFrame) -> str:
    """Return the tables of both parts in Markdown."""
    lines = [*ABOUT, ""]
    for part in PARTS:
        mine = table[table["part"].eq(part)]
        if mine.empty:
            continue
        lines += [f"### {TITLES[part]}", ""]
        lines += markdown(scores_table(mine).reset_index(), {"seconds": ".1f"})
        lines += ["", "Differences over subjects, with 95 % intervals (t):", ""]
        lines += [*markdown(differences(mine), dict.fromkeys(SIGNED, "+.3f")), ""]
    return "\n".join(lines)


ABOUT = [
    "Recipes and networks were chosen on development data: subjects of",
    "`SimulatedMotorImagery`, `SimulatedP300`, `SimulatedSSVEP` and",
    "`SimulatedRestingState` with `seed=101` and `seed=102`, subject 1 of PhysionetMI",
    "and of Kalunga2016, three subjects of `visual_objects` and eight of",
    "`mental_arithmetic`, whose classical baselines are below chance level there.",
    "A network's name is followed by what is special in its recipe, mostly its number",
    "of updates; `CANDIDATES` in the script has all of it. Students are untaught.",
    "Scores are accuracy, ROC-AUC for `SimulatedP300` and balanced accuracy for",
    "`visual_objects`; seconds are those of one training on a busy processor. The rows",
    "of development data were collected while recipes were looked for, some of them",
    "with earlier versions of the script; the first command makes them anew.",
    "",
    "```bash",
    "python benchmarks/bench_recipes.py --part development",
    "python benchmarks/bench_recipes.py --part reported --seeds 1 --write docs/results",
    "```",
]
TITLES = {
    "development": "Development data, which chose recipes and networks",
    "reported": "Reported data, which chose nothing",
}
SIGNED = ("mean", "low", "high")


def markdown(table: pd.DataFrame, formats: dict[str, str]) -> list[str]:
    """Return the lines of a table; floats have three digits unless told otherwise."""

    def cell(name: str, value: Any) -> str:
        if not isinstance(value, float):
            return str(value)
        return "" if np.isnan(value) else format(value, formats.get(name, ".3f"))

    rows = [
        [cell(*pair) for pair in zip(table, row, strict=True)]
        for row in table.to_numpy()
    ]
    head = [list(table), ["---"] * table.shape[1]]
    return [f"| {' | '.join(row)} |" for row in [*head, *rows]]


def make_parser(about: str, store: str, seeds: int) -> argparse.ArgumentParser:
    """Return a parser of the options that both benchmarks of these sets have."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--part", choices=PARTS, default="development")
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--subjects", type=int, help="of each set, by default all")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--store", type=Path, default=Path(store))
    parser.add_argument("--write", type=Path, help="folder of the pages' tables")
    mne_data = os.environ.get("MNE_DATA")
    parser.add_argument(
        "--mne-data", type=Path, default=mne_data and Path(mne_data), help="for MOABB"
    )
    parser.add_argument("--arrays", type=Path, help="folder of visual_objects.npz, ...")
    return parser


def main() -> None:
    """Train everything that is missing and show the tables."""
    parser = make_parser(__doc__.splitlines()[0], "recipes.csv", seeds=2)
    parser.add_argument("--montages", nargs="+")
    parser.add_argument("--arms", nargs="+", help="'classical' stands for all of them")
    parser.add_argument("--cache", type=Path, help="folder for loaded trials")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(options.store)
    run(options, store)
    table = store.table()
    mine = table[table["part"].eq(options.part)]
    print(scores_table(mine).round(3).to_string(), end="\n\n")
    print(differences(mine).round(3).to_string(index=False))
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        (options.write / "recipes.md").write_text(pages(table), encoding="utf-8")


if __name__ == "__main__":
    main()
