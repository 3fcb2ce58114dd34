"""`write_benchmark`: one HTML page about a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import metric_title
from eegkd.evaluation.statistics import MIN_SUBJECTS, SIGNIFICANCE
from eegkd.evaluation.table import compare, rows_where, summarize
from eegkd.evaluation.wording import (
    better,
    capital,
    conclusions,
    counted,
    interval_text,
    number,
    p_text,
    percent,
    place_title,
    questions,
    seeds_text,
    shared_title,
)
from eegkd.report.html import (
    EVALUATION_TEXTS,
    TWO_CLASSES,
    citation,
    failures_list,
    figure_html,
    settings_table,
    simulated_banner,
    table_html,
    text_block,
    warning_banner,
    write_page,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from eegkd.benchmark.results import Results

COSTS = ("parameters", "macs", "train_seconds", "predict_ms")
OF_PROBABILITIES = ("calibration_error", "log_loss", "brier_score")
OTHERS = ("accuracy", "balanced_accuracy", "kappa", "roc_auc", "itr")
WHOLE = ("parameters", "macs")
SELECTIONS = (
    "Bits per minute are of selections among equal classes. Where trials are single "
    "stimuli or windows nothing is selected by one, and there are none."
)
READING = """
<ul>
<li>A <strong>teacher</strong> reads all electrodes (montage full). A
<strong>student</strong> reads those of its montage; its method says how it was taught,
and <strong>none</strong> is the untaught student. A <strong>baseline</strong>
is an ordinary pipeline on the same electrodes.</li>
<li><strong>Subjects are the units.</strong> Folds of one subject are averaged first,
then seeds; intervals and tests are over subjects. Where the grid is not finished, items
are compared on the subjects that all of them have.</li>
<li><strong>Interval</strong>:
where the mean over all such subjects may lie (95 %, Student's t). Intervals of two
items may overlap although their paired difference is clear: look at the
comparisons.</li>
<li><strong>Of teacher</strong>: share of the mean of the teacher with
the same decoder (of the first decoder's teacher for baselines). <strong>Wins</strong>:
subjects on which the item is the best of its dataset, evaluation and montage; ties are
split.</li>
<li><strong>p</strong>: how often chance alone would give a difference as
large, by flipping the signs of the subjects' differences (paired permutation test);
<strong>p (Holm)</strong> is corrected for all comparisons of its table. Only below 0.05
is one method called better. <strong>Not shown</strong> does not say that there is no
difference.</li>
<li><strong>Above chance</strong>: whether an item is above chance level
on the subjects that were tested, by a one-sided test over their test trials, corrected
for all items of a dataset and evaluation. Where it is not shown, nothing is said of the
item.</li>
<li><strong>Effect size</strong>: mean of the subjects' differences over
their standard deviation; 0.2 is called small, 0.5 medium, 0.8 large.</li>
<li><strong>One seed ranks nothing.</strong> Networks start at random and one start may
be lucky. With one seed no test is made; the page says how many seeds would tell the
difference from luck. More seeds <strong>resolve</strong> a difference when the seeds
alone no longer vary by as much; whether other subjects would show it, only more
subjects tell.</li>
<li>Rows named <strong>all datasets</strong> combine the datasets by
MOABB's meta-analysis: effects weighted by the square root of the number of subjects,
p-values by Stouffer's method.</li> </ul>
"""
CALIBRATION = (
    "Gap between how sure the item is and how often it is right, in bins of equal "
    "count; 0 is perfect. With few test trials it is biased upward, for all items "
    "alike. Log loss and Brier score judge the probabilities as a whole, right and "
    "wrong; of all three, less is better."
)


def write_benchmark(results: Results, file: str | Path) -> Path:
    """Write what a benchmark gave to one HTML page that needs nothing else.

    Parameters
    ----------
    results : Results
        What `eegkd.benchmark` returned.
    file : str or path
        Ends in ``.html``. Its folder is created if needed; an existing file is
        replaced.

    Returns
    -------
    file : Path
        The file.

    Raises
    ------
    ValueError
        If ``file`` does not end in ``.html``.
    """
    marks = [
        *(["SIMULATED DATA"] if results.simulated else []),
        *([] if results.complete else ["INCOMPLETE"]),
    ]
    said = f" ({', '.join(marks)})" if marks else ""
    title = f"Benchmark: {', '.join(results.paradigms)}{said}"
    return write_page(file, title, _sections(results))


def _sections(results: Results) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of every section of the page."""
    yield "What was done and found", _headline(results)
    yield "How to read this page", text_block([READING])
    for (dataset, evaluation), rows in summarize(results.tables).groupby(
        ["dataset", "evaluation"], sort=False
    ):
        title = place_title(results.tables, str(dataset), str(evaluation))
        yield f"Scores: {title}", _summary_table(rows)
    for question, pairs in questions(results.tables).items():
        yield question, _compared_table(compare(results.tables, pairs))
    yield from _figures(results)
    yield "Cost", _metrics_table(results, COSTS, with_score=True)
    yield "Calibration", _metrics_table(results, OF_PROBABILITIES, CALIBRATION)
    yield "Other metrics", _metrics_table(results, OTHERS, SELECTIONS)
    subjects = results.by_subject()
    subjects["metric"] = subjects["metric"].map(metric_title)
    yield (
        f"{shared_title(results.metrics)} of each subject",
        f"<p>Folds and seeds averaged.</p>{table_html(subjects, 'long')}",
    )
    if len(results.missing()):
        table = results.missing().drop(columns="key")
        yield "Jobs that are not done", table_html(table, "long")
    if results.failures:
        failed = {results.job(key): text for key, text in results.failures.items()}
        yield "Failures", failures_list(failed)
    yield "Settings and versions", settings_table(results.settings)
    yield "How to cite", citation(results.settings)


def _headline(results: Results) -> str:
    """Return banners, what was done, and what was found."""
    parts = [simulated_banner(results.simulated)]
    if not results.complete:
        more = "The numbers below may change. Run the same benchmark again: it does "
        parts.append(warning_banner(results.trouble(), f"{more}what is missing."))
    parts += [f"<p>{_what(results)}</p>", "<h5>What the comparisons say</h5>"]
    for line in conclusions(results.tables):
        text = escape(line.strip())
        parts.append(
            f'<div class="eegkd-found">{text}</div>'
            if line.startswith(" ")
            else f"<p><strong>{text}</strong></p>"
        )
    parts += [f'<p class="mt-3">{text}</p>' for text in _remarks(results)]
    return text_block(parts)


def _what(results: Results) -> str:
    """Return what was done, in HTML."""
    planned, scores = results.planned, results.scores
    datasets = []
    for name in results.paradigms:
        rows = rows_where(scores, dataset=name)
        n_classes = f"{rows['n_classes'].max()} classes" if len(rows) else "not begun"
        subjects = counted(rows["subject"].nunique(), "subject")
        datasets.append(
            f"<strong>{escape(str(name))}</strong> ({subjects}, {n_classes})"
        )
    electrodes = "; ".join(
        f"{name}: {' or '.join(str(int(n)) for n in sorted(set(n_chans)))} electrodes"
        for name, n_chans in scores.groupby("montage", sort=False)["n_chans"]
    )
    evaluations = "; ".join(
        f"{name}: {EVALUATION_TEXTS.get(name, 'see settings')}"
        for name in planned["evaluation"].unique()
    )
    kinds = planned.drop_duplicates("method").groupby("kind")["method"].agg(list)
    listed = {
        "Montages": electrodes,
        "Decoders": ", ".join(filter(None, planned["decoder"].unique())),
        "Students taught by": ", ".join(kinds.get("student", [])) or "none",
        "Baselines": ", ".join(kinds.get("baseline", [])) or "none",
    }
    seeds = planned.loc[planned["seeded"].astype(bool), "seed"].nunique()
    return (
        f"Datasets: {', '.join(datasets)}. "
        + "".join(f"{name}: {escape(text)}. " for name, text in listed.items())
        + f"{counted(seeds, 'seed')}. Evaluation: {escape(evaluations)}. "
        f"{len(planned)} jobs in all, each tested on trials that took no part in any "
        "choice."
    )


def _remarks(results: Results) -> Iterator[str]:
    """Yield what a reader must know to judge the numbers."""
    scores = results.scores
    if not len(scores):
        return
    networks = scores[scores["parameters"].notna()]
    if len(networks) and networks["seed"].nunique() == 1:
        yield (
            "<strong>One seed: nothing is ranked.</strong> How much the scores depend "
            "on the random start is not known from these data; numbers of seeds above "
            "are taken from published runs."
        )
    paradigms = map(find_paradigm, results.paradigms.values())
    yield from filter(None, dict.fromkeys(row.trial for row in paradigms))
    if scores.groupby("dataset")["subject"].nunique().min() < MIN_SUBJECTS:
        yield (
            f"With fewer than {MIN_SUBJECTS} subjects no difference can reach p &lt; "
            f"{SIGNIFICANCE}, however large: take it as a description, not as evidence."
        )
    if (scores["n_classes"] == 2).any():
        yield TWO_CLASSES


def _summary_table(rows: pd.DataFrame) -> str:
    """Return the summary of one dataset and evaluation as a table."""
    return _wide(
        rows,
        {
            f"Mean {metric_title(rows['metric'].iloc[0])}": rows["mean"].map(number),
            "95 % interval": _intervals(rows),
            "Of teacher": rows["of_teacher"].map(percent),
            "Wins": [number(value, digits=1) for value in rows["wins"]],
            "Subjects": rows["n_subjects"],
            "Seeds": rows["n_seeds"],
            "Jobs missing": rows["missing"],
        },
        ("montage", "decoder", "method"),
    )


def _compared_table(table: pd.DataFrame) -> str:
    """Return a family of comparisons as a table."""
    return _wide(
        table,
        {
            "Compared": table["a"] + " - " + table["b"],
            "Metric": table["metric"].map(metric_title),
            "Difference": [number(value, "+") for value in table["difference"]],
            "95 % interval": _intervals(table),
            "p (Holm)": table["p_holm"].map(p_text),
            "Verdict": [_verdict(row) for row in table.to_dict("records")],
            "Effect size": [number(value, digits=2) for value in table["effect_size"]],
            "Subjects": table["n_subjects"],
            "Seeds": table["n_seeds"],
            "Seeds needed": table["seeds_needed"].map(seeds_text),
            "p": table["p_value"].map(p_text),
        },
        ("dataset", "evaluation", "montage", "decoder"),
    )


def _metrics_table(
    results: Results, metrics: Sequence[str], text: str = "", with_score: bool = False
) -> str:
    """Return the means of several metrics as a table, one row for each item."""
    columns: dict[str, Any] = {}
    if with_score:
        summary = summarize(results.tables)
        columns["Metric"] = summary["metric"].map(metric_title)
        columns[shared_title(results.metrics)] = summary["mean"].map(number)
        columns["Of teacher"] = summary["of_teacher"].map(percent)
    for metric in metrics:
        summary = summarize(results.tables, metric)
        digits = 0 if metric in WHOLE else 3
        means = [number(value, digits=digits) for value in summary["mean"]]
        columns[capital(metric_title(metric))] = means
        if metric == "calibration_error":
            columns["95 % interval"] = _intervals(summary)
    names = ("dataset", "evaluation", "montage", "decoder", "method")
    said = f"<p>{text}</p>" if text else ""
    return said + _wide(summary, columns, names)


def _wide(table: pd.DataFrame, columns: dict[str, Any], names: Sequence[str]) -> str:
    """Return a table in lines that do not wrap, without what is the same in all."""
    named = table[list(names)].replace({"decoder": {"": "-"}}).rename(columns=capital)
    shown = named.assign(**columns)
    same = [
        name
        for name in ("Dataset", "Evaluation", "Metric")
        if name in shown and shown[name].nunique() == 1
    ]
    return table_html(shown.drop(columns=same), "wide")


def _intervals(table: pd.DataFrame) -> list[str]:
    """Return the interval of each row as text."""
    return [interval_text(row) for row in table.to_dict("records")]


def _figures(results: Results) -> Iterator[tuple[str, str]]:
    """Yield every figure of the page."""
    places = results.scores[["dataset", "evaluation", "montage"]].drop_duplicates()
    shown: list[Any] = places[places["montage"] != "full"].to_dict("records")
    for place in shown:
        title = place_title(results.tables, place["dataset"], place["evaluation"])
        name = f"{title}, {place['montage']}"
        yield (
            f"Every item: {name}",
            figure_html(
                results.plot_scores(**place),
                "Dots are subjects, seeds averaged. Diamonds: mean over subjects and "
                "its 95 % interval, of the subjects that the item has. Dashed: chance "
                "level.",
            ),
        )
        yield (
            f"Ranks: {name}",
            _drawn(
                partial(results.plot_critical_difference, **place),
                "Mean rank over subjects, the best on the left. Items joined by a bar "
                "are not told apart by Nemenyi's test after Friedman's. Ranks say "
                "which is ahead, not by how much, and they depend on which other "
                "items are there.",
            ),
        )
    for name, other in [
        pair for pairs in questions(results.tables).values() for pair in pairs
    ]:
        yield (
            f"Subject by subject: {name} against {other}",
            _drawn(
                partial(results.plot_pairs, name, other),
                "Above: each line is a subject, seeds averaged; bars are means. Below: "
                f"the differences {name} - {other} of the same subjects, with mean and "
                "95 % interval. An interval that does not touch 0 is not yet a finding "
                "where there are several comparisons; see the corrected p-values.",
            ),
        )


def _drawn(draw: Callable[[], Figure], caption: str) -> str:
    """Return a figure, or why there is none."""
    try:
        figure = draw()
    except ValueError as reason:
        return f"<p>Not drawn: {escape(str(reason))}</p>"
    return figure_html(figure, caption)


def _verdict(row: dict[Any, Any]) -> str:
    """Return a verdict in short; the page has it in full."""
    verdict = better(row).split(";")[0]
    return verdict.split(":")[0] if verdict.startswith("not") else verdict
