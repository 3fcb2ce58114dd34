"""Sentences about scores and comparisons, and numbers as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import join_names
from eegkd.evaluation.metrics import METRICS, metric_title
from eegkd.evaluation.statistics import (
    PRACTICAL_SEEDS,
    SIGNIFICANCE,
    smallest_p_value,
)
from eegkd.evaluation.table import (
    PLACE,
    Tables,
    against_chance,
    compare,
    fair_pairs,
    summarize,
)

if TYPE_CHECKING:
    import pandas as pd

TEACHER_HELPS = (
    "Does a teacher help? Taught students against untaught ones that were trained as "
    "long and as often"
)
PERMUTED_HELPS = (
    "Does it matter which trial the teacher speaks of? Taught students against those "
    "of a permuted teacher"
)
SIMPLER_HELPS = "Are simpler methods better? Baselines against untaught students"
PERMUTED = " (teacher permuted"
PERMUTED_STUDENT = "student of a permuted teacher"
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
    if value >= PRACTICAL_SEEDS:
        return f"{PRACTICAL_SEEDS} or more"
    return number(value, digits=0)


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


def untaught_label(options: Mapping[str, Any]) -> str:
    """Return what tables call an untaught student with options of the method "none".

    Examples
    --------
    >>> from eegkd.evaluation.wording import untaught_label
    >>> untaught_label({"lengthen": 1.125, "restarts": 3})
    'none (1.125 x epochs; best of 3)'
    """
    texts = {
        "lengthen": "{:g} x epochs",
        "further_epochs": "{} more epochs",
        "restarts": "best of {}",
        "average_from": "averaged from {:g}",
    }
    said = [texts[name].format(value) for name, value in options.items()]
    return f"none ({'; '.join(said)})" if said else "none"


def fairly_trained(options: Mapping[str, Any] | None) -> str:
    """Return how an untaught student was trained to be a fair comparison, in words.

    Examples
    --------
    >>> from eegkd.evaluation.wording import fairly_trained
    >>> fairly_trained({"lengthen": 1.125})
    ', with 1.125 x epochs: as long and as often as the taught one'
    """
    if not options:
        return ""
    said = untaught_label(options).removeprefix("none (").removesuffix(")")
    return f", with {said}: as long and as often as the taught one"


def permuted_label(method: str, permuted: str) -> str:
    """Return what tables call a student whose teacher is permuted.

    Examples
    --------
    >>> from eegkd.evaluation.wording import permuted_label
    >>> permuted_label("kd", "within_classes")
    'kd (teacher permuted within classes)'
    """
    within = " within classes" if permuted == "within_classes" else ""
    return f"{method}{PERMUTED}{within})"


def is_untaught(method: str) -> bool:
    """Return whether a label of the tables is one of an untaught student."""
    return method.split(" (")[0] == "none"


def kind_name(kind: str, method: str) -> str:
    """Return what a model is: a teacher, a student and how taught, or a baseline."""
    if kind != "student":
        return kind
    if PERMUTED in method:
        return PERMUTED_STUDENT
    return "untaught student" if is_untaught(method) else "taught student"


def item_name(row: Mapping[Any, Any], with_decoder: bool = False) -> str:
    """Return an item in words: who learned what, and on which montage."""
    decoder = f"{row['decoder']} " if with_decoder and row["decoder"] else ""
    name = row["method"]
    if is_untaught(name):
        name = name.replace("none", "untaught student", 1)
    return f"{decoder}{name} ({row['montage']})"


def better(row: Mapping[Any, Any]) -> str:
    """Return the verdict of a comparison, with the methods by name."""
    verdict = str(row["verdict"])
    if verdict not in ("a better", "b better"):
        return verdict
    name = row[verdict[0]]
    return f"{'the untaught student is' if is_untaught(name) else name} better"


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


def chance_lines(tables: Tables) -> list[str]:
    """Return which items are not shown to be above chance level, in words.

    A line for each dataset and evaluation where there are some, after its name if the
    grid has several.
    """
    lines = []
    decoders = tables.planned["decoder"]
    several = decoders[decoders.ne("")].nunique() > 1
    places: list[Any] = list(against_chance(tables).groupby(PLACE[:2], sort=False))
    for place, rows in places:
        above, teacher = rows["above"].astype(bool), rows["kind"].eq("teacher")
        below = rows[~above]
        text = chance_sentence(
            [item_name(row, several) for row in below.to_dict("records")],
            f"{metric_title(tables.metric_of(place[0]))} {rows['chance'].max():.3f}",
            n_effective=None
            if below["possible"].any()
            else float(below["n_effective"].max()),
            n_items=len(rows),
        )
        if above.any() and (teacher & ~above).any():
            text += f" {NOTHING_TO_TEACH}"
        if text:
            where = f"{place_title(tables, *place)}: " if len(places) > 1 else ""
            lines.append(where + text)
    return lines


def conclusions(tables: Tables, metric: str | None = None) -> list[str]:
    """Return what the comparisons with the untaught student allow one to say.

    See `eegkd.benchmark.Results.conclusions`.
    """
    lines = [f"  {line}" for line in chance_lines(tables)]
    if lines:
        lines.insert(0, "Not shown to be above chance level:")
    datasets = tables.planned["dataset"].unique()
    metrics = {metric or tables.metric_of(name) for name in datasets}
    several = [name for name in PLACE[:2] if tables.planned[name].nunique() > 1]
    asked = questions(tables)
    for question, pairs in asked.items():
        lines.append(f"{question} (p after Holm's correction for all of these):")
        for row in compare(tables, pairs, metric).to_dict("records"):
            where = [row[name] for name in (*several, "montage", "decoder")]
            where += [metric_title(row["metric"])] if len(metrics) > 1 else []
            lines.append(f"  {', '.join(filter(None, where))}: {in_words(row)}")
    if not asked:
        lines.append("There is no method to compare with an untaught student.")
    return lines


def questions(tables: Tables) -> dict[str, list[tuple[str, str]]]:
    """Return which methods are compared with which controls, by question.

    Of a taught student that is the untaught one that was trained as long and as often,
    and the one whose teacher was permuted.
    """
    rows = tables.planned.drop_duplicates("method")
    kinds = dict(zip(rows["method"], rows["kind"], strict=True))
    controls = {*tables.controls.values()}
    taught = [
        name
        for name, kind in kinds.items()
        if kind_name(kind, name) == "taught student" and name not in controls
    ]
    asked = {
        TEACHER_HELPS: fair_pairs([(name, "none") for name in taught], tables),
        PERMUTED_HELPS: [
            (name, other)
            for name in taught
            for other in kinds
            if other.startswith(f"{name}{PERMUTED}")
        ],
        SIMPLER_HELPS: [
            (name, "none") for name, kind in kinds.items() if kind == "baseline"
        ],
    }
    known = {
        question: [pair for pair in pairs if pair[1] in kinds]
        for question, pairs in asked.items()
    }
    return {question: pairs for question, pairs in known.items() if pairs}


def description(tables: Tables, metric: str | None = None) -> list[str]:
    """Return what is missing, a table for each part of the grid, and conclusions."""
    lines = [*filter(None, [unfinished(tables.planned)])]
    place: Any
    for place, rows in summarize(tables, metric).groupby(PLACE[:2], sort=False):
        lines += ["", place_title(tables, *place), *summary_lines(rows)]
    lines += ["", *conclusions(tables, metric)]
    subjects = tables.scores.groupby("dataset")["subject"].nunique()
    if len(few := subjects.index[subjects.map(smallest_p_value) >= SIGNIFICANCE]):
        lines.append(
            f"{join_names(few)}: too few subjects for any difference to reach "
            f"p < {SIGNIFICANCE}; this describes, it does not prove."
        )
    return lines


def unfinished(planned: pd.DataFrame) -> str:
    """Return how much of a grid is not done; nothing where all is."""
    counts = planned.loc[planned["status"] != "done", "status"].value_counts()
    if not len(counts):
        return ""
    parts = ", ".join(f"{number} {status}" for status, number in counts.items())
    return (
        f"INCOMPLETE: {counts.sum()} of {len(planned)} jobs are not done ({parts}). "
        "Items are compared on the subjects that all of them have."
    )


def place_title(tables: Tables, dataset: str, evaluation: str) -> str:
    """Return the name of a part of a grid, simulated data named so."""
    kind = " (SIMULATED)" if dataset in tables.simulated else ""
    return f"{dataset}{kind}, {evaluation}"


def remarks(tables: Tables) -> dict[str, str]:
    """Return what must stand above a figure of each dataset."""
    left = tables.planned.loc[tables.planned["status"] != "done", "dataset"]
    said = {"SIMULATED": set(tables.simulated), "INCOMPLETE": set(left)}
    return {
        dataset: ", ".join(word for word, names in said.items() if dataset in names)
        for dataset in tables.planned["dataset"].unique()
    }


def job_name(planned: pd.DataFrame, key: str) -> str:
    """Return what a job is: dataset, evaluation, fold, item and seed."""
    rows = planned[planned["key"] == key]
    if not len(rows):
        return f"job {key}"
    row = rows.iloc[0]
    named = [row["dataset"], row["evaluation"], f"fold {row['fold']}"]
    named += [row["method"], row["decoder"], row["montage"], f"seed {row['seed']}"]
    return ", ".join(map(str, filter(None, named)))


def summary_lines(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a summary of one dataset and evaluation, for a terminal."""
    title = metric_title(rows["metric"].iloc[0])[:13]
    wide = {
        name: max(len(str(text)) for text in [*rows[name], name]) + 2
        for name in ("montage", "decoder", "method")
    }
    yield (
        "".join(f"{name:<{width}}" for name, width in wide.items())
        + f"{title:>13}  {'95 % interval':<19}{'of teacher':>12}{'wins':>6}"
        f"{'subjects':>9}{'seeds':>7}{'missing':>9}"
    )
    for row in rows.to_dict("records"):
        wins = f"{row['wins']:.3g}" if np.isfinite(row["wins"]) else "-"
        yield (
            "".join(f"{row[name] or '-':<{width}}" for name, width in wide.items())
            + f"{number(row['mean']):>13}  {interval_text(row):<19}"
            f"{percent(row['of_teacher']):>12}{wins:>6}{row['n_subjects']:>9}"
            f"{row['n_seeds']:>7}{row['missing']:>9}"
        )
