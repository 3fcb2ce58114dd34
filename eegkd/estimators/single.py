"""`SingleDecoder`: what a decoder without a teacher is, whatever its labels are."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from eegkd._checks import check_ch_names, check_int, check_number, check_signals
from eegkd.data.trials import Trials, amplitude, to_volts
from eegkd.decoders import build_decoder
from eegkd.distillation import History, train_decoder
from eegkd.estimators.base import MontageEstimator
from eegkd.estimators.reading import epochs_in
from eegkd.view import View


class SingleDecoder(MontageEstimator):
    """A decoder that learns from labels alone, or comes ready."""

    ready_made = True

    def __init__(
        self,
        montage: Any = None,
        decoder: Any = "auto",
        *,
        decoder_options: Mapping[str, Any] | str | None = "auto",
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
        paradigm: str = "auto",
        max_epochs: int | str = "auto",
        patience: int | None = None,
        batch_size: int | str = "auto",
        lr: float | str = "auto",
        weight_decay: float | str = "auto",
        class_weight: Any = "auto",
        taps: Any = "auto",
        valid_fraction: float = 1 / 8,
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        self.montage = montage
        self.decoder = decoder
        self.decoder_options = decoder_options
        self.on_missing = on_missing
        self.reference = reference
        self.standardize = standardize
        self.ch_names = ch_names
        self.sfreq = sfreq
        self.units = units
        self.paradigm = paradigm
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.taps = taps
        self.valid_fraction = valid_fraction
        self.random_state = random_state
        self.device = device
        self.progress = progress

    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> Self:
        """Train the decoder.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials with all electrodes. Arrays have shape (n_trials, n_chans,
            n_times) and need the parameters ``ch_names`` and ``sfreq``.
        y : array-like, shape (n_trials,), optional
            Labels, of any type for classes; by default those that epochs or `Trials`
            carry.
        subjects : array-like, shape (n_trials,), optional
            Subject of each trial, so that each takes part in the validation.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If signals, labels or a parameter are not fit for training; the message
            says what to do.
        """
        trials, values = self._read(X, y, subjects)
        training = self._training(trials, values, "decoder")
        self.history_ = train_decoder(training)
        self.decoder_ = training.student
        return self

    def _adopt(
        self,
        network: nn.Module,
        n_times: int,
        center: Any,
        scale: Any,
        X: Any,
        taps: Any,
    ) -> Self:
        """Become fitted around a copy of a network that was trained elsewhere."""
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"'network' must be a trained torch module, got "
                f"{type(network).__name__}. A name or a factory goes to the parameter "
                "decoder, and is trained by fit."
            )
        names = check_ch_names(self.ch_names)
        view = View(
            self.montage,
            names,
            on_missing=self.on_missing,
            reference=self.reference,
            standardize=self.standardize,
        )
        self.ch_names_in_, self.simulated_, self.history_ = names, False, History()
        self.settings_ = self._resolve()
        self.n_times_ = check_int(n_times, "n_times", at_least=1)
        self.sfreq_ = check_number(self.sfreq, "sfreq", above=0)
        self.decoder_ = build_decoder(
            copy.deepcopy(network),
            view,
            n_outputs=self._n_outputs(),
            n_times=self.n_times_,
            sfreq=self.sfreq_,
            random_state=0,
            taps=taps,
        )
        self.decoder_.eval().requires_grad_(False)
        self.amplitude_ = None
        if X is not None:
            self._measure(X)
        elif center is not None or scale is not None:
            view.center_ = _per_electrode(center, "center", view.n_chans)
            view.scale_ = _per_electrode(scale, "scale", view.n_chans)
            self.amplitude_ = float(view.scale_.median())
        return self

    def _measure(self, X: Any) -> None:
        """Learn the scale of every electrode, and of all, from trials."""
        view = self.decoder_.view
        named = isinstance(X, Trials) or bool(epochs_in(X))
        signals, names, _, units = self._signals(X, None if named else self.ch_names)
        bound = view.bind(names)
        volts = torch.as_tensor(to_volts(check_signals(signals), units))
        if view.standardize is not None:
            bound.fit(volts)
            view.center_, view.scale_ = bound.center_, bound.scale_
        self.amplitude_ = amplitude(bound.pick(volts).numpy())


def check_ready(standardize: str | None, center: Any, scale: Any, X: Any) -> str | None:
    """Return how a ready network's signals are scaled, from what is known of it.

    Parameters
    ----------
    standardize : {"channel", None}
        What was asked for.
    center, scale : float or array-like, or None
        Mean and deviation of the electrodes.
    X : trials or None
        Trials to measure them on.

    Returns
    -------
    standardize : {"channel", None}
        ``"channel"`` also where center and scale are given.

    Raises
    ------
    ValueError
        If too little or too much is given.
    """
    given = [value is not None for value in (center, scale)]
    if any(given) and not all(given):
        raise ValueError(
            "'center' and 'scale' must be given together, got one of them. A network "
            "that reads microvolts has center=0 and scale=1e-6."
        )
    if all(given) and X is not None:
        raise ValueError(
            "'X' must be left out where 'center' and 'scale' are given, got all "
            "three. They would be measured on X."
        )
    if standardize is not None and not all(given) and X is None:
        raise ValueError(
            f"'standardize' {standardize!r} needs 'X', the trials that the network was "
            "trained on, or 'center' and 'scale' of its electrodes in volts, got none."
        )
    return "channel" if all(given) else standardize


def _per_electrode(value: Any, argument: str, n_chans: int) -> torch.Tensor:
    """Return one number for each electrode, shape (n_chans, 1)."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.shape not in ((), (n_chans,)) or not np.isfinite(numbers).all():
        raise ValueError(
            f"'{argument}' must be a finite number in volts or one for each of the "
            f"{n_chans} electrodes, got {value!r}."
        )
    if argument == "scale" and (numbers <= 0).any():
        raise ValueError(f"'scale' must be > 0 everywhere, got {value!r}.")
    return torch.tensor(np.broadcast_to(numbers, n_chans).copy()).float()[:, None]
