"""A MOABB dataset, by name or object, becomes `Trials`."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from eegkd._checks import check_number
from eegkd.data.filter_bank import band_name, stack_bands
from eegkd.data.find import check_subjects, find_dataset, quiet_moabb
from eegkd.data.moabb_paradigm import AUTO, make_paradigm
from eegkd.data.on_disk import on_disk
from eegkd.data.paradigms import PARADIGMS, find_paradigm
from eegkd.data.trials import Trials, concatenate, start_times, with_times
from eegkd.data.windows import cut_windows


def load_trials(
    dataset: Any,
    paradigm: Any = None,
    subjects: Sequence[Any] | None = None,
    *,
    l_freq: float | str = AUTO,
    h_freq: float | str = AUTO,
    bands: Sequence[tuple[float, float]] | None = None,
    sfreq: float | str | None = AUTO,
    tmin: float = 0.0,
    tmax: float | None = None,
    window: float | str | None = AUTO,
    events: Sequence[str] | None = None,
    cache_config: Any = None,
    progress: bool | None = None,
) -> Trials:
    """Load a MOABB dataset as trials.

    Recordings are filtered, cut and resampled by a MOABB paradigm. Files that are on
    disk already are used without asking the network, others are downloaded by MOABB.

    Parameters
    ----------
    dataset : str, moabb BaseDataset or class of one
        A name in `list_datasets` (case, ``-`` and ``_`` do not matter), a MOABB
        dataset, or its class. A dataset object may hold a selection of subjects and
        sessions.
    paradigm : str or moabb paradigm, optional
        How trials are made. By default it is found from the dataset, see Notes; or
        the name of one of MOABB's classes that `eegkd.PARADIGMS` lists for the
        dataset's kind, such as ``"LeftRightImagery"``. An object brings its own band,
        window, events and rate, such as ``moabb.paradigms.P300(resample=125)``.
    subjects : sequence, optional
        Which subjects to load, in this order. All of the dataset by default.
    l_freq, h_freq : float or "auto", default="auto"
        Pass band in Hz; 0 < ``l_freq`` < ``h_freq`` < ``sfreq / 2``. ``"auto"``, here
        and below, takes what `eegkd.PARADIGMS` has for the dataset's kind: 4 to 38 Hz
        at 125 Hz for imagery.
    bands : sequence of (float, float), optional
        Several pass bands in Hz, such as ``[(8, 12), (12, 16)]``, in the place of
        ``l_freq`` and ``h_freq``. Trials then have one channel for each electrode and
        band, see Notes.
    sfreq : float, "auto" or None, default="auto"
        Sampling rate of the trials in Hz; ``None`` keeps that of the recordings.
    tmin : float, default=0.0
        Start of a trial in seconds, relative to the start of the dataset's
        interval, which is the cue or stimulus in most datasets (as in MOABB).
    tmax : float, optional
        End of a trial on the same clock, > ``tmin``. By default the end of the
        dataset's interval. The end point itself is not included: a trial has
        ``floor((tmax - tmin) * sfreq)`` samples, 562 for 4.5 s at 125 Hz.
    window : float, "auto" or None, default="auto"
        Length in seconds of the windows that trials are cut into, one after the other;
        None leaves them whole. Only resting state is cut by default, into 4 s.
    events : sequence of str, optional
        Which of the dataset's events are the classes, two or more.
    cache_config : dict or moabb CacheConfig, optional
        MOABB's cache of processed data on disk, such as
        ``{"use": True, "save_epochs": True}``. No cache by default.
    progress : bool, optional
        Whether to show a progress bar over subjects. By default when there are
        several and the error output is a terminal.

    Returns
    -------
    trials : Trials
        The trials in volts, with ``subject``, ``session``, ``run``, ``start``, ``stop``
        and ``group`` in the metadata, ``paradigm`` the dataset's kind, ``name`` its
        code and ``settings`` what was done.

    Raises
    ------
    ValueError
        If a name, subject, event, band or window is not allowed, or the paradigm
        does not fit the dataset.
    FileNotFoundError
        If the recordings are neither on disk nor to be downloaded.

    See Also
    --------
    list_datasets : Names that can be loaded.
    eegkd.RecordedDataset : Files of one's own as a dataset.
    eegkd.Trials.from_epochs : Trials of epochs that are made already.

    Notes
    -----
    All classes of the dataset are taken but ``"rest"``, unless there would be less than
    two classes without it. So BNCI2014_001 has its four classes, and PhysionetMI has
    left hand, right hand, both hands and feet. (MOABB's own ``MotorImagery()`` counts
    rest as a class.) A dataset whose classes are the two hands is loaded by
    ``LeftRightImagery``. Name ``events`` for any other choice.

    Trials of P300 and c-VEP overlap, and windows of resting state come from one
    segment. ``start`` and ``stop`` (seconds from the first trial of the run) say where
    a trial lies, and ``group`` numbers the trials of a run that must stay on one side
    of a split, see `eegkd.data.groups`.

    Trials of a filter bank (``bands``, or one of MOABB's paradigms ``FilterBank...``)
    have all electrodes in the first band, then all in the second, and so on. Channels
    are named after both, such as ``"C3 8-12 Hz"``. Montages name electrodes and find
    each in every band. ``FilterBankSSVEP`` makes a band of 1 Hz around each
    stimulation frequency unless it is told otherwise.

    Some datasets are mirrored on a second server, which MOABB asks first even for
    files that are on disk. That look-up is left out unless MOABB's setting
    ``MOABB_DOWNLOAD_PROVIDER`` asks for it.

    Examples
    --------
    >>> import eegkd
    >>> trials = eegkd.load_trials("SimulatedMotorImagery", subjects=[1])
    >>> trials.n_chans, trials.n_times, trials.sfreq
    (64, 500, 125.0)
    """
    options = {
        "l_freq": l_freq,
        "h_freq": h_freq,
        "bands": bands,
        "sfreq": sfreq,
        "tmin": tmin,
        "tmax": tmax,
        "events": events,
    }
    with quiet_moabb():
        dataset = find_dataset(dataset)
        wanted = check_subjects(subjects, dataset.subject_list, dataset.code)
        paradigm = make_paradigm(paradigm, dataset, options)
        if window == AUTO:
            window = find_paradigm(dataset.paradigm).window
        elif window is not None:
            check_number(window, "window", above=0)
        parts = []
        for subject in _progress(wanted, dataset.code, progress):
            with on_disk(dataset, subject):
                part = _load_subject(dataset, paradigm, subject, cache_config)
            parts.append(part if window is None else cut_windows(part, float(window)))
    return concatenate(parts)


def _load_subject(dataset: Any, paradigm: Any, subject: Any, cache: Any) -> Trials:
    """Return the trials of one subject, with a channel for each electrode and band."""
    parts = []
    for band in paradigm.filters:
        # MOABB puts the epochs of several bands one after the other, in every run.
        single = copy.copy(paradigm)
        single.filters = [band]
        parts.append(_load_band(dataset, single, subject, cache))
    first = parts[0]
    if len(parts) == 1:
        return first
    X, ch_names = stack_bands(
        np.stack([part.X for part in parts], axis=-1),
        first.ch_names,
        [band_name(*band) for band in paradigm.filters],
    )
    settings = {**(first.settings or {}), "bands": list(map(list, paradigm.filters))}
    del settings["l_freq"], settings["h_freq"]
    return replace(first, X=X, ch_names=ch_names, settings=settings)


def _load_band(dataset: Any, paradigm: Any, subject: Any, cache: Any) -> Trials:
    """Return the trials of one subject in a single pass band."""
    epochs, labels, metadata = paradigm.get_data(
        dataset, [subject], return_epochs=True, cache_config=cache
    )
    start, end = dataset.interval
    tmax = end - start if paradigm.tmax is None else paradigm.tmax
    rate = float(epochs.info["sfreq"])
    ((l_freq, h_freq),) = paradigm.filters
    settings = {
        "dataset": dataset.code,
        "paradigm": type(paradigm).__name__,
        "events": list(paradigm.used_events(dataset)),
        "l_freq": l_freq,
        "h_freq": h_freq,
        "sfreq": rate,
        "tmin": paradigm.tmin,
        "tmax": tmax,
        "moabb": version("moabb"),
        "mne": version("mne"),
    }
    trials = Trials.from_epochs(
        epochs,
        labels,
        metadata,
        name=dataset.code,
        simulated=bool(getattr(dataset, "simulated", False)),
        settings=settings,
        paradigm=dataset.paradigm if dataset.paradigm in PARADIGMS else None,
    )
    # MOABB includes the end point; a tiny margin keeps 0.3 * 10 at three samples.
    n_times = int((tmax - paradigm.tmin) * rate + 1e-6)
    trials = replace(
        trials, X=trials.X[..., :n_times].copy(), tmin=float(paradigm.tmin)
    )
    return with_times(trials, start_times(epochs))


def _progress(subjects: list[Any], code: str, progress: bool | None) -> Any:
    """Return the subjects, with a bar where somebody is there to see it."""
    if progress is None:
        progress = len(subjects) > 1 and sys.stderr.isatty()
    if not progress:
        return subjects
    from tqdm import tqdm

    return tqdm(subjects, desc=f"Loading {code}", unit="subject", leave=False)
