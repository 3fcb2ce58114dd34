"""Draw every montage that comes with the library, and describe it, for one page."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import mne
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from eegkd import Montage, list_montages, load_montage
from eegkd.report.figures import plot_montage

FOLDER = "generated/montages"  # below the folder of the pages
SIDE = 3.6  # inches
# A common laboratory cap, drawn gray: where the electrodes are that a device lacks.
CAP = "biosemi64"


def draw(montage: Montage, file: Path) -> None:
    """Draw the electrodes on the head as SVG; the same montage gives the same file."""
    cap = mne.channels.make_standard_montage(CAP).ch_names
    figure = Figure(figsize=(SIDE, SIDE))
    ax = figure.add_axes((0, 0, 1, 1))
    plot_montage(montage.ch_names, cap, ax)
    ax.set(xlim=(-1.32, 1.32), ylim=(-1.3, 1.34))  # room for electrodes at the ears
    with mpl.rc_context({"svg.hashsalt": montage.name}):
        figure.savefig(file, metadata={"Date": None})


def describe(montage: Montage) -> str:
    """Return a card in MyST: the head, what is known of the device, who says so."""
    rate = f"{montage.sfreq:g} Hz" if montage.sfreq else "not stated"
    facts = [
        f"**{montage.n_chans} electrodes:** {', '.join(montage.ch_names)}",
        f"**Reference:** {montage.reference or 'not stated'}",
        f"**Sampling rate:** {rate}",
        f"**Citation:** {montage.citation}",
    ]
    return "\n".join(
        [
            ":::{grid-item-card}",
            f":img-top: /{FOLDER}/{montage.name}.svg",
            f":img-alt: Electrodes of {montage.name} on the head, seen from above",
            ":class-item: montage-card",
            "",
            f"{{.card-title}}\n`{montage.name}`: {montage.device}\n",
            *([f"{montage.description}\n"] if montage.description else []),
            "\n\n".join(facts),
            ":::",
        ]
    )


def write_page(app: Sphinx) -> None:
    """Write figures and text below the pages; unchanged text keeps its date."""
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    montages = sorted(map(load_montage, list_montages()), key=lambda m: m.n_chans)
    for montage in montages:
        draw(montage, folder / f"{montage.name}.svg")
    cards = "\n".join(map(describe, montages))
    text = f"::::{{grid}} 1 2 2 2\n:gutter: 3\n\n{cards}\n::::\n"
    page = folder / "cards.md"
    if not page.is_file() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write before the sources are read."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
