"""The figures of the report; each is a function that returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from eegkd.data.channels import positions
from eegkd.data.filter_bank import electrodes_of
from eegkd.evaluation.metrics import metric_title
from eegkd.evaluation.statistics import mean_interval
from eegkd.evaluation.wording import PERMUTED_STUDENT, kind_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with every kind of color vision.
KIND_COLORS = {
    "teacher": "#0072B2",
    "untaught student": "#E69F00",
    "taught student": "#009E73",
    PERMUTED_STUDENT: "#56B4E9",
    "baseline": "#CC79A7",
}
KIND_MARKERS = dict(zip(KIND_COLORS, "osD^v", strict=True))
# Whose models a result holds, by the name of what holds them.
HOLDERS = {
    "teachers": "teacher",
    "untaught": "untaught student",
    "students": "taught student",
}
GRAY = "#8c8c8c"
STYLE: dict[Any, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.dpi": 150,
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}
MEAN: dict[str, Any] = {"elinewidth": 1.5, "capsize": 4}
ELECTRODES_1020 = (
    "Fp1 Fpz Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 Oz O2".split()
)
RING = ("Fpz", "T7", "Oz", "T8")
RING_RADIUS = 0.8  # on a head of radius 1
MAX_SUBJECTS_NAMED = 20
MAX_CLASSES_NUMBERED = 12
CLOSE = 0.18  # named electrodes nearer than this, in head radii, need a larger head
MAX_ELECTRODES_BESIDE = 24  # with more, names beside the dots would meet


def plot_montage(
    ch_names: Sequence[str],
    all_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    names: bool = True,
) -> Figure:
    """Show on the head which electrodes a montage has.

    Parameters
    ----------
    ch_names : sequence of str
        The montage's electrodes, filled and named. Those without a position in the
        10-05 system are listed below the head. Channels of a filter bank are their
        electrodes.
    all_names : sequence of str, optional
        All electrodes of the recording, small and gray.
    ax : Axes, optional
        Where to draw; on a new figure by default.
    names : bool, default=True
        Whether electrodes are named; on a small head there is no room.

    Returns
    -------
    figure : Figure
        The figure, seen from above, nose up. Not known to pyplot if it is new: save it
        with ``figure.savefig``.
    """
    ch_names, all_names = electrodes_of(ch_names), electrodes_of(all_names or ())
    places = _head_positions([*ch_names, *all_names])
    with mpl.rc_context(STYLE):
        placed = {name: places[name] for name in ch_names if name in places}
        gaps = _gaps(list(placed.values()))
        side = 5.2 if gaps.min(initial=np.inf) > CLOSE else 7.5
        ax = new_axes((side, side + 0.2)) if ax is None else ax
        _draw_head(ax)
        others = [place for name, place in places.items() if name not in ch_names]
        if others:
            x, y = np.array(others).T
            ax.scatter(x, y, s=14, color="#bdbdbd", zorder=2)
        for name, place, size, away in _room(placed, ax):
            _draw_electrode(ax, name if names else "", place, size, away)
        unplaced = [name for name in ch_names if name not in places]
        if unplaced:
            _note(ax, "Without a known position: " + ", ".join(unplaced))
        return figure_of(ax)


def plot_scores(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "accuracy",
    chance: float | None = None,
) -> Figure:
    """Show what teacher and students score, one line for each subject.

    Parameters
    ----------
    scores : DataFrame
        As in `eegkd.FitResult`: ``subject``, ``kind``, ``method``, ``n_chans`` and the
        metric's column. Folds and seeds are averaged.
    ax : Axes, optional
        Where to draw; on a new figure by default.
    metric : str, default="accuracy"
        Column to show.
    chance : float, optional
        Chance level, such as 1 / n_classes, drawn dashed.

    Returns
    -------
    figure : Figure
        The figure. Not known to pyplot if it is new: save it with ``figure.savefig``.
    """
    scores = scores.assign(kind=_kind_names(scores))
    table = scores.groupby(["subject", "kind"], sort=False)[metric].mean().unstack()
    kinds = [kind for kind in KIND_COLORS if kind in table]
    table = table.reindex(index=scores["subject"].unique(), columns=kinds)
    x = np.arange(len(kinds))
    with mpl.rc_context(STYLE):
        ax = new_axes((6.2, 4.8)) if ax is None else ax
        for values in table.to_numpy():
            ax.plot(x, values, color="#c4c4c4", linewidth=1, zorder=1)
        ax.lines[-1].set_label("one subject")
        for position, kind in enumerate(kinds):
            _draw_kind(ax, position, table[kind].dropna().to_numpy(), kind)
        if chance is not None:
            ax.axhline(chance, color="black", linewidth=1, linestyle="--", zorder=0)
            ax.annotate(
                "chance",
                (0, chance),
                (4, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                size=9,
            )
        names = [_explained(scores[scores["kind"] == kind].iloc[0]) for kind in kinds]
        ax.set_xticks(x, names, parse_math=False)
        ax.set(
            xlim=(-0.5, x[-1] + 0.5),
            ylim=_limits(table, chance),
            ylabel=f"Test {metric_title(metric)}",
        )
        ax.tick_params(axis="x", length=0)
        if len(table) > 1:
            ax.errorbar([], [], [], color="black", label="mean, 95 % interval", **MEAN)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0)
        if 1 < len(table) <= MAX_SUBJECTS_NAMED:
            _name_subjects(ax, table.iloc[:, -1].dropna(), float(x[-1]))
        return figure_of(ax)


def plot_history(history: pd.DataFrame) -> Figure:
    """Show losses and validation accuracy of each epoch over the training trials.

    Parameters
    ----------
    history : DataFrame
        As in `eegkd.FitResult`: ``fold``, ``seed``, ``kind``, ``method``, ``epoch``,
        ``train_loss`` and, with validation, ``valid_loss`` and ``valid_accuracy``.

    Returns
    -------
    figure : Figure
        One column for each kind of model. Light: each fold and seed; bold: their
        median, as far as half of them went; dots: the epoch that was kept. Not known to
        pyplot: save it with ``figure.savefig``.
    """
    tables = _by_kind(history)
    validated = _has_values(history, "valid_accuracy")
    with mpl.rc_context(STYLE):
        figure, axes = _new_panels(1 + validated, len(tables), (3.4, 2.7), sharex=True)
        for (kind, own), column in zip(tables.items(), axes.T, strict=True):
            kept = _kept_epochs(own)
            color = KIND_COLORS[kind]
            _draw_runs(column[0], own, "train_loss", GRAY, "training")
            if _has_values(own, "valid_loss"):
                _draw_runs(column[0], own, "valid_loss", color, "validation", kept)
            if _has_values(own, "valid_accuracy"):
                _draw_runs(column[1], own, "valid_accuracy", color, "validation", kept)
                column[1].set_ylim(0, 1.02)
            column[0].set_title(kind, color="black", weight="bold")
            _log_if_wide(column[0])
            column[0].legend(loc="best")
            column[-1].set_xlabel("Training epoch")
            column[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0, 0].set_ylabel("Loss")
        if validated:
            axes[1, 0].set_ylabel("Validation accuracy")
        figure.align_ylabels()
    return figure


def plot_confusion(predictions: pd.DataFrame) -> Figure:
    """Show which classes each kind of model takes for which.

    Parameters
    ----------
    predictions : DataFrame
        As in `eegkd.FitResult`: ``kind``, ``method``, ``label`` and ``predicted`` of
        each test trial. Subjects and seeds are pooled.

    Returns
    -------
    figure : Figure
        One matrix for each kind, in percent of the trials of each true class. Not
        known to pyplot: save it with ``figure.savefig``.
    """
    both = [predictions["label"].to_numpy(), predictions["predicted"].to_numpy()]
    classes = np.unique(np.concatenate(both))
    tables = _by_kind(predictions)
    side = float(np.clip(0.62 * len(classes), 2.5, 5))
    height = side + 1.1 + 0.045 * max(len(str(name)) for name in classes)
    with mpl.rc_context(STYLE):
        figure, axes = _new_panels(1, len(tables), (side + 0.6, height), sharey=True)
        for (kind, own), ax in zip(tables.items(), axes[0], strict=True):
            shares = _confusion(own, classes)
            image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            if len(classes) <= MAX_CLASSES_NUMBERED:
                _write_numbers(ax, shares)
            ax.set_title(kind, weight="bold")
            ax.set_xlabel("Predicted class")
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
            places, names = _thin(np.arange(len(classes)), classes)
            ax.set_xticks(
                places, names, rotation=45, ha="right", va="top",
                rotation_mode="anchor", parse_math=False,
            )  # fmt: skip
            ax.set_yticks(places, names, parse_math=False)
        axes[0, 0].set_ylabel("True class")
        figure.colorbar(
            image, ax=axes, label="Part of the true class (%)", shrink=0.7, aspect=25
        )
    return figure


def plot_similarity(example: dict[str, np.ndarray]) -> Figure:
    """Show how alike each model finds pairs of test trials.

    Parameters
    ----------
    example : dict of str -> ndarray
        As in `eegkd.FitResult`: a matrix of shape (n_trials, n_trials) with values in
        [-1, 1] for each of ``teachers``, ``untaught`` and ``students`` that is there,
        and ``labels`` of shape (n_trials,).

    Returns
    -------
    figure : Figure
        One matrix for each on one color scale, trials sorted by class, with the
        correlation of its entries above the diagonal with the teacher's. Not known to
        pyplot: save it with ``figure.savefig``.
    """
    shown = {kind: example[name] for name, kind in HOLDERS.items() if name in example}
    labels = np.asarray(example["labels"])
    order = np.argsort(labels, kind="stable")
    classes, counts = np.unique(labels, return_counts=True)
    ends = np.cumsum(counts)
    matrices = {kind: matrix[np.ix_(order, order)] for kind, matrix in shown.items()}
    pairs = {kind: _pairs(matrix) for kind, matrix in matrices.items()}
    everything = np.concatenate(list(pairs.values()))
    low, high = np.quantile(everything, [0.01, 0.99]) if everything.size else (-1, 1)
    with mpl.rc_context(STYLE):
        figure, axes = _new_panels(1, len(matrices), (3.3, 3.9), sharey=True)
        for (kind, matrix), ax in zip(matrices.items(), axes[0], strict=True):
            image = ax.imshow(
                matrix, cmap="viridis", vmin=low, vmax=max(high, low + 1e-6)
            )
            for end in ends[:-1]:
                ax.axhline(end - 0.5, color="white", linewidth=1)
                ax.axvline(end - 0.5, color="white", linewidth=1)
            places, names = _thin(ends - counts / 2 - 0.5, classes)
            ax.set_xticks(
                places, names, rotation=45, ha="right", va="top",
                rotation_mode="anchor", parse_math=False,
            )  # fmt: skip
            ax.set_yticks(places, names, parse_math=False)
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
            ax.set_title(_similarity_title(kind, pairs))
        axes[0, 0].set_ylabel("Test trials, by class")
        figure.colorbar(
            image, ax=axes, label="Similarity of two trials", shrink=0.7, aspect=25,
            extend="both",
        )  # fmt: skip
    return figure


def _kind_names(table: pd.DataFrame) -> list[str]:
    """Return what the model of each row is: keys of `KIND_COLORS`."""
    return [*map(kind_name, table["kind"], table["method"])]


def _by_kind(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each kind of model that is there, in one order."""
    names = np.array(_kind_names(table))
    return {kind: table[names == kind] for kind in KIND_COLORS if kind in names}


def new_axes(size: tuple[float, float]) -> Axes:
    """Return the axes of a new figure of a size in inches, unknown to pyplot."""
    return Figure(figsize=size, layout="constrained").add_subplot()


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes lie on, through subfigures."""
    return ax.figure.canvas.figure


def _new_panels(
    n_rows: int,
    n_columns: int,
    size: tuple[float, float],
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, np.ndarray]:
    """Return a new figure and its axes, each of a size in inches."""
    figure = Figure(
        figsize=(size[0] * n_columns + 0.4, size[1] * n_rows), layout="constrained"
    )
    return figure, figure.subplots(
        n_rows, n_columns, sharex=sharex, sharey=sharey, squeeze=False
    )


def _head_positions(names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return where electrodes lie on a head of radius 1 that is seen from above.

    Directions from the center of the 10-20 system's best sphere are unrolled with
    their angle from the vertex as radius. Names without a known position are left out.
    """
    known = positions(names)
    system = np.array(list(positions(ELECTRODES_1020).values()))
    fit = np.linalg.lstsq(
        np.hstack([2 * system, np.ones((len(system), 1))]),
        np.sum(system**2, axis=1),
        rcond=None,
    )
    center = fit[0][:3]
    ring = [np.hypot(*_unroll(place - center)) for place in positions(RING).values()]
    scale = RING_RADIUS / np.mean(ring)
    return {name: scale * _unroll(place - center) for name, place in known.items()}


def _unroll(direction: np.ndarray) -> np.ndarray:
    """Return a direction in space as one in the plane, as long as its angle from up."""
    x, y, z = direction
    across = np.hypot(x, y)
    return np.array([x, y]) * np.arctan2(across, z) / max(across, 1e-12)


def _draw_head(ax: Axes) -> None:
    """Draw a head from above: outline, nose and ears."""
    turn = np.linspace(0, 2 * np.pi, 200)
    ear = np.linspace(-np.pi / 2, np.pi / 2, 40)
    lines: list[tuple[Any, Any]] = [
        (np.cos(turn), np.sin(turn)),
        ([-0.1, 0, 0.1], [0.995, 1.11, 0.995]),
        (0.995 + 0.07 * np.cos(ear), 0.17 * np.sin(ear)),
        (-0.995 - 0.07 * np.cos(ear), 0.17 * np.sin(ear)),
    ]
    for x, y in lines:
        ax.plot(x, y, color="#555555", linewidth=1.3, zorder=1)
    ax.set(aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.15, 1.18))
    ax.axis("off")


def _gaps(places: list[np.ndarray]) -> np.ndarray:
    """Return the distance between each two electrodes; infinite on the diagonal."""
    points = np.array(places).reshape(-1, 2)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    gaps[np.diag_indices(len(points))] = np.inf
    return gaps


def _room(
    placed: dict[str, np.ndarray], ax: Axes
) -> Iterator[tuple[str, np.ndarray, float, np.ndarray | None]]:
    """Yield name, place, diameter in points and, of crowded electrodes, where room is.

    Many names are as large as all can be, so that they look alike. Among few, only
    those that are crowded are smaller, and are named beside their dot.
    """
    points = list(placed.values())
    gaps = _gaps(points)
    box = ax.get_position()
    inches = min(figure_of(ax).get_size_inches() * (box.width, box.height)) / 2.4
    sizes = np.minimum(25, 0.95 * 72 * inches * gaps.min(axis=1, initial=np.inf))
    many = len(placed) > MAX_ELECTRODES_BESIDE
    crowded = (sizes < 15) & (not many)
    sizes[~crowded] = sizes[~crowded].min(initial=25)
    for index, (name, place) in enumerate(placed.items()):
        away = place - points[gaps[index].argmin()] if crowded[index] else None
        yield name, place, float(sizes[index]), away


def _draw_electrode(
    ax: Axes, name: str, place: np.ndarray, size: float, away: np.ndarray | None
) -> None:
    """Draw one electrode, and its name inside or beside it in the direction away."""
    diameter = size if away is None else min(size, 9)
    ax.scatter(
        place[0], place[1], s=diameter**2, color=KIND_COLORS["taught student"], zorder=3
    )
    if not name:
        return
    look: dict[str, Any] = {
        "weight": "bold",
        "ha": "center",
        "va": "center_baseline",
        "parse_math": False,
        "zorder": 4,
    }
    if away is None:
        size = min(9, size * 1.25 / len(name))
        ax.text(place[0], place[1], name, color="white", size=size, **look)
    else:
        offset = (diameter + 8) * away / max(np.hypot(*away), 1e-9)
        ax.annotate(
            name,
            tuple(place),
            tuple(offset),
            textcoords="offset points",
            size=8,
            **look,
        )


def _note(ax: Axes, text: str) -> None:
    """Write a note below the axes' content, wrapped."""
    import textwrap

    ax.text(
        0.5,
        0,
        textwrap.fill(text, 70),
        transform=ax.transAxes,
        size=9,
        ha="center",
        va="top",
        parse_math=False,
    )


def _explained(row: pd.Series) -> str:
    """Return what a kind of model is, in up to three short lines."""
    kind, n_chans = row["kind"], int(row["n_chans"])
    lines = [
        kind.replace(" of ", "\nof "),
        f"{n_chans} electrode{'s' if n_chans != 1 else ''}",
    ]
    return "\n".join([*lines, row["method"]] if kind == "taught student" else lines)


def _draw_kind(ax: Axes, position: float, values: np.ndarray, kind: str) -> None:
    """Draw the subjects' scores of one kind, and beside them mean and interval."""
    look: dict[str, Any] = {"color": KIND_COLORS[kind], "marker": KIND_MARKERS[kind]}
    ax.scatter(
        np.full(len(values), position), values, s=26, alpha=0.75, linewidths=0, **look
    )
    if len(values) > 1:
        mean, low, high = mean_interval(values)
        ax.errorbar(
            position - 0.17,
            mean,
            [[mean - low], [high - mean]],
            markersize=9,
            markeredgecolor="black",
            ecolor="black",
            zorder=4,
            **look,
            **MEAN,
        )


def _limits(table: pd.DataFrame, chance: float | None) -> tuple[float, float]:
    """Return the range of an axis that shows all scores, intervals and chance.

    Not under 0.3 wide, so that small differences look small; intervals are followed
    no further than from 0 to 1.
    """
    values = [table[kind].dropna().to_numpy() for kind in table]
    scores = np.concatenate(values)
    least, most = min(0, scores.min()), max(1, scores.max())
    ends = np.ravel([mean_interval(own)[1:] for own in values])
    ends = np.clip(ends[np.isfinite(ends)], least, most)
    shown = [*scores, *ends, *([] if chance is None else [chance])]
    low, high = min(shown), max(shown)
    high = min(max(high, (low + high) / 2 + 0.15), max(high, most))
    low = max(min(low, high - 0.3), min(low, least))
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _name_subjects(ax: Axes, last: pd.Series, x: float) -> None:
    """Write the subjects' names beside the last dots, moved apart where they meet."""
    low, high = ax.get_ylim()
    order = last.sort_values()
    height = figure_of(ax).get_size_inches()[1] * 72 * 0.75
    places = _spread(order.to_numpy(), gap=10 * (high - low) / height)
    for who, score, place in zip(order.index, order, places, strict=True):
        ax.annotate(
            str(who),
            (x, score),
            (x + 0.16, place),
            size=8,
            va="center",
            parse_math=False,
            arrowprops={
                "relpos": (0, 0.5),
                "arrowstyle": "-",
                "color": "#c4c4c4",
                "shrinkB": 4,
            },
        )


def _spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Move sorted values apart to at least ``gap``, each as little as need be."""
    blocks: list[tuple[float, int]] = []  # center and length
    for value in values:
        center, length = float(value), 1
        while blocks and center - blocks[-1][0] < gap * (length + blocks[-1][1]) / 2:
            other, size = blocks.pop()
            center = (center * length + other * size) / (length + size)
            length += size
        blocks.append((center, length))
    return np.concatenate(
        [center + gap * (np.arange(n) - (n - 1) / 2) for center, n in blocks]
    )


def _has_values(history: pd.DataFrame, column: str) -> bool:
    """Whether a table has a column with at least one value."""
    return column in history and bool(history[column].notna().any())


def _kept_epochs(own: pd.DataFrame) -> dict[Any, int]:
    """Return the epoch that each fold and seed kept: the best, or the last."""
    kept: dict[Any, Any] = {}
    for key, run in own.groupby(["fold", "seed"], sort=False):
        validated = _has_values(run, "valid_loss")
        rows = run.set_index("epoch")
        kept[key] = rows["valid_loss"].idxmin() if validated else rows.index.max()
    return kept


def _draw_runs(
    ax: Axes,
    own: pd.DataFrame,
    column: str,
    color: str,
    label: str,
    kept: dict[Any, int] | None = None,
) -> None:
    """Draw one column of the history: each run, their median, the epochs kept."""
    runs = own.pivot_table(index="epoch", columns=["fold", "seed"], values=column)
    epochs = runs.index + 1
    if runs.shape[1] > 1:
        alpha = float(np.clip(4 / runs.shape[1], 0.05, 0.35))
        ax.plot(epochs, runs, color=color, alpha=alpha, linewidth=0.8)
    usual = runs.notna().sum(axis=1) * 2 >= runs.shape[1]
    median = runs.median(axis=1).where(usual)
    ax.plot(epochs, median, color=color, linewidth=2, label=label)
    if kept is None:
        return
    points = [(key, best) for key, best in kept.items() if key in runs]
    ax.scatter(
        [best + 1 for _, best in points],
        [runs[key][best] for key, best in points],
        s=22,
        color=color,
        edgecolors="black",
        linewidths=0.7,
        zorder=3,
        label="epoch kept",
    )


def _log_if_wide(ax: Axes) -> None:
    """Give an axis a logarithmic scale if its lines span more than a factor of 30."""
    values = np.concatenate([np.asarray(line.get_ydata()) for line in ax.lines])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 30 * values.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")


def _confusion(own: pd.DataFrame, classes: np.ndarray) -> np.ndarray:
    """Return the percentage of each true class (rows) that was predicted as each."""
    import pandas as pd

    table = pd.crosstab(own["label"], own["predicted"])
    counts = table.reindex(index=classes, columns=classes, fill_value=0).to_numpy()
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, 100 * counts / np.maximum(totals, 1), np.nan)


def _write_numbers(ax: Axes, shares: np.ndarray) -> None:
    """Write the percentages into the cells."""
    size = 10 if len(shares) <= 6 else 8
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            color = "white" if share > 55 else "black"
            ax.text(
                column, row, f"{share:.0f}", size=size, color=color, ha="center",
                va="center",
            )  # fmt: skip


def _thin(places: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return where to write which class names, at most 24 of them."""
    step = -(-len(classes) // 24)
    return places[::step], [str(name) for name in classes[::step]]


def _pairs(matrix: np.ndarray) -> np.ndarray:
    """Return the entries above the diagonal."""
    return matrix[np.triu_indices(len(matrix), k=1)]


def _similarity_title(kind: str, pairs: dict[str, np.ndarray]) -> str:
    """Return the kind, and how well its similarities agree with the teacher's."""
    if kind == "teacher" or "teacher" not in pairs:
        return kind
    own, other = pairs[kind], pairs["teacher"]
    if own.size < 2 or not own.std() or not other.std():
        return f"{kind}\ncorrelation with teacher not defined"
    return f"{kind}\ncorrelation with teacher {np.corrcoef(own, other)[0, 1]:.2f}"
