"""Look at a fit or a benchmark: one HTML page, and the figures on it."""

from eegkd.report.benchmark_figures import (
    plot_critical_difference,
    plot_items,
    plot_pairs,
)
from eegkd.report.benchmark_page import write_benchmark
from eegkd.report.figures import (
    KIND_COLORS,
    plot_confusion,
    plot_history,
    plot_montage,
    plot_scores,
    plot_similarity,
)
from eegkd.report.latex import benchmark_latex
from eegkd.report.page import write_report

__all__ = [
    "KIND_COLORS",
    "benchmark_latex",
    "plot_confusion",
    "plot_critical_difference",
    "plot_history",
    "plot_items",
    "plot_montage",
    "plot_pairs",
    "plot_scores",
    "plot_similarity",
    "write_benchmark",
    "write_report",
]
