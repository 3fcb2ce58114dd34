"""What columns of scores allow one to say, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import METRICS, metric_title
from eegkd.evaluation.statistics import (
    MAX_SEEDS,
    SIGNIFICANCE,
    combine_datasets,
    holm,
    mean_interval,
    seed_noise,
    smallest_p_value,
)

if TYPE_CHECKING:
    import pandas as pd

PLACE = ["dataset", "evaluation", "montage"]


def in_words(row: dict[str, Any]) -> str:
    """Return what a comparison says, in words, methods by name."""
    verdict = str(row["verdict"])
    if verdict in ("a better", "b better"):
        better = row[verdict[0]]
        verdict = f"{'no teacher is' if better == 'none' else better} better"
    if not np.isfinite(row["difference"]):
        return f"{row['a']} - {row['b']}: {verdict}"
    text = f"{row['a']} - {row['b']} = {number(row['difference'], '+')}"
    if np.isfinite(row["low"]):
        text += f" (95 % {number(row['low'], '+')} to {number(row['high'], '+')})"
    if np.isfinite(row["p_holm"]):
        small = row["p_holm"] < 0.001
        text += ", p < 0.001" if small else f", p = {row['p_holm']:.3f}"
    return f"{text}: {verdict}"


def number(value: float, sign: str = "") -> str:
    """Return a score as text, with fewer decimals where it is large."""
    if not np.isfinite(value):
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    return f"{value:{sign},.{digits}f}"


def rows_where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the rows whose columns have the values."""
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def interval(own: pd.Series) -> dict[str, float]:
    """Return mean and interval; NaN without a subject."""
    if not len(own):
        return dict.fromkeys(("mean", "low", "high"), np.nan)
    mean, low, high = mean_interval(own.to_numpy())
    return {"mean": mean, "low": low, "high": high}


def item_names(table: pd.DataFrame) -> list[str]:
    """Return the names of the items of a table."""
    pairs = table[["method", "decoder"]].drop_duplicates().itertuples(index=False)
    return [" ".join(filter(None, map(str, pair))) for pair in pairs]


def sides(
    by_seed: pd.DataFrame, cell: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of both methods of a comparison, of single seeds."""
    here = rows_where(by_seed, **{name: cell[name] for name in PLACE[:2]})
    here = here[here["decoder"].isin([cell["decoder"], ""])]
    here = here[here["montage"].eq(cell["montage"]) | here["kind"].eq("teacher")]
    return here[here["method"] == cell["a"]], here[here["method"] == cell["b"]]


def subject_means(side: pd.DataFrame) -> pd.Series:
    """Return the mean over seeds of each subject."""
    return side.groupby("subject", sort=False)["score"].mean()


def least_seeds(side: pd.DataFrame, subjects: pd.Index) -> int:
    """Return the smallest number of seeds that one of the subjects has."""
    counts = side["subject"].value_counts()
    return int(counts[subjects].min())


def noise_of_seeds(
    sides: list[pd.DataFrame],
    n_subjects: int,
    one_seed: bool,
    metric: str,
    paradigm: str | None,
) -> tuple[float, int]:
    """Return one seed's noise in a difference, and how many subjects have their own.

    Networks that serve several subjects give all of them the same luck: then it is the
    noise of the mean over subjects that counts. Of one seed it is not known, and taking
    that of a single subject for it errs on the side of more seeds.
    """
    shared = any(side["shared"].any() for side in sides)
    n_independent = 1 if shared else n_subjects
    if one_seed:
        imagery = find_paradigm(paradigm).name == "imagery"
        known = METRICS[metric].single_run_sd if imagery else np.nan
        return float(known * np.sqrt(len(sides))), n_independent
    tables = [_by_run(side, shared) for side in sides]
    if len(tables) == 2:
        paired = seed_noise((tables[0] - tables[1]).to_numpy())
        if np.isfinite(paired):
            return paired, n_independent
    squares = sum(seed_noise(table.to_numpy()) ** 2 for table in tables)
    return float(np.sqrt(squares)), n_independent


def _by_run(side: pd.DataFrame, shared: bool) -> pd.DataFrame:
    """Return scores by subject (their mean where they share networks) and seed."""
    table = side.pivot_table(index="subject", columns="seed", values="score")
    return table.dropna(axis=1).mean().to_frame().T if shared else table


def combine(group: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row over all datasets of one comparison."""
    from moabb.analysis.meta_analysis import combine_effects

    columns = ("difference", "effect_size", "p_value", "n_subjects")
    differences, effects, p_values, counts = (
        np.array([row[name] for row in group]) for name in columns
    )
    one_seed = any(row["one_seed"] for row in group)
    effect, p_value = combine_datasets(effects, p_values, counts)
    least = np.array([smallest_p_value(int(n)) for n in counts])
    same = np.ones(len(group))
    return {
        **{name: group[0][name] for name in ("evaluation", "montage", "decoder")},
        **{name: group[0][name] for name in ("a", "b", "metric")},
        "n_subjects": int(counts.sum()),
        "n_seeds": min(row["n_seeds"] for row in group),
        "difference": float(combine_effects(differences, counts)),
        "low": np.nan,
        "high": np.nan,
        "effect_size": effect,
        "p_value": np.nan if one_seed else p_value,
        "seeds_needed": np.nan,
        "one_seed": one_seed,
        "least": combine_datasets(same, least, counts)[1],
    }


def judge(rows: list[dict[str, Any]]) -> None:
    """Add corrected p-values and verdicts to the rows of a comparison."""
    p_values = np.array([row.get("p_value", np.nan) for row in rows])
    least = np.array(
        [row.get("least", smallest_p_value(row["n_subjects"])) for row in rows]
    )
    # Holm's correction is monotone: no scores could give less than this.
    reachable = holm(np.where(np.isfinite(p_values), least, np.nan))
    n_tests = int(np.isfinite(p_values).sum())
    for row, p_holm, best in zip(rows, holm(p_values), reachable, strict=True):
        row["p_holm"] = p_holm
        sign = -1 if METRICS[row["metric"]].less_is_better else 1
        row["verdict"] = _verdict(row, sign, best, n_tests)


def _verdict(row: dict[str, Any], sign: int, best: float, n_tests: int) -> str:
    """Return what one comparison allows one to say."""
    if not row["n_subjects"]:
        return "not measured: no subject has both"
    if row["one_seed"]:
        if "least" in row:
            return "unresolved: one seed; see its datasets"
        return f"unresolved: one seed; {_enough(row)}"
    if row["p_holm"] < SIGNIFICANCE:
        return "a better" if sign * row["difference"] > 0 else "b better"
    if best >= SIGNIFICANCE:
        tests = f" in {n_tests} comparisons" if n_tests > 1 else ""
        return (
            f"not shown: {row['n_subjects']} subjects cannot reach p < {SIGNIFICANCE}"
            f"{tests}, whatever the scores"
        )
    if row["seeds_needed"] > row["n_seeds"]:
        return f"not shown; the seeds alone vary by more: {_enough(row)}"
    return "not shown"


def _enough(row: dict[str, Any]) -> str:
    """Return how many seeds would resolve a difference, in words."""
    needed = row["seeds_needed"]
    if row["difference"] == 0:
        return "no number of seeds resolves a difference of 0"
    if np.isnan(needed):
        return "how many would resolve it is not known for this metric and paradigm"
    if np.isinf(needed):
        return f"more than {MAX_SEEDS} seeds would be needed to resolve it"
    return f"about {needed:.0f} seeds would resolve it"


def summary_lines(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a summary of one dataset and evaluation."""
    name = metric_title(rows["metric"].iloc[0])
    width = max(len(str(name)) for name in [*rows["method"], "method"]) + 2
    wide = max(len(str(name)) for name in [*rows["decoder"], "decoder"]) + 2
    far = max(len(str(name)) for name in [*rows["montage"], "montage"]) + 2
    yield (
        f"{'montage':<{far}}{'decoder':<{wide}}{'method':<{width}}"
        f"{name[:13]:>13}  {'95 % over subjects':<19}{'of teacher':>10}{'wins':>6}"
        f"{'subjects':>9}{'seeds':>7}{'missing':>9}"
    )
    for row in rows.to_dict("records"):
        interval = (
            f"{number(row['low'])} to {number(row['high'])}"
            if np.isfinite(row["low"])
            else "-"
        )
        share = f"{row['of_teacher']:.0%}" if np.isfinite(row["of_teacher"]) else "-"
        wins = f"{row['wins']:.3g}" if np.isfinite(row["wins"]) else "-"
        yield (
            f"{row['montage']:<{far}}{row['decoder'] or '-':<{wide}}"
            f"{row['method']:<{width}}{number(row['mean']):>13}  {interval:<19}"
            f"{share:>10}{wins:>6}{row['n_subjects']:>9}{row['n_seeds']:>7}"
            f"{row['missing']:>9}"
        )
