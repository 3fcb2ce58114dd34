"""A plan's table, conclusions and figures: those of docs/benchmark.md.

    python benchmarks/bench_plan.py examples/plans/simulated.toml docs/results
    MNE_DATA=... python benchmarks/bench_plan.py examples/plans/physionet.toml \
        docs/results

Runs what the plan's store lacks, then writes NAME.md, an overview (that of the README,
for the simulated set), a figure of the scores on each montage, one of SK-KD against no
teacher, and one of the mean ranks where there are subjects enough.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import eegkd
from eegkd.evaluation.statistics import mean_interval

# What the overview shows of each montage, with its color.
SHOWN = {
    "none": ("no teacher", "#E69F00"),
    "kd": ("KD", "#56B4E9"),
    "sk_kd": ("SK-KD", "#009E73"),
    "csp_lda": ("CSP+LDA", "#999999"),
    "ts_lr": ("TS+LR", "#555555"),
}
COLUMNS = {
    "montage": "electrodes",
    "method": "method",
    "mean": "accuracy",
    "interval": "95 % interval",
    "of_teacher": "of teacher",
    "n_seeds": "seeds",
}
COSTS = {
    "roc_auc": "ROC-AUC",
    "calibration_error": "calibration error",
    "itr": "bits/min",
    "parameters": "parameters",
    "macs": "MACs",
    "train_seconds": "s to train",
    "predict_ms": "ms a trial",
}


def markdown(rows: list[dict[str, str]]) -> str:
    """Return rows as a Markdown table."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([row[n] for n in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score_table(results: eegkd.Results) -> str:
    """Return accuracy by montage and method."""
    rows = []
    for row in results.summary().to_dict("records"):
        share = row["of_teacher"]
        shown = {
            **row,
            "mean": f"{row['mean']:.3f}",
            # A share of trials: its interval ends at 0 and 1.
            "interval": f"{max(row['low'], 0):.3f} to {min(row['high'], 1):.3f}",
            "of_teacher": f"{share:.0%}" if math.isfinite(share) else "",
        }
        rows.append({title: str(shown[name]) for name, title in COLUMNS.items()})
    return markdown(rows)


def cost_table(results: eegkd.Results) -> str:
    """Return other metrics and costs by montage and method."""
    found = {name: results.summary(name).to_dict("records") for name in COSTS}
    rows = []
    for lines in zip(*found.values(), strict=True):
        row = {"electrodes": lines[0]["montage"], "method": lines[0]["method"]}
        for title, line in zip(COSTS.values(), lines, strict=True):
            value = line["mean"]
            digits = 3 if abs(value) < 1 else 1 if abs(value) < 100 else 0
            row[title] = f"{value:,.{digits}f}" if math.isfinite(value) else ""
        rows.append(row)
    return markdown(rows)


def conclusions(results: eegkd.Results) -> str:
    """Return what was concluded, as a list."""
    lines = []
    for line in results.conclusions():
        lines.append(f"- {line.strip()}" if line.startswith(" ") else f"\n{line}\n")
    return "\n".join(lines)


def overview(results: eegkd.Results) -> Figure:
    """Return a figure: each subject a dot, mean and interval beside it."""
    table = results.by_subject()
    n_chans = results.scores.groupby("montage", sort=False)["n_chans"].first()
    montages = [name for name in n_chans.index if name != "full"]
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    ax = figure.subplots()
    _draw_item(ax, 0, table[table["kind"] == "teacher"], "#0072B2")
    names, middles = [(0, "teacher")], [(0, "full")]
    for number, montage in enumerate(montages):
        start = 1.7 + number * (len(SHOWN) + 0.7)
        for place, (method, (name, color)) in enumerate(SHOWN.items()):
            here = table["method"].eq(method) & table["montage"].eq(montage)
            _draw_item(ax, start + place, table[here], color)
            names.append((start + place, name))
        middles.append((start + (len(SHOWN) - 1) / 2, montage))
    chance = 1 / int(results.scores["n_classes"].iloc[0])
    ax.axhline(chance, color="gray", lw=1, ls="--")
    ax.annotate("chance", (-0.6, chance + 0.005), color="gray", fontsize=9)
    ax.set_xticks(*zip(*names, strict=True), fontsize=9)
    second = ax.secondary_xaxis(-0.1)
    second.set_xticks(
        [place for place, _ in middles],
        [f"{montage} ({n_chans[montage]} electrodes)" for _, montage in middles],
    )
    second.tick_params(length=0)
    second.spines["bottom"].set_visible(False)
    ax.set(ylabel="Test accuracy", ylim=(chance - 0.07, 1.0), xlim=(-0.7, None))
    ax.spines[["top", "right"]].set_visible(False)
    scores = results.scores
    kind = "Simulated" if results.simulated else "Recorded"
    ax.set_title(
        f"{kind} motor imagery: {scores['subject'].nunique()} subjects, "
        f"{scores['seed'].nunique()} seeds, {scores['n_classes'].iloc[0]} classes, "
        "95 % intervals",
        fontsize=10,
    )
    return figure


def _draw_item(ax, place: float, rows: pd.DataFrame, color: str) -> None:
    """Draw the subjects of one item, their mean and its interval."""
    own = rows["score"].to_numpy()
    mean, low, high = mean_interval(own)
    ax.plot([place - 0.15] * len(own), own, "o", color=color, alpha=0.35, ms=4)
    bar = [[mean - low], [high - mean]]
    ax.errorbar(place + 0.12, mean, bar, fmt="o", color=color, capsize=3)
    ax.annotate(f"{mean:.2f}", (place + 0.22, mean), va="center", fontsize=8)


def draw(results: eegkd.Results, folder: Path, name: str) -> None:
    """Write the figures."""
    montages = [m for m in results.planned["montage"].unique() if m != "full"]
    figures = {
        "overview": overview(results),
        "pairs": results.plot_pairs("sk_kd", "none"),
    }
    for montage in montages:
        figures[montage] = results.plot_scores(montage=montage)
        if results.scores["subject"].nunique() >= 6:
            ranks = results.plot_critical_difference(montage=montage)
            figures[f"{montage}_ranks"] = ranks
    for kind, figure in figures.items():
        file = folder / f"{name}_{kind}.png"
        figure.savefig(file, dpi=110, bbox_inches="tight")


def main() -> None:
    """Run the plan, and write table and figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("folder", type=Path, help="where table and figures are written")
    parser.add_argument("--store", type=Path, help="another store than the plan's")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    plan = eegkd.read_plan(arguments.plan)
    if arguments.store is not None:
        plan["store"] = arguments.store
    results = eegkd.benchmark(**{**plan, "n_jobs": arguments.jobs})
    if not results.complete:
        raise SystemExit(results.trouble())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    name = arguments.plan.stem
    text = "\n".join(
        [score_table(results), conclusions(results), "", cost_table(results), ""]
    )
    (arguments.folder / f"{name}.md").write_text(text, encoding="utf-8")
    draw(results, arguments.folder, name)
    print(text)


if __name__ == "__main__":
    main()
