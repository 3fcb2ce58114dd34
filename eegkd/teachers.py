"""Where targets come from. A teacher answers a batch with an `Output`."""

from __future__ import annotations

import copy
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, cast

import torch
from torch import Tensor

from eegkd._checks import check_choice
from eegkd.decoders import Decoder, Output
from eegkd.sources import Batch, Source, TrialSource

logger = logging.getLogger(__name__)

MODES = ("eval", "as_published")
CHUNK = 256  # trials that the teacher reads at once when everything is remembered
MEMORY_LIMIT = 2 * 1024**3  # bytes of remembered answers for one source


class Teacher(Protocol):
    """What answers a batch with targets, without gradient."""

    def __call__(self, batch: Batch) -> Output:
        """Return the teacher's output for the trials of a batch."""


class Frozen:
    """A trained decoder that answers and does not change.

    The decoder is copied, so that nothing that happens to the original, or to the
    teacher, reaches the other. Each trial of a source that shows it unchanged is read
    once; afterwards batches are answered from memory.

    Parameters
    ----------
    decoder : Decoder
        The trained network behind its view.
    mode : {"eval", "as_published"}, default="eval"
        ``"eval"`` switches dropout off and leaves batch statistics as they were
        trained. ``"as_published"`` runs the teacher in train mode as the code that
        accompanies the similarity-keeping paper does: dropout is live, batch
        statistics are those of the batch and their running average moves. Nothing
        is remembered then. For reproduction only.
    memory_limit : int, default=2 GiB
        Bytes that the remembered answers of one source may take; above it each
        batch is read again.

    Raises
    ------
    ValueError
        If ``mode`` is not known.
    """

    def __init__(
        self, decoder: Decoder, mode: str = "eval", memory_limit: int = MEMORY_LIMIT
    ) -> None:
        self.mode = check_choice(mode, "mode", MODES)
        self.memory_limit = memory_limit
        self.decoder = copy.deepcopy(decoder).requires_grad_(False)
        self.decoder.view = decoder.view  # views are shared: each is applied once
        self._memories: weakref.WeakKeyDictionary[Source, _Memory | None] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self, batch: Batch) -> Output:
        """Return the output for the trials of a batch, without gradient."""
        source = batch.source
        if (
            self.mode == "eval"
            and isinstance(source, TrialSource)
            and source.deterministic
        ):
            if source not in self._memories:
                self._memories[source] = self._remember(source)
            memory = self._memories[source]
            if memory is not None:
                return memory.select(batch.index)
        return self.live(batch)

    def live(self, batch: Batch) -> Output:
        """Return the output for a batch by reading it now.

        Parameters
        ----------
        batch : Batch
            The trials.

        Returns
        -------
        output : Output
            What the decoder says, without gradient.
        """
        self.decoder.train(self.mode == "as_published")
        with torch.no_grad():
            return self.decoder(batch.seen_by(self.decoder.view))

    def _remember(self, source: TrialSource) -> _Memory | None:
        """Read all trials of a source once, or tell that they do not fit."""
        chunks: list[Output] = []
        indices = torch.arange(len(source), device=source.X.device).split(CHUNK)
        for index in indices:
            chunks.append(self.live(source.batch(index)))
            if len(chunks) == 1 and self._needs(chunks[0], source) > self.memory_limit:
                logger.info(
                    "The teacher's answers to %d trials exceed memory_limit; "
                    "each batch is read again.",
                    len(source),
                )
                return None
        return _Memory(
            Output(
                logits=torch.cat([chunk.logits for chunk in chunks]),
                features={
                    tap: torch.cat([chunk.features[tap] for chunk in chunks])
                    for tap in chunks[0].features
                },
                embedding=torch.cat(
                    [cast("Tensor", chunk.embedding) for chunk in chunks]
                ),
            )
        )

    def _needs(self, first: Output, source: TrialSource) -> int:
        """Estimate the bytes of all answers and one matrix a tap from one chunk."""
        features = sum(t.numel() * t.element_size() for t in first.features.values())
        matrices = len(first.features) * len(source) ** 2 * 4
        return features * len(source) // len(first.logits) + matrices

    def __repr__(self) -> str:
        return f"Frozen({self.decoder!r}, mode={self.mode!r})"


class _Memory:
    """A teacher's output for all trials of a source, and the relations asked for."""

    def __init__(self, whole: Output) -> None:
        self.whole = whole
        self.relations: dict[tuple[Callable[[Tensor], Tensor], str], Tensor] = {}

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor:
        """Return the matrix of all pairs of trials, computed at the first call."""
        key = (function, tap)
        if key not in self.relations:
            with torch.no_grad():
                self.relations[key] = function(self.whole.features[tap])
        return self.relations[key]

    def select(self, index: Tensor) -> Output:
        """Return the output for some trials."""
        return _Remembered(self, index)


class _Remembered(Output):
    """An output whose parts are cut from memory when they are asked for."""

    def __init__(self, memory: _Memory, index: Tensor) -> None:
        super().__init__(
            logits=memory.whole.logits[index],
            features=_Selection(memory.whole.features, index),
            embedding=cast("Tensor", memory.whole.embedding)[index],
        )
        self._memory, self._index = memory, index

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor:
        """Cut the batch out of the matrix of all pairs of trials.

        Right for any function whose entry (i, j) depends on trials i and j alone.
        """
        whole = self._memory.relation(function, tap)
        return whole[self._index[:, None], self._index]


class _Selection(Mapping[str, Tensor]):
    """Features of some trials, cut out one tap at a time."""

    def __init__(self, features: Mapping[str, Tensor], index: Tensor) -> None:
        self._features, self._index = features, index

    def __getitem__(self, tap: str) -> Tensor:
        return self._features[tap][self._index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)
