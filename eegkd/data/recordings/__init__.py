"""A user's own recordings as a MOABB dataset: any file that MNE reads, and XDF."""

from __future__ import annotations

from eegkd.data.recordings.dataset import RecordedDataset

__all__ = ["RecordedDataset"]
