"""What all estimators share: trials in, a decoder out, what it says of trials."""

from __future__ import annotations

import hashlib
import json
from abc import ABC
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from eegkd._hashing import digest, is_plain
from eegkd.criteria import trial_similarity
from eegkd.decoders import Decoder, Output, build_decoder
from eegkd.decoders.table import EMBEDDING
from eegkd.distillation import History, Training
from eegkd.distillation.training import Maker
from eegkd.estimators._docs import fill_doc
from eegkd.estimators.defaults import resolve_settings
from eegkd.estimators.labels import Labels
from eegkd.estimators.reading import Reader, TakesTrials
from eegkd.estimators.training_data import TrainingData, find_device
from eegkd.estimators.validation import choose_epochs
from eegkd.view import View

PREDICT_CHUNK = 256  # trials that the network reads at once


class MontageEstimator(TakesTrials, BaseEstimator, ABC):
    """A decoder on a montage, whatever its labels are and whoever teaches it."""

    label_kind: type[Labels]  # what it learns
    ready_made = False  # whether a fitted one may be a parameter of another

    # Parameters that all constructors assign.
    montage: Any
    on_missing: str
    reference: str | None
    standardize: str | None
    ch_names: Sequence[str] | None
    sfreq: float | None
    units: str
    paradigm: str
    recipe: Any
    random_state: int
    device: str
    progress: Any

    # What fit learns.
    decoder_: Decoder
    history_: History
    settings_: dict[str, Any]  # what "auto" stood for
    labels_: Labels
    ch_names_in_: tuple[str, ...]
    n_times_: int
    sfreq_: float
    amplitude_: float | None  # None where it is not known
    simulated_: bool

    @property
    def view_(self) -> View:
        """What the decoder reads, see `View`."""
        return self.decoder_.view

    @fill_doc
    def predict(self, X: Any, ch_names: Sequence[str] | None = None) -> np.ndarray:
        """Return the label of each trial: the likeliest class, or the estimate.

        Parameters
        ----------
        %(X_predict)s

        Returns
        -------
        labels : ndarray, shape (n_trials,)
            Classes in the type that `fit` was given; continuous labels in their unit,
            float64.

        Raises
        ------
        %(refused)s
        """
        logits = self._logits(X, ch_names)
        return self.labels_.said(logits)

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
        digest.update(json.dumps([shown, self.labels_.hashed()]).encode())
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

    # -- predicting -------------------------------------------------------------------

    def _outputs(
        self, X: Any, ch_names: Sequence[str] | None, features: bool
    ) -> list[Output]:
        """Return what the decoder says of trials, chunk by chunk."""
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit first."
            )
        view, picked = Reader.of(self).pick(X, ch_names)
        shown = view.scale(torch.as_tensor(picked))
        device = find_device(self.device)
        decoder = self.decoder_.to(device).eval()
        with torch.no_grad():
            return [
                decoder(chunk.to(device), features=features)
                for chunk in shown.split(PREDICT_CHUNK)
            ]

    def _logits(self, X: Any, ch_names: Sequence[str] | None) -> torch.Tensor:
        """Return the outputs of the network for each trial."""
        outputs = self._outputs(X, ch_names, features=False)
        return torch.cat([output.logits for output in outputs])

    # -- training ---------------------------------------------------------------------

    def _resolve(self, paradigm: str | None = None) -> dict[str, Any]:
        """Return what the parameters stand for, given the paradigm of the trials."""
        params = self.get_params(deep=False)
        return resolve_settings(params, paradigm, continuous=self.label_kind.continuous)

    def split_settings(self, paradigm: str | None) -> dict[str, Any]:
        """Return how trials are split before this estimator learns from them.

        Parameters
        ----------
        paradigm : str or None
            Of the trials.

        Returns
        -------
        settings : dict
            ``valid_fraction`` and ``device`` of `TrainingData.of`.
        """
        held_out = self._resolve(paradigm)["valid_fraction"]
        return {"valid_fraction": held_out, "device": self.device}

    def epochs_for(self, paradigm: str | None, n_trials: int) -> int:
        """Return how many epochs a training has at most.

        Parameters
        ----------
        paradigm : str or None
            Of the trials.
        n_trials : int
            Training trials.

        Returns
        -------
        epochs : int
            At least 1.
        """
        return self._resolve(paradigm)["recipe"].for_trials(n_trials).max_epochs

    def _data(self, X: Any, y: Any, subjects: Any) -> TrainingData:
        """Return training data, and learn from them all but the weights."""
        data = self._shared(X, y, subjects)
        self.settings_ = self._resolve(data.trials.paradigm)
        data = data.split(self.settings_["valid_fraction"], self.device)
        # Teachers that are trained on the same trials follow the same row.
        data = data.of_paradigm(self.settings_["paradigm"])
        data.labels.check_weight(self.settings_["class_weight"])
        self._keep_labels(data.labels)
        self.n_times_, self.sfreq_ = data.trials.n_times, float(data.trials.sfreq)
        self.ch_names_in_ = data.trials.ch_names
        self.simulated_ = data.trials.simulated
        return data

    def _shared(self, X: Any, y: Any, subjects: Any) -> TrainingData:
        """Return training data that were given, or made of trials."""
        if not isinstance(X, TrainingData):
            return TrainingData.of(
                X,
                y,
                subjects,
                continuous=self.label_kind.continuous,
                device=self.device,
                ch_names=self.ch_names,
                sfreq=self.sfreq,
                units=self.units,
            )
        if y is not None or subjects is not None:
            raise ValueError(
                "'y' and 'subjects' must be None where 'X' is TrainingData, which "
                "holds them. Pass them to TrainingData.of."
            )
        if not isinstance(X.labels, self.label_kind):
            raise ValueError(
                f"'X' must be TrainingData with continuous={self.label_kind.continuous}"
                f" for {type(self).__name__}, got continuous={X.labels.continuous}."
            )
        return X

    def _keep_labels(self, labels: Labels) -> None:
        """Show what is known of the labels."""
        self.labels_ = labels
        for name, value in labels.fitted().items():
            setattr(self, name, value)

    def _view_settings(self) -> dict[str, Any]:
        """Return how views show their electrodes."""
        return {
            "on_missing": self.on_missing,
            "reference": self.reference,
            "standardize": self.standardize,
        }

    def _maker(self, data: TrainingData, network: str) -> Maker:
        """Return a function that builds untrained decoders for the training trials.

        The parameter ``network`` and its options are what it builds unless it is told
        otherwise.
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
            own = other is None
            return build_decoder(
                decoder if own else other,
                data.view(montage, **self._view_settings()),
                n_outputs=data.labels.n_outputs,
                n_times=data.trials.n_times,
                sfreq=data.trials.sfreq,
                random_state=random_state,
                taps=taps if own or taps == EMBEDDING else None,
                **(options if own else {}),
            ).to(data.device)

        return make

    def _training(self, data: TrainingData, network: str) -> Training:
        """Collect what a method is given, with an untrained decoder to train."""
        settings = self.settings_
        sampler, valid = data.samplers(settings["batch_size"], self.random_state)
        make = self._maker(data, network)
        student = make(self.montage, None, self.random_state)
        self.amplitude_ = data.amplitude(student.view)
        training = Training(
            student=student,
            sampler=sampler,
            valid=valid,
            recipe=settings["recipe"].for_trials(len(sampler)),
            loop={"random_state": self.random_state, "progress": self.progress},
            make=make,
            sfreq=float(data.trials.sfreq),
            n_outputs=data.labels.n_outputs,
            classes=data.labels.names,
            class_weight=data.labels.weight(settings["class_weight"], sampler.y),
            metadata=data.trials.metadata.iloc[data.learned_rows],
        )
        if training.recipe.n_folds:
            choose_epochs(training, training.recipe.n_folds)
        own = {"recipe": training.recipe, "max_epochs": training.max_epochs}
        self.settings_ = {**settings, **own}
        return training
