"""Pieces of HTML that every page uses: frame, banners, tables, figures, settings."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegkd.evaluation.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DPI, SHOWN_DPI = 180, 100  # finer than shown, for large and dense screens
CSS = """
#content table td, #content table th { padding: .15rem .6rem; vertical-align: top; }
#content .eegkd-long td, #content .eegkd-wide td { white-space: nowrap; }
#content .eegkd-settings td { overflow-wrap: anywhere; }
#content .eegkd-text { max-width: 60rem; font-size: 1.05rem; }
#content .eegkd-long { max-height: 32rem; overflow: auto; }
#content .eegkd-wide { overflow-x: auto; }
#content .eegkd-found { padding-left: 1.5rem; text-indent: -1rem; }
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
TWO_CLASSES = (
    "With two classes, soft labels carry nothing beyond the teacher's confidence: they "
    "cannot say which wrong class is nearer."
)
PAPER = (
    "Huang, X.-Y., Chen, S.-Y., & Wei, C.-S. (2024). Enhancing low-density EEG-based "
    "brain-computer interfacing with similarity-keeping knowledge distillation. IEEE "
    "Transactions on Emerging Topics in Computational Intelligence, 8(2), 1156-1166. "
    "arXiv:2212.03329"
)


def write_page(
    file: str | Path, title: str, sections: Iterable[tuple[str, str]]
) -> Path:
    """Write title and HTML of sections to one page that needs nothing else.

    Its folder is created if needed; an existing file is replaced.
    """
    file = Path(file)
    if file.suffix.lower() != ".html":
        raise ValueError(
            f"'file' must end in '.html', got {str(file)!r}. Pass for example "
            f"{str(file.with_suffix('.html')) if file.name else 'report.html'!r}."
        )
    from matplotlib import style
    from mne import Report

    report = Report(title=title, verbose="ERROR")
    report.add_custom_css(CSS)
    with style.context("default"):
        for name, content in sections:
            kind = "figure" if content.startswith("<figure") else "text"
            report.add_html(content, name, tags=(kind,))
    file.parent.mkdir(parents=True, exist_ok=True)
    report.save(file, open_browser=False, overwrite=True, verbose="ERROR")
    return file


def text_block(parts: Iterable[str]) -> str:
    """Return paragraphs at a width that reads well."""
    return f'<div class="eegkd-text">{"".join(parts)}</div>'


def simulated_banner(datasets: Sequence[str]) -> str:
    """Return the warning that signals were computed; nothing without such data."""
    if not len(datasets):
        return ""
    return (
        '<div class="alert alert-danger"><strong>SIMULATED DATA.</strong> The signals '
        f"of {escape(', '.join(datasets))} were computed, not recorded from people. "
        "Their scores say nothing about real EEG.</div>"
    )


def warning_banner(title: str, content: str) -> str:
    """Return a warning; its content is HTML."""
    return (
        f'<div class="alert alert-warning"><strong>{escape(title)}</strong> {content}'
        "</div>"
    )


def failures_list(failures: Mapping[str, str]) -> str:
    """Return what failed, by name of the job, with tracebacks."""
    items = "".join(
        f"<details><summary>{escape(name)}: {escape(last_line(text))}</summary>"
        f"<pre>{escape(text)}</pre></details>"
        for name, text in failures.items()
    )
    return (
        f"<p>{counted(len(failures), 'job')} failed and took no part in the scores:"
        f"</p>{items}"
    )


def last_line(text: str) -> str:
    """Return the last line of a traceback: the error itself."""
    return (text.strip().splitlines() or [""])[-1]


def figure_html(figure: Figure, caption: str) -> str:
    """Return a figure and its caption, the image inside."""
    data = BytesIO()
    figure.savefig(data, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1)
    width = round(int.from_bytes(data.getvalue()[16:20]) * SHOWN_DPI / DPI)
    content = b64encode(data.getvalue()).decode("ascii")
    return (
        f'<figure><img width="{width}" alt="{escape(caption)}" '
        f'src="data:image/png;base64,{content}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table_html(table: pd.DataFrame, look: str = "") -> str:
    """Return a table, names escaped; "long" scrolls, "wide" does not wrap its lines."""
    text = table.rename(columns=lambda name: str(name).replace("_", " ")).to_html(
        index=False,
        border=0,
        classes="table table-sm table-hover",
        justify="left",
        na_rep="-",
        float_format="{:.3f}".format,
    )
    return f'<div class="eegkd-{look}">{text}</div>' if look else text


def settings_table(settings: Mapping[str, Any]) -> str:
    """Return name and value of every setting as a table."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in _flat(settings)
    )
    return f'<table class="table table-sm eegkd-settings"><tbody>{rows}</tbody></table>'


def citation(settings: Mapping[str, Any]) -> str:
    """Return what to cite."""
    version = settings.get("versions", {}).get("eegkd", "")
    return (
        f"<p>Please cite eegkd {escape(version)}, the papers of the data, MOABB and "
        "braindecode, and the paper of similarity-keeping distillation and of the "
        f"montages headband and headphone:</p><p>{escape(PAPER)}</p>"
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
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
    return "not set" if value is None or value in ("", {}) else str(value)
