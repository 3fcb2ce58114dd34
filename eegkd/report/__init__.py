"""Look at a fit: one HTML page, and the figures on it."""

from eegkd.report.figures import (
    ROLE_COLORS,
    plot_confusion,
    plot_history,
    plot_montage,
    plot_scores,
    plot_similarity,
)
from eegkd.report.page import write_report

__all__ = [
    "ROLE_COLORS",
    "plot_confusion",
    "plot_history",
    "plot_montage",
    "plot_scores",
    "plot_similarity",
    "write_report",
]
