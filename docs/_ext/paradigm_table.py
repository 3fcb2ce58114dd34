"""Write the table of paradigms, and the reason for each value, for one page."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from eegkd.data.paradigms import PARADIGMS, Paradigm

PAGE = "generated/paradigms.md"  # below the folder of the pages
WORDS = {
    "l_freq": "band",
    "sfreq": "rate",
    "window": "windows",
    "metric": "score",
    "class_weight": "class weights",
    "decoder": "network",
    "taps": "taps",
    "temperature": "temperature",
    "max_epochs": "epochs",
    "batch_size": "batch",
    "lr": "learning rate",
    "weight_decay": "weight decay",
}


def rows(row: Paradigm) -> list[str]:
    """Return the cells of a paradigm."""
    items = row.decoder_options.items()
    options = ", ".join(f"{name} {value}" for name, value in items)
    return [
        f"{row.l_freq:g} to {row.h_freq:g} Hz",
        f"{row.sfreq:g} Hz",
        f"{row.window:g} s" if row.window else "the dataset's trials",
        {"roc_auc": "ROC-AUC"}.get(row.metric, row.metric),
        row.class_weight or "all alike",
        row.decoder + (f" ({options})" if options else ""),
        row.taps or "the network's own",
        f"{row.temperature:g}" if row.temperature else "the method's own",
        f"{row.max_epochs}",
        f"{row.batch_size}",
        f"{row.lr:g}",
        f"{row.weight_decay:g}",
    ]


def text() -> str:
    """Return table and reasons in Markdown."""
    table = PARADIGMS.values()
    lines = [
        "| | " + " | ".join(row.title for row in table) + " |",
        "| --- |" + " --- |" * len(table),
    ]
    columns = [rows(row) for row in table]
    for number, word in enumerate(WORDS.values()):
        lines.append(f"| {word} | " + " | ".join(c[number] for c in columns) + " |")
    for row in table:
        # "c-VEP" keeps its small letter.
        first = row.title[:1] if row.title[1:2] == "-" else row.title[:1].upper()
        lines += ["", f"### {first}{row.title[1:]}", ""]
        lines += [
            f"- **{WORDS[name].capitalize()}**: {reason}"
            for name, reason in row.reasons.items()
        ]
    return "\n".join(lines) + "\n"


def write_page(app: Sphinx) -> None:
    """Write below the pages; unchanged text keeps its date."""
    page = Path(app.srcdir, PAGE)
    page.parent.mkdir(parents=True, exist_ok=True)
    if not page.is_file() or page.read_text("utf-8") != text():
        page.write_text(text(), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write before the sources are read."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
