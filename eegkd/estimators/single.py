"""`SingleDecoder`: what a decoder without a teacher is, whatever its labels are."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from eegkd._checks import check_ch_names, check_int, check_number, check_signals
from eegkd.data.as_trials import epochs_in
from eegkd.data.trials import Trials, amplitude, to_volts
from eegkd.decoders import build_decoder
from eegkd.distillation import History, train_decoder
from eegkd.estimators._docs import assign, fill_doc
from eegkd.estimators.base import MontageEstimator
from eegkd.estimators.defaults import warn_of_schedule
from eegkd.estimators.reading import Reader
from eegkd.view import View


class SingleDecoder(MontageEstimator):
    """A decoder that learns from labels alone, or comes ready."""

    ready_made = True
    decoder: Any
    decoder_options: Any

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
        recipe: Any = "default",
        max_epochs: int | str = "auto",
        patience: int | str | None = "auto",
        batch_size: int | str = "auto",
        lr: float | str = "auto",
        weight_decay: float | str = "auto",
        valid_fraction: float | str = "auto",
        class_weight: Any = "auto",
        taps: Any = "auto",
        random_state: int = 0,
        device: str = "auto",
        progress: Any = None,
    ) -> None:
        assign(self, locals())

    @fill_doc
    def fit(self, X: Any, y: Any = None, subjects: Any = None) -> Self:
        """Train the decoder.

        Parameters
        ----------
        %(X_train)s

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
        training = self._training(self._data(X, y, subjects), "decoder")
        self.history_ = train_decoder(training)
        self.decoder_ = training.student
        warn_of_schedule(self.history_)
        return self

    @classmethod
    def from_network(
        cls,
        network: nn.Module,
        *,
        ch_names: Sequence[str],
        n_times: int,
        sfreq: float,
        classes: Any = None,
        label_center: float = 0.0,
        label_scale: float = 1.0,
        montage: Any = None,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = None,
        center: Any = None,
        scale: Any = None,
        X: Any = None,
        units: str = "auto",
        taps: Any = None,
        device: str = "auto",
    ) -> Self:
        """Make a fitted decoder of a network that was trained elsewhere.

        The network is copied; the copy is never trained, and runs in eval mode.

        Parameters
        ----------
        network : torch.nn.Module
            Trained; maps signals, shape (n_batch, n_chans, n_times), to scores before
            softmax, shape (n_batch, n_classes), or to one value for each trial, shape
            (n_batch, 1).
        ch_names : sequence of str
            Channels of the data. Without a montage, those that the network reads, in
            its order.
        n_times : int
            Samples in a trial.
        sfreq : float
            Sampling rate in Hz.
        classes : array-like, shape (n_classes,)
            Of a classifier: the label that each output of the network stands for.
        label_center, label_scale : float, default=0.0 and 1.0
            Of a regressor: a trial's label is the network's output times
            ``label_scale`` (> 0) plus ``label_center``.
        montage : str, path, list of str, Montage or None, default=None
            Electrodes that the network reads; None reads all channels of the data.
        on_missing : {"error", "nearest", "interpolate"}, default="error"
            What to do about an electrode that the data do not have.
        reference : {None, "average"}, default=None
            Whether to re-reference to the mean of the montage's electrodes.
        standardize : {"channel", None}, default=None
            None shows volts to the network, unless ``center`` and ``scale`` are given.
            ``"channel"`` scales every electrode by its mean and deviation over ``X``.
        center, scale : float or array-like, shape (n_chans,), optional
            What is subtracted from every electrode of the montage and what the rest
            is divided by, in volts. A network that reads microvolts has ``center=0``
            and ``scale=1e-6``.
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray, optional
            Trials that the network was trained on, to measure the scale of signals.
            Without it (and ``scale``), trials of a wrong unit are not noticed.
        units : {"auto", "V", "uV"}, default="auto"
            Unit of arrays, see `Trials.from_arrays`.
        taps : sequence or mapping, optional
            Where features are read, from input to output, see
            `eegkd.decoders.build_decoder`.
        device : str, default="auto"
            ``"auto"`` takes a GPU where there is one; or a torch device.

        Returns
        -------
        decoder : DecoderClassifier or DecoderRegressor
            Fitted; predicts, and teaches as the parameter ``teacher`` of
            `DistilledClassifier` or `DistilledRegressor`.

        Raises
        ------
        TypeError
            If ``network`` is not a torch module.
        ValueError
            If the network does not read such trials or return one score for each
            class, or one value, or its scale is not settled.

        Examples
        --------
        >>> import torch
        >>> from eegkd import DecoderClassifier
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(300, 2))
        >>> teacher = DecoderClassifier.from_network(
        ...     network, classes=["left", "right"], ch_names=["C3", "Cz", "C4"],
        ...     n_times=100, sfreq=100.0, center=0, scale=1e-6)
        >>> teacher.decoder_
        <Decoder | Sequential: 3 electrodes, 602 parameters>
        """
        made = cls(
            montage,
            type(network),
            on_missing=on_missing,
            reference=reference,
            standardize=check_ready(standardize, center, scale, X),
            ch_names=ch_names,
            sfreq=sfreq,
            units=units,
            device=device,
        )
        made._keep_labels(cls.label_kind.known(classes, label_center, label_scale))
        return made._adopt(network, n_times, center, scale, X, taps)

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
            **self._view_settings(),
        )
        self.ch_names_in_, self.simulated_, self.history_ = names, False, History()
        self.settings_ = self._resolve()
        self.n_times_ = check_int(n_times, "n_times", at_least=1)
        self.sfreq_ = check_number(self.sfreq, "sfreq", above=0)
        self.decoder_ = build_decoder(
            copy.deepcopy(network),
            view,
            n_outputs=self.labels_.n_outputs,
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
        signals, names, _, units = Reader.of(self).signals(
            X, None if named else self.ch_names
        )
        bound = view.bind(names)
        volts = torch.as_tensor(to_volts(check_signals(signals), units))
        if view.standardize is not None:
            bound.fit(volts)
            view.center_, view.scale_ = bound.center_, bound.scale_
        self.amplitude_ = amplitude(bound.pick(volts).numpy())


def check_ready(standardize: str | None, center: Any, scale: Any, X: Any) -> str | None:
    """Return how a ready network's signals are scaled, from what is known of it.

    Where center and scale are given, it is ``"channel"``; too little or too much is
    refused.
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
