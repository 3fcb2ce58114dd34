"""Every method on simulated and on recorded trials, and what it costs: docs/methods.md.

    MNE_DATA=... python benchmarks/bench_methods.py docs/results --jobs 2

Runs what the stores lack (hours at first; interrupt and call again as you like),
measures the costs in one run, and writes the table, the sections of the page and, with
all numbers, methods_NAME.csv. Only the headband is compared: four electrodes, the
hardest case. Without ``--methods`` all run but those in ``LEFT_OUT``; with it, those
that are named. Of the others the table says "not run".

    python benchmarks/bench_methods.py docs/results --statistics

only writes what students of a few methods reach when their batch statistics are
computed anew after the training (two minutes).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.modules.batchnorm import _BatchNorm

import eegkd
from eegkd.criteria import CRITERIA
from eegkd.criteria._text import criteria_markdown
from eegkd.methods import METHODS
from eegkd.methods._text import TEACHER_SHORT, methods_markdown
from eegkd.samplers import TrialSampler

MONTAGE = "headband"
TRAINING = {"recipe": "published", "max_epochs": 40, "lr": 2e-3}
TEACHER_PASSES = 150  # the students learn faster: four electrodes hold less
N_SEEDS = 2
COST_PASSES = 12
# Dataset and subjects by the name in the table; of PhysionetMI three are at hand.
DATASETS = {
    "simulated": ("SimulatedMotorImagery", list(range(1, 7))),
    "PhysionetMI": ("PhysionetMI", [1, 2, 3]),
}
# Each costs four to eight times a training without a teacher: too long for six
# subjects.
LEFT_OUT = {
    "simulated": {
        "ta_ensemble",
        "early_stopped_teacher",
        "cudfkd",
        "sweet_spot",
        "auto",
    },
    "PhysionetMI": {"auto"},
}
# Methods that teach themselves, whose students `statistics` looks at.
STATISTICS: dict[str, tuple[str, dict[str, Any]]] = {
    "`none`": ("none", {}),
    "`born_again`": ("born_again", {}),
    "`self_distillation`": ("self_distillation", {"probe": False}),
    "`tasked`": ("tasked", {}),
    "`mean_teacher`": ("mean_teacher", {}),
    "`mean_teacher`, `consistency_weight=1`": (
        "mean_teacher",
        {"consistency_weight": 1.0},
    ),
}
STATISTICS_SUBJECTS = [1, 2]


def all_methods(name: str) -> list[str]:
    """Return the methods that a dataset is run with when none are named."""
    return [method for method in METHODS if method not in LEFT_OUT.get(name, ())]


def compare(name: str, methods: list[str], store: Path, n_jobs: int) -> eegkd.Results:
    """Run what is missing and return all scores."""
    dataset, subjects = DATASETS[name]
    return eegkd.benchmark(
        dataset,
        montages=[MONTAGE],
        methods=methods,
        subjects=subjects,
        n_seeds=N_SEEDS,
        store=store,
        n_jobs=n_jobs,
        teacher=eegkd.DecoderClassifier(**{**TRAINING, "max_epochs": TEACHER_PASSES}),
        **TRAINING,
    )


def seconds(method: str, trials: Any, teacher: Any) -> tuple[float, float]:
    """Return the time of a whole fit, and of an epoch of its last training.

    The first epoch is left out of the latter: teachers read and remember in it.
    """
    ends: list[float] = []

    def progress(epoch: int, row: dict[str, float]) -> None:
        if epoch == 0:
            ends.clear()
        ends.append(time.perf_counter())

    model = eegkd.DistilledClassifier(
        MONTAGE,
        method,
        teacher=teacher,
        recipe="published",
        max_epochs=COST_PASSES,
        lr=1e-3,
        progress=progress,
    )
    start = time.perf_counter()
    model.fit(trials)
    whole = time.perf_counter() - start
    return whole, (ends[-1] - ends[0]) / (len(ends) - 1)


def measure_costs(methods: list[str], rounds: int) -> pd.DataFrame:
    """Return what each method costs, as a multiple of training without a teacher.

    Each measurement is divided by one of the method `none` taken next to it, so that
    whatever else the machine does touches both.
    """
    torch.set_num_threads(1)
    trials = eegkd.load_trials("SimulatedMotorImagery", subjects=[1])
    first = trials.metadata["session"] == trials.metadata["session"].iloc[0]
    trials = trials.subset(first.to_numpy())
    short = {"recipe": "published", "max_epochs": COST_PASSES, "lr": 1e-3}
    teacher = eegkd.DecoderClassifier(**short).fit(trials)
    seconds("none", trials, teacher)  # warm up
    rows = []
    for method in methods:
        ratios = []
        for _ in range(rounds):
            plain = np.array(seconds("none", trials, teacher))
            ratios.append(np.array(seconds(method, trials, teacher)) / plain)
        whole, per_epoch = np.median(ratios, axis=0)
        rows.append({"method": method, "per_epoch": per_epoch, "whole": whole})
        print(f"{method:<28}{per_epoch:8.2f} an epoch {whole:8.2f} in all", flush=True)
    return pd.DataFrame(rows).set_index("method")


def settle(decoder: Any, trials: Any) -> None:
    """Compute batch statistics anew from trials, all at once and without dropout."""
    sampler = TrialSampler.from_arrays(trials.X, np.zeros(len(trials), dtype=int))
    norms = [module for module in decoder.modules() if isinstance(module, _BatchNorm)]
    decoder.eval()
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        decoder(sampler.batch(torch.arange(len(sampler))).seen_by(decoder.view))
    decoder.eval()


def statistics() -> str:
    """Return accuracies before and after `settle`, in Markdown."""
    torch.set_num_threads(1)
    lines = [["method", "subject", "test", "anew", "training", "anew"]]
    for label, (method, options) in STATISTICS.items():
        for subject in STATISTICS_SUBJECTS:
            trials = eegkd.load_trials("SimulatedMotorImagery", subjects=[subject])
            first = (trials.metadata["session"] == "0train").to_numpy()
            learned, unseen = trials.subset(first), trials.subset(~first)
            model = eegkd.DistilledClassifier(
                MONTAGE, method, method_options=options, **TRAINING
            ).fit(learned)
            scores = []
            for _ in range(2):
                scores.append([model.score(part, part.y) for part in (unseen, learned)])
                settle(model.decoder_, learned)
            shown = [f"{score:.2f}" for score in np.transpose(scores).flatten()]
            lines.append([label, str(subject), *shown])
            print(*lines[-1], flush=True)
    return markdown(lines)


def verdicts(results: eegkd.Results, methods: list[str]) -> pd.DataFrame:
    """Return scores and the comparison with no teacher, one row for each method."""
    summary = results.summary()
    summary = summary[summary["montage"] == MONTAGE].set_index("method")
    others = [name for name in methods if name != "none" and name in summary.index]
    table = results.compare(others, "none").set_index("a")
    table["accuracy"] = summary["mean"]
    none = {"accuracy": summary.loc["none", "mean"]}
    return pd.concat([pd.DataFrame([none], index=["none"]), table])


def in_words(row: pd.Series | None) -> tuple[str, str, str]:
    """Return accuracy, its difference to no teacher, and the verdict."""
    if row is None:
        return "not run", "", ""
    score = f"{row['accuracy']:.3f}"
    if not np.isfinite(row.get("difference", np.nan)):
        return score, "", ""
    minus = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
    if not np.isfinite(row["p_holm"]):
        return score, minus, "not tested"
    sides = {"a better": "better", "b better": "worse"}
    word = sides.get(row["verdict"], "not shown")
    return score, minus, f"{word} ({row['p_value']:.2f}, {row['p_holm']:.2f})"


def markdown(lines: list[list[str]]) -> str:
    """Return a table, whose first line names the columns."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def link(name: str) -> str:
    """Return a link to a method's section."""
    return f"[{name}](#{name})"


def cost_table(costs: pd.DataFrame) -> str:
    """Return what each method transfers and costs, in Markdown."""
    lines = [["method", "what it transfers", "teacher", "an epoch", "in all"]]
    for name, method in METHODS.items():
        cost = [""] * len(costs.columns)
        if name in costs.index:
            cost = [f"{value:.1f}" for value in costs.loc[name]]
        card = method.card
        lines.append([link(name), card.transfers, TEACHER_SHORT[card.teacher], *cost])
    return markdown(lines)


def verdict_table(found: dict[str, pd.DataFrame]) -> str:
    """Return what came of each method, in Markdown."""
    lines = [["method"]]
    for name in found:
        lines[0] += [name, "minus none", "verdict (p, Holm)"]
    for name in METHODS:
        line = [link(name)]
        for rows in found.values():
            line += in_words(rows.loc[name] if name in rows.index else None)
        lines.append(line)
    return markdown(lines)


def write_sections(folder: Path) -> None:
    """Write what methods and criteria say of themselves."""
    pages = {
        "methods_sections.md": methods_markdown(METHODS),
        "criteria_sections.md": criteria_markdown(CRITERIA),
    }
    for file, text in pages.items():
        (folder / file).write_text(text, encoding="utf-8")


def main() -> None:
    """Run, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder of the tables")
    parser.add_argument("--stores", type=Path, default=Path(), help="folder of stores")
    parser.add_argument("--methods", nargs="+", help="by default all but LEFT_OUT")
    parser.add_argument("--datasets", nargs="*", default=list(DATASETS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2, help="of the costs; 0: keep")
    parser.add_argument("--pages", action="store_true", help="write the sections only")
    parser.add_argument("--statistics", action="store_true", help="write these only")
    arguments = parser.parse_args()
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    if arguments.statistics:
        (output / "methods_statistics.md").write_text(statistics(), encoding="utf-8")
        return
    write_sections(output)
    if arguments.pages:
        return
    costs_file = output / "methods_costs.csv"
    found = {}
    for name in arguments.datasets:
        store = arguments.stores / f"methods_{name.lower()}.sqlite"
        methods = arguments.methods or all_methods(name)
        results = compare(name, methods, store, arguments.jobs)
        found[name] = verdicts(results, methods)
        found[name].to_csv(output / f"methods_{name.lower()}.csv", float_format="%.4g")
    if arguments.rounds:
        measure_costs(arguments.methods or list(METHODS), arguments.rounds).to_csv(
            costs_file, float_format="%.4g"
        )
    costs = (
        pd.read_csv(costs_file, index_col="method")
        if costs_file.exists()
        else pd.DataFrame(columns=["per_epoch", "whole"])
    )
    tables = {"methods_table.md": cost_table(costs)}
    if found:
        tables["methods_verdicts.md"] = verdict_table(found)
    for file, text in tables.items():
        (output / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
