"""Which headset can do what: each montage on the simulated set of each paradigm.

What a headset can do depends first on where its electrodes are. A classical decoder,
quick and without chance, is trained on each subject's first day and tested on the
second, from the electrodes of every montage of the library, for motor imagery, P300,
SSVEP, c-VEP and resting state. Everything is SIMULATED: one head model, dipoles where
physiology puts them, 64 electrodes of a laboratory cap. Dry electrodes, movement and
ill-fitting headbands are not in it, so that these are upper bounds for devices.

    python benchmarks/bench_headsets.py docs/results

writes ``headsets.md`` and ``headsets.png`` there. Electrodes that the simulated cap
lacks are read from the nearest one, and marked.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import eegkd
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.simulated.head import CH_NAMES
from eegkd.evaluation.metrics import chance_level, metric_title
from eegkd.montage import resolve

# The simulated set of each paradigm, the classical decoder that suits it, and subjects;
# c-VEP has ten times as many trials of each as the others.
SETS = {
    "imagery": ("SimulatedMotorImagery", "ts_lr", 9),
    "p300": ("SimulatedP300", "xdawncov_ts", 9),
    "ssvep": ("SimulatedSSVEP", "trca", 9),
    "cvep": ("SimulatedCVEP", "xdawncov_ts", 4),
    "rstate": ("SimulatedRestingState", "ts_lr", 9),
}
NAMES = {
    "ts_lr": "tangent space",
    "xdawncov_ts": "xDAWN covariances",
    "trca": "TRCA",
}
FULL = "all 64"


def measure(paradigm: str, folder: Path, n_jobs: int) -> pd.DataFrame:
    """Return mean and interval of every montage, and write what is finished."""
    name, baseline, n_subjects = SETS[paradigm]
    results = eegkd.benchmark(
        name,
        eegkd.list_montages(),
        methods=[],
        decoders=[],
        baselines=[baseline],
        subjects=list(range(1, n_subjects + 1)),
        n_seeds=1,
        on_missing="nearest",
        store=folder / f"headsets_{paradigm}.sqlite",
        n_jobs=n_jobs,
    )
    if not results.complete:
        raise SystemExit(f"{name}: {results.trouble}")
    table = results.summary().set_index("montage")[["mean", "low", "high"]]
    return table.rename(index={"full": FULL})


def electrodes() -> dict[str, str]:
    """Return what the first column says of each montage, fewest electrodes last."""
    text = {FULL: FULL}
    found = [eegkd.load_montage(name) for name in eegkd.list_montages()]
    for montage in sorted(found, key=lambda m: (-m.n_chans, m.name)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mark says the same
            replaced = resolve(montage, CH_NAMES, "nearest").report()
        mark = "*" if replaced else ""
        text[montage.name] = f"{montage.name}{mark} ({montage.n_chans})"
    return text


def write(tables: dict[str, pd.DataFrame], folder: Path) -> str:
    """Write and return the table."""
    chance = {p: _chance(p) for p in tables}
    head = [
        f"{PARADIGMS[p].title} ({metric_title(PARADIGMS[p].metric)})" for p in tables
    ]
    lines = [
        f"| SIMULATED | {' | '.join(head)} |",
        "| --- |" + " --- |" * len(tables),
        "| subjects | " + " | ".join(f"{SETS[p][2]}" for p in tables) + " |",
        "| decoder | " + " | ".join(NAMES[SETS[p][1]] for p in tables) + " |",
        "| chance level | " + " | ".join(f"{chance[p]:.2f}" for p in tables) + " |",
    ]
    for name, text in electrodes().items():
        cells = []
        for table in tables.values():
            row = table.loc[name]
            shown = f"{row['mean']:.2f}"
            half = (row["high"] - row["low"]) / 2
            cells.append(f"{shown} ± {half:.2f}")
        lines.append(f"| {text} | {' | '.join(cells)} |")
    (folder / "headsets.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "\n".join(lines)


def draw(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Draw how much of what all electrodes give above chance each montage keeps."""
    labels = electrodes()
    share = pd.DataFrame(
        {
            PARADIGMS[p].title: (table["mean"] - _chance(p))
            / (table.loc[FULL, "mean"] - _chance(p))
            for p, table in tables.items()
        }
    ).reindex([name for name in labels if name != FULL])
    figure = Figure(figsize=(7.2, 0.32 * len(share) + 1.4), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(share.clip(0, 1), cmap="viridis", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(share.columns)), share.columns)
    ax.set_yticks(range(len(share)), [labels[name] for name in share.index])
    ax.tick_params(length=0)
    for row, values in enumerate(share.to_numpy()):
        for column, value in enumerate(values):
            color = "white" if value < 0.6 else "black"
            ax.text(column, row, f"{value:.0%}", ha="center", va="center", color=color)
    ax.set_title("SIMULATED: share of what 64 electrodes give above chance", loc="left")
    figure.colorbar(image, shrink=0.5)
    figure.savefig(folder / "headsets.png", dpi=150)


def _chance(paradigm: str) -> float:
    """Return the chance level."""
    dataset = getattr(eegkd, SETS[paradigm][0])()
    found = chance_level(paradigm, len(dataset.event_id))
    if found is None:
        raise SystemExit(f"no chance level for {paradigm}")
    return found


def main() -> None:
    """Run everything that is missing and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("headsets"))
    parser.add_argument("--store", type=Path, help="folder of what is finished")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--paradigms", nargs="+", default=list(SETS), choices=SETS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    store = arguments.store or arguments.folder
    tables = {p: measure(p, store, arguments.jobs) for p in arguments.paradigms}
    print(write(tables, arguments.folder))
    draw(tables, arguments.folder)


if __name__ == "__main__":
    main()
