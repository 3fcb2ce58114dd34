"""Run the examples beside the pages, and show the figures that the library returns."""

from __future__ import annotations

import copy
import shutil
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import WeakSet

import matplotlib as mpl
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx_gallery.scrapers import figure_rst

REGISTRIES = (
    ("eegkd.baselines", "BASELINES"),
    ("eegkd.criteria", "CRITERIA"),
    ("eegkd.decoders", "DECODERS"),
    ("eegkd.methods", "METHODS"),
    ("eegkd.data.paradigms", "PARADIGMS"),
    ("moabb.datasets.utils", "dataset_list"),
)
WORKPLACE = "_build/examples"  # below the folder of the pages
SHOWN: WeakSet[Figure] = WeakSet()


def copy_examples(app: Sphinx) -> None:
    """Copy the examples to where they may write: they run in their own folder."""
    target = Path(app.srcdir, WORKPLACE)
    shutil.rmtree(target, ignore_errors=True)
    source = Path(app.srcdir).parent / "examples"
    ignored = shutil.ignore_patterns("__pycache__", "*.md")
    shutil.copytree(source, target, ignore=ignored)
    Path(target, "GALLERY_HEADER.rst").write_text(
        Path(app.srcdir, "_templates", "gallery.rst").read_text("utf-8"), "utf-8"
    )


@cache
def registries() -> list[tuple[Any, Any]]:
    """Return the registries that an example may add to, each with a copy."""
    found = [getattr(import_module(module), name) for module, name in REGISTRIES]
    return [(registry, copy.copy(registry)) for registry in found]


def start_afresh(gallery: dict[str, Any], name: str) -> None:
    """Undo what one example may leave for the next."""
    import mne

    mpl.rcParams.update(mpl.rcParamsDefault)
    mpl.use("agg")
    mne.set_log_level("WARNING")
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    for registry, original in registries():
        registry.clear()
        add = registry.extend if isinstance(registry, list) else registry.update
        add(original)


def unshown_figures(names: dict[str, Any]) -> Iterator[Figure]:
    """Yield the figures that an example holds, but those that pyplot shows."""
    from matplotlib import pyplot as plt

    SHOWN.update(plt.figure(number) for number in plt.get_fignums())
    for value in list(names.values()):
        if isinstance(value, Figure) and value not in SHOWN:
            SHOWN.add(value)
            yield value


def show_figures(block: Any, variables: dict[str, Any], gallery: dict[str, Any]) -> str:
    """Save what ``result.plot()`` and the like returned in a cell, and show it."""
    files = []
    for figure in unshown_figures(variables["example_globals"]):
        files.append(next(variables["image_path_iterator"]))
        figure.savefig(files[-1], dpi=150)
    return figure_rst(files, gallery["src_dir"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy before the gallery looks for examples."""
    app.connect("builder-inited", copy_examples, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
