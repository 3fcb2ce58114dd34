"""`write_report`: one HTML page about a fit, in words, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import METRICS, chance_level, metric_title
from eegkd.evaluation.statistics import MIN_SUBJECTS, SIGNIFICANCE
from eegkd.evaluation.table import summarize
from eegkd.evaluation.validation import doubt
from eegkd.evaluation.wording import (
    PERMUTED_STUDENT,
    capital,
    counted,
    fairly_trained,
    interval_text,
    kind_name,
    number,
    p_text,
    percent,
)
from eegkd.report.figures import (
    plot_confusion,
    plot_history,
    plot_montage,
    plot_scores,
    plot_similarity,
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

    from eegkd.benchmark.fit_result import FitResult

SHOWN = ("fold", "subject", "seed", "kind", "method", "montage", "n_chans", "n_trials")
UNBALANCED = 0.02  # share of a class beyond its part that is worth a sentence
METHOD_TEXTS = {
    "kd": "soft labels",
    "sk_kd": "soft labels and similarity keeping",
}


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
    settings = result.settings
    simulated = " (SIMULATED DATA)" if settings["simulated"] else ""
    montage = settings["montage"]["name"]
    title = f"{settings['dataset']}{simulated}, montage {montage}"
    return write_page(file, title, _sections(result))


def _sections(result: FitResult) -> Iterator[tuple[str, str]]:
    """Yield title and HTML of every section of the page."""
    yield "What was done and found", _headline(result)
    yield "Scores", _summary_table(result)
    if lines := result.validation_lines():
        listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
        yield "Validation: is there something to teach?", f"<ul>{listed}</ul>"
    shown = [name for name in (*SHOWN, *METRICS) if name in result.scores]
    yield "Scores of each subject and seed", table_html(result.scores[shown], "long")
    for title, caption, plot in _figures(result):
        yield title, figure_html(plot(), caption)
    yield "Settings and versions", settings_table(result.settings)
    yield "How to cite", citation(result.settings)
    fold, seed = next(iter(result.students), ("1", 0))
    example = (
        'result.save("folder")          # after the fit: scores, models, settings\n\n'
        "import eegkd\n\n"
        'result = eegkd.load("folder")  # later, here or elsewhere\n'
        f"student = result.students[{fold!r}, {seed!r}]  # of one fold and seed\n"
        "student.predict(epochs)        # mne.Epochs with the montage's electrodes"
    )
    yield "How to load the models", f"<pre>{escape(example)}</pre>"


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
        f"{capital(metric_title(result.metric))} of each subject",
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


def _headline(result: FitResult) -> str:
    """Return the result in words."""
    simulated = [result.settings["dataset"]] if result.settings["simulated"] else []
    parts = [simulated_banner(simulated)]
    parts += [_trouble(result), f"<p>{_what(result)}</p>", _kind_list(result)]
    parts += [f"<p>{text}</p>" for text in (_found(result), *_remarks(result))]
    return text_block(parts)


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
        else f"Method: <strong>{escape(method)}</strong>{explained}."
    )
    evaluation = settings["evaluation"]
    return (
        f"Dataset <strong>{escape(settings['dataset'])}</strong>, "
        f"{counted(result.scores['subject'].nunique(), 'subject')}, "
        f"{counted(n_seeds, 'seed')}, "
        f"{counted(len(settings['classes']), 'class', 'classes')} "
        f"({escape(', '.join(settings['classes']))}). "
        f"Montage <strong>{escape(montage['name'])}</strong>: "
        f"{counted(len(names), 'electrode')} ({escape(', '.join(names))}). "
        f"{taught} Evaluation {escape(evaluation)}: "
        f"{EVALUATION_TEXTS.get(evaluation, 'see settings')}. "
        f"Tested on {escape(settings['test'])}; these trials took no part in any "
        "choice."
    )


def _kind_list(result: FitResult) -> str:
    """Return what each kind of model is and scores, as an HTML list."""
    texts = {
        "teacher": "reads all electrodes",
        "untaught student": "reads the montage's electrodes, learned without a teacher"
        + fairly_trained(result.settings.get("untaught")),
        PERMUTED_STUDENT: "a control: learned from what the teacher says of other "
        "trials",
        "taught student": "reads the montage's electrodes, learned with the teacher",
    }
    items = []
    for row in _rows(summarize(result.tables)):
        interval = (
            f" (95 % interval over subjects {interval_text(row)})"
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
        return f"{numbers}. {capital(escape(row['verdict']))}."
    where = " in this simulation" if result.settings["simulated"] else ""
    judged = result.against_chance()
    if p_value >= SIGNIFICANCE:
        verdict = (
            "<strong>No difference was shown.</strong> That is not evidence that there "
            "is none."
        )
    elif not judged[judged["kind"] == "student"]["above"].any():
        verdict = (
            "<strong>Neither is shown to be above chance level: this difference means "
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
    if text := doubt(result.minus_untaught(), result.metric):
        yield f"<strong>{escape(text)}</strong>"
    at_chance = " ".join(map(str.strip, result.at_chance()))
    if at_chance:
        yield f"<strong>{escape(at_chance)}</strong>"
    if trial := find_paradigm(settings.get("paradigm")).trial:
        yield trial
    if result.metric == "accuracy" and (usual := _usual_class(result, "Accuracy")):
        yield escape(usual.strip())
    if len(settings["classes"]) == 2:
        yield TWO_CLASSES
    if len(settings["seeds"]) == 1:
        yield (
            "One seed was used: how much the scores depend on the random start is not "
            "known."
        )
    if settings["replaced_electrodes"]:
        yield (
            "<strong>Replaced electrodes.</strong> "
            + escape(settings["replaced_electrodes"])
        )


def _trouble(result: FitResult) -> str:
    """Return failures and interruption as HTML, or nothing."""
    parts = []
    if result.interrupted:
        parts.append(
            "<p>The work was interrupted; this page shows what was finished.</p>"
        )
    if result.failures:
        failed = {result.job(key): text for key, text in result.failures.items()}
        parts.append(failures_list(failed))
    return warning_banner("Incomplete.", "".join(parts)) if parts else ""


def _usual_class(result: FitResult, name: str) -> str:
    """Return what naming the most frequent class gives, if that is not chance."""
    shares = result.predictions["label"].value_counts(normalize=True)
    if shares.iloc[0] < 1 / len(shares) + UNBALANCED:
        return ""
    return (
        f" {name} counts all trials alike: always naming the most frequent class "
        f"({shares.index[0]}) gives {shares.iloc[0]:.3f} on the test trials."
    )


def _summary_table(result: FitResult) -> str:
    """Return the summary by kind of model as an HTML table."""
    import pandas as pd

    compared = _comparison(result)
    rows = []
    for row in _rows(summarize(result.tables)):
        name = kind_name(row["kind"], row["method"])
        shown = {
            "Model": name,
            "Method": row["method"],
            "Montage": row["montage"],
            "Electrodes": number(row["n_chans"], digits=0),
            f"Mean {metric_title(result.metric)}": number(row["mean"]),
            "95 % interval": interval_text(row),
            "Share of teacher": percent(row["of_teacher"]),
        }
        if name == "taught student" and compared is not None:
            shown["Minus untaught"] = number(compared["difference"], "+")
            if np.isfinite(compared["p_value"]):
                shown["p-value"] = p_text(compared["p_value"])
        rows.append(shown)
    return table_html(pd.DataFrame(rows))
