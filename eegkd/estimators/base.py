"""What all estimators share: reading trials, describing themselves, building."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags

from eegkd._checks import check_labels
from eegkd._hashing import digest, is_plain
from eegkd.criteria import trial_similarity
from eegkd.data.groups import shares_samples
from eegkd.data.trials import Trials, amplitude
from eegkd.decoders import EMBEDDING, Decoder, Output, build_decoder
from eegkd.distillation import History, Training
from eegkd.distillation.training import Maker
from eegkd.estimators.defaults import resolve
from eegkd.estimators.reading import TrialReader, as_trials
from eegkd.estimators.validation import validation_mask
from eegkd.samplers import TrialSampler
from eegkd.view import View

PREDICT_CHUNK = 256  # trials that the network reads at once
#: How an error about too few trials ends.
WAYS_OUT = (
    "Give more trials, or choose valid_fraction=0, which keeps the last epoch and "
    "needs no validation trials."
)


class MontageEstimator(TrialReader, BaseEstimator, ABC):
    """A decoder on a montage, whatever its labels are and whoever teaches it."""

    # Parameters that all constructors assign.
    montage: Any
    on_missing: str
    reference: str | None
    standardize: str | None
    ch_names: Sequence[str] | None
    sfreq: float | None
    units: str
    paradigm: str
    patience: int | None
    valid_fraction: float
    random_state: int
    device: str
    progress: Any

    # What fit learns.
    decoder_: Decoder
    history_: History
    settings_: dict[str, Any]  # what "auto" stood for

    continuous = False  # whether labels are continuous
    ready_made = False  # whether a fitted one may be a parameter of another

    @property
    def view_(self) -> View:
        """What the decoder reads, see `View`."""
        return self.decoder_.view

    def similarity(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return how alike the decoder finds each pair of trials.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Trials, as in `predict`.
        ch_names : sequence of str, optional
            Channel names of an array.

        Returns
        -------
        similarity : ndarray, shape (n_trials, n_trials)
            Between -1 and 1, in the layer of the last tap, see
            `eegkd.criteria.trial_similarity`.
        """
        outputs = self._outputs(X, ch_names, features=True)
        last = [list(output.features.values())[-1] for output in outputs]
        return trial_similarity(torch.cat(last)).cpu().numpy()

    @property
    def fingerprint_(self) -> str:
        """Short hash of what was learned: weights, electrodes, scale and labels."""
        digest = hashlib.sha256()
        for name, value in self.decoder_.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().numpy().tobytes())
        view = self.decoder_.view.to_dict()
        shown = [view[name] for name in ("montage", "reference", "center", "scale")]
        if view["align"] is not None:
            shown.append(view["align"])
        digest.update(json.dumps([shown, self._labels_to_hash()]).encode())
        return digest.hexdigest()[:16]

    def content_key(self) -> list[Any]:
        """Return what tells it from others: parameters, and what was learned.

        Returns
        -------
        content : list
            Parameters but ``progress``, and ``fingerprint_`` once it is fitted.
        """
        params = self.get_params(deep=False)
        params.pop("progress")
        return [params, getattr(self, "fingerprint_", None)]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the parameters, and what printing them would not tell apart.

        A fitted decoder without a teacher (it may be a parameter itself, a ready-made
        teacher) adds the fingerprint of its weights; functions and arrays among the
        parameters add a hash of their content. Printed parameters differ when results
        may.
        """
        text = super().__repr__(N_CHAR_MAX)
        added = []
        params = self.content_key()[0]
        hidden = {name: item for name, item in params.items() if not is_plain(item)}
        if hidden:
            added.append(f"settings={digest(hidden)[:16]!r}")
        if self.__sklearn_is_fitted__() and self.ready_made:
            added.append(f"fingerprint={self.fingerprint_!r}")
        if not added:
            return text
        comma = "" if text.endswith("()") else ", "
        return f"{text[:-1]}{comma}{', '.join(added)})"

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has been called."""
        return hasattr(self, "decoder_")

    def __sklearn_tags__(self) -> Tags:
        """Say that trials have three dimensions and that NaN is refused."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _outputs(
        self, X: Any, ch_names: Sequence[str] | None, features: bool
    ) -> list[Output]:
        """Return what the decoder says of trials, chunk by chunk."""
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit first."
            )
        shown = self._show(X, ch_names)
        device = find_device(self.device)
        decoder = self.decoder_.to(device).eval()
        with torch.no_grad():
            return [
                decoder(chunk.to(device), features=features)
                for chunk in shown.split(PREDICT_CHUNK)
            ]

    # -- what differs between classes and continuous labels ---------------------------

    @abstractmethod
    def _encode(self, trials: Trials) -> np.ndarray:
        """Return a number for each label; classes are counted from 0."""

    @abstractmethod
    def _targets(self, values: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """Return what the network is to say, given which trials it learns from."""

    @abstractmethod
    def _check_learned(
        self, values: np.ndarray, learned: np.ndarray, n_shared: int
    ) -> None:
        """Refuse training trials of which too little is left beside the validation.

        ``n_shared`` of them were left out because they share samples with validation
        trials.
        """

    @abstractmethod
    def _n_outputs(self) -> int:
        """Return the number of values that the network gives for a trial."""

    def _classes(self) -> list[Any]:
        """Return the label that each output stands for; none for continuous ones."""
        return []

    def _class_weight(self, y: torch.Tensor) -> torch.Tensor | None:
        """Return how much a trial of each class counts, given those learned from."""
        return None

    @abstractmethod
    def _labels_to_hash(self) -> Any:
        """Return what is known about labels, for the fingerprint."""

    @abstractmethod
    def _labels_to_dict(self) -> dict[str, Any]:
        """Return what is known about labels, JSON-ready, for the file."""

    @abstractmethod
    def _labels_from_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what `_labels_to_dict` returned."""

    # -- training ---------------------------------------------------------------------

    def _resolve(self, paradigm: str | None = None) -> dict[str, Any]:
        """Return what the parameters stand for, given the paradigm of the trials."""
        return resolve(self.get_params(deep=False), paradigm)

    def _read(self, X: Any, y: Any, subjects: Any) -> tuple[Trials, np.ndarray]:
        """Return training trials and the number of each label."""
        trials = as_trials(
            X, y, self.ch_names, self.sfreq, self.units, continuous=self.continuous
        )
        if subjects is not None:
            subjects = check_labels(subjects, len(trials), "subjects")
            trials = replace(trials, metadata=trials.metadata.assign(subject=subjects))
        self.settings_ = self._resolve(trials.paradigm)
        # Teachers that are trained on the same trials follow the same row.
        trials = replace(trials, paradigm=self.settings_["paradigm"])
        values = self._encode(trials)
        self.n_times_, self.sfreq_ = trials.n_times, float(trials.sfreq)
        self.ch_names_in_ = trials.ch_names
        self.simulated_ = trials.simulated
        return trials, values

    def _samplers(
        self, trials: Trials, values: np.ndarray
    ) -> tuple[TrialSampler, TrialSampler | None]:
        """Cut training trials into those that are learned and those that choose."""
        subject = trials.metadata["subject"].to_numpy()
        session = trials.metadata["session"].to_numpy()
        chosen = validation_mask(values, trials.metadata, self.valid_fraction)
        learned = ~chosen
        rows = np.flatnonzero(learned)
        learned[rows] = ~shares_samples(trials.metadata, rows, np.flatnonzero(chosen))
        self._check_learned(values, learned, len(rows) - int(learned.sum()))
        targets = self._targets(values, learned)
        settings: dict[str, Any] = {
            "device": find_device(self.device),
            "batch_size": self.settings_["batch_size"],
            "seed": self.random_state,
        }
        # Subjects and sessions are numbered once, so that they have one number in both.
        whole = TrialSampler.from_arrays(
            trials.X, targets, subject, session, **settings
        )
        if not chosen.any():
            return whole, None
        device = whole.X.device
        valid = replace(
            whole.subset(torch.as_tensor(chosen, device=device)), shuffle=False
        )
        return whole.subset(torch.as_tensor(learned, device=device)), valid

    def _maker(
        self,
        trials: Trials,
        sampler: TrialSampler,
        network: str,
    ) -> Maker:
        """Return a function that builds untrained decoders for the training trials.

        Their views are fitted to the sampler. The parameter ``network`` and its options
        are what it builds unless it is told otherwise.
        """
        decoder, taps = self.settings_[network], self.settings_["taps"]
        options = self.settings_[f"{network}_options"] or {}
        if "taps" in options:
            raise ValueError(
                f"'{network}_options' must hold arguments of the network alone, got "
                f"'taps', which is a parameter of {type(self).__name__}. Pass "
                f"taps={options['taps']!r} there."
            )

        def make(montage: Any, other: Any, random_state: int) -> Decoder:
            view = View(
                montage,
                trials.ch_names,
                on_missing=self.on_missing,
                reference=self.reference,
                standardize=self.standardize,
            ).fit(sampler.X)
            return build_decoder(
                decoder if other is None else other,
                view,
                n_outputs=self._n_outputs(),
                n_times=trials.n_times,
                sfreq=trials.sfreq,
                random_state=random_state,
                taps=taps if other is None or taps == EMBEDDING else None,
                **(options if other is None else {}),
            ).to(sampler.X.device)

        return make

    def _training(
        self,
        trials: Trials,
        values: np.ndarray,
        network: str,
    ) -> Training:
        """Collect what a method is given, with an untrained decoder to train."""
        settings = self.settings_
        sampler, valid = self._samplers(trials, values)
        make = self._maker(trials, sampler, network)
        student = make(self.montage, None, self.random_state)
        self.amplitude_ = amplitude(student.view.pick(sampler.X).cpu().numpy())
        return Training(
            student=student,
            sampler=sampler,
            valid=valid,
            settings={name: settings[name] for name in ("lr", "weight_decay")},
            loop={
                "max_epochs": settings["max_epochs"],
                "patience": None if valid is None else self.patience,
                "random_state": self.random_state,
                "progress": self.progress,
            },
            make=make,
            sfreq=float(trials.sfreq),
            n_outputs=self._n_outputs(),
            classes=self._classes(),
            class_weight=self._class_weight(sampler.y),
        )

    def _show(self, X: Any, ch_names: Sequence[str] | None) -> torch.Tensor:
        """Return trials as the network reads them."""
        view, picked = self._pick(X, ch_names)
        return view.scale(torch.as_tensor(picked))


def find_device(device: str) -> torch.device:
    """Return the torch device that a name stands for.

    Parameters
    ----------
    device : str
        ``"auto"``, which takes a GPU where there is one, or a torch device.

    Returns
    -------
    device : torch.device
        The device.

    Raises
    ------
    ValueError
        If torch does not know it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"'device' must be 'auto' or a torch device such as 'cpu' or 'cuda', got "
            f"{device!r}."
        ) from error
