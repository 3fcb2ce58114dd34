"""Sentences about scores and comparisons, and numbers as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd.evaluation.metrics import METRICS, metric_title
from eegkd.evaluation.statistics import MAX_SEEDS, SIGNIFICANCE

if TYPE_CHECKING:
    import pandas as pd

#: What methods are compared with ``"none"`` for: the question, and their kind.
QUESTIONS = {
    "Does a teacher help? Taught students against untaught ones": "student",
    "Are simpler methods better? Baselines against untaught students": "baseline",
}
NOTHING_TO_TEACH = "A teacher at chance level has nothing to teach."


def number(value: float, sign: str = "", digits: int | None = None) -> str:
    """Return a score as text, with fewer decimals where it is large; "-" for none."""
    if not np.isfinite(value):
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    return f"{value:{sign},.{digits}f}"


def percent(value: float) -> str:
    """Return a share as text; a dash where it is not defined."""
    return f"{value:.0%}" if np.isfinite(value) else "-"


def p_text(value: float) -> str:
    """Return a p-value as text; a dash where nothing was tested."""
    return "< 0.001" if value < 0.001 else number(value, digits=3)


def seeds_text(value: float) -> str:
    """Return a number of seeds as text; a dash where none is defined."""
    return f"more than {MAX_SEEDS}" if np.isinf(value) else number(value, digits=0)


def interval_text(row: Mapping[Any, Any], sign: str = "") -> str:
    """Return an interval as text, no further than its metric goes; "-" for none."""
    low, high = row["low"], row["high"]
    if not np.isfinite(low):
        return "-"
    if "difference" not in row and row.get("metric") in METRICS:
        least, most = METRICS[row["metric"]].bounds
        low, high = max(low, least), min(high, most)
    return f"{number(low, sign)} to {number(high, sign)}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun in the right form."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def capital(text: str) -> str:
    """Return text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def shared_title(metrics: Sequence[str]) -> str:
    """Return the name of the only metric with a capital; "Score" for several."""
    return capital(metric_title(metrics[0])) if len(metrics) == 1 else "Score"


def item_name(row: Mapping[Any, Any], with_decoder: bool = False) -> str:
    """Return an item in words: who learned what, and on which montage."""
    decoder = f"{row['decoder']} " if with_decoder and row["decoder"] else ""
    name = "untaught student" if row["method"] == "none" else row["method"]
    return f"{decoder}{name} ({row['montage']})"


def better(row: Mapping[Any, Any]) -> str:
    """Return the verdict of a comparison, with the methods by name."""
    verdict = str(row["verdict"])
    if verdict not in ("a better", "b better"):
        return verdict
    name = row[verdict[0]]
    return f"{'the untaught student is' if name == 'none' else name} better"


def in_words(row: Mapping[Any, Any]) -> str:
    """Return what a row of a comparison says, such as "kd - none = ...: kd better"."""
    names = f"{row['a']} - {row['b']}"
    if not np.isfinite(row["difference"]):
        return f"{names}: {better(row)}"
    text = f"{names} = {number(row['difference'], '+')}"
    if np.isfinite(row["low"]):
        text += f" (95 % {interval_text(row, '+')})"
    if np.isfinite(row["p_holm"]):
        sign = "" if row["p_holm"] < 0.001 else "= "
        text += f", p {sign}{p_text(row['p_holm'])}"
    return f"{text}: {better(row)}"


def verdict(row: Mapping[str, Any], best: float, n_tests: int) -> str:
    """Return what one comparison allows one to say.

    Parameters
    ----------
    row : mapping
        A row of `eegkd.evaluation.table.compare` with its corrected p-value.
    best : float
        The smallest corrected p-value that any scores could give.
    n_tests : int
        How many tests were made.

    Returns
    -------
    verdict : str
        "a better", "b better", or why it cannot be said.
    """
    if not row["n_subjects"]:
        return "not measured: no subject has both"
    if row["one_seed"]:
        combined = "least" in row
        return (
            f"unresolved: one seed; {'see its datasets' if combined else _enough(row)}"
        )
    if row["p_holm"] < SIGNIFICANCE:
        less = METRICS[row["metric"]].less_is_better
        return "a better" if (row["difference"] > 0) != less else "b better"
    if best >= SIGNIFICANCE:
        tests = f" in {n_tests} comparisons" if n_tests > 1 else ""
        return (
            f"not shown: {row['n_subjects']} subjects cannot reach p < {SIGNIFICANCE}"
            f"{tests}, whatever the scores"
        )
    if row["seeds_needed"] > row["n_seeds"]:
        return f"not shown; the seeds alone vary by more: {_enough(row)}"
    return "not shown"


def _enough(row: Mapping[str, Any]) -> str:
    """Return how many seeds would resolve a difference, in words."""
    needed = row["seeds_needed"]
    if row["difference"] == 0:
        return "no number of seeds resolves a difference of 0"
    if np.isnan(needed):
        return "how many would resolve it is not known for this metric and paradigm"
    if np.isinf(needed):
        return f"more than {MAX_SEEDS} seeds would be needed to resolve it"
    return f"about {needed:.0f} seeds would resolve it"


def chance_sentence(
    names: Sequence[str],
    score: str,
    *,
    n_effective: float | None = None,
    n_items: int | None = None,
) -> str:
    """Return in words that items are not shown to be above chance level.

    Parameters
    ----------
    names : sequence of str
        The items.
    score : str
        The chance level, such as "accuracy 0.250".
    n_effective : float, optional
        Effective test trials, where they are too few for any score to show it.
    n_items : int, optional
        How many items there are. If it is all of them, they are not named.

    Returns
    -------
    sentence : str
        Empty without items.

    Examples
    --------
    >>> from eegkd.evaluation.wording import chance_sentence
    >>> chance_sentence(["the teacher"], "accuracy 0.250")
    'The teacher is not shown to be above chance level (accuracy 0.250).'
    """
    if not names:
        return ""
    several = len(names) > 1
    *others, last = names
    if several and len(names) == n_items:
        text = f"none of the {n_items} items is shown"
    elif several:
        text = f"{', '.join(others)} and {last} are not shown"
    else:
        text = f"{last} is not shown"
    text = f"{capital(text)} to be above chance level ({score})"
    if n_effective is not None:
        text += (
            ", and no score could show it, since the test trials are worth about "
            f"{n_effective:.0f} independent ones"
        )
    return text + (": differences between them mean nothing here." if several else ".")


def chance_statement(judged: pd.DataFrame, metric: str, names: Sequence[str]) -> str:
    """Return which items of one dataset are not shown to be above chance level.

    Parameters
    ----------
    judged : DataFrame
        Rows of `eegkd.evaluation.table.against_chance` of one dataset and evaluation.
    metric : str
        The metric in which the chance level is said.
    names : sequence of str
        What the items are called.

    Returns
    -------
    text : str
        A sentence or two; empty where all items are above chance level.
    """
    below = judged[~judged["above"].astype(bool)]
    chosen = [name for name, row in zip(names, judged["above"], strict=True) if not row]
    text = chance_sentence(
        chosen,
        f"{metric_title(metric)} {below['chance'].max():.3f}",
        n_effective=None
        if below["possible"].any()
        else float(below["n_effective"].max()),
        n_items=len(judged),
    )
    guesses = below["kind"].eq("teacher").any() and len(below) < len(judged)
    return f"{text} {NOTHING_TO_TEACH}" if guesses else text


def summary_lines(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a summary of one dataset and evaluation, for a terminal."""
    title = metric_title(rows["metric"].iloc[0])[:13]
    wide = {
        name: max(len(str(text)) for text in [*rows[name], name]) + 2
        for name in ("montage", "decoder", "method")
    }
    yield (
        "".join(f"{name:<{width}}" for name, width in wide.items())
        + f"{title:>13}  {'95 % over subjects':<19}{'of teacher':>10}{'wins':>6}"
        f"{'subjects':>9}{'seeds':>7}{'missing':>9}"
    )
    for row in rows.to_dict("records"):
        wins = f"{row['wins']:.3g}" if np.isfinite(row["wins"]) else "-"
        yield (
            "".join(f"{row[name] or '-':<{width}}" for name, width in wide.items())
            + f"{number(row['mean']):>13}  {interval_text(row):<19}"
            f"{percent(row['of_teacher']):>10}{wins:>6}{row['n_subjects']:>9}"
            f"{row['n_seeds']:>7}{row['missing']:>9}"
        )
