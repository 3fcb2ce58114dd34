"""`write_benchmark`: one HTML page about a benchmark; `benchmark_latex`: a table."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import metric_title
from eegkd.report.page import (
    CSS,
    EVALUATION_TEXTS,
    MIN_SUBJECTS,
    PAPER,
    _capital,
    _count,
    _embed,
    _flat,
    _last_line,
    _table,
    check_html,
)

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.benchmark.results import Results

WIDE = """
#content .eegkd-wide { overflow-x: auto; }
#content .eegkd-wide td { white-space: nowrap; }
#content .eegkd-found { padding-left: 1.5rem; text-indent: -1rem; }
"""
COSTS = {
    "parameters": "Parameters",
    "macs": "Multiply-accumulates per trial",
    "train_seconds": "Seconds to train",
    "predict_ms": "Milliseconds per trial",
}
SELECTIONS = (
    "Bits per minute are of selections among equal classes. Where trials are single "
    "stimuli or windows nothing is selected by one, and there are none."
)
OTHERS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "kappa": "Kappa",
    "roc_auc": "ROC-AUC",
    "itr": "Bits per minute",
}
ITEM = {
    "dataset": "Dataset",
    "evaluation": "Evaluation",
    "montage": "Montage",
    "decoder": "Decoder",
    "method": "Method",
}
READING = """
<ul>
<li>A <strong>teacher</strong> reads all electrodes (montage full). A
<strong>student</strong> reads those of its montage; its method says how it was taught,
and <strong>none</strong> is the student without a teacher. A <strong>baseline</strong>
is an ordinary pipeline on the same electrodes.</li>
<li><strong>Subjects are the units.</strong> Folds of one subject are averaged first,
then seeds; intervals and tests are over subjects. Where the grid is not finished, items
are compared on the subjects that all of them have.</li> <li><strong>Interval</strong>:
where the mean over all such subjects may lie (95 %, Student's t). Intervals of two
items may overlap although their paired difference is clear: look at the
comparisons.</li> <li><strong>Of teacher</strong>: share of the mean of the teacher with
the same decoder (of the first decoder's teacher for baselines). <strong>Wins</strong>:
subjects on which the item is the best of its dataset, evaluation and montage; ties are
split.</li> <li><strong>p</strong>: how often chance alone would give a difference as
large, by flipping the signs of the subjects' differences (paired permutation test);
<strong>p (Holm)</strong> is corrected for all comparisons of its table. Only below 0.05
is one method called better. <strong>Not shown</strong> does not say that there is no
difference.</li> <li><strong>Above chance</strong>: whether an item does more than guess
on the subjects that were tested, by a one-sided test over their test trials, corrected
for all items of a dataset and evaluation. Where it is not shown, nothing is said of the
item.</li> <li><strong>Effect size</strong>: mean of the subjects' differences over
their standard deviation; 0.2 is called small, 0.5 medium, 0.8 large.</li>
<li><strong>One seed ranks nothing.</strong> Networks start at random and one start may
be lucky. With one seed no test is made; the page says how many seeds would tell the
difference from luck. More seeds <strong>resolve</strong> a difference when the seeds
alone no longer vary by as much; whether other subjects would show it, only more
subjects tell.</li> <li>Rows named <strong>all datasets</strong> combine the datasets by
MOABB's meta-analysis: effects weighted by the square root of the number of subjects,
p-values by Stouffer's method.</li> </ul>
"""
CALIBRATION = (
    "Gap between how sure the item is and how often it is right, in bins of equal "
    "count; 0 is perfect. With few test trials it is biased upward, for all items "
    "alike. Log loss and Brier score judge the probabilities as a whole, right and "
    "wrong; of all three, less is better."
)
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "&%$#_"},
    }
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
    file = check_html(file)
    from matplotlib import style
    from mne import Report

    names = ", ".join(results.planned["dataset"].unique())
    marks = [
        *(["SIMULATED DATA"] if results.simulated else []),
        *([] if results.complete else ["INCOMPLETE"]),
    ]
    said = f" ({', '.join(marks)})" if marks else ""
    report = Report(title=f"Benchmark: {names}{said}", verbose="ERROR")
    report.add_custom_css(CSS + WIDE)
    with style.context("default"):
        for title, text in _sections(results):
            report.add_html(text, title, tags=("text",))
    file.parent.mkdir(parents=True, exist_ok=True)
    report.save(file, open_browser=False, overwrite=True, verbose="ERROR")
    return file


def benchmark_latex(results: Results, metric: str | None = None) -> str:
    r"""Return the summary of a benchmark as a LaTeX table.

    Parameters
    ----------
    results : Results
        What `eegkd.benchmark` returned.
    metric : str, optional
        Which metric; by default that of each dataset's paradigm.

    Returns
    -------
    text : str
        A ``table`` environment; the document needs ``\usepackage{booktabs}``.
    """
    summary = results.summary(metric)
    names = list(summary["metric"].unique())
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_latex_caption(results, summary)}}}",
        "\\begin{tabular}{lllrrrr}",
        "\\toprule",
        f"Montage & Decoder & Method & {_latex(_shared_name(names))} & "
        "95\\,\\% interval & Of teacher & Wins \\\\",
    ]
    for (dataset, evaluation), rows in summary.groupby(
        ["dataset", "evaluation"], sort=False
    ):
        title = results.title(str(dataset), str(evaluation))
        if len(names) > 1:
            title += f", {metric_title(rows['metric'].iloc[0])}"
        title = _latex(title)
        lines += ["\\midrule", f"\\multicolumn{{7}}{{l}}{{\\emph{{{title}}}}} \\\\"]
        for row in rows.to_dict("records"):
            cells = [row["montage"], row["decoder"] or "--", row["method"]]
            cells += [_shown(row["mean"]), _interval(row)]
            cells += [_percent(row["of_teacher"]), _shown(row["wins"], 1)]
            lines.append(" & ".join(map(_latex, cells)) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def _sections(results: Results) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of every section of the page."""
    yield "What was done and found", _headline(results)
    yield "How to read this page", f'<div class="eegkd-text">{READING}</div>'
    yield from _score_tables(results)
    yield from _comparisons(results)
    yield from _figures(results)
    yield "Cost", _metrics_table(results, COSTS, share=True)
    yield "Calibration", f"<p>{CALIBRATION}</p>{_calibration(results)}"
    yield "Other metrics", f"<p>{SELECTIONS}</p>{_metrics_table(results, OTHERS)}"
    subjects = results.by_subject()
    subjects["metric"] = subjects["metric"].map(metric_title)
    yield (
        f"{_shared_name(results.metrics)} of each subject",
        f"<p>Folds and seeds averaged.</p>{_long(subjects)}",
    )
    if len(results.missing()):
        table = results.missing().drop(columns="key")
        yield "Jobs that are not done", _long(table)
    if results.failures:
        yield "Failures", _failures(results)
    yield from _closing(results)


def _headline(results: Results) -> str:
    """Return banners, what was done, and what was found."""
    parts = []
    if results.simulated:
        parts.append(
            '<div class="alert alert-danger"><strong>SIMULATED DATA.</strong> The '
            f"signals of {html.escape(', '.join(results.simulated))} were computed, "
            "not recorded from people. Their scores say nothing about real EEG.</div>"
        )
    if not results.complete:
        parts.append(
            '<div class="alert alert-warning"><strong>'
            f"{html.escape(results.trouble())}</strong> The numbers below may change. "
            "Run the same benchmark again: it does what is missing.</div>"
        )
    parts += [f"<p>{_what(results)}</p>", "<h5>What the comparisons say</h5>"]
    for line in results.conclusions():
        text = html.escape(line.strip())
        parts.append(
            f'<div class="eegkd-found">{text}</div>'
            if line.startswith(" ")
            else f"<p><strong>{text}</strong></p>"
        )
    parts += [f'<p class="mt-3">{text}</p>' for text in _remarks(results)]
    return f'<div class="eegkd-text">{"".join(parts)}</div>'


def _what(results: Results) -> str:
    """Return what was done, in HTML."""
    planned, scores = results.planned, results.scores
    seeds = planned.loc[planned["seeded"].astype(bool), "seed"].nunique()
    decoders = [name for name in planned["decoder"].unique() if name]
    parts = []
    for dataset in planned["dataset"].unique():
        rows = scores[scores["dataset"] == dataset]
        n_classes = f"{rows['n_classes'].max()} classes" if len(rows) else "not begun"
        subjects = _count(rows["subject"].nunique(), "subject")
        parts.append(
            f"<strong>{html.escape(str(dataset))}</strong> ({subjects}, {n_classes})"
        )
    by_kind = planned.drop_duplicates("method").groupby("kind")["method"].agg(list)
    students = ", ".join(by_kind.get("student", [])) or "none"
    baselines = ", ".join(by_kind.get("baseline", [])) or "none"
    sizes = scores.drop_duplicates(["dataset", "montage"])
    montages = {
        str(name): sorted({int(n) for n in rows["n_chans"]})
        for name, rows in sizes.groupby("montage", sort=False)
    }
    electrodes = "; ".join(
        f"{name}: {' or '.join(map(str, counts))} electrodes"
        for name, counts in montages.items()
    )
    evaluations = "; ".join(
        f"{name}: {EVALUATION_TEXTS.get(name, 'see settings')}"
        for name in planned["evaluation"].unique()
    )
    return (
        f"Datasets: {', '.join(parts)}. Montages: {html.escape(electrodes)}. "
        f"Decoders: {html.escape(', '.join(decoders))}. Students taught by: "
        f"{html.escape(students)}. Baselines: {html.escape(baselines)}. "
        f"{_count(seeds, 'seed')}. Evaluation: {html.escape(evaluations)}. "
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
    paradigms = results.paradigms.values()
    yield from filter(None, {find_paradigm(name).trial: 0 for name in paradigms})
    least = scores.groupby("dataset")["subject"].nunique().min()
    if least < MIN_SUBJECTS:
        yield (
            f"With fewer than {MIN_SUBJECTS} subjects no difference can reach p &lt; "
            "0.05, however large: take it as a description, not as evidence."
        )
    if (scores["n_classes"] == 2).any():
        yield (
            "With two classes, soft labels carry nothing beyond the teacher's "
            "confidence: they cannot say which wrong class is nearer."
        )


def _score_tables(results: Results) -> Iterator[tuple[str, str]]:
    """Yield the summary of each dataset and evaluation as a table."""
    import pandas as pd

    summary = results.summary()
    for place, rows in summary.groupby(["dataset", "evaluation"], sort=False):
        shown = pd.DataFrame(
            {
                "Montage": rows["montage"],
                "Decoder": rows["decoder"].replace("", "-"),
                "Method": rows["method"],
                f"Mean {metric_title(rows['metric'].iloc[0])}": rows["mean"].map(
                    _shown
                ),
                "95 % interval": [_interval(row) for _, row in rows.iterrows()],
                "Of teacher": rows["of_teacher"].map(_percent),
                "Wins": rows["wins"].map(lambda value: _shown(value, 1)),
                "Subjects": rows["n_subjects"],
                "Seeds": rows["n_seeds"],
                "Jobs missing": rows["missing"],
            }
        )
        yield f"Scores: {results.title(*map(str, place))}", _wide(shown)


def _comparisons(results: Results) -> Iterator[tuple[str, str]]:
    """Yield the table of each family of comparisons."""
    import pandas as pd

    for question, names in results.questions().items():
        table = results.compare(names, "none")
        shown = pd.DataFrame(
            {
                "Dataset": table["dataset"],
                "Evaluation": table["evaluation"],
                "Montage": table["montage"],
                "Decoder": table["decoder"],
                "Compared": table["a"] + " - " + table["b"],
                "Metric": table["metric"].map(metric_title),
                "Difference": table["difference"].map(_signed),
                "95 % interval": [_interval(row) for _, row in table.iterrows()],
                "p (Holm)": table["p_holm"].map(_p_value),
                "Verdict": [_verdict(row) for _, row in table.iterrows()],
                "Effect size": table["effect_size"].map(lambda x: _shown(x, 2)),
                "Subjects": table["n_subjects"],
                "Seeds": table["n_seeds"],
                "Seeds needed": table["seeds_needed"].map(_seeds),
                "p": table["p_value"].map(_p_value),
            }
        )
        yield question, _wide(shown)


def _wide(table: pd.DataFrame) -> str:
    """Return a table in lines that do not wrap, without what is the same in all."""
    same = [
        name
        for name in ("Dataset", "Evaluation", "Metric")
        if name in table and table[name].nunique() == 1
    ]
    return f'<div class="eegkd-wide">{_table(table.drop(columns=same))}</div>'


def _figures(results: Results) -> Iterator[tuple[str, str]]:
    """Yield every figure of the page."""
    places = results.scores[["dataset", "evaluation", "montage"]].drop_duplicates()
    shown: list[Any] = places[places["montage"] != "full"].to_dict("records")
    for row in shown:
        name = f"{results.title(row['dataset'], row['evaluation'])}, {row['montage']}"
        yield (
            f"Every item: {name}",
            _embed(
                results.plot_scores(**row),
                "Dots are subjects, seeds averaged. Diamonds: mean over subjects and "
                "its 95 % interval, of the subjects that the item has. Dashed: chance.",
            ),
        )
        yield f"Ranks: {name}", _ranks(results, row)
    for names in results.questions().values():
        for name in names:
            yield f"Subject by subject: {name} against none", _pairs(results, name)


def _ranks(results: Results, place: dict[str, Any]) -> str:
    """Return the critical-difference diagram, or why there is none."""
    try:
        figure = results.plot_critical_difference(**place)
    except ValueError as reason:
        return f"<p>Not drawn: {html.escape(str(reason))}</p>"
    return _embed(
        figure,
        "Mean rank over subjects, the best on the left. Items joined by a bar are not "
        "told apart by Nemenyi's test after Friedman's. Ranks say which is ahead, not "
        "by how much, and they depend on which other items are there.",
    )


def _pairs(results: Results, name: str) -> str:
    """Return the paired figure of a method and no teacher, or why there is none."""
    try:
        figure = results.plot_pairs(name, "none")
    except ValueError as reason:
        return f"<p>Not drawn: {html.escape(str(reason))}</p>"
    return _embed(
        figure,
        f"Above: each line is a subject, seeds averaged; bars are means. Below: the "
        f"differences {name} - none of the same subjects, with mean and 95 % interval. "
        "An interval that does not touch 0 is not yet a finding where there are "
        "several comparisons; see the corrected p-values.",
    )


def _metrics_table(
    results: Results, metrics: dict[str, str], share: bool = False
) -> str:
    """Return the means of several metrics as a table, one row for each item."""
    import pandas as pd

    summary = results.summary()
    columns: dict[str, list[str]] = {}
    if share:
        columns["Metric"] = summary["metric"].map(metric_title).tolist()
        columns[_shared_name(results.metrics)] = summary["mean"].map(_shown).tolist()
        columns["Of teacher"] = summary["of_teacher"].map(_percent).tolist()
    for metric, title in metrics.items():
        digits = 0 if metric in ("parameters", "macs") else 3
        means = results.summary(metric)["mean"]
        columns[title] = [_shown(value, digits) for value in means]
    named = {title: summary[name] for name, title in ITEM.items()}
    shown = pd.DataFrame({**named, **columns})
    shown["Decoder"] = shown["Decoder"].replace("", "-")
    return _wide(shown)


def _calibration(results: Results) -> str:
    """Return the calibration errors and the scores of probabilities as a table."""
    import pandas as pd

    summary = results.summary("calibration_error")
    shown = pd.DataFrame({title: summary[name] for name, title in ITEM.items()})
    shown["Decoder"] = shown["Decoder"].replace("", "-")
    shown["Calibration error"] = summary["mean"].map(_shown)
    shown["95 % interval"] = [_interval(row) for _, row in summary.iterrows()]
    for metric, title in (("log_loss", "Log loss"), ("brier_score", "Brier score")):
        shown[title] = results.summary(metric)["mean"].map(_shown)
    return _wide(shown)


def _long(table: pd.DataFrame) -> str:
    """Return a long table that scrolls."""
    return f'<div class="eegkd-long">{_table(table)}</div>'


def _failures(results: Results) -> str:
    """Return what failed, with tracebacks."""
    items = "".join(
        f"<details><summary>{html.escape(results.job(key))}: "
        f"{html.escape(_last_line(text))}</summary><pre>{html.escape(text)}</pre>"
        "</details>"
        for key, text in results.failures.items()
    )
    return (
        f"<p>{_count(len(results.failures), 'job')} failed and took no part in the "
        f"scores:</p>{items}"
    )


def _closing(results: Results) -> Iterator[tuple[str, str]]:
    """Yield settings and how to cite."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in _flat(results.settings)
    )
    yield (
        "Settings and versions",
        f'<table class="table table-sm eegkd-settings"><tbody>{rows}</tbody></table>',
    )
    version = results.settings.get("versions", {}).get("eegkd", "")
    yield (
        "How to cite",
        f"<p>Please cite eegkd {html.escape(version)}, the papers of the data, MOABB "
        "and braindecode, and the paper of similarity-keeping distillation and of the "
        f"montages headband and headphone:</p><p>{html.escape(PAPER)}</p>",
    )


def _verdict(row: pd.Series) -> str:
    """Return a verdict in short, with the methods by name; the page has it in full."""
    verdict = str(row["verdict"]).split(";")[0]
    if verdict in ("a better", "b better"):
        better = row[verdict[0]]
        return f"{'no teacher is' if better == 'none' else better} better"
    return verdict.split(":")[0] if verdict.startswith("not") else verdict


def _shown(value: float, digits: int = 3) -> str:
    """Return a number as text; a dash where it is not defined."""
    return f"{value:,.{digits}f}" if np.isfinite(value) else "-"


def _signed(value: float) -> str:
    """Return a difference as text; a dash where it is not defined."""
    return f"{value:+.3f}" if np.isfinite(value) else "-"


def _percent(value: float) -> str:
    """Return a share as text; a dash where it is not defined."""
    return f"{value:.0%}" if np.isfinite(value) else "-"


def _p_value(value: float) -> str:
    """Return a p-value as text; a dash where nothing was tested."""
    if not np.isfinite(value):
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _seeds(value: float) -> str:
    """Return a number of seeds as text; a dash where none is defined."""
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if np.isfinite(value) else "more than 1000"


def _interval(row: Any) -> str:
    """Return an interval as text; a dash where there is none."""
    if not np.isfinite(row["low"]):
        return "-"
    return f"{row['low']:.3f} to {row['high']:.3f}"


def _shared_name(metrics: list[str]) -> str:
    """Return the name of the only metric with a capital; "Score" for several."""
    return _capital(metric_title(metrics[0])) if len(metrics) == 1 else "Score"


def _latex(text: Any) -> str:
    """Return text with the signs escaped that LaTeX reads as commands."""
    return str(text).translate(LATEX)


def _latex_caption(results: Results, summary: pd.DataFrame) -> str:
    """Return what the table shows, and what is missing."""
    seeded = results.planned.loc[results.planned["seeded"].astype(bool), "method"]
    seeds = summary.loc[summary["method"].isin(seeded), "n_seeds"]
    subjects = summary["n_subjects"]
    metrics = summary["metric"].unique()
    name = metric_title(metrics[0]) if len(metrics) == 1 else "score"
    text = (
        f"Mean {name} over {_range(subjects, 'subject')} with "
        f"{_range(seeds, 'seed')} averaged first, 95 % interval over subjects, share "
        "of the teacher's mean, and subjects on which the item is the best."
    )
    return _latex(" ".join(filter(None, [results.trouble(), text])))


def _range(counts: pd.Series, noun: str) -> str:
    """Return from how many to how many."""
    if not len(counts) or counts.min() == counts.max():
        return _count(int(counts.max()) if len(counts) else 0, noun)
    return f"{counts.min()} to {counts.max()} {noun}s"
