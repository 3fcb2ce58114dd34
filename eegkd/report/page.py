"""`write_report`: one HTML page about a fit, in words, tables and figures."""

from __future__ import annotations

import html
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import METRICS, chance_level, metric_title
from eegkd.report.figures import (
    kind_name,
    plot_confusion,
    plot_history,
    plot_montage,
    plot_scores,
    plot_similarity,
)

if TYPE_CHECKING:
    import pandas as pd

    from eegkd.benchmark.fit_result import FitResult

DPI, SHOWN_DPI = 180, 100  # finer than shown, for large and dense screens
MIN_SUBJECTS = 6  # with five, the smallest p-value is 2 ** -4 = 0.0625
SIGNIFICANCE = 0.05
SHOWN = ("fold", "subject", "seed", "kind", "method", "montage", "n_chans", "n_trials")
UNBALANCED = 0.02  # share of a class beyond its part that is worth a sentence
CSS = """
#content table td, #content table th { padding: .15rem .6rem; vertical-align: top; }
#content .eegkd-long td { white-space: nowrap; }
#content .eegkd-settings td { overflow-wrap: anywhere; }
#content .eegkd-text { max-width: 60rem; font-size: 1.05rem; }
#content .eegkd-long { max-height: 32rem; overflow: auto; }
#content .eegkd-long thead th { position: sticky; top: 0; background: white; }
#content .eegkd-settings td:first-child { white-space: nowrap; color: #555; }
#content pre { background: #f5f5f5; padding: .6rem; white-space: pre-wrap; }
#content figure img { max-width: 100%; }
#content figcaption { max-width: 60rem; margin-top: .5rem; color: #333; }
#content .accordion-header .badge { display: none; }
@media print { #content .eegkd-long { max-height: none; } }
"""
EVALUATION_TEXTS = {
    "individual": "each subject's networks learn from that subject's training trials",
    "dependent": "one set of networks learns from the training trials of all subjects",
    "independent": "each subject's networks learn from all other subjects",
    "within_session": "networks learn from other trials of the same session",
    "cross_session": "networks learn from other sessions of the same subject",
    "cross_subject": "networks learn from other subjects",
}
METHOD_TEXTS = {
    "kd": "soft labels",
    "sk_kd": "soft labels and similarity keeping",
}
PAPER = (
    "Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density EEG-based "
    "brain-computer interfacing with similarity-keeping knowledge distillation. IEEE "
    "Transactions on Emerging Topics in Computational Intelligence, 8(2), 1156-1166. "
    "arXiv:2212.03329"
)


def check_html(file: str | Path) -> Path:
    """Return a path that ends in ``.html``.

    Parameters
    ----------
    file : str or path
        Where a page is to be written.

    Returns
    -------
    file : Path
        The same.

    Raises
    ------
    ValueError
        If it ends otherwise.
    """
    file = Path(file)
    if file.suffix.lower() != ".html":
        raise ValueError(
            f"'file' must end in '.html', got {str(file)!r}. Pass for example "
            f"{str(file.with_suffix('.html')) if file.name else 'report.html'!r}."
        )
    return file


def write_report(result: FitResult, file: str | Path) -> Path:
    """Write what a fit gave to one HTML page that needs nothing else.

    Parameters
    ----------
    result : FitResult
        What `eegkd.fit` or `eegkd.load` returned.
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

    settings = result.settings
    simulated = " (SIMULATED DATA)" if settings["simulated"] else ""
    montage = settings["montage"]["name"]
    report = Report(
        title=f"{settings['dataset']}{simulated}, montage {montage}",
        verbose="ERROR",
    )
    report.add_custom_css(CSS)
    with warnings.catch_warnings(), style.context("default"):
        warnings.filterwarnings("ignore", message="The grid is not finished")
        for title, text in _opening(result):
            report.add_html(text, title, tags=("text",))
        for title, caption, plot in _figures(result):
            report.add_html(_embed(plot(), caption), title, tags=("figure",))
        for title, text in _closing(result):
            report.add_html(text, title, tags=("text",))
    file.parent.mkdir(parents=True, exist_ok=True)
    report.save(file, open_browser=False, overwrite=True, verbose="ERROR")
    return file


def _figures(result: FitResult) -> Iterator[tuple[str, str, Callable[[], Figure]]]:
    """Yield title, caption and maker of every figure on the page."""
    settings = result.settings
    teachers = list(result.teachers.values())
    yield (
        "Montage",
        "Electrodes that the students read (green)"
        + (" among those that the teacher reads (all)." if teachers else "."),
        lambda: plot_montage(
            settings["montage"]["ch_names"],
            teachers[0].decoder_.view.montage.ch_names if teachers else None,
        ),
    )
    yield (
        f"{_capital(metric_title(result.metric))} of each subject",
        "Each line is a subject, named on the right, seeds averaged. Beside the dots: "
        "mean over subjects and its 95 % interval.",
        lambda: plot_scores(
            result.scores,
            metric=result.metric,
            chance=chance_level(
                settings.get("paradigm"), len(settings["classes"]), result.metric
            ),
        ),
    )
    yield (
        "Training",
        "Light lines are single folds and seeds, bold lines their median as far as "
        "half of them went. Dots mark the epoch whose weights were kept, the one with "
        "the lowest validation loss (without validation trials the last one). The "
        "taught student's loss includes what it is taught, so its height cannot be "
        "compared with the others'. Validation trials come from the training data; "
        f"test trials took no part.{_usual_class(result, 'Validation accuracy')}",
        lambda: plot_history(result.history),
    )
    yield (
        "Confusions",
        "Part of the test trials of each true class (row) that were taken for each "
        "class (column), in percent. Subjects and seeds are pooled.",
        lambda: plot_confusion(result.predictions),
    )
    yield (
        "Similarity of test trials",
        "How alike each network finds two test trials, for the first fold and seed. "
        "Trials are sorted by class; a network that separates the classes shows bright "
        "squares on the diagonal. The correlation is over all pairs of different "
        "trials. One color scale for all, cut at the 1st and 99th percentile.",
        lambda: plot_similarity(result.example),
    )


def _embed(figure: Figure, caption: str) -> str:
    """Return a figure and its caption as HTML, the image inside."""
    data = BytesIO()
    figure.savefig(data, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1)
    width = round(int.from_bytes(data.getvalue()[16:20]) * SHOWN_DPI / DPI)
    source = b64encode(data.getvalue()).decode("ascii")
    return (
        f'<figure><img width="{width}" alt="{html.escape(caption)}" '
        f'src="data:image/png;base64,{source}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _opening(result: FitResult) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of what stands before the figures."""
    yield "What was done and found", _headline(result)
    yield "Scores", _summary_table(result)
    yield (
        "Scores of each subject and seed",
        f'<div class="eegkd-long">{_table(_shown(result.scores))}</div>',
    )


def _closing(result: FitResult) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of what stands after the figures."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in _flat(result.settings)
    )
    yield (
        "Settings and versions",
        f'<table class="table table-sm eegkd-settings"><tbody>{rows}</tbody></table>',
    )
    version = result.settings["versions"].get("eegkd", "")
    yield (
        "How to cite",
        f"<p>Please cite eegkd {html.escape(version)}, the paper of the data, and "
        "the paper of similarity-keeping distillation and of the montages headband "
        f"and headphone:</p><p>{html.escape(PAPER)}</p>",
    )
    fold, seed = next(iter(result.students), ("1", 0))
    example = (
        'result.save("folder")          # after the fit: scores, models, settings\n\n'
        "import eegkd\n\n"
        'result = eegkd.load("folder")  # later, here or elsewhere\n'
        f"student = result.students[{fold!r}, {seed!r}]  # of one fold and seed\n"
        "student.predict(epochs)        # mne.Epochs with the montage's electrodes"
    )
    yield "How to load the models", f"<pre>{html.escape(example)}</pre>"


def _headline(result: FitResult) -> str:
    """Return the result in words."""
    settings = result.settings
    parts = []
    if settings["simulated"]:
        parts.append(
            '<div class="alert alert-danger"><strong>SIMULATED DATA.</strong> These '
            "signals were computed, not recorded from people. The scores say nothing "
            "about real EEG.</div>"
        )
    parts += [_trouble(result), f"<p>{_what(result)}</p>", _kind_list(result)]
    parts += [f"<p>{text}</p>" for text in (_found(result), *_remarks(result))]
    return f'<div class="eegkd-text">{"".join(parts)}</div>'


def _what(result: FitResult) -> str:
    """Return what was done, in HTML."""
    settings = result.settings
    montage, method = settings["montage"], settings["method"]
    names = montage["ch_names"]
    explained = f" ({METHOD_TEXTS[method]})" if method in METHOD_TEXTS else ""
    n_seeds = len(settings["seeds"])
    taught = (
        "The student was given no teacher (method none)."
        if method == "none"
        else f"Method: <strong>{html.escape(method)}</strong>{explained}."
    )
    evaluation = settings["evaluation"]
    return (
        f"Dataset <strong>{html.escape(settings['dataset'])}</strong>, "
        f"{_count(result.scores['subject'].nunique(), 'subject')}, "
        f"{_count(n_seeds, 'seed')}, "
        f"{_count(len(settings['classes']), 'class', 'classes')} "
        f"({html.escape(', '.join(settings['classes']))}). "
        f"Montage <strong>{html.escape(montage['name'])}</strong>: "
        f"{_count(len(names), 'electrode')} ({html.escape(', '.join(names))}). "
        f"{taught} Evaluation {html.escape(evaluation)}: "
        f"{EVALUATION_TEXTS.get(evaluation, 'see settings')}. "
        f"Tested on {html.escape(settings['test'])}; these trials took no part in any "
        "choice."
    )


def _kind_list(result: FitResult) -> str:
    """Return what each kind of model is and scores, as an HTML list."""
    texts = {
        "teacher": "reads all electrodes",
        "untaught student": "reads the montage's electrodes, learned without a teacher",
        "taught student": "reads the montage's electrodes, learned with the teacher",
    }
    items = []
    for row in _rows(result.summary()):
        interval = (
            f" (95 % interval over subjects {row['low']:.3f} to {row['high']:.3f})"
            if np.isfinite(row["low"])
            else ""
        )
        name = kind_name(row["kind"], row["method"])
        items.append(
            f"<li><strong>{name}</strong>, {texts[name]}: mean "
            f"{metric_title(result.metric)} <strong>{row['mean']:.3f}</strong>"
            f"{interval}</li>"
        )
    settings = result.settings
    n_classes = len(settings["classes"])
    chance = chance_level(settings.get("paradigm"), n_classes, result.metric)
    items.append(f"<li>chance level: {chance:.3f}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return a table's rows, each a dict."""
    return table.to_dict("records")


def _comparison(result: FitResult) -> dict[Any, Any] | None:
    """Return the row that compares taught and untaught students, if there are both."""
    method = result.settings["method"]
    if method == "none" or not {method, "none"} <= set(result.scores["method"]):
        return None
    return _rows(result.compare(method, "none"))[0]


def _found(result: FitResult) -> str:
    """Return what the comparison of the students allows one to say."""
    row = _comparison(result)
    if row is None:
        return "There are no taught and untaught students to compare."
    difference, p_value, n_subjects = (
        row[name] for name in ("difference", "p_value", "n_subjects")
    )
    numbers = (
        f"Taught minus untaught student: <strong>{difference:+.3f}</strong> in "
        f"{metric_title(result.metric)}"
    )
    if n_subjects == 1:
        return (
            f"{numbers}. With one subject this cannot be tested: it describes one "
            "subject and says nothing about others."
        )
    if n_subjects < MIN_SUBJECTS:
        return (
            f"{numbers}. With {n_subjects} subjects no difference can reach p &lt; "
            f"{SIGNIFICANCE}, however large: take this as a description, not as "
            "evidence."
        )
    if row["n_seeds"] < 2:
        return f"{numbers}. {_capital(html.escape(row['verdict']))}."
    where = " in this simulation" if result.settings["simulated"] else ""
    judged = result.against_chance()
    if p_value >= SIGNIFICANCE:
        verdict = (
            "<strong>No difference was shown.</strong> That is not evidence that there "
            "is none."
        )
    elif not judged[judged["kind"] == "student"]["above"].any():
        verdict = (
            "<strong>Neither is shown to do more than guess: this difference means "
            "nothing.</strong>"
        )
    else:
        more = "more" if difference > 0 else "less"
        better = {"more": "scored higher", "less": "scored lower"}
        by_accuracy = result.metric == "accuracy"
        said = f"was {more} accurate" if by_accuracy else better[more]
        verdict = f"<strong>The taught student {said}{where}.</strong>"
    return (
        f"{numbers} (paired permutation test over {n_subjects} subjects, seeds "
        f"averaged: p = {p_value:.3f}). {verdict}"
    )


def _remarks(result: FitResult) -> Iterator[str]:
    """Yield what a reader must know to judge the numbers, in HTML."""
    settings = result.settings
    at_chance = " ".join(map(str.strip, result.at_chance()))
    if at_chance:
        yield f"<strong>{html.escape(at_chance)}</strong>"
    if trial := find_paradigm(settings.get("paradigm")).trial:
        yield trial
    if result.metric == "accuracy" and (usual := _usual_class(result, "Accuracy")):
        yield html.escape(usual.strip())
    if len(settings["classes"]) == 2:
        yield (
            "With two classes, soft labels carry nothing beyond the teacher's "
            "confidence: they cannot say which wrong class is nearer."
        )
    if len(settings["seeds"]) == 1:
        yield (
            "One seed was used: how much the scores depend on the random start is not "
            "known."
        )
    if settings["replaced_electrodes"]:
        yield (
            "<strong>Replaced electrodes.</strong> "
            + html.escape(settings["replaced_electrodes"])
        )


def _trouble(result: FitResult) -> str:
    """Return failures and interruption as HTML, or nothing."""
    parts = []
    if result.interrupted:
        parts.append(
            "<p>The work was interrupted; this page shows what was finished.</p>"
        )
    if result.failures:
        items = "".join(
            f"<details><summary>{html.escape(result.job(key))}: "
            f"{html.escape(_last_line(text))}</summary><pre>{html.escape(text)}</pre>"
            "</details>"
            for key, text in result.failures.items()
        )
        parts.append(
            f"<p>{_count(len(result.failures), 'job')} failed and took no part in the "
            f"scores:</p>{items}"
        )
    if not parts:
        return ""
    return (
        '<div class="alert alert-warning"><strong>Incomplete.</strong> '
        f"{''.join(parts)}</div>"
    )


def _usual_class(result: FitResult, name: str) -> str:
    """Return what naming the most frequent class gives, if that is not chance."""
    shares = result.predictions["label"].value_counts(normalize=True)
    if shares.iloc[0] < 1 / len(shares) + UNBALANCED:
        return ""
    return (
        f" {name} counts all trials alike: always naming the most frequent class "
        f"({shares.index[0]}) gives {shares.iloc[0]:.3f} on the test trials."
    )


def _capital(text: str) -> str:
    """Return text with a capital at its beginning."""
    return text[0].upper() + text[1:]


def _summary_table(result: FitResult) -> str:
    """Return the summary by kind of model as an HTML table."""
    import pandas as pd

    n_chans = result.scores.groupby("method")["n_chans"].first()
    compared = _comparison(result)
    rows = []
    for row in _rows(result.summary()):
        name = kind_name(row["kind"], row["method"])
        shown = {
            "Model": name,
            "Method": row["method"],
            "Montage": row["montage"],
            "Electrodes": n_chans.get(row["method"], "-"),
            f"Mean {metric_title(result.metric)}": f"{row['mean']:.3f}",
            "95 % interval": f"{row['low']:.3f} to {row['high']:.3f}"
            if np.isfinite(row["low"])
            else "one subject",
            "Share of teacher": f"{row['of_teacher']:.0%}"
            if np.isfinite(row["of_teacher"])
            else "-",
        }
        if name == "taught student" and compared is not None:
            shown["Minus untaught"] = f"{compared['difference']:+.3f}"
            if np.isfinite(compared["p_value"]):
                shown["p-value"] = f"{compared['p_value']:.3f}"
        rows.append(shown)
    return _table(pd.DataFrame(rows))


def _shown(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of scores that a reader looks for."""
    return scores[[name for name in (*SHOWN, *METRICS) if name in scores]]


def _table(table: pd.DataFrame) -> str:
    """Return an HTML table, names escaped."""
    return table.rename(columns=lambda name: str(name).replace("_", " ")).to_html(
        index=False,
        border=0,
        classes="table table-sm table-hover",
        justify="left",
        na_rep="-",
        float_format="{:.3f}".format,
    )


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and value of every setting, nested ones with the names before them."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    """Return a setting's value for a table."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    if value is None or value in ("", {}):
        return "not set"
    return str(value)


def _count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun in the right form."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _last_line(text: str) -> str:
    """Return the last line of a traceback: the error itself."""
    lines: Iterable[str] = text.strip().splitlines()
    return next(reversed(list(lines)), "")
