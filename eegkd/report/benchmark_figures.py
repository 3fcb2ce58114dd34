"""The figures of a benchmark; each is a function that returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from eegkd.evaluation.metrics import METRICS, metric_title
from eegkd.evaluation.statistics import (
    MIN_SUBJECTS,
    SIGNIFICANCE,
    mean_interval,
)
from eegkd.evaluation.wording import capital, kind_name
from eegkd.report.figures import (
    GRAY,
    KIND_COLORS,
    MEAN,
    STYLE,
    figure_of,
    new_axes,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SIDE_COLORS = {"a": "#D55E00", "b": "#56B4E9"}
MIN_ITEMS = 3
JITTER = 0.13


def plot_items(
    table: pd.DataFrame,
    *,
    metric: str = "accuracy",
    chance: float | None = None,
    remarks: Mapping[str, str] | None = None,
) -> Figure:
    """Show every item's score: each subject a dot, mean and 95 % interval beside.

    Parameters
    ----------
    table : DataFrame
        One row for each item and subject of one dataset and evaluation: ``dataset``,
        ``evaluation``, ``kind``, ``method``, ``decoder``, ``montage``, ``subject`` and
        ``score``.
    metric : str, default="accuracy"
        What the scores are.
    chance : float, optional
        Chance level, drawn dashed.
    remarks : dict of str -> str, optional
        What is written above a dataset's panel, such as "SIMULATED".

    Returns
    -------
    figure : Figure
        One line for each item, in the order of the table. Not known to pyplot: save
        it with ``figure.savefig``.
    """
    columns = ["kind", "method", "decoder", "montage"]
    items: list[Any] = list(table.groupby(columns, sort=False))
    with mpl.rc_context(STYLE):
        ax = new_axes((7.2, 1.5 + 0.36 * len(items)))
        used = {}
        for place, ((kind, method, _, _), rows) in enumerate(items):
            name = kind_name(kind, method)
            used[name] = KIND_COLORS[name]
            _draw_item(ax, place, rows["score"].to_numpy(), KIND_COLORS[name])
        ax.set_yticks(
            range(len(items)),
            [_item_name(*names) for names, _ in items],
            parse_math=False,
        )
        ax.set(ylim=(len(items) - 0.4, -0.6), xlabel=_metric_name(metric))
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#e6e6e6", linewidth=0.8)
        ax.set_axisbelow(True)
        if chance is not None:
            ax.axvline(chance, color="black", linewidth=1, linestyle="--", zorder=0)
            ax.annotate(
                "chance",
                (chance, 1),  # above the teachers, who are rarely there
                (3, -11),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                size=9,
            )
        if metric in METRICS:  # intervals of few subjects reach far beyond
            (left, right), (least, most) = ax.get_xlim(), METRICS[metric].bounds
            ax.set_xlim(max(left, least - 0.02), min(right, most + 0.02))
        for name, color in used.items():
            ax.scatter([], [], s=26, color=color, label=name)
        ax.errorbar([], [], [], color="black", label="mean, 95 % interval", **MEAN)
        figure = figure_of(ax)
        figure.legend(loc="outside lower center", ncols=len(used) + 1, fontsize=9)
        _title(ax, _place_name(table, remarks, with_montage=True))
        return figure


def plot_pairs(
    table: pd.DataFrame,
    names: tuple[str, str],
    *,
    metric: str | Mapping[str, str] = "accuracy",
    remarks: Mapping[str, str] | None = None,
) -> Figure:
    """Show two methods, one line for each subject, and below them the differences.

    Parameters
    ----------
    table : DataFrame
        One row for each subject and comparison: ``dataset``, ``evaluation``,
        ``montage``, ``decoder``, ``subject``, and the scores ``a`` and ``b``.
    names : tuple of (str, str)
        What ``a`` and ``b`` are.
    metric : str or dict of str -> str, default="accuracy"
        What the scores are; by dataset where they differ. Panels of several metrics
        have an axis each.
    remarks : dict of str -> str, optional
        What is written above a dataset's panel, such as "SIMULATED".

    Returns
    -------
    figure : Figure
        One column of panels for each dataset and evaluation. Not known to pyplot:
        save it with ``figure.savefig``.
    """
    panels: list[Any] = list(table.groupby(["dataset", "evaluation"], sort=False))
    shown = [metric if isinstance(metric, str) else metric[key[0]] for key, _ in panels]
    same = len(set(shown)) == 1
    most = max(len(_groups(rows)) for _, rows in panels)
    width = max(3.4, 1.1 + 1.15 * most)
    with mpl.rc_context(STYLE):
        size = (width * len(panels) + 0.4, 6.4)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(
            2, len(panels), sharey="row" if same else "none", squeeze=False
        )
        for (_, rows), name, (above, below) in zip(panels, shown, axes.T, strict=True):
            groups = _groups(rows)
            for place, (_, own) in enumerate(groups):
                _draw_pair(above, place, own)
                _draw_difference(below, place, (own["a"] - own["b"]).to_numpy())
            labels = [_group_name(*name) for name, _ in groups]
            ticks = np.add.outer(np.arange(len(groups)), [-0.2, 0.2]).ravel()
            above.set_xticks(
                ticks,
                [names[1], names[0]] * len(groups),
                rotation=35,
                ha="right",
                rotation_mode="anchor",
                parse_math=False,
            )
            below.set_xticks(range(len(groups)), labels, parse_math=False)
            below.axhline(0, color="black", linewidth=1, linestyle="--", zorder=0)
            for ax in (above, below):
                ax.set_xlim(-0.55, len(groups) - 0.45)
                ax.tick_params(axis="x", length=0)
            _title(above, _place_name(rows, remarks))
            if above is axes[0, 0] or not same:
                above.set_ylabel(_metric_name(name))
        axes[1, 0].set_ylabel(f"{names[0]} - {names[1]}", parse_math=False)
        above.plot([], [], color="#c4c4c4", label="one subject")
        below.errorbar([], [], [], color="black", label="mean, 95 % interval", **MEAN)
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def plot_critical_difference(
    table: pd.DataFrame,
    *,
    metric: str = "accuracy",
    remarks: Mapping[str, str] | None = None,
) -> Figure:
    """Show the mean ranks of items over subjects, and which are not told apart.

    Parameters
    ----------
    table : DataFrame
        One row for each item and subject of one dataset, evaluation and montage, as in
        `plot_items`. Subjects that lack an item are left out.
    metric : str, default="accuracy"
        What the scores are.
    remarks : dict of str -> str, optional
        What is written above a dataset's panel, such as "SIMULATED".

    Returns
    -------
    figure : Figure
        Demšar's diagram [1]_: the best item is on the left; items joined by a bar are
        not told apart by Nemenyi's test, which follows Friedman's. If Friedman's test
        finds no difference at all, all are joined. Not known to pyplot: save it with
        ``figure.savefig``.

    Raises
    ------
    ValueError
        If there are fewer than 3 items, or than 6 subjects that have all of them.

    References
    ----------
    .. [1] Demšar, J. (2006). Statistical comparisons of classifiers over multiple
       data sets. Journal of Machine Learning Research, 7, 1-30.
    """
    import pandas as pd
    from scikit_posthocs import critical_difference_diagram, posthoc_nemenyi_friedman
    from scipy.stats import friedmanchisquare

    named = table.assign(
        item=[
            _item_name("", method, decoder, "")
            for method, decoder in zip(table["method"], table["decoder"], strict=True)
        ]
    )
    wide = named.pivot_table(index="subject", columns="item", values="score").dropna()
    n_subjects, n_items = wide.shape
    if n_items < MIN_ITEMS or n_subjects < MIN_SUBJECTS:
        raise ValueError(
            f"'table' must hold at least {MIN_ITEMS} items and {MIN_SUBJECTS} subjects "
            f"that have all of them for a critical difference, got {n_items} items and "
            f"{n_subjects} subjects. Use plot_pairs, or finish more of the grid."
        )
    ranks = wide.rank(axis=1, ascending=_less_is_better(metric)).mean()
    tied = wide.nunique(axis=1).eq(1).all()  # the statistic is 0 / 0 then
    omnibus = 1.0 if tied else float(friedmanchisquare(*wide.to_numpy().T).pvalue)
    apart = posthoc_nemenyi_friedman(wide)
    if not omnibus < SIGNIFICANCE:
        apart = pd.DataFrame(1.0, index=apart.index, columns=apart.columns)
    with mpl.rc_context(STYLE):
        ax = new_axes((8.2, 1.9 + 0.2 * n_items))
        critical_difference_diagram(
            ranks,
            apart,
            alpha=SIGNIFICANCE,
            ax=ax,
            label_fmt_left="{label} ({rank:.1f})",
            label_fmt_right="({rank:.1f}) {label}",
            label_props={"size": 9, "parse_math": False},
            elbow_props={"color": "#404040", "linewidth": 1},
            marker_props={"color": "#0072B2", "s": 26},
            crossbar_props={"color": "#D55E00", "linewidth": 3},
            text_h_margin=0.08 * np.ptp(ranks) + 1e-3,
        )
        small = "< 0.001" if omnibus < 0.001 else f"= {omnibus:.3f}"
        _title(
            ax,
            _place_name(table, remarks, with_montage=True),
            f"{_metric_name(metric)}: mean rank over {n_subjects} subjects, best on "
            f"the left; Friedman p {small}",
        )
    return figure_of(ax)


def _metric_name(metric: str) -> str:
    """Return a metric in words, with a capital, and whether less of it is better."""
    less = " (less is better)" if _less_is_better(metric) else ""
    return capital(metric_title(metric)) + less


def _less_is_better(metric: str) -> bool:
    """Return whether the lowest value of a metric is the best."""
    return metric in METRICS and METRICS[metric].less_is_better


def _item_name(kind: str, method: str, decoder: str, montage: str) -> str:
    """Return an item in one line; the montage only of a teacher."""
    where = f" ({montage})" if kind == "teacher" else ""
    return " ".join(filter(None, [decoder, method])) + where


def _group_name(montage: str, decoder: str) -> str:
    """Return a group of pairs in two lines."""
    return "\n".join(filter(None, [montage, decoder]))


def _place_name(
    table: pd.DataFrame,
    remarks: Mapping[str, str] | None,
    with_montage: bool = False,
) -> str:
    """Return what part of a grid a table is, with a remark in front."""
    names = [table["dataset"].iloc[0], table["evaluation"].iloc[0]]
    if with_montage:  # the teachers' rows are of the full one
        others = [name for name in table["montage"].unique() if name != "full"]
        names.append(others[0] if others else "full")
    place, remark = ", ".join(names), (remarks or {}).get(names[0])
    return f"{remark}: {place}" if remark else place


def _title(ax: Axes, text: str, second: str = "") -> None:
    """Write a title on the left, with a smaller second line."""
    ax.set_title(
        text, loc="left", weight="bold", parse_math=False, pad=28 if second else 8
    )
    if second:
        ax.annotate(
            second,
            (0, 1),
            (0, 14),
            xycoords="axes fraction",
            textcoords="offset points",
            size=9,
        )


def _draw_item(ax: Axes, place: int, scores: np.ndarray, color: str) -> None:
    """Draw the subjects of one item on a line, and below them mean and interval."""
    spots = place - 0.12 + JITTER * _jitter(len(scores))
    ax.scatter(scores, spots, s=18, color=color, alpha=0.65, linewidths=0, zorder=2)
    mean, low, high = mean_interval(scores)
    bars = [[mean - low], [high - mean]] if np.isfinite(low) else None
    look: dict[str, Any] = {"marker": "D", "markersize": 6, "markeredgecolor": "black"}
    ax.errorbar(
        mean, place + 0.22, xerr=bars, color=color, ecolor="black", zorder=3,
        **look, **MEAN,
    )  # fmt: skip


def _jitter(n: int) -> np.ndarray:
    """Return n fixed places in [-1, 1] that neighbors do not share."""
    return 2 * ((np.arange(n) * 0.618034) % 1) - 1


def _groups(rows: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    """Return montage and decoder with their pairs."""
    return list(rows.groupby(["montage", "decoder"], sort=False))


def _draw_pair(ax: Axes, place: int, own: pd.DataFrame) -> None:
    """Draw the subjects of one comparison: b on the left, a on the right, joined."""
    ends = (place - 0.2, place + 0.2)
    for b, a in own[["b", "a"]].to_numpy():
        ax.plot(ends, (b, a), color="#c4c4c4", linewidth=1, zorder=1)
    for x, side in zip(ends, "ba", strict=True):
        color = SIDE_COLORS[side]
        spots = np.full(len(own), x)
        ax.scatter(spots, own[side], s=22, color=color, linewidths=0, zorder=2)
        mean = own[side].mean()
        ax.plot([x - 0.09, x + 0.09], [mean, mean], color="black", zorder=3)


def _draw_difference(ax: Axes, place: int, differences: np.ndarray) -> None:
    """Draw the differences of the subjects, and beside them mean and interval."""
    spots = place - 0.12 + 0.06 * _jitter(len(differences))
    ax.scatter(spots, differences, s=22, color=GRAY, linewidths=0, zorder=2)
    mean, low, high = mean_interval(differences)
    bars = [[mean - low], [high - mean]] if np.isfinite(low) else None
    ax.errorbar(
        place + 0.14, mean, bars, color="black", marker="D", markersize=6, **MEAN
    )
