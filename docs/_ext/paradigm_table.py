"""Write the table of paradigms, and the reason for each value, for one page."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from eegkd.data.paradigms import PARADIGMS, Paradigm
from eegkd.distillation.recipe import RECIPES, find_recipe

PAGE = "generated/paradigms.md"  # below the folder of the pages
WORDS = {
    "l_freq": "band",
    "sfreq": "rate",
    "window": "windows",
    "metric": "score",
    "class_weight": "class weights",
    "decoder": "network",
    "published": "published network",
    "taps": "taps",
    "temperature": "temperature",
}
RECIPE = {
    "optimizer": "optimizer",
    "lr": "highest learning rate",
    "schedule": "schedule",
    "weight_decay": "weight decay",
    "batch_size": "trials in a batch",
    "max_epochs": "epochs, at most",
    "n_updates": "updates to aim at",
    "valid_fraction": "part held out to choose the epoch",
    "batch_statistics": "batch statistics",
    "calibrate": "transfer losses, by gradient",
}


def rows(row: Paradigm) -> list[str]:
    """Return the cells of a paradigm."""
    options = [
        ", ".join(f"{name} {value}" for name, value in items.items())
        for items in [
            row.decoder_options.get(name, {}) for name in (row.decoder, row.published)
        ]
    ]
    return [
        f"{row.l_freq:g} to {row.h_freq:g} Hz",
        f"{row.sfreq:g} Hz",
        f"{row.window:g} s" if row.window else "the dataset's trials",
        {"roc_auc": "ROC-AUC"}.get(row.metric, row.metric),
        row.class_weight or "all alike",
        *(
            name + (f" ({option})" if option else "")
            for name, option in zip((row.decoder, row.published), options, strict=True)
        ),
        row.taps or "the network's own",
        f"{row.temperature:g}" if row.temperature else "the method's own",
    ]


def recipe_lines(name: str) -> list[str]:
    """Return the table of a recipe."""
    kinds = list(PARADIGMS)
    lines = [
        "| | " + " | ".join(PARADIGMS[kind].title for kind in kinds) + " |",
        "| --- |" + " --- |" * len(kinds),
    ]
    for field, word in RECIPE.items():
        found = [
            getattr(find_recipe(name, kind, PARADIGMS[kind].network(name)), field)
            for kind in kinds
        ]
        cells = [
            "" if value is None else value if isinstance(value, str) else f"{value:g}"
            for value in found
        ]
        lines.append(f"| {word} | " + " | ".join(cells) + " |")
    return lines


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
    for name in RECIPES:
        lines += ["", f'### How networks are trained: recipe="{name}"', ""]
        lines += recipe_lines(name)
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
