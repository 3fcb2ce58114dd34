"""`Trials`: labeled EEG segments and what is known about them; the one container."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import (
    check_choice,
    check_continuous,
    check_labels,
    check_number,
    check_signals,
    join_names,
)
from eegkd.data.filter_bank import electrodes_of, stack_bands
from eegkd.data.groups import add_times
from eegkd.data.paradigms import PARADIGMS

if TYPE_CHECKING:
    import mne
    import pandas as pd

UNITS = ("auto", "V", "uV")
# EEG in volts spreads over 1e-7 to 1e-3, in microvolts over 1e-1 to 1e3. A typical
# amplitude between the two groups tells them apart with a factor of 50 to spare.
VOLT_LIMIT = 0.05


@dataclass(frozen=True, eq=False)
class Trials:
    """Labeled trials of one or several subjects.

    Parameters
    ----------
    X : ndarray of float32, shape (n_trials, n_chans, n_times)
        Signals in volts.
    y : ndarray, shape (n_trials,)
        Labels of classes, in any type that NumPy sorts; or continuous labels.
    ch_names : tuple of str
        One name for each channel, in the order of ``X``. Trials of a filter bank have
        a channel for each electrode and band, such as ``"C3 8-12 Hz"``.
    sfreq : float
        Sampling rate in Hz.
    metadata : DataFrame
        One row for each trial with at least ``subject``, ``session`` and ``run``. Where
        it has ``start`` and ``stop`` (seconds from the first trial of the run), splits
        keep overlapping trials together, and where it has ``group``, trials of one
        group of a run, see `eegkd.data.groups`.
    tmin : float, default=0.0
        Time of the first sample relative to the cue, in seconds.
    name : str, default="arrays"
        Where the trials come from; a dataset's code.
    simulated : bool, default=False
        Whether the signals were made by a simulation. Tables and reports say so.
    settings : dict, optional
        How the trials were made (paradigm, band, window), for the report.
    paradigm : str or None, default=None
        A key of `eegkd.PARADIGMS`, which says how such trials are decoded and scored;
        None where it is not known.

    See Also
    --------
    eegkd.load_trials : Load a MOABB dataset as ``Trials``.
    """

    X: np.ndarray
    y: np.ndarray
    ch_names: tuple[str, ...]
    sfreq: float
    metadata: pd.DataFrame
    tmin: float = 0.0
    name: str = "arrays"
    simulated: bool = False
    settings: dict[str, Any] | None = None
    paradigm: str | None = None

    def __post_init__(self) -> None:
        if self.paradigm is not None:
            check_choice(self.paradigm, "paradigm", PARADIGMS)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        ch_names: Sequence[str],
        sfreq: float,
        metadata: pd.DataFrame | None = None,
        *,
        units: str = "auto",
        continuous: bool = False,
        **known: Any,
    ) -> Trials:
        """Make trials from arrays.

        Parameters
        ----------
        X : array-like, shape (n_trials, n_chans, n_times)
            Signals, in the unit that ``units`` names. Those of a filter bank may have
            the shape (n_trials, n_chans, n_times, n_bands) and are given a channel
            for each electrode and band, named ``"C3 band 1"`` and so on.
        y : array-like, shape (n_trials,)
            Labels.
        ch_names : sequence of str
            Channel names, in the order of ``X``.
        sfreq : float
            Sampling rate in Hz, > 0.
        metadata : DataFrame, optional
            One row for each trial. Missing ``subject``, ``session`` and ``run``
            columns are filled with one subject, session and run.
        units : {"auto", "V", "uV"}, default="auto"
            Unit of ``X``. ``"auto"`` takes signals whose typical amplitude is above
            0.05 for microvolts (no EEG reaches 50 millivolts).
        continuous : bool, default=False
            Whether labels are numbers such as reaction times, not classes.
        **known
            ``tmin``, ``name``, ``simulated``, ``settings`` and ``paradigm`` of
            `Trials`.

        Returns
        -------
        trials : Trials
            The trials, in volts.

        Raises
        ------
        ValueError
            If shapes disagree, values are not finite or a channel occurs twice.
        """
        X, ch_names = stack_bands(X, ch_names)
        X = check_signals(X)
        if len(ch_names) != X.shape[1]:
            raise ValueError(
                f"'ch_names' must name the {X.shape[1]} channels of 'X', got "
                f"{len(ch_names)} names: {join_names(ch_names)}."
            )
        y = (check_continuous if continuous else check_labels)(y, len(X))
        return cls(
            X=to_volts(X, units),
            y=y,
            ch_names=ch_names,
            sfreq=check_number(sfreq, "sfreq", above=0),
            metadata=_complete_metadata(metadata, len(X)),
            **known,
        )

    @classmethod
    def from_epochs(
        cls,
        epochs: mne.BaseEpochs,
        y: Any = None,
        metadata: pd.DataFrame | None = None,
        **known: Any,
    ) -> Trials:
        """Make trials from the EEG channels of MNE epochs.

        Epochs that were cut from a recording say when they were, so that overlapping
        ones stay on one side of every split; ``EpochsArray`` does not.

        Parameters
        ----------
        epochs : mne.Epochs
            Epochs of one length. Channels marked as bad are kept: the montage
            decides which electrodes count.
        y : array-like, shape (n_trials,), optional
            Labels. By default the event names of ``epochs``.
        metadata : DataFrame, optional
            One row for each epoch. By default ``epochs.metadata``.
        **known
            ``name``, ``simulated``, ``settings`` and ``paradigm`` of `Trials`, and
            ``continuous`` of `from_arrays`.

        Returns
        -------
        trials : Trials
            The trials, in volts.

        Raises
        ------
        TypeError
            If ``epochs`` are not MNE epochs.
        ValueError
            If there is no EEG channel or no epoch.
        """
        import mne

        if not isinstance(epochs, mne.BaseEpochs):
            raise TypeError(
                f"'epochs' must be mne.Epochs, got {type(epochs).__name__}. "
                "For arrays use Trials.from_arrays."
            )
        picks = mne.pick_types(epochs.info, eeg=True, exclude=[])
        if not len(picks):
            raise ValueError(
                "'epochs' must have EEG channels, got only "
                f"{join_names(sorted(set(epochs.get_channel_types())))}. "
                "Set the types with epochs.set_channel_types."
            )
        if y is None:
            names = {code: name for name, code in epochs.event_id.items()}
            y = np.array([names[code] for code in epochs.events[:, 2]])
        trials = cls.from_arrays(
            epochs.get_data(picks=picks, units="V"),
            y,
            [epochs.ch_names[pick] for pick in picks],
            epochs.info["sfreq"],
            epochs.metadata if metadata is None else metadata,
            units="V",
            tmin=float(epochs.tmin),
            **known,
        )
        # Those of arrays have made-up events, one sample apart by default.
        if isinstance(epochs, mne.EpochsArray) or "start" in trials.metadata:
            return trials
        return with_times(trials, start_times(epochs))

    def __len__(self) -> int:
        return len(self.X)

    @property
    def classes(self) -> np.ndarray:
        """Distinct labels, sorted."""
        return np.unique(self.y)

    @property
    def n_chans(self) -> int:
        """Number of channels."""
        return self.X.shape[1]

    @property
    def n_times(self) -> int:
        """Number of samples in one trial."""
        return self.X.shape[2]

    @property
    def subjects(self) -> list[Any]:
        """Distinct subjects, in order of appearance."""
        return list(dict.fromkeys(self.metadata["subject"].tolist()))

    @cached_property
    def fingerprint(self) -> str:
        """Short hash of signals, labels, names and rate: equal content, equal hash."""
        digest = hashlib.sha256()
        digest.update(repr((self.X.shape, self.ch_names, self.sfreq)).encode())
        digest.update(np.ascontiguousarray(self.X).tobytes())
        digest.update(repr(self.y.tolist()).encode())
        return digest.hexdigest()[:16]

    def content_key(self) -> str:
        """Return what tells trials from others.

        Returns
        -------
        fingerprint : str
            Hash of the content.
        """
        return self.fingerprint

    def subset(self, index: Any) -> Trials:
        """Return the trials that an index array or a boolean mask selects.

        Parameters
        ----------
        index : array-like of int or bool
            Which trials, in which order.

        Returns
        -------
        trials : Trials
            The selected trials.
        """
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(int)
        return replace(
            self,
            X=self.X[index],
            y=self.y[index],
            metadata=self.metadata.iloc[index].reset_index(drop=True),
        )

    def to_epochs(self) -> mne.EpochsArray:
        """Return the trials as MNE epochs, with metadata and, where known, positions.

        Returns
        -------
        epochs : mne.EpochsArray
            Epochs in volts; event names are the labels.
        """
        import mne

        codes = {str(label): code for code, label in enumerate(self.classes, start=1)}
        events = np.column_stack(
            [
                np.arange(len(self)) * self.n_times,
                np.zeros(len(self), int),
                [codes[str(label)] for label in self.y],
            ]
        ).astype(int)
        info = mne.create_info(list(self.ch_names), self.sfreq, "eeg")
        return mne.EpochsArray(
            self.X.astype(float),
            info,
            events,
            tmin=self.tmin,
            event_id=codes,
            metadata=self.metadata,
            verbose="error",
        )

    def __repr__(self) -> str:
        kind = ", simulated" if self.simulated else ""
        labels = f"classes {join_names(self.classes.tolist())}"
        if self.y.dtype.kind == "f" and (self.y != np.round(self.y)).any():
            labels = f"labels from {self.y.min():g} to {self.y.max():g}"
        rows = f"{self.n_chans} channels"
        n_electrodes = len(electrodes_of(self.ch_names))
        if n_electrodes < self.n_chans:
            rows = f"{n_electrodes} electrodes in {self.n_chans / n_electrodes:g} bands"
        return (
            f"<Trials | {self.name}{kind}: {len(self)} trials of "
            f"{len(self.subjects)} subject(s), {rows}, "
            f"{self.n_times} samples at {self.sfreq:g} Hz, {labels}>"
        )


def concatenate(parts: Sequence[Trials]) -> Trials:
    """Join trials that share channels, sampling rate and length.

    Parameters
    ----------
    parts : sequence of Trials
        At least one, all with the same channels in the same order.

    Returns
    -------
    trials : Trials
        All trials, in the order of ``parts``.

    Raises
    ------
    ValueError
        If channels, rates or lengths differ.
    """
    import pandas as pd

    first = parts[0]
    for part in parts[1:]:
        if (part.ch_names, part.sfreq, part.n_times) != (
            first.ch_names,
            first.sfreq,
            first.n_times,
        ):
            raise ValueError(
                "'parts' must share channels, sampling rate and length, but "
                f"{part!r} differs from {first!r}. Pick common channels first."
            )
    return replace(
        first,
        X=np.concatenate([part.X for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        metadata=pd.concat([part.metadata for part in parts], ignore_index=True),
    )


def with_times(trials: Trials, start: np.ndarray) -> Trials:
    """Return trials that say when they were, and which belong together.

    They are of one subject, in the order of recording; ``start`` is when the signals of
    each begin, in seconds from any point of its run. In resting state trials of one
    state that follow each other are one group.
    """
    states = trials.y if trials.paradigm == "rstate" else None
    length = trials.n_times / trials.sfreq
    return replace(trials, metadata=add_times(trials.metadata, start, length, states))


def start_times(epochs: mne.BaseEpochs) -> np.ndarray:
    """Return when the signals of epochs began, in s from some point of their run."""
    # Events keep the samples of the recording, whose rate MNE has no public name for.
    recorded = float(np.ravel(epochs._raw_sfreq)[0])
    return epochs.events[:, 0] / recorded + float(epochs.tmin)


def to_volts(X: np.ndarray, units: str = "auto") -> np.ndarray:
    """Return signals of any unit as float32 volts.

    ``"auto"`` decides by the typical amplitude.
    """
    check_choice(units, "units", UNITS)
    if units == "auto":
        units = "uV" if amplitude(X) > VOLT_LIMIT else "V"
    return np.asarray(X * 1e-6 if units == "uV" else X, dtype=np.float32)


def amplitude(X: np.ndarray) -> float:
    """Return the median over trials and channels of the standard deviation in time."""
    return float(np.median(np.asarray(X, dtype=np.float64).std(axis=-1)))


def _complete_metadata(metadata: pd.DataFrame | None, n_trials: int) -> pd.DataFrame:
    """Return a copy that has subject, session and run; session and run are strings."""
    import pandas as pd

    if metadata is None:
        metadata = pd.DataFrame(index=range(n_trials))
    if not isinstance(metadata, pd.DataFrame):
        raise TypeError(
            f"'metadata' must be a pandas DataFrame, got {type(metadata).__name__}."
        )
    if len(metadata) != n_trials:
        raise ValueError(
            f"'metadata' must have one row for each of the {n_trials} trials, got "
            f"{len(metadata)} rows."
        )
    metadata = metadata.reset_index(drop=True).copy()
    for column, default in (("subject", 1), ("session", "0"), ("run", "0")):
        if column not in metadata:
            metadata[column] = default
    return metadata.astype({"session": str, "run": str})
