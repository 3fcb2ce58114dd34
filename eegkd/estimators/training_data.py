"""`TrainingData`: trials made ready for training, once for all who learn from them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from eegkd._checks import check_labels
from eegkd.data.as_trials import as_trials
from eegkd.data.groups import shares_samples
from eegkd.data.trials import Trials, amplitude
from eegkd.estimators.labels import ClassLabels, ContinuousLabels, Labels
from eegkd.estimators.validation import validation_mask
from eegkd.samplers import TrialSampler
from eegkd.view import View


@dataclass(eq=False)
class TrainingData:
    """Trials that are checked, encoded, split and in memory as tensors.

    Made once for a fold and given to ``fit`` in place of trials, so that teacher,
    untaught and taught student share it: signals are checked and split once, and what
    a montage shows of them is picked and scaled once. Make it with `of`.

    Parameters
    ----------
    trials : Trials
        Training trials, in volts.
    labels : ClassLabels or ContinuousLabels
        What their labels are.
    learned : TrialSampler
        Trials to learn from.
    valid : TrialSampler or None
        Trials that choose the epoch, from the end of the training sessions; None where
        ``valid_fraction`` is 0.
    valid_fraction : float
        Part of the trials that was asked for.
    device : torch.device
        Where the tensors are.
    learned_rows, valid_rows : ndarray of int
        Which of ``trials`` are in ``learned`` and in ``valid``, in their order.

    Examples
    --------
    >>> from eegkd import DistilledClassifier, load_trials
    >>> from eegkd.estimators import TrainingData
    >>> data = TrainingData.of(load_trials("SimulatedMotorImagery", subjects=[1]))
    >>> untaught = DistilledClassifier(method="none", max_epochs=1).fit(data)
    >>> taught = DistilledClassifier(method="kd", max_epochs=1).fit(data)
    """

    trials: Trials
    labels: Labels
    learned: TrialSampler
    valid: TrialSampler | None
    valid_fraction: float
    device: torch.device
    learned_rows: np.ndarray
    valid_rows: np.ndarray
    _views: dict[tuple[Any, ...], tuple[View, float]] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def of(
        cls,
        X: Any,
        y: Any = None,
        subjects: Any = None,
        *,
        continuous: bool = False,
        valid_fraction: float = 0.0,
        device: str = "auto",
        ch_names: Sequence[str] | None = None,
        sfreq: float | None = None,
        units: str = "auto",
    ) -> TrainingData:
        """Make trials ready for training.

        Parameters
        ----------
        X : mne.Epochs, list of mne.Epochs, Trials or ndarray
            Training trials with all electrodes.
        y : array-like, shape (n_trials,), optional
            Labels; by default those that epochs or `Trials` carry.
        subjects : array-like, shape (n_trials,), optional
            Subject of each trial; by default that of the metadata.
        continuous : bool, default=False
            Whether labels are numbers such as reaction times, not classes.
        valid_fraction : float, default=0.0
            Part of each class of each subject, from the end, that chooses the epoch.
        device : str, default="auto"
            ``"auto"`` takes a GPU where there is one; or a torch device.
        ch_names : sequence of str, optional
            Channel names of an array.
        sfreq : float, optional
            Sampling rate in Hz of an array.
        units : {"auto", "V", "uV"}, default="auto"
            Unit of an array, see `Trials.from_arrays`.

        Returns
        -------
        data : TrainingData
            For ``fit`` of any estimator of this kind of labels. One whose recipe
            holds out another part, or with another ``device``, splits the trials anew.

        Raises
        ------
        ValueError
            If signals or labels are not fit for training; the message says what to do.
        """
        trials = as_trials(X, y, ch_names, sfreq, units, continuous=continuous)
        if subjects is not None:
            subjects = check_labels(subjects, len(trials), "subjects")
            trials = replace(trials, metadata=trials.metadata.assign(subject=subjects))
        labels: Labels = ContinuousLabels() if continuous else ClassLabels()
        return cls._of(trials, labels, valid_fraction, find_device(device))

    def split(self, valid_fraction: float, device: str) -> TrainingData:
        """Return the same trials, split and placed as asked.

        Parameters
        ----------
        valid_fraction : float
            Part of the trials that chooses the epoch.
        device : str
            See `of`.

        Returns
        -------
        data : TrainingData
            This one where it is split and placed so already.
        """
        place = find_device(device)
        if (valid_fraction, place) == (self.valid_fraction, self.device):
            return self
        return self._of(self.trials, type(self.labels)(), valid_fraction, place)

    @classmethod
    def _of(
        cls, trials: Trials, labels: Labels, valid_fraction: float, device: torch.device
    ) -> TrainingData:
        """Return checked trials, split."""
        learned, valid, *rows = _split(trials, labels, valid_fraction, device)
        return cls(trials, labels, learned, valid, valid_fraction, device, *rows)

    def of_paradigm(self, paradigm: str) -> TrainingData:
        """Return the same data, of trials that are said to be of a paradigm.

        Parameters
        ----------
        paradigm : str
            A key of `eegkd.PARADIGMS`.

        Returns
        -------
        data : TrainingData
            Shares everything with this one.
        """
        if self.trials.paradigm == paradigm:
            return self
        other = copy.copy(self)
        other.trials = replace(self.trials, paradigm=paradigm)
        return other

    def samplers(
        self, batch_size: int, seed: int
    ) -> tuple[TrialSampler, TrialSampler | None]:
        """Return the trials to learn from and those that choose the epoch.

        Parameters
        ----------
        batch_size : int
            Trials in a batch.
        seed : int
            Of the order of the trials.

        Returns
        -------
        learned : TrialSampler
            Shuffled in each epoch.
        valid : TrialSampler or None
            In their order.
        """
        valid = self.valid and self.valid.ordered(batch_size, seed)
        return self.learned.ordered(batch_size, seed), valid

    def view(
        self,
        montage: Any,
        *,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
    ) -> View:
        """Return a view fitted to the trials learned from, the same one in each call.

        Parameters
        ----------
        montage : str, path, list of str, Montage or None
            Electrodes, see `View`.
        on_missing : {"error", "nearest", "interpolate"}, default="error"
            What to do about an electrode that the data do not have.
        reference : {None, "average"}, default=None
            Whether to re-reference to the mean of the montage's electrodes.
        standardize : {"channel", None}, default="channel"
            Whether each electrode is scaled by its deviation.

        Returns
        -------
        view : View
            Fitted; its electrodes are picked and scaled already.
        """
        return self._seen(montage, on_missing, reference, standardize)[0]

    def amplitude(self, view: View) -> float:
        """Return the typical amplitude of a view's electrodes.

        Parameters
        ----------
        view : View
            One that `view` returned.

        Returns
        -------
        amplitude : float
            In volts.
        """
        return self._views[_key(view)][1]

    def known(self, view: View) -> View:
        """Return the view of these data that shows what another one shows.

        Parameters
        ----------
        view : View
            Of a teacher that was trained before, bound to the channels of the data.

        Returns
        -------
        view : View
            One that is applied already, or the given one where there is none.
        """
        own, _ = self._views.get(_key(view), (view, 0.0))
        return own if own.to_dict() == view.to_dict() else view

    def _seen(self, *settings: Any) -> tuple[View, float]:
        """Return a fitted view and the amplitude of what it shows."""
        montage, on_missing, reference, standardize = settings
        view = View(
            montage,
            self.trials.ch_names,
            on_missing=on_missing,
            reference=reference,
            standardize=standardize,
        )
        key = _key(view)
        if key not in self._views:
            picked = view.pick(self.learned.X)
            view.learn(picked)
            self.learned.keep(view, view.scale(picked))
            self._views[key] = view, amplitude(picked.cpu().numpy())
        return self._views[key]


def _key(view: View) -> tuple[Any, ...]:
    """Return what tells views of the same trials apart."""
    return (view.montage, view.on_missing, view.reference, view.standardize)


def _split(
    trials: Trials, labels: Labels, valid_fraction: float, device: torch.device
) -> tuple[TrialSampler, TrialSampler | None, np.ndarray, np.ndarray]:
    """Cut training trials into those that are learned and those that choose.

    Returns both as samplers, and which trials they are.
    """
    values = labels.encode(trials)
    chosen = validation_mask(values, trials.metadata, valid_fraction)
    learned = ~chosen
    rows = np.flatnonzero(learned)
    learned[rows] = ~shares_samples(trials.metadata, rows, np.flatnonzero(chosen))
    targets = labels.targets(values, learned, len(rows) - int(learned.sum()))
    # Subjects and sessions are numbered once, so that they have one number in both.
    whole = TrialSampler.from_arrays(
        trials.X,
        targets,
        trials.metadata["subject"].to_numpy(),
        trials.metadata["session"].to_numpy(),
        device=device,
    )
    parts = np.flatnonzero(learned), np.flatnonzero(chosen)
    if not chosen.any():
        return whole, None, *parts
    valid = whole.subset(torch.as_tensor(chosen, device=device))
    return (
        whole.subset(torch.as_tensor(learned, device=device)),
        replace(valid, shuffle=False),
        *parts,
    )


def find_device(device: str) -> torch.device:
    """Return the torch device that a name stands for; ``"auto"`` prefers a GPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"'device' must be 'auto' or a torch device such as 'cpu' or 'cuda', got "
            f"{device!r}."
        ) from error
