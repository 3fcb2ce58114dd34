"""What validation trials say of a teacher and of its student: numbers and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd.evaluation.metrics import METRICS, metric_title
from eegkd.evaluation.statistics import mean_interval
from eegkd.evaluation.table import Tables, by_seed
from eegkd.evaluation.wording import counted, interval_text, number

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["method", "difference", "low", "high", "over", "n"]
#: How validation trials came about, and what must be known of their scores.
WAYS = {
    "held out": "training trials that were held out; they also chose the epoch, so "
    "that these scores are a little too high, of all three alike",
    "nested": "the last quarter of the training trials, by models that were trained "
    "once more on the rest",
    "none": "no trials",
}


def minus_untaught(tables: Tables, method: str, metric: str) -> pd.DataFrame:
    """Return by how much the teacher, and the taught student, beat the untaught one.

    Parameters
    ----------
    tables : Tables
        Scores on validation trials, of one dataset, evaluation and montage.
    method : str
        How the student was taught.
    metric : str
        A metric column.

    Returns
    -------
    differences : DataFrame
        A row for ``"teacher"`` and one for the method, as far as there are both:
        ``method``, ``difference`` to the untaught student with its 95 % interval
        (``low``, ``high``), positive where it is better, and ``over``: what the
        interval is over, "subjects", or "seeds" where there is one subject.
    """
    import pandas as pd

    if not len(tables.scores):
        return pd.DataFrame(columns=COLUMNS)
    sign = -1 if METRICS[metric].less_is_better else 1
    wide = by_seed(tables, metric).pivot_table(
        index=["subject", "seed"], columns="method", values="score"
    )
    rows = []
    for name in ("teacher", method):
        if name == "none" or not {name, "none"} <= set(wide):
            continue
        # Rounded, so that equal scores differ by 0 whatever their order in a mean.
        paired = sign * (wide[name] - wide["none"]).dropna().round(9)
        if not len(paired):  # a score that these trials do not define
            continue
        over = "subject" if paired.index.unique("subject").size > 1 else "seed"
        units = paired.groupby(level=over).mean().to_numpy()
        difference, low, high = mean_interval(units)
        difference = round(difference, 9) + 0.0
        values = (name, difference, low, high, f"{over}s", len(units))
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def found_lines(differences: pd.DataFrame, metric: str) -> Iterator[str]:
    """Yield a sentence for each row of `minus_untaught`."""
    for row in differences.to_dict("records"):
        who = "Teacher" if row["method"] == "teacher" else f"Taught ({row['method']})"
        n = counted(row["n"], str(row["over"])[:-1])
        interval = (
            f" (95 % {interval_text(row, '+')} over {n})"
            if np.isfinite(row["low"])
            else f" ({n})"
        )
        yield (
            f"{who} minus untaught student: {number(row['difference'], '+')} in "
            f"{metric_title(metric)}{interval}."
        )


def doubt(differences: pd.DataFrame, metric: str) -> str:
    """Return that the teacher is not better than the untaught student, if so."""
    rows = differences[differences["method"] == "teacher"]
    if not len(rows) or rows["difference"].iloc[0] > 0:
        return ""
    return (
        "The teacher is not better than the untaught student on these electrodes: "
        f"{number(rows['difference'].iloc[0], '+')} in {metric_title(metric)} on "
        "validation trials. It has little to teach: see result.best; method='auto' "
        "trains without such a teacher."
    )


def disagreement(choices: list[dict[str, Any]], method: str) -> str:
    """Return in how many trainings the method "auto" would have taught otherwise."""
    other = sum(choice["chosen"] != method for choice in choices)
    if not other:
        return ""
    return (
        f"By the rule of method='auto' these trials speak for training without a "
        f"teacher in {other} of {counted(len(choices), 'training')}: {method} is not "
        "better there by more than one standard error."
    )
