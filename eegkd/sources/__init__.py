"""Sources: which trials are seen, batch by batch. Every trial carries its index.

`TrialSource` shows real trials unchanged. The other sources of the package change what
is seen before any view is applied, so that teacher and student see the same.
"""

from eegkd.sources.trials import Batch, Source, TrialSource

__all__ = ["Batch", "Source", "TrialSource"]
