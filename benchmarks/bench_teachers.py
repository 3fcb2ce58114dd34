"""What a teacher gives: teacher, untaught student, SK-KD and auto on every set.

    python benchmarks/bench_teachers.py --part reported --write docs/results

All are trained with the default recipe, on the sets, subjects and folds of
bench_recipes.py, whose store of classical baselines is read for comparison
(``--classical``). Nothing here chooses anything: networks, recipes and the rule of
``auto`` were settled on development data before. Each finished training is one line
of the store, so that the command can be interrupted and resumed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from bench_recipes import (
    CLASSICAL,
    SIGNED,
    Fold,
    Source,
    Store,
    by_subject,
    channels,
    interval,
    make_parser,
    markdown,
    sources,
)

from eegkd import DistilledClassifier
from eegkd.evaluation.metrics import METRICS, class_codes

# What students are, beside montage and network. "permuted" is the control of SK-KD: its
# teacher's answers to other trials of the same class.
ARMS: dict[str, dict[str, Any]] = {
    "none": {"method": "none"},
    "sk_kd": {"method": "sk_kd"},
    "permuted": {"method": "sk_kd", "permuted_teacher": "within_classes"},
    "auto": {"method": "auto"},
}
TAUGHT = [arm for arm in ARMS if arm != "none"]
FULL = "full"


def score(source: Source, model: Any, fold: Fold) -> dict[str, float]:
    """Return the score of each test subject."""
    test = fold[1]
    codes = class_codes(test.y, np.asarray(model.classes_))
    proba = model.predict_proba(test)
    who = test.metadata["subject"].to_numpy()
    function = METRICS[source.metric].function
    return {
        str(one): function(codes[who == one], proba[who == one]) for one in set(who)
    }


def measure(
    source: Source, fold: Fold, seed: int, missing: list[tuple[str, str]]
) -> dict[tuple[str, str], dict]:
    """Train a teacher and the students that are missing; return what each scored."""
    shared = {"paradigm": source.paradigm, "random_state": seed}
    teacher, found = None, {}
    for montage, arm in [(FULL, "teacher"), *missing]:
        start = time.perf_counter()
        if teacher is None:
            full = DistilledClassifier(list(fold[0].ch_names), **shared)
            model = teacher = full.train_teacher(fold[0])
        else:
            given = None if arm == "none" else teacher
            model = DistilledClassifier(
                channels(montage), teacher=given, **ARMS[arm], **shared
            ).fit(fold[0])
        seconds = time.perf_counter() - start
        scores = score(source, model, fold)
        found[montage, arm] = {"scores": scores, "seconds": seconds}
    return found


def run(options: argparse.Namespace, store: Store) -> None:
    """Train everything that is missing."""
    for name, source in sources(options).items():
        for job in source.jobs[options.part][: options.subjects]:
            loaded: list[Fold] = []
            for seed in range(options.seeds):
                missing = [
                    (montage, arm)
                    for montage in source.montages
                    for arm in options.arms
                    if arm != "auto" or seed < options.auto_seeds
                    if (options.part, name, job, montage, arm, seed) not in store.done
                ]
                if not missing:
                    continue
                loaded = loaded or source.load(job)
                folds = [measure(source, fold, seed, missing) for fold in loaded]
                for place in folds[0]:
                    key = (options.part, name, job, *place, seed)
                    if key not in store.done:
                        store.add(key, [fold[place] for fold in folds])
                shown = ", ".join(
                    f"{montage} {arm} {np.mean([*one['scores'].values()]):.3f}"
                    for (montage, arm), one in folds[0].items()
                )
                print(f"{name} {job} seed {seed}: {shown}", flush=True)


def minus_untaught(table: pd.DataFrame, method: str) -> np.ndarray:
    """Return differences over subjects, each from the seeds that both have."""
    keys = ["job", "subject", "seed"]
    scores = table.pivot_table(index=keys, columns="arm", values="score")
    found = (scores[method] - scores["none"]).dropna()
    return found.groupby(["job", "subject"]).mean().to_numpy()


def summary(table: pd.DataFrame, classical: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of every arm, and minus the untaught student with intervals.

    The best classical baseline is the one with the highest mean over these subjects,
    which favors it.
    """
    rows = []
    subjects = by_subject(table)
    rivals = by_subject(classical) if len(classical) else subjects.iloc[:0]
    for (name, montage), mine in subjects.groupby(["set", "montage"], sort=False):
        if montage == FULL:
            rows.append((name, montage, "teacher", mine["teacher"].mean(), len(mine)))
            continue
        untaught = mine["none"]
        rows.append((name, montage, "none", untaught.mean(), len(mine)))
        for method in mine.dropna(axis=1, how="all").columns.intersection(TAUGHT):
            here = table["set"].eq(name) & table["montage"].eq(montage)
            own = minus_untaught(table[here], method)
            mean = mine[method].mean()
            rows.append((name, montage, method, mean, len(own), *interval(own)))
        other = rivals.reindex(mine.index).dropna(axis=1)
        known = [arm for arms in CLASSICAL.values() for arm in arms if arm in other]
        if known:
            best = other[list(dict.fromkeys(known))].mean().idxmax()
            own = (other[best] - untaught).to_numpy()
            rows.append(
                (name, montage, best, other[best].mean(), len(own), *interval(own))
            )
    columns = ["set", "electrodes", "decoder", "score", "subjects"]
    return pd.DataFrame(rows, columns=[*columns, *SIGNED]).fillna(np.nan)


def draw(table: pd.DataFrame, classical: pd.DataFrame, name: str, file: Path) -> None:
    """Draw the scores of one set: dots are subjects, bars 95 % intervals over them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    subjects, best = by_subject(table), summary(table, classical)
    subjects = subjects.loc[[name]].reset_index("set", drop=True)
    teacher = subjects.loc[[FULL], "teacher"].to_numpy()
    montages = [m for m in subjects.index.unique("montage") if m != FULL]
    figure, axes = plt.subplots(
        1, len(montages), figsize=(4.5 * len(montages), 3.6), sharey=True, squeeze=False
    )
    for ax, montage in zip(axes[0], montages, strict=True):
        arms = {"teacher, all\nelectrodes": teacher}
        words = {
            "none": "untaught",
            "sk_kd": "SK-KD",
            "permuted": "SK-KD,\npermuted",
            "auto": "auto",
        }
        here = subjects.loc[[montage]]
        arms |= {w: here[arm].to_numpy() for arm, w in words.items() if arm in here}
        rows = best[best["set"].eq(name) & best["electrodes"].eq(montage)]
        known = [arm for arm in rows["decoder"] if arm not in ARMS]
        if known:
            rivals = by_subject(classical).loc[[name]].reset_index("set", drop=True)
            arms[known[0]] = rivals[known[0]].reindex(here.index).to_numpy()
        for place, scores in enumerate(arms.values()):
            scores = scores[np.isfinite(scores)]
            mean, low, high = interval(scores)
            spread = np.linspace(-0.25, 0.25, len(scores))
            ax.scatter(place + spread, np.sort(scores), s=9, color="0.7")
            error = [[mean - low], [high - mean]]
            ax.errorbar(place, mean, error, fmt="o", color="C0", capsize=4, zorder=3)
            ax.annotate(f"{mean:.3f}", (place, high), (0, 5), ha="center", fontsize=8,
                        textcoords="offset points")  # fmt: skip
        ax.set_xticks(range(len(arms)), list(arms), fontsize=8)
        n_chans = len(channels(montage))
        ax.set_title(f"{montage}, {n_chans} electrodes", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("score of each subject")
    simulated = "SIMULATED: " if name.startswith("Simulated") else ""
    figure.suptitle(f"{simulated}{name}, {len(teacher)} subjects", fontsize=11)
    figure.tight_layout()
    figure.savefig(file, dpi=120)


def main() -> None:
    """Train everything that is missing and show the table."""
    parser = make_parser(__doc__.splitlines()[0], "teachers.csv", seeds=3)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS])
    parser.add_argument("--auto-seeds", type=int, default=1, help="of method auto")
    parser.add_argument("--classical", type=Path, help="store of bench_recipes.py")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(options.store)
    run(options, store)
    mine = store.table()[lambda table: table["part"].eq(options.part)]
    others = mine.iloc[:0]
    if options.classical:
        others = Store(options.classical).table()
        others = others[others["part"].eq(options.part)]
    table = summary(mine, others)
    print(table.round(3).to_string(index=False))
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        lines = markdown(table, dict.fromkeys(SIGNED, "+.3f"))
        (options.write / "teachers.md").write_text("\n".join(lines) + "\n", "utf-8")
        draw(mine, others, mine["set"].iloc[0], options.write / "teachers.png")


if __name__ == "__main__":
    main()
