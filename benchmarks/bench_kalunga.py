"""Real SSVEP: what three of eight occipital electrodes cost, and what teachers give.

Kalunga2016 was recorded from eight electrodes over the occiput, while subjects looked
at lights that flicker at 13, 17 and 21 Hz. Four subjects have two runs of eight trials
of two seconds for each frequency. The student reads O1, Oz and O2.

Every setting is the library's default for SSVEP (`eegkd.PARADIGMS`), chosen before
these data were seen; nothing is selected on test trials.

    python benchmarks/bench_kalunga.py docs/results

writes ``kalunga.md`` and ``kalunga.png`` there. What is finished is kept in the store,
so that the command can be interrupted and resumed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import eegkd

SUBJECTS = [1, 2, 3, 4]
METHODS = ["none", "kd", "sk_kd"]
BASELINES = ["cca", "fbcca", "trca", "ssvep_ts"]
N_SEEDS = 5
NAMES = {
    "none": "no teacher",
    "kd": "KD",
    "sk_kd": "SK-KD",
    "cca": "CCA",
    "fbcca": "FBCCA",
    "trca": "TRCA",
    "ssvep_ts": "tangent space",
}


def run(folder: Path, n_jobs: int) -> eegkd.Results:
    """Return the results, and write what is finished."""
    return eegkd.benchmark(
        "Kalunga2016",
        "occipital_3",
        METHODS,
        baselines=BASELINES,
        subjects=SUBJECTS,
        n_seeds=N_SEEDS,
        store=folder / "kalunga.sqlite",
        recipe="published",
        n_jobs=n_jobs,
    )


def table(results: eegkd.Results) -> str:
    """Return a table in Markdown."""
    summary = results.summary()
    pairs = results.compare(METHODS[1:] + BASELINES, "none")
    lines = [
        "Trained on each subject's first run (24 trials), tested on the second (24 "
        f"trials, chance level 0.333); {len(SUBJECTS)} subjects, {N_SEEDS} seeds of "
        "networks, p corrected by Holm's method:",
        "",
        "| electrodes | decoder | accuracy | 95 % interval | minus no teacher | p |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for _, row in summary.iterrows():
        name = NAMES.get(row["method"], row["method"])
        if row["kind"] != "baseline":
            name = f"{row['decoder']}, {name}"
        place = "O1 Oz O2" if row["montage"] == "occipital_3" else "all 8"
        difference = ["", ""]
        found = pairs[
            pairs["a"].eq(row["method"]) & pairs["montage"].eq(row["montage"])
        ]
        if place == "O1 Oz O2" and len(found):
            pair = found.iloc[0]
            difference = [f"{pair['difference']:+.3f}", f"{pair['p_holm']:.2f}"]
        low, high = max(row["low"], 0), min(row["high"], 1)
        cells = [place, name, f"{row['mean']:.3f}", f"{low:.3f} to {high:.3f}"]
        lines.append(f"| {' | '.join([*cells, *difference])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run everything that is missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("kalunga"))
    parser.add_argument("--store", type=Path, help="folder of what is finished")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = run(arguments.store or arguments.folder, arguments.jobs)
    print(results.describe(), end="\n\n")
    figure = results.plot_scores(montage="occipital_3")
    figure.savefig(arguments.folder / "kalunga.png", dpi=150)
    (arguments.folder / "kalunga.md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
