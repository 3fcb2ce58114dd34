"""Where targets come from. A teacher answers a batch with an `Output`."""

from __future__ import annotations

import copy
import logging
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from eegkd._checks import check_choice, check_int, check_number
from eegkd.decoders import Decoder, Output
from eegkd.samplers import Batch, Sampler, TrialSampler

__all__ = ["EMA", "Ensemble", "Frozen", "Peer", "Virtual"]

logger = logging.getLogger(__name__)

MODES = ("eval", "as_published")
PERMUTED = (None, "within_classes", "all_trials")
CHUNK = 256  # trials that the teacher reads at once when everything is remembered
MEMORY_LIMIT = 2 * 1024**3  # bytes of remembered answers for one sampler


class Teacher(Protocol):
    """What answers a batch with targets, without gradient.

    A teacher that asks other teachers lists them in ``parts``, so that these are told
    of epochs and updates as well.
    """

    def __call__(self, batch: Batch) -> Output:
        """Return the teacher's output for the trials of a batch."""


class Frozen:
    """A trained decoder that answers and does not change.

    The decoder is copied, so that nothing that happens to the original, or to the
    teacher, reaches the other. Each trial of a sampler that shows it unchanged is read
    once; afterwards batches are answered from memory. These answers are those of
    reading the batch now to rounding, since kernels round by the size of a batch.

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
        Bytes that the remembered answers of one sampler may take. Scores and embeddings
        are always remembered. Features that do not fit are read again when they are
        asked for, and relations between trials that do not fit are computed batch by
        batch.
    permuted : {None, "within_classes", "all_trials"}, default=None
        A control: in each batch every trial gets what the teacher says of another one,
        scores and features alike, so that the answers are the same and only whose they
        are is not. ``"within_classes"`` takes one of the same class, which leaves what
        the label says as well; ``"all_trials"`` any. A trial that is alone in the
        batch, or alone of its class, keeps its own.
    seed : int, default=0
        Seed of the permutations. The same batch is always permuted alike.

    Raises
    ------
    ValueError
        If ``mode`` or ``permuted`` is not known.
    """

    def __init__(
        self,
        decoder: Decoder,
        mode: str = "eval",
        memory_limit: int = MEMORY_LIMIT,
        *,
        permuted: str | None = None,
        seed: int = 0,
    ) -> None:
        self.mode = check_choice(mode, "mode", MODES)
        self.permuted = check_choice(permuted, "permuted", PERMUTED)
        self.seed = check_int(seed, "seed", at_least=0)
        self.memory_limit = memory_limit
        self.decoder = copy.deepcopy(decoder).requires_grad_(False)
        self.decoder.view = decoder.view  # views are shared: each is applied once
        self._features = True  # whether more than scores is read
        self._memories: weakref.WeakKeyDictionary[Sampler, _Memory] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self, batch: Batch) -> Output:
        """Return the output for the trials of a batch, without gradient."""
        sampler = batch.sampler
        if (
            self.mode == "eval"
            and batch.x is None
            and isinstance(sampler, TrialSampler)
            and sampler.deterministic
        ):
            if sampler not in self._memories:
                self._memories[sampler] = self._remember(sampler)
            answer: Output = _Remembered(self._memories[sampler], batch, self.live)
            return self.permute(answer, batch)
        return self.permute(self.live(batch, self._features), batch)

    def permute(self, answer: Output, batch: Batch) -> Output:
        """Give each trial the answer to another one, if the teacher is ``permuted``.

        Parameters
        ----------
        answer : Output
            What the decoder says of a batch.
        batch : Batch
            The trials.

        Returns
        -------
        answer : Output
            The same answers, unchanged or in another order.
        """
        if self.permuted is None:
            return answer
        group = batch.y if self.permuted == "within_classes" else 0 * batch.index
        seed = (self.seed * 100_003 + int(batch.index.sum())) % 2**63
        return _Permuted(answer, others(group, seed))

    def read_features(self, wanted: bool) -> None:
        """Hear whether anyone will ask for more than scores; they are read again then.

        Parameters
        ----------
        wanted : bool
            Whether features and embeddings are read with the scores.
        """
        self._features = wanted
        for sampler, memory in list(self._memories.items()):
            if wanted and memory.whole.embedding is None:
                del self._memories[sampler]

    def live(self, batch: Batch, features: bool = True) -> Output:
        """Return the output for a batch by reading it now, never permuted.

        Parameters
        ----------
        batch : Batch
            The trials.
        features : bool, default=True
            Whether features and embedding are read.

        Returns
        -------
        output : Output
            What the decoder says, without gradient.
        """
        self.decoder.train(self.mode == "as_published")
        with torch.no_grad():
            return self.decoder(batch.seen_by(self.decoder.view), features)

    def _remember(self, sampler: TrialSampler) -> _Memory:
        """Read all trials of a sampler once; features are kept where they fit."""
        chunks: list[Output] = []
        fits = True
        indices = torch.arange(len(sampler), device=sampler.X.device).split(CHUNK)
        for index in indices:
            chunk = self.live(sampler.batch(index), self._features)
            if not chunks:
                per_trial = _size(chunk.features.values()) // len(index)
                fits = per_trial * len(sampler) <= self.memory_limit
            kept = chunk.features if fits else {}
            chunks.append(Output(chunk.logits, kept, chunk.embedding))
        if not fits:
            logger.info(
                "The teacher's features of %d trials exceed memory_limit; they are "
                "read again when they are asked for.",
                len(sampler),
            )
        whole = Output(
            logits=torch.cat([chunk.logits for chunk in chunks]),
            features={
                tap: torch.cat([chunk.features[tap] for chunk in chunks])
                for tap in chunks[0].features
            },
            embedding=torch.cat([cast("Tensor", chunk.embedding) for chunk in chunks])
            if self._features
            else None,
        )
        return _Memory(whole, tuple(self.decoder.taps), self.memory_limit)

    def __repr__(self) -> str:
        permuted = "" if self.permuted is None else f", permuted={self.permuted!r}"
        return f"Frozen({self.decoder!r}, mode={self.mode!r}{permuted})"


class Ensemble:
    """Several teachers that answer with the weighted mean of their probabilities.

    Parameters
    ----------
    teachers : sequence of Teacher
        At least one.
    weights : sequence of float, optional
        Weight of each teacher, >= 0, scaled to a sum of 1; by default all alike.
    temperature : float, default=1.0
        Softness at which probabilities are averaged, > 0. Answers are scores whose
        softmax at this temperature is the mean.

    Raises
    ------
    ValueError
        If there is no teacher, or the weights do not fit.

    Notes
    -----
    Answers carry no features, because layers of different networks have no mean.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        weights: Sequence[float] | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.teachers = list(teachers)
        if not self.teachers:
            raise ValueError("'teachers' must hold at least one teacher, got none.")
        self.temperature = check_number(temperature, "temperature", above=0)
        given = [1.0] * len(self.teachers) if weights is None else list(weights)
        values = [check_number(weight, "weights", at_least=0) for weight in given]
        if len(values) != len(self.teachers) or sum(values) == 0:
            raise ValueError(
                f"'weights' must hold one weight for each of {len(self.teachers)} "
                f"teachers, not all 0, got {given}."
            )
        self.weights = [value / sum(values) for value in values]

    @property
    def parts(self) -> list[Teacher]:
        """The teachers that are averaged."""
        return self.teachers

    def __call__(self, batch: Batch) -> Output:
        """Return scores whose softmax is the mean of the teachers' probabilities."""
        logits = torch.stack([teacher(batch).logits for teacher in self.teachers])
        logs = F.log_softmax(logits / self.temperature, dim=2)
        parts = [weight / max(self.weights) for weight in self.weights]
        sums = (logs + logs.new_tensor(parts).log()[:, None, None]).logsumexp(dim=0)
        return Output(self.temperature * (sums - math.log(sum(parts))), {}, None)

    def __repr__(self) -> str:
        shares = ", ".join(f"{weight:.3g}" for weight in self.weights)
        return f"Ensemble(weights=[{shares}])"


class EMA:
    """A moving average of a decoder in training, which teaches it.

    Parameters
    ----------
    decoder : Decoder
        The student. It is copied, and followed after each of its updates.
    decay : float, default=0.99
        Part of the old weights that each update keeps, from 0 to 1.

    Notes
    -----
    In the first updates less is kept, ``min(decay, 1 - 1 / (n + 1))`` in the n-th of
    them, so that the untrained weights are soon forgotten [1]_. Batch statistics are
    averaged like weights.

    References
    ----------
    .. [1] Tarvainen, A., & Valpola, H. (2017). Mean teachers are better role models:
       Weight-averaged consistency targets improve semi-supervised deep learning
       results. Advances in Neural Information Processing Systems, 30.
    """

    def __init__(self, decoder: Decoder, decay: float = 0.99) -> None:
        self.decay = check_number(decay, "decay", at_least=0, at_most=1)
        self.followed = decoder
        self.decoder = copy.deepcopy(decoder).requires_grad_(False).eval()
        self.decoder.view = decoder.view
        self._features = True
        self.n_updates = 0

    def __call__(self, batch: Batch) -> Output:
        """Return what the average says of a batch, without gradient."""
        with torch.no_grad():
            return self.decoder(batch.seen_by(self.decoder.view), self._features)

    def read_features(self, wanted: bool) -> None:
        """Hear whether anyone will ask for more than scores.

        Parameters
        ----------
        wanted : bool
            Whether features and embeddings are read with the scores.
        """
        self._features = wanted

    def after_update(self) -> None:
        """Move the average toward the student's weights."""
        self.n_updates += 1
        decay = min(self.decay, 1 - 1 / (self.n_updates + 1))
        new = self.followed.state_dict()
        with torch.no_grad():
            for name, value in self.decoder.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(new[name], 1 - decay)
                else:
                    value.copy_(new[name])

    def __repr__(self) -> str:
        return f"EMA({self.followed!r}, decay={self.decay:g})"


class Peer:
    """Another learner in training: its answer of the same forward pass.

    Parameters
    ----------
    decoder : Decoder
        Of a learner that is trained in the same call of `eegkd.distillation.distill`.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder

    def __call__(self, batch: Batch) -> Output:
        """Return the other learner's output of this batch, without gradient.

        Raises
        ------
        ValueError
            If the other decoder is not trained in the same call.
        """
        if self.decoder not in batch.outputs:
            raise ValueError(
                "'decoder' of Peer must be trained in the same call of distill, but "
                f"{self.decoder!r} is not among its learners. Pass both learners."
            )
        return batch.outputs[self.decoder].detach()

    def __repr__(self) -> str:
        return f"Peer({self.decoder!r})"


class Virtual:
    """No network: the label with probability ``correct``, the rest shared evenly.

    Parameters
    ----------
    n_outputs : int
        Number of classes, >= 2.
    correct : float, default=0.9
        Probability of the label, above 1 / n_outputs and below 1.

    References
    ----------
    .. [1] Yuan, L., Tay, F. E. H., Li, G., Wang, T., & Feng, J. (2020). Revisiting
       knowledge distillation via label smoothing regularization. IEEE/CVF Conference
       on Computer Vision and Pattern Recognition, 3903-3911.
    """

    def __init__(self, n_outputs: int, correct: float = 0.9) -> None:
        self.n_outputs = check_int(n_outputs, "n_outputs", at_least=2)
        self.correct = check_number(correct, "correct", above=1 / n_outputs)
        if self.correct >= 1:
            raise ValueError(f"'correct' must be below 1, got {correct!r}.")

    def __call__(self, batch: Batch) -> Output:
        """Return scores whose softmax is the smoothed label."""
        other = (1 - self.correct) / (self.n_outputs - 1)
        label = F.one_hot(batch.y, self.n_outputs).float()
        return Output((label * (self.correct - other) + other).log(), {}, None)

    def __repr__(self) -> str:
        return f"Virtual(n_outputs={self.n_outputs}, correct={self.correct:g})"


class _Memory:
    """A teacher's output for all trials of a sampler, and the relations asked for."""

    def __init__(self, whole: Output, taps: Sequence[str], room: int) -> None:
        self.whole = whole
        self.taps = taps  # all that the teacher has, whether remembered or not
        self.room = room - _size(whole.features.values())
        self.relations: dict[tuple[Callable[[Tensor], Tensor], str], Tensor] = {}

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor | None:
        """Return the matrix of all pairs, computed at the first call; None if large."""
        key = (function, tap)
        if key not in self.relations:
            features = self.whole.features.get(tap)
            if features is None:
                return None
            needed = len(features) ** 2 * features.element_size()
            if needed > self.room:
                return None
            self.room -= needed
            with torch.no_grad():
                self.relations[key] = function(features)
        return self.relations[key]


class _Remembered(Output):
    """An output whose parts are cut from memory when they are asked for."""

    def __init__(
        self, memory: _Memory, batch: Batch, live: Callable[[Batch], Output]
    ) -> None:
        index, whole = batch.index, memory.whole
        super().__init__(
            logits=whole.logits[index],
            features=_Selection(memory, batch, live),
            embedding=None if whole.embedding is None else whole.embedding[index],
        )
        self._memory, self._index = memory, index

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor:
        """Cut the batch out of the matrix of all pairs of trials.

        Right for any function whose entry (i, j) depends on trials i and j alone.
        """
        whole = self._memory.relation(function, tap)
        if whole is None:
            with torch.no_grad():
                return super().relation(function, tap)
        return whole[self._index[:, None], self._index]


class _Selection(Mapping[str, Tensor]):
    """Features of some trials, cut out one tap at a time, or read when asked for."""

    def __init__(
        self, memory: _Memory, batch: Batch, live: Callable[[Batch], Output]
    ) -> None:
        self._memory, self._batch, self._live = memory, batch, live
        self._read: Mapping[str, Tensor] | None = None

    def __getitem__(self, tap: str) -> Tensor:
        if tap not in self._memory.taps:
            raise KeyError(tap)
        remembered = self._memory.whole.features
        if tap in remembered:
            return remembered[tap][self._batch.index]
        if self._read is None:
            self._read = self._live(self._batch).features
        return self._read[tap]

    def __contains__(self, tap: object) -> bool:
        return tap in self._memory.taps

    def __iter__(self) -> Iterator[str]:
        return iter(self._memory.taps)

    def __len__(self) -> int:
        return len(self._memory.taps)


class _Permuted(Output):
    """An output whose trials are in another order."""

    def __init__(self, output: Output, order: Tensor) -> None:
        embedding = output.embedding
        super().__init__(
            logits=output.logits[order],
            features=_Ordered(output.features, order),
            embedding=None if embedding is None else embedding[order],
        )
        self._output, self._order = output, order

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor:
        """Put the relations between the trials into the order."""
        whole = self._output.relation(function, tap)
        return whole[self._order[:, None], self._order]


class _Ordered(Mapping[str, Tensor]):
    """Features of trials in another order, one tap at a time."""

    def __init__(self, features: Mapping[str, Tensor], order: Tensor) -> None:
        self._features, self._order = features, order

    def __getitem__(self, tap: str) -> Tensor:
        return self._features[tap][self._order]

    def __contains__(self, tap: object) -> bool:
        return tap in self._features

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)


def others(group: Tensor, seed: int) -> Tensor:
    """Return for each trial the place of another one of its group, drawn at random.

    No trial is left out and none taken twice; one that is alone keeps its own place.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(group), generator=generator).to(group.device)
    ring = drawn[group[drawn].argsort(stable=True)]  # groups one after the other
    _, sizes = group[ring].unique_consecutive(return_counts=True)
    following = torch.cat([part.roll(-1) for part in ring.split(sizes.tolist())])
    return torch.empty_like(ring).scatter(0, ring, following)


def _size(values: Iterable[Tensor]) -> int:
    """Return the bytes of some tensors."""
    return sum(value.numel() * value.element_size() for value in values)
