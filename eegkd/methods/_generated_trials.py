"""A generator of trials trained against a discriminator, and a teacher that judges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eegkd._checks import check_int, check_number
from eegkd.decoders import Output
from eegkd.decoders.networks import seeded
from eegkd.samplers import Batch, TrialSampler
from eegkd.samplers.synthetic import Maker, join, spread
from eegkd.teachers import Frozen

ROUNDS = 10  # times that new trials are made before fewer are accepted
CHUNK = 256  # trials that the teacher reads at once

N_LATENT, N_HIDDEN, N_EVOKED = 16, 32, 8
N_LONG, N_WIDE, N_SLOW = 33, 16, 16  # kernels, and the step of slow waves, in samples


class AdversarialMaker:
    """Make trials with a generator that was trained against a discriminator.

    Both are given label and subject. The discriminator adds to its score the inner
    product of features and condition (Miyato and Koyama 2018), and both minimize the
    hinge loss.
    """

    def __init__(
        self, sampler: TrialSampler, n_epochs: int, lr: float, random_state: int
    ) -> None:
        n_epochs = check_int(n_epochs, "generator_epochs", at_least=1)
        lr = check_number(lr, "generator_lr", above=0)
        self.sampler = sampler
        self.condition, signals = _conditions(sampler), sampler.X
        self.center = signals.mean(dim=(0, 2), keepdim=True)
        self.scale = signals.std(dim=(0, 2), keepdim=True).clamp(min=1e-12)
        sizes = (self.condition.shape[1], signals.shape[1], signals.shape[2])
        with seeded(random_state):
            self.generator = _Generator(*sizes).to(signals.device)
            critic = _Discriminator(*sizes[:2]).to(signals.device)
        random = torch.Generator().manual_seed(random_state)
        self._train(critic, n_epochs, lr, random)

    def __call__(self, n_trials: int, random: torch.Generator) -> TrialSampler:
        """Return so many new trials with labels and subjects of recorded ones."""
        sampler = self.sampler
        anchor = spread(len(sampler), n_trials, random).to(sampler.X.device)
        with torch.no_grad():
            made = torch.cat(
                [
                    self._make(rows, random)
                    for rows in anchor.split(max(sampler.batch_size, 2))
                ]
            )
        return replace(
            sampler,
            X=made * self.scale + self.center,
            y=sampler.y[anchor],
            subject=sampler.subject[anchor],
            session=sampler.session[anchor],
        )

    def _make(self, rows: Tensor, random: torch.Generator) -> Tensor:
        """Generate one trial of unit scale for each recorded one."""
        size = (len(rows), N_LATENT, self.sampler.X.shape[2])
        latent = torch.randn(size, generator=random)
        return self.generator(latent.to(rows.device), self.condition[rows])

    def _train(
        self, critic: nn.Module, n_epochs: int, lr: float, random: torch.Generator
    ) -> None:
        """Update discriminator and generator in turn on every batch."""
        steps = [
            torch.optim.Adam(network.parameters(), lr=lr, betas=(0.0, 0.9))
            for network in (critic, self.generator)
        ]
        for epoch in range(n_epochs):
            for batch in self.sampler(epoch):
                real = (self.sampler.X[batch.index] - self.center) / self.scale
                given = self.condition[batch.index]
                fake = self._make(batch.index, random)
                loss = F.relu(1 - critic(real, given)).mean()
                _step(steps[0], loss + F.relu(1 + critic(fake.detach(), given)).mean())
                _step(steps[1], -critic(fake, given).mean())
        self.generator.requires_grad_(False)


class _Generator(nn.Module):
    """Noise and condition to a trial of unit scale.

    Ongoing activity is white noise through learned filters, with a gain for each
    filter that depends on the condition; what is evoked is a slow wave of the
    condition's own. Both are mixed to channels.
    """

    def __init__(self, n_conditions: int, n_chans: int, n_times: int) -> None:
        super().__init__()
        self.n_times, n_first = n_times, -(-n_times // N_SLOW)
        self.filters = nn.Conv1d(N_LATENT, N_HIDDEN, N_LONG, padding="same")
        self.gain = nn.Linear(n_conditions, N_HIDDEN)
        self.evoked = nn.Linear(n_conditions, N_EVOKED * n_first)
        self.mix = nn.Conv1d(N_HIDDEN + N_EVOKED, n_chans, 1)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Return trials, shape (n_batch, n_chans, n_times)."""
        ongoing = self.filters(latent) * self.gain(condition).exp()[:, :, None]
        evoked = self.evoked(condition).unflatten(1, (N_EVOKED, -1))
        evoked = F.interpolate(evoked, size=self.n_times, mode="linear")
        return self.mix(torch.cat([ongoing, evoked], dim=1))


class _Discriminator(nn.Module):
    """Trial of unit scale and condition to a score, high for recorded ones.

    It looks at the waveform, through strided layers, and at the size of rhythms,
    through filters whose output is squared and averaged over time.
    """

    def __init__(self, n_conditions: int, n_chans: int) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList(
            norm(nn.Conv1d(size, N_HIDDEN, N_WIDE, stride=2, padding=N_WIDE // 2))
            for size in (n_chans, N_HIDDEN, N_HIDDEN)
        )
        self.filters = norm(nn.Conv1d(n_chans, N_HIDDEN, N_LONG, padding=N_LONG // 2))
        self.score = norm(nn.Linear(2 * N_HIDDEN, 1))
        self.match = norm(nn.Linear(n_conditions, 2 * N_HIDDEN))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return one score for each trial, shape (n_batch,)."""
        power = self.filters(x).square().mean(dim=2)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        x = torch.cat([x.mean(dim=2), (power + 1e-6).sqrt()], dim=1)
        return self.score(x)[:, 0] + (self.match(condition) * x).sum(dim=1)


def _conditions(sampler: TrialSampler) -> Tensor:
    """Return label (one-hot, or in deviations from the mean) and subject (one-hot)."""
    y = sampler.y
    if y.is_floating_point():
        spread_of_y = y.std(correction=0).clamp(min=1e-12)
        label = ((y - y.mean()) / spread_of_y)[:, None].to(sampler.X.dtype)
    else:
        label = F.one_hot(y).to(sampler.X.dtype)
    return torch.cat([label, F.one_hot(sampler.subject).to(label.dtype)], dim=1)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take one step down the gradient."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


class TeacherFilter:
    """A teacher that drops synthetic trials on which it is too far off their labels.

    The limit of a class, or of a quarter of continuous labels, is a quantile of the
    teacher's loss on trials that are made for measuring it and thrown away.
    """

    def __init__(
        self,
        teacher: Frozen,
        maker: Maker,
        recorded: TrialSampler,
        quantile: float,
        n_burn_in: int,
    ) -> None:
        check_number(quantile, "quantile", above=0, at_most=1)
        check_int(n_burn_in, "n_burn_in", at_least=1)
        self.teacher, self.maker, self.quantile = teacher, maker, quantile
        y = recorded.y
        self.quarters: Tensor | None = None
        if y.is_floating_point():
            self.quarters = y.quantile(torch.tensor([0.25, 0.5, 0.75]).to(y))
        self.n_groups = 4 if y.is_floating_point() else int(y.max()) + 1
        self.n_burn_in = n_burn_in * self.n_groups

    def choose(
        self, n_trials: int, relabel: bool, random: torch.Generator
    ) -> tuple[TrialSampler, dict[str, Any]]:
        """Return synthetic trials that pass, and what was counted on the way."""
        limits = self.limits(random)
        kept: TrialSampler | None = None
        n_made, change = 0, 0.0
        while kept is None or (len(kept) < n_trials and n_made < ROUNDS * n_trials):
            made = self.maker(n_trials, random)
            losses, said = self._read(made)
            passed = losses <= limits[self._groups(made.y)]
            n_made += len(made)
            part = made.subset(passed)
            if relabel:
                distance = (said[passed] - part.y).abs()
                change += float(
                    (distance if self.quarters is not None else distance > 0).sum()
                )
                part.y = said[passed]
            kept = part if kept is None else join(kept, part)
        notes = {
            "synthetic_made": n_made,
            "synthetic_kept": len(kept),
            "kept_fraction": len(kept) / n_made,
        }
        if relabel:
            notes["label_change"] = change / max(1, len(kept))
        return kept.subset(torch.arange(min(n_trials, len(kept)))), notes

    def limits(self, random: torch.Generator) -> Tensor:
        """Return the largest loss that is allowed in each group."""
        first = self.maker(self.n_burn_in, random)
        losses, _ = self._read(first)
        groups = self._groups(first.y)
        limits = losses.new_full((self.n_groups,), torch.inf)
        for group in groups.unique():
            limits[group] = losses[groups == group].quantile(self.quantile)
        return limits

    def _read(self, sampler: TrialSampler) -> tuple[Tensor, Tensor]:
        """Return the teacher's loss and its prediction for each trial."""
        index = torch.arange(len(sampler), device=sampler.X.device)
        logits = torch.cat(
            [self._answer(sampler.batch(rows)).logits for rows in index.split(CHUNK)]
        )
        if sampler.y.is_floating_point():
            return (logits[:, 0] - sampler.y).abs(), logits[:, 0]
        losses = F.cross_entropy(logits, sampler.y, reduction="none")
        return losses, logits.argmax(dim=1)

    def _answer(self, batch: Batch) -> Output:
        """Return what the teacher says of trials that are read once."""
        return self.teacher.permute(self.teacher.live(batch), batch)

    def _groups(self, y: Tensor) -> Tensor:
        """Return the class of each trial, or the quarter of its label."""
        return y if self.quarters is None else torch.bucketize(y, self.quarters)
