"""Where trials come from: MOABB's datasets, simulated ones, files of one's own.

From a name to trials: `find` says which dataset is meant, `moabb_paradigm` which band,
window and classes, `on_disk` where its files are; `load` puts `trials` together, and
`windows` cuts those that last. Epochs and arrays become trials in `as_trials`.
`paradigms` holds what differs between P300, imagery and the others, `channels` and
`filter_bank` what a channel is called, and `groups` which trials must stay together.
`recordings` and `simulated` are datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eegkd.data.find import find_dataset, list_datasets, list_subjects
from eegkd.data.load import load_trials
from eegkd.data.trials import Trials, concatenate

if TYPE_CHECKING:
    from eegkd.data.recordings import RecordedDataset

__all__ = [
    "RecordedDataset",
    "Trials",
    "concatenate",
    "find_dataset",
    "list_datasets",
    "list_subjects",
    "load_trials",
]


def __getattr__(name: str) -> Any:
    """Import `RecordedDataset`, and with it MOABB, when it is first used."""
    if name != "RecordedDataset":
        raise AttributeError(f"module 'eegkd.data' has no attribute {name!r}")
    from eegkd.data.recordings import RecordedDataset

    globals()[name] = RecordedDataset
    return RecordedDataset
