"""A MOABB dataset, by name or object, becomes `Trials`."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eegkd._checks import check_choice, check_number, did_you_mean, join_names
from eegkd.trials import Trials, concatenate

EMBEDDED = "SimulatedMotorImagery"
PARADIGMS = ("MotorImagery", "LeftRightImagery")
# Band and rate of the similarity-keeping paper (Huang et al., 2023).
L_FREQ, H_FREQ, SFREQ = 4.0, 38.0, 125.0
# Warnings of MOABB and MNE about their own insides, which no user can act upon.
THIRD_PARTY = (
    (FutureWarning, "Montage name 'standard_10"),
    (RuntimeWarning, "Setting non-standard config type"),
    (RuntimeWarning, "HED annotations were detected"),
)


def load_trials(
    dataset: Any,
    paradigm: Any = None,
    subjects: Sequence[Any] | None = None,
    *,
    l_freq: float = L_FREQ,
    h_freq: float = H_FREQ,
    sfreq: float | None = SFREQ,
    tmin: float = 0.0,
    tmax: float | None = None,
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
    paradigm : {"MotorImagery", "LeftRightImagery"} or moabb paradigm, optional
        How trials are made. By default it is found from the dataset, see Notes. An
        object brings its own band, window, events and rate, and may be of any kind,
        such as ``moabb.paradigms.P300(resample=125)``.
    subjects : sequence, optional
        Which subjects to load, in this order. All of the dataset by default.
    l_freq, h_freq : float, default=4.0 and 38.0
        Pass band in Hz; 0 < ``l_freq`` < ``h_freq`` < ``sfreq / 2``.
    sfreq : float or None, default=125.0
        Sampling rate of the trials in Hz; ``None`` keeps that of the recordings.
    tmin : float, default=0.0
        Start of a trial in seconds, relative to the start of the dataset's imagery
        interval, which is the cue in most datasets (as in MOABB).
    tmax : float, optional
        End of a trial on the same clock, > ``tmin``. By default the end of the
        dataset's interval. The end point itself is not included: a trial has
        ``floor((tmax - tmin) * sfreq)`` samples, 562 for 4.5 s at 125 Hz.
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
        The trials in volts, with ``subject``, ``session`` and ``run`` in the
        metadata, ``name`` the dataset's code and ``settings`` what was done.

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
    eegkd.Trials.from_epochs : Trials of recordings that are not in MOABB.

    Notes
    -----
    The default paradigm takes every imagery class of the dataset and leaves out
    ``"rest"``, unless there would be less than two classes without it. So
    BNCI2014_001 has its four classes, and PhysionetMI has left hand, right hand, both
    hands and feet. (MOABB's own ``MotorImagery()`` counts rest as a class.) A dataset
    whose classes are the two hands is loaded by ``LeftRightImagery``. Name ``events``
    for any other choice.

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
        "sfreq": sfreq,
        "tmin": tmin,
        "tmax": tmax,
        "events": events,
    }
    _check_band(l_freq, h_freq, sfreq)
    with _quiet():
        dataset, name = _find_dataset(dataset)
        wanted = check_subjects(subjects, dataset.subject_list, dataset.code)
        paradigm = _find_paradigm(paradigm, dataset, options)
        parts = []
        for subject in _progress(wanted, dataset.code, progress):
            with _found_on_disk(dataset, subject, name):
                parts.append(_load_subject(dataset, paradigm, subject, cache_config))
    return concatenate(parts)


def list_subjects(dataset: Any, subjects: Sequence[Any] | None = None) -> list[Any]:
    """Return the subjects of a dataset, without loading it.

    Parameters
    ----------
    dataset : str, moabb BaseDataset or class of one
        As in `load_trials`.
    subjects : sequence, optional
        A selection to check.

    Returns
    -------
    subjects : list
        The selection, or all subjects.

    Raises
    ------
    ValueError
        If the dataset or a subject is unknown.
    """
    with _quiet():
        found, _ = _find_dataset(dataset)
        return check_subjects(subjects, found.subject_list, found.code)


def list_datasets(paradigm: str = "imagery") -> list[str]:
    """Return the names that `load_trials` knows.

    Parameters
    ----------
    paradigm : {"imagery", "p300", "ssvep", "cvep", "rstate"}, default="imagery"
        Kind of datasets, in MOABB's words. Those of other kinds than imagery need a
        paradigm object in `load_trials`.

    Returns
    -------
    names : list of str
        The embedded simulated dataset first, then MOABB's in alphabetical order.

    Raises
    ------
    ValueError
        If ``paradigm`` is not one of the above.
    """
    check_choice(paradigm, "paradigm", ["imagery", "p300", "ssvep", "cvep", "rstate"])
    with _quiet():
        return [
            name
            for name, dataset_class in _dataset_classes().items()
            if dataset_class().paradigm == paradigm
        ]


def _dataset_classes() -> dict[str, Any]:
    """Return the datasets that need no arguments, the embedded one first."""
    import moabb.datasets
    from moabb.datasets.base import BaseDataset

    from eegkd.datasets.simulated import SimulatedMotorImagery

    classes: dict[str, Any] = {EMBEDDED: SimulatedMotorImagery}
    for name, value in inspect.getmembers(moabb.datasets, inspect.isclass):
        if not issubclass(value, BaseDataset) or name.startswith("Fake"):
            continue
        if not any(
            argument.default is argument.empty
            and argument.kind is not argument.VAR_KEYWORD
            for argument in inspect.signature(value).parameters.values()
        ):
            classes[name] = value
    return classes


def _find_dataset(dataset: Any) -> tuple[Any, str]:
    """Return a dataset object and the name of its class."""
    from moabb.datasets.base import BaseDataset

    if isinstance(dataset, str):
        classes = _dataset_classes()
        names = {_plain(name): name for name in classes}
        if _plain(dataset) not in names:
            raise ValueError(
                f"Unknown name {dataset!r} for 'dataset'. Allowed: a MOABB dataset, "
                "or a name in eegkd.list_datasets(), such as "
                f"{EMBEDDED!r} or 'BNCI2014_001'." + did_you_mean(dataset, classes)
            )
        dataset = classes[names[_plain(dataset)]]
    if inspect.isclass(dataset) and issubclass(dataset, BaseDataset):
        dataset = dataset()
    if not isinstance(dataset, BaseDataset):
        raise TypeError(
            "'dataset' must be a name in eegkd.list_datasets(), a MOABB dataset or "
            f"its class, got {type(dataset).__name__}. For epochs or arrays use "
            "eegkd.Trials.from_epochs or eegkd.Trials.from_arrays."
        )
    return dataset, type(dataset).__name__


def _plain(name: str) -> str:
    """Return a name without what people write differently."""
    return name.lower().replace("-", "").replace("_", "")


def check_subjects(subjects: Any, allowed: Sequence[Any], dataset: str) -> list[Any]:
    """Return the subjects to use, as the dataset spells them.

    Parameters
    ----------
    subjects : sequence or None
        A selection; all by default.
    allowed : sequence
        The dataset's subjects.
    dataset : str
        Its name, for messages.

    Returns
    -------
    subjects : list
        The selection, in its order.

    Raises
    ------
    TypeError
        If ``subjects`` is not a list.
    ValueError
        If it is empty, or names an unknown subject or one twice.
    """
    allowed = list(allowed)
    if subjects is None:
        return allowed
    if isinstance(subjects, str) or not hasattr(subjects, "__iter__"):
        raise TypeError(
            f"'subjects' must be a list of subjects, got {subjects!r}. "
            f"For a single one write subjects=[{subjects!r}]."
        )
    subjects = list(subjects)
    wrong = [subject for subject in subjects if subject not in allowed]
    if wrong or not subjects:
        raise ValueError(
            f"'subjects' must be among those of {dataset}: {join_names(allowed)}, "
            f"got {join_names(wrong)}. Leave 'subjects' out to load all."
        )
    if len(set(subjects)) < len(subjects):
        raise ValueError(
            f"'subjects' must name each subject once, got {subjects!r}. "
            "Remove the repeated ones."
        )
    return [allowed[allowed.index(subject)] for subject in subjects]


def _check_band(l_freq: float, h_freq: float, sfreq: float | None) -> None:
    """Refuse a band that is empty or that the sampling rate cannot hold."""
    check_number(l_freq, "l_freq", above=0)
    check_number(h_freq, "h_freq", above=0)
    if l_freq >= h_freq:
        raise ValueError(
            f"'l_freq' must be below 'h_freq', got {l_freq!r} and {h_freq!r} Hz. "
            f"The default band is {L_FREQ:g} to {H_FREQ:g} Hz."
        )
    if sfreq is not None and h_freq >= check_number(sfreq, "sfreq", above=0) / 2:
        raise ValueError(
            f"'h_freq' must be below half of 'sfreq', got {h_freq!r} Hz at "
            f"{sfreq!r} Hz. Raise 'sfreq' or lower 'h_freq'."
        )


def _find_paradigm(paradigm: Any, dataset: Any, options: dict[str, Any]) -> Any:
    """Return a MOABB paradigm that is ours alone: MOABB's change when they are used."""
    from moabb import paradigms
    from moabb.paradigms.base import BaseProcessing

    if isinstance(paradigm, BaseProcessing):
        return _check_paradigm_object(paradigm, dataset, options)
    if paradigm is not None:
        check_choice(paradigm, "paradigm", PARADIGMS)
    if dataset.paradigm != "imagery":
        raise ValueError(
            f"'dataset' must be of the imagery kind, but {dataset.code} is of kind "
            f"{dataset.paradigm!r}, for which no paradigm is chosen yet. Pass a MOABB "
            "paradigm object, or make trials with eegkd.Trials.from_epochs."
        )
    classes = _choose_events(paradigm, dataset, options["events"])
    window = _check_window(options["tmin"], options["tmax"], dataset)
    shared = {
        "fmin": options["l_freq"],
        "fmax": options["h_freq"],
        "resample": options["sfreq"],
        **window,
    }
    if paradigm == "LeftRightImagery" or (
        paradigm is None and sorted(classes) == ["left_hand", "right_hand"]
    ):
        return paradigms.LeftRightImagery(**shared)
    return paradigms.MotorImagery(n_classes=len(classes), events=classes, **shared)


def _check_paradigm_object(paradigm: Any, dataset: Any, options: dict[str, Any]) -> Any:
    """Return a copy of the user's paradigm if it fits dataset and arguments."""
    defaults = inspect.signature(load_trials).parameters
    both = [name for name, value in options.items() if value != defaults[name].default]
    if both:
        raise ValueError(
            f"{join_names(both)} cannot be given together with a paradigm object, "
            "which brings its own. Set band, window, events and rate in the object."
        )
    if len(paradigm.filters) != 1:
        raise ValueError(
            f"'paradigm' must have one pass band, got {len(paradigm.filters)}. "
            "Decoders read one signal for each electrode; use a paradigm without "
            "filter bank."
        )
    if not paradigm.is_valid(dataset):
        raise ValueError(
            f"'paradigm' must fit the dataset, but {type(paradigm).__name__} does not "
            f"fit {dataset.code} (kind {dataset.paradigm!r}, events "
            f"{join_names(dataset.event_id)}). Leave 'paradigm' out to have it found."
        )
    return copy.deepcopy(paradigm)


def _choose_events(paradigm: str | None, dataset: Any, events: Any) -> list[str]:
    """Return the names of the classes."""
    known = list(dataset.event_id)
    if paradigm == "LeftRightImagery":
        if events is not None:
            raise ValueError(
                "'events' cannot be given with paradigm 'LeftRightImagery', whose "
                "events are the two hands. Use paradigm 'MotorImagery'."
            )
        events = ["left_hand", "right_hand"]
    if events is None:
        imagery = [name for name in known if name != "rest"]
        return imagery if len(imagery) > 1 else known
    if isinstance(events, str) or len(set(events)) < 2:
        raise ValueError(
            f"'events' must be a list of two or more event names, got {events!r}. "
            f"{dataset.code} has {join_names(known)}."
        )
    unknown = [name for name in events if name not in known]
    if unknown:
        raise ValueError(
            f"'events' must be among those of {dataset.code}: {join_names(known, 80)}, "
            f"got {join_names(unknown)}." + did_you_mean(unknown[0], known)
        )
    return list(dict.fromkeys(events))


def _check_window(tmin: float, tmax: float | None, dataset: Any) -> dict[str, float]:
    """Return the window relative to the start of the dataset's interval."""
    tmin = check_number(tmin, "tmin")
    if tmax is None:
        tmax = float(dataset.interval[1]) - float(dataset.interval[0])
    tmax = check_number(tmax, "tmax")
    if tmin >= tmax:
        raise ValueError(
            f"'tmin' must be before the end of the trial, got {tmin!r} and an end at "
            f"{tmax!r} s. Both count from the start of the dataset's interval."
        )
    return {"tmin": tmin, "tmax": tmax}


def _load_subject(dataset: Any, paradigm: Any, subject: Any, cache: Any) -> Trials:
    """Return the trials of one subject."""
    epochs, labels, metadata = paradigm.get_data(
        dataset, [subject], return_epochs=True, cache_config=cache
    )
    start, end = dataset.interval
    tmax = end - start if paradigm.tmax is None else paradigm.tmax
    rate = float(epochs.info["sfreq"])
    (l_freq, h_freq) = paradigm.filters[0]
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
    )
    # MOABB includes the end point; a tiny margin keeps 0.3 * 10 at three samples.
    n_times = int((tmax - paradigm.tmin) * rate + 1e-6)
    return replace(trials, X=trials.X[..., :n_times].copy(), tmin=float(paradigm.tmin))


def _progress(subjects: list[Any], code: str, progress: bool | None) -> Any:
    """Return the subjects, with a bar where somebody is there to see it."""
    if progress is None:
        progress = len(subjects) > 1 and sys.stderr.isatty()
    if not progress:
        return subjects
    from tqdm import tqdm

    return tqdm(subjects, desc=f"Loading {code}", unit="subject", leave=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what MOABB and MNE say about themselves."""
    import mne

    with warnings.catch_warnings(), mne.utils.use_log_level("error"):
        for category, message in THIRD_PARTY:
            warnings.filterwarnings("ignore", message, category)
        yield


@contextlib.contextmanager
def _found_on_disk(dataset: Any, subject: Any, name: str) -> Iterator[None]:
    """Let MOABB look on disk first, and say what is missing where."""
    if getattr(dataset, "simulated", False):
        yield
        return
    from moabb.datasets.download import DatasetDownloadError, NemarDownloadError

    with _environment(_moabb_settings(dataset)) as folder:
        try:
            yield
        except PermissionError:
            raise
        except (OSError, DatasetDownloadError, NemarDownloadError) as error:
            wanted = _wanted_file(error) or Path(folder, "MNE-...-data")
            raise FileNotFoundError(
                f"The recordings of {name}, subject {subject!r}, are not on disk and "
                f"could not be downloaded ({type(error).__name__}). MOABB looks for "
                f"{str(wanted)!r}; MNE_DATA is {folder!r}.\n"
                "Put the files there, set MNE_DATA to the folder that has them, or, "
                "with a network, run moabb.datasets."
                f"{name}().download(subject_list=[{subject!r}]).\n"
                f"Without data, try the simulated set {EMBEDDED!r}."
            ) from error


def _moabb_settings(dataset: Any) -> dict[str, str]:
    """Return MOABB's settings that the user left open, as environment variables."""
    import mne
    from moabb.datasets.download import nemar_store

    settings = {}
    if mne.get_config("MNE_DATA") is None:  # MOABB would write to the user's config
        folder = Path.home() / "mne_data"
        folder.mkdir(parents=True, exist_ok=True)
        settings["MNE_DATA"] = str(folder)
    with _environment(settings) as data:
        mirrored = (
            dataset.nemar_id is not None
            and Path(data).is_dir()
            and nemar_store(dataset.code, dataset.nemar_id).is_dir()
        )
    if mne.get_config("MOABB_DOWNLOAD_PROVIDER") is None and not mirrored:
        settings["MOABB_DOWNLOAD_PROVIDER"] = "upstream"
    return settings


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[str]:
    """Set environment variables for a while; give the folder of the data."""
    import mne

    os.environ.update(settings)
    try:
        yield str(Path(mne.get_config("MNE_DATA")).expanduser())
    finally:
        for key in settings:
            os.environ.pop(key, None)


def _wanted_file(error: BaseException) -> Path | None:
    """Return where MOABB's downloader wanted to put the file, if it came that far."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        destination = frame.f_locals.get("destination")
        if frame.f_globals.get("__name__") == "moabb.datasets.download" and destination:
            return Path(destination)
    return None
