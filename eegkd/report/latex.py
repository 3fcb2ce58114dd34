"""`benchmark_latex`: the summary of a benchmark as a table for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eegkd.evaluation.metrics import metric_title
from eegkd.evaluation.wording import (
    counted,
    interval_text,
    number,
    percent,
    place_title,
    shared_title,
)

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.benchmark.results import Results

ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{sign: f"\\{sign}" for sign in "&%$#_"},
    }
)


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
        f"\\caption{{{_caption(results, summary)}}}",
        "\\begin{tabular}{lllrrrr}",
        "\\toprule",
        f"Montage & Decoder & Method & {_escaped(shared_title(names))} & "
        "95\\,\\% interval & Of teacher & Wins \\\\",
    ]
    for (dataset, evaluation), rows in summary.groupby(
        ["dataset", "evaluation"], sort=False
    ):
        title = place_title(results.tables, str(dataset), str(evaluation))
        if len(names) > 1:
            title += f", {metric_title(rows['metric'].iloc[0])}"
        title = _escaped(title)
        lines += ["\\midrule", f"\\multicolumn{{7}}{{l}}{{\\emph{{{title}}}}} \\\\"]
        for row in rows.to_dict("records"):
            cells = [row["montage"], row["decoder"] or "--", row["method"]]
            cells += [number(row["mean"]), interval_text(row)]
            cells += [percent(row["of_teacher"]), number(row["wins"], digits=1)]
            lines.append(" & ".join(map(_escaped, cells)) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def _escaped(text: Any) -> str:
    """Return text with the signs escaped that LaTeX reads as commands."""
    return str(text).translate(ESCAPED)


def _caption(results: Results, summary: pd.DataFrame) -> str:
    """Return what the table shows, and what is missing."""
    seeded = summary["method"].isin(results.tables.seeded)
    metrics = summary["metric"].unique()
    name = metric_title(metrics[0]) if len(metrics) == 1 else "score"
    text = (
        f"Mean {name} over {_range(summary['n_subjects'], 'subject')} with "
        f"{_range(summary.loc[seeded, 'n_seeds'], 'seed')} averaged first, 95 % "
        "interval over subjects, share of the teacher's mean, and subjects on which "
        "the item is the best."
    )
    return _escaped(" ".join(filter(None, [results.trouble(), text])))


def _range(counts: pd.Series, noun: str) -> str:
    """Return from how many to how many."""
    if not len(counts) or counts.min() == counts.max():
        return counted(int(counts.max()) if len(counts) else 0, noun)
    return f"{counts.min()} to {counts.max()} {noun}s"
