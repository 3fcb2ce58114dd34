"""A plan's table, conclusions and figures: those of docs/comparison.md.

    python benchmarks/bench_comparison.py examples/plans/simulated.toml docs/results
    MNE_DATA=... python benchmarks/bench_comparison.py examples/plans/physionet.toml \
        docs/results

Runs what the plan's store lacks, then writes NAME.md, a figure of the scores on each
montage, one of SK-KD against no teacher, and one of the mean ranks where there are
persons enough.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import eegkd

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
            "interval": f"{row['low']:.3f} to {row['high']:.3f}",
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


def draw(results: eegkd.Results, folder: Path, name: str) -> None:
    """Write the figures."""
    montages = [m for m in results.planned["montage"].unique() if m != "full"]
    figures = {"pairs": results.plot_pairs("sk_kd", "none")}
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
