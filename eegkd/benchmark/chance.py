"""Which items of a comparison are not shown to do more than guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eegkd.benchmark.conclusions import PLACE, rows_where
from eegkd.evaluation.metrics import chance_level, judged_metric, metric_title
from eegkd.evaluation.statistics import (
    chance_sentence,
    judge_chance,
    pool_folds,
)

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.benchmark.results import Results

ITEM = ["kind", "method", "decoder", "montage"]
COLUMNS = [
    *PLACE[:2], *ITEM, "metric", "chance", "n_subjects", "mean", "n_effective",
    "p_value", "p_holm", "above", "possible",
]  # fmt: skip
HEADING = "Not shown to do more than guess:"


def judge_items(results: Results) -> pd.DataFrame:
    """Return for each item whether it is shown to do more than guess.

    Parameters
    ----------
    results : Results
        Scores of a benchmark.

    Returns
    -------
    judged : DataFrame
        See `eegkd.Results.against_chance`.
    """
    import pandas as pd

    tables = [pd.DataFrame(columns=COLUMNS)]
    place: Any
    for place, rows in results.scores.groupby(PLACE[:2], sort=False):
        known = dict(zip(PLACE[:2], place, strict=True))
        paradigm = results.paradigm_of(known["dataset"])
        metric, n_classes = judged_metric(paradigm), int(rows["n_classes"].iloc[0])
        subjects = rows_where(results.by_subject(metric), **known).merge(
            _worth(rows), on=[*ITEM, "subject"]
        )
        items = list(subjects[ITEM].itertuples(index=False, name=None))
        judged = judge_chance(
            subjects.assign(item=pd.Series(items, dtype=object)), n_classes, metric
        )
        named = pd.DataFrame(list(judged.index), columns=ITEM, index=judged.index)
        chance = chance_level(paradigm, n_classes, metric)
        tables.append(judged.join(named).assign(**known, metric=metric, chance=chance))
    filled = [table for table in tables if len(table)] or tables
    return pd.concat(filled, ignore_index=True)[COLUMNS]


def guessing_lines(results: Results) -> list[str]:
    """Return which items are not shown to do more than guess, in words.

    Parameters
    ----------
    results : Results
        Scores of a benchmark.

    Returns
    -------
    lines : list of str
        See `eegkd.Results.at_chance`.
    """
    lines = []
    place: Any
    for place, rows in judge_items(results).groupby(PLACE[:2], sort=False):
        below = rows[~rows["above"].astype(bool)]
        scores = rows_where(results.scores, dataset=place[0])
        n_classes = int(scores["n_classes"].iloc[0])
        chance = chance_level(results.paradigm_of(place[0]), n_classes)
        text = chance_sentence(
            [_words(results, row) for row in below.to_dict("records")],
            f"{metric_title(results.metric_of(place[0]))} {chance:.3f}",
            n_effective=None
            if below["possible"].any()
            else float(below["n_effective"].max()),
            n_items=len(rows),
        )
        if text:
            lines.append(f"  {results.title(*place)}: {text}")
    return [HEADING, *lines] if lines else []


def _words(results: Results, row: dict[Any, Any]) -> str:
    """Return an item in words: montage, method, and decoder if there are several."""
    decoders = results.planned["decoder"]
    several = decoders[decoders.ne("")].nunique() > 1
    decoder = f"{row['decoder']} " if several and row["decoder"] else ""
    name = "no teacher" if row["method"] == "none" else row["method"]
    return f"{decoder}{name} ({row['montage']})"


def _worth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return with how many trials each item and subject is tested, effectively."""
    import pandas as pd

    counts = rows["n_trials"].astype(float)
    if "n_effective" in rows:  # older versions did not write it
        counts = rows["n_effective"].astype(float).fillna(counts)
    unit = [*ITEM, "subject"]
    worth: list[dict[str, Any]] = []
    key: Any
    for key, own in rows.assign(worth=counts).groupby(unit, sort=False):
        folds = own.groupby("fold")["worth"].mean()  # the same for every seed
        pooled = pool_folds(folds.to_numpy())
        worth.append({**dict(zip(unit, key, strict=True)), "n_effective": pooled})
    return pd.DataFrame(worth, columns=[*unit, "n_effective"])
