"""`Inversion`: trials made up from what a trained teacher knows, without any data."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eegkd._checks import check_int, check_number
from eegkd.data.channels import positions
from eegkd.decoders import Decoder
from eegkd.decoders.networks import seeded
from eegkd.samplers.recording import NO_LABEL
from eegkd.samplers.trials import Batch
from eegkd.view import View

if TYPE_CHECKING:
    from eegkd.teachers import Frozen

#: Centers of the generator's rhythms in Hz; each reaches a fifth to both sides.
RHYTHMS = (6.0, 10.0, 15.0, 22.0, 32.0)
VOLTS = 1e-5  # size of EEG where a view does not know it
REACH = 0.05  # meters over which a sampler fades on the scalp, at first
EVOKED = 12.0  # Hz, the fastest part of a response that is locked to the trial


class SignalGenerator(nn.Module):
    """Turns noise into trials that look like EEG.

    Latent samplers are a sum of a 1/f background, of rhythms whose envelopes are
    learned functions of a noise vector, and of a slow learned waveform. A learned
    matrix, smooth over the scalp at first, mixes them into all channels.

    Parameters
    ----------
    ch_names : sequence of str
        Channels to make.
    n_times : int
        Samples in a trial.
    sfreq : float
        Sampling rate in Hz.
    n_sources : int, default=16
        Latent samplers, at most as many as channels.
    n_noise : int, default=32
        Size of the noise vector that a trial is made from.
    """

    def __init__(
        self,
        ch_names: Sequence[str],
        n_times: int,
        sfreq: float,
        n_sources: int = 16,
        n_noise: int = 32,
    ) -> None:
        super().__init__()
        self.filters: Tensor
        self.envelopes: Tensor
        self.slow: Tensor
        self.n_times, self.n_noise = n_times, n_noise
        self.n_sources = min(n_sources, len(ch_names))
        filters = _carriers(n_times, sfreq)
        envelopes = _cosines(min(6, n_times), n_times)
        slow = _cosines(max(int(2 * EVOKED * n_times / sfreq), 1), n_times)
        self.register_buffer("filters", filters)
        self.register_buffer("envelopes", envelopes)
        self.register_buffer("slow", slow)
        self.body = nn.Sequential(
            nn.Linear(n_noise, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128)
        )
        self.power = nn.Linear(128, self.n_sources * len(filters) * len(envelopes))
        self.evoked = nn.Linear(128, self.n_sources * len(slow))
        nn.init.normal_(self.evoked.weight, std=0.01)
        nn.init.zeros_(self.evoked.bias)
        self.mixing = nn.Parameter(_topographies(ch_names, self.n_sources))
        self.sensor_noise = nn.Parameter(torch.full((len(ch_names), 1), -1.5))

    def forward(self, n_trials: int, generator: torch.Generator) -> Tensor:
        """Make trials.

        Parameters
        ----------
        n_trials : int
            How many.
        generator : torch.Generator
            Where noise comes from, on the device of the module.

        Returns
        -------
        x : Tensor, shape (n_trials, n_chans, n_times)
            Signals of about unit scale.
        """

        def noise(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=self.mixing.device)

        hidden = F.leaky_relu(self.body(noise(n_trials, self.n_noise)), 0.2)
        shape = (n_trials, self.n_sources, len(self.filters), -1)
        envelope = (self.power(hidden).view(shape) @ self.envelopes).clamp(-4, 2).exp()
        white = noise(n_trials, self.n_sources, 1, self.filters.shape[1], 2)
        spectrum = torch.view_as_complex(white) * self.filters
        carrier = torch.fft.irfft(spectrum, n=self.n_times)
        slow = self.evoked(hidden).view(n_trials, self.n_sources, -1) @ self.slow
        samplers = (envelope * carrier).sum(dim=2) / math.sqrt(len(self.filters)) + slow
        sensors = self.mixing @ samplers
        return sensors + self.sensor_noise.exp() * noise(*sensors.shape)


@dataclass(frozen=True)
class InversionWeights:
    """How much each part of the generator's loss counts.

    Parameters
    ----------
    one_hot : float, default=1.0
        Cross-entropy of the teacher's scores with its own choice: certain answers.
    statistics : float, default=1.0
        Distance of batch statistics from those that the teacher learned.
    entropy : float, default=20.0
        Entropy of the teacher's mean answer, which is made large: all classes alike.
    adversarial : float, default=62.5
        Divergence of the student from the teacher, which is made large, as it is at
        the end of its growth. The published growth of 0.5 in each of 125 epochs.
    begin, end : float, default=0.25 and 0.75
        Parts of the training between which the last one grows from 0.
    """

    one_hot: float = 1.0
    statistics: float = 1.0
    entropy: float = 20.0
    adversarial: float = 62.5
    begin: float = 0.25
    end: float = 0.75

    def __post_init__(self) -> None:
        for name in ("one_hot", "statistics", "entropy", "adversarial"):
            check_number(getattr(self, name), name, at_least=0)
        check_number(self.begin, "begin", at_least=0, at_most=1)
        check_number(self.end, "end", above=self.begin, at_most=1)

    def adversarial_in(self, epoch: int, max_epochs: int) -> float:
        """Return the adversarial weight in an epoch.

        Parameters
        ----------
        epoch : int
            Epoch of training, from 0.
        max_epochs : int
            Epochs in all.

        Returns
        -------
        weight : float
            0 before ``begin``, constant after ``end``.
        """
        done = (epoch / max_epochs - self.begin) / (self.end - self.begin)
        return self.adversarial * min(max(done, 0.0), 1.0)


class Inversion:
    """Trials of a generator that learns, step by step, what the teacher has seen.

    Before every few batches the generator takes one step: its trials are to be
    certain for the teacher, spread over all classes, and like the teacher's training
    trials in the statistics of its batch normalization; later in training they are
    also to be those on which the student still differs. Neither trials nor labels
    are read. The trials have no labels (``y`` is -1).

    Parameters
    ----------
    teacher : Frozen
        Trained decoder with batch normalization. It answers in eval mode and is not
        changed.
    student : Decoder
        The student in training. It is read in eval mode and not changed.
    n_times : int
        Samples in a trial.
    sfreq : float
        Sampling rate in Hz, > 0.
    max_epochs : int
        Epochs of the whole training, which the growth of difficulty refers to.
    batch_size : int, default=128
        Trials in a batch.
    n_batches : int, default=10
        Batches in one epoch.
    student_steps : int, default=10
        Batches for each step of the generator, counted on from epoch to epoch.
    weights : InversionWeights, optional
        How much each part of the generator's loss counts.
    temperature : float, default=1.0
        Softness of the answers whose entropy is made large, > 0.
    lr : float, default=1e-3
        Learning rate of the generator's Adam, > 0.
    seed : int, default=0
        Seed of the generator's weights and noise.
    n_known : int, default=0
        Number of the first made-up trial, so that it differs from all real ones.

    Attributes
    ----------
    deterministic : bool
        False: no trial comes twice.
    report : dict
        Parts of the generator's loss in its last step, and how the teacher's choices
        were spread over the classes.

    Raises
    ------
    ValueError
        If the teacher has no batch normalization with learned statistics.

    Notes
    -----
    The sampler learns whenever it is read; what an epoch yields depends on all epochs
    before it. Trials come in the scale that the teacher's view has learned; where it
    knows none, in that of EEG.

    References
    ----------
    .. [1] Li, J., Zhou, S., Li, L., Wang, H., Bu, J., & Yu, Z. (2022). How to teach:
       Learning data-free knowledge distillation from curriculum. arXiv:2208.13648.
    """

    deterministic = False

    def __init__(
        self,
        teacher: Frozen,
        student: Decoder,
        *,
        n_times: int,
        sfreq: float,
        max_epochs: int,
        batch_size: int = 128,
        n_batches: int = 10,
        student_steps: int = 10,
        weights: InversionWeights | None = None,
        temperature: float = 1.0,
        lr: float = 1e-3,
        seed: int = 0,
        n_known: int = 0,
    ) -> None:
        self.teacher, self.student = teacher.decoder, student
        self.norms = [
            module
            for module in self.teacher.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            and module.running_var is not None
        ]
        if not self.norms:
            raise ValueError(
                "'teacher' must have batch normalization with learned statistics, "
                "which is all that tells the generator what EEG looks like, but "
                f"{self.teacher!r} has none. Choose a teacher such as SCCNet or EEGNet."
            )
        self.max_epochs = check_int(max_epochs, "max_epochs", at_least=1)
        self.batch_size = check_int(batch_size, "batch_size", at_least=2)
        self.n_batches = check_int(n_batches, "n_batches", at_least=1)
        self.student_steps = check_int(student_steps, "student_steps", at_least=1)
        self.weights = weights or InversionWeights()
        self.temperature = check_number(temperature, "temperature", above=0)
        check_number(lr, "lr", above=0)
        check_number(sfreq, "sfreq", above=0)
        device = next(self.teacher.parameters()).device
        view = self.teacher.view
        with seeded(check_int(seed, "seed", at_least=0)):
            self.signals = SignalGenerator(view.data_names, n_times, sfreq)
        self.signals.to(device)
        self.center, self.scale = (part.to(device) for part in _units(view))
        self.optimizer = torch.optim.Adam(self.signals.parameters(), lr=lr)
        self.report: dict[str, float | list[float]] = {}
        self._noise = torch.Generator(device).manual_seed(seed)
        self._n_made = check_int(n_known, "n_known", at_least=0)
        self._n_batches = 0  # made so far, in all epochs

    def __len__(self) -> int:
        return self.n_batches * self.batch_size

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """Yield made-up trials, and improve the generator on the way."""
        adversarial = self.weights.adversarial_in(epoch, self.max_epochs)
        for _ in range(self.n_batches):
            if self._n_batches % self.student_steps == 0:
                self.improve(adversarial)
            self._n_batches += 1
            with torch.no_grad():
                x = self.draw()
            index = torch.arange(len(x), device=x.device) + self._n_made
            self._n_made += len(x)
            nobody = torch.zeros_like(index)
            label = torch.full_like(index, NO_LABEL)
            yield Batch(self, index, label, nobody, nobody, x=x)

    def draw(self) -> Tensor:
        """Make one batch.

        Returns
        -------
        x : Tensor, shape (batch_size, n_data_chans, n_times)
            Signals in volts.
        """
        return self.signals(self.batch_size, self._noise) * self.scale + self.center

    def improve(self, adversarial: float) -> None:
        """Take one step of the generator.

        Parameters
        ----------
        adversarial : float
            Weight of the divergence between student and teacher.
        """
        training = self.student.training
        self.teacher.eval()
        self.student.eval()
        x = self.draw()
        with _statistics(self.norms) as distances:
            logits = self.teacher(self.teacher.view(x), features=False).logits
        mean = F.softmax(logits / self.temperature, dim=1).mean(dim=0)
        parts = {
            "one_hot": F.cross_entropy(logits, logits.argmax(dim=1)),
            "statistics": torch.stack(distances).sum(),
            "entropy": -(mean * mean.clamp_min(1e-12).log()).sum(),
        }
        loss = (
            self.weights.one_hot * parts["one_hot"]
            + self.weights.statistics * parts["statistics"]
            - self.weights.entropy * parts["entropy"]
        )
        if adversarial > 0:
            told = self.student(self.student.view(x), features=False).logits
            parts["adversarial"] = _divergence_where_agreed(told, logits)
            loss = loss - adversarial * parts["adversarial"]
        self.student.train(training)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=list(self.signals.parameters()))
        self.optimizer.step()
        chosen = F.one_hot(logits.argmax(dim=1), logits.shape[1]).float().mean(dim=0)
        self.report = {name: float(part.detach()) for name, part in parts.items()}
        self.report["class_shares"] = chosen.tolist()

    def __repr__(self) -> str:
        return f"<Inversion | of {self.teacher!r}>"


def _divergence_where_agreed(student: Tensor, teacher: Tensor) -> Tensor:
    """Return KL(teacher || student) at T=3 over trials that both call alike."""
    agreed = student.argmax(dim=1) == teacher.argmax(dim=1)
    log_s = F.log_softmax(student / 3, dim=1)
    log_t = F.log_softmax(teacher / 3, dim=1)
    divergence = 9 * (log_t.exp() * (log_t - log_s)).sum(dim=1)
    return (divergence * agreed).mean()


@contextlib.contextmanager
def _statistics(norms: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Record how far the inputs of normalizations are from what they learned."""
    distances: list[Tensor] = []

    def record(norm: Any, args: tuple[Tensor, ...]) -> None:
        values = args[0].transpose(0, 1).flatten(1)
        mean, var = values.mean(dim=1), values.var(dim=1, correction=0)
        distances.append((mean - norm.running_mean).norm())
        distances.append((var - norm.running_var).norm())

    hooks = [norm.register_forward_pre_hook(record) for norm in norms]
    try:
        yield distances
    finally:
        for hook in hooks:
            hook.remove()


def _units(view: View) -> tuple[Tensor, Tensor]:
    """Return center and scale in volts of every channel of the data, (n_chans, 1)."""
    n_chans = len(view.data_names)
    center = torch.zeros(n_chans, 1)
    if view.scale_ is None or view.center_ is None:
        return center, torch.full((n_chans, 1), VOLTS)
    scale = torch.full((n_chans, 1), float(view.scale_.median()))
    if view.resolved.index is not None:
        index = torch.as_tensor(view.resolved.index)
        scale[index], center[index] = view.scale_.cpu(), view.center_.cpu()
    return center, scale


def _carriers(n_times: int, sfreq: float) -> Tensor:
    """Return filters of unit power: 1/f, then the rhythms below Nyquist."""
    frequency = np.fft.rfftfreq(n_times, 1 / sfreq)
    shapes = [np.where(frequency > 0, 1 / np.sqrt(np.maximum(frequency, 1)), 0)]
    shapes += [
        np.exp(-0.5 * ((frequency - center) / (0.1 * center)) ** 2)
        for center in RHYTHMS
        if center < 0.45 * sfreq
    ]
    filters = np.array(shapes)
    # irfft of white noise with this filter has a variance of 1 in every sample.
    power = 4 * (filters**2).sum(axis=1, keepdims=True) / n_times**2
    filters = filters / np.sqrt(np.maximum(power, 1e-12))
    return torch.tensor(filters, dtype=torch.float32)


def _cosines(n_waves: int, n_times: int) -> Tensor:
    """Return slow cosines over the trial, shape (n_waves, n_times)."""
    time = (torch.arange(n_times) + 0.5) / n_times
    return torch.cos(math.pi * torch.arange(n_waves)[:, None] * time)


def _topographies(ch_names: Sequence[str], n_sources: int) -> Tensor:
    """Return how samplers reach channels: bumps on the scalp, rows of unit length."""
    known = positions(ch_names)
    if len(known) == len(ch_names):
        place = np.array([known[name] for name in ch_names])
        distance = np.linalg.norm(place[:, None] - place, axis=2)
        chosen = [int(distance.sum(axis=0).argmin())]
        while len(chosen) < n_sources:  # always the channel farthest from all
            chosen.append(int(distance[:, chosen].min(axis=1).argmax()))
        weights = torch.tensor(
            np.exp(-0.5 * (distance[:, chosen] / REACH) ** 2), dtype=torch.float32
        )
    else:
        weights = torch.randn(len(ch_names), n_sources)
    return F.normalize(weights, dim=1)
