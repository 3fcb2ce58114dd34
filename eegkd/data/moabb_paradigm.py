"""The MOABB paradigm that cuts trials: band, rate, window and classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from eegkd._checks import check_choice, check_number, did_you_mean, join_names
from eegkd.data.paradigms import PARADIGMS, Paradigm

AUTO = "auto"  # an option that the paradigm's row of the table decides
FILTER_BANK, LEFT_RIGHT = "FilterBank", "LeftRightImagery"  # parts of MOABB's names


def make_paradigm(paradigm: Any, dataset: Any, options: Mapping[str, Any]) -> Any:
    """Return a MOABB paradigm that is ours alone: MOABB's change when they are used.

    ``paradigm`` is what the user named, ``options`` are the band, window and events of
    `eegkd.load_trials`. All its pass bands are in ``filters``. A paradigm that does not
    fit the dataset, or an option that is not allowed, is refused.
    """
    from moabb import paradigms
    from moabb.paradigms.base import BaseProcessing

    if isinstance(paradigm, BaseProcessing):
        return _check_object(paradigm, dataset, options)
    defaults = _defaults(dataset)
    if paradigm is not None:
        check_choice(paradigm, "paradigm", defaults.moabb)
    classes = _choose_events(paradigm, dataset, options["events"])
    name = paradigm or defaults.moabb[0]
    if dataset.paradigm == "imagery" and paradigm is None and _both_hands(classes):
        name = LEFT_RIGHT
    shared = {
        **_band_arguments(name, defaults, options),
        **_check_window(options["tmin"], options["tmax"], dataset),
    }
    if LEFT_RIGHT not in name:
        shared["events"] = classes
        if dataset.paradigm not in ("p300", "rstate"):
            shared["n_classes"] = len(classes)
    made = getattr(paradigms, name)(**shared)
    if options.get("bands") is not None:
        made.filters = check_filters(options["bands"], "bands", made.resample)
    return _with_filters(made, dataset)


def _band_arguments(
    name: str, defaults: Paradigm, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return pass band and rate as MOABB calls them; of a filter bank the rate."""
    if FILTER_BANK not in name and options.get("bands") is None:
        band = check_band(defaults, options)
        return {
            "fmin": band["l_freq"],
            "fmax": band["h_freq"],
            "resample": band["sfreq"],
        }
    single = [edge for edge in ("l_freq", "h_freq") if options[edge] != AUTO]
    if single:
        raise ValueError(
            f"{join_names(single)} cannot be given together with several pass bands. "
            "Leave them out, and say which bands with bands=[(8, 12), (12, 16)]."
        )
    sfreq = defaults.sfreq if options["sfreq"] == AUTO else options["sfreq"]
    return {"resample": sfreq and check_number(sfreq, "sfreq", above=0)}


def check_filters(
    bands: Any, argument: str, sfreq: float | None
) -> list[tuple[float, float]]:
    """Return the pass bands of a filter bank in Hz; refuse what cannot be one.

    ``argument`` says where they come from, and ``sfreq`` is the rate of the trials in
    Hz; None keeps that of the recordings.
    """
    pairs = list(bands) if isinstance(bands, (list, tuple)) else []
    if not pairs or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs
    ):
        raise TypeError(
            f"'{argument}' must give pass bands in Hz as pairs of low and high edge, "
            f"such as [(8, 12), (12, 16)], got {bands!r}."
        )
    checked = [
        (
            check_number(low, argument, above=0, hint="Edges of bands are in Hz."),
            check_number(high, argument, above=0, hint="Edges of bands are in Hz."),
        )
        for low, high in pairs
    ]
    for low, high in checked:
        if low >= high or (sfreq is not None and high >= sfreq / 2):
            raise ValueError(
                f"'{argument}' must lie below half of the sampling rate, low before "
                f"high, got ({low:g}, {high:g}) Hz at {sfreq!r} Hz. Choose other bands "
                "or a higher 'sfreq'."
            )
    if len(set(checked)) < len(checked):
        raise ValueError(
            f"'{argument}' must hold each band once, got {bands!r}. Remove the copies."
        )
    return checked


def _with_filters(paradigm: Any, dataset: Any) -> Any:
    """Let MOABB choose bands that depend on the dataset; refuse those that are none."""
    paradigm.prepare_process(dataset)  # one band around each stimulation frequency
    if not paradigm.filters:
        raise ValueError(
            f"{type(paradigm).__name__} makes one band around each stimulation "
            f"frequency, but the events of {dataset.code} are no frequencies: "
            f"{join_names(paradigm.used_events(dataset))}. Name the bands in Hz: "
            "bands=[(8, 12), (12, 16)], or filters=... of a paradigm object."
        )
    if len(paradigm.filters) > 1:
        filters = check_filters(paradigm.filters, "paradigm", paradigm.resample)
        paradigm.filters = filters
    return paradigm


def check_band(defaults: Paradigm, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return band and rate as numbers in Hz, with ``defaults`` for ``"auto"``.

    A band that is empty, or reaches half of the rate, is refused.
    """
    l_freq, h_freq, sfreq = (
        getattr(defaults, name) if options[name] == AUTO else options[name]
        for name in ("l_freq", "h_freq", "sfreq")
    )
    check_number(l_freq, "l_freq", above=0)
    check_number(h_freq, "h_freq", above=0)
    if l_freq >= h_freq:
        raise ValueError(
            f"'l_freq' must be below 'h_freq', got {l_freq!r} and {h_freq!r} Hz. The "
            f"default band for {defaults.title} is {defaults.l_freq:g} to "
            f"{defaults.h_freq:g} Hz."
        )
    if sfreq is not None and h_freq >= check_number(sfreq, "sfreq", above=0) / 2:
        raise ValueError(
            f"'h_freq' must be below half of 'sfreq', got {h_freq!r} Hz at "
            f"{sfreq!r} Hz. Raise 'sfreq' or lower 'h_freq'."
        )
    return {"l_freq": l_freq, "h_freq": h_freq, "sfreq": sfreq}


def _defaults(dataset: Any) -> Paradigm:
    """Return the row of the table for a dataset."""
    if dataset.paradigm not in PARADIGMS:
        raise ValueError(
            f"'dataset' must be of one of the kinds {join_names(PARADIGMS)}, but "
            f"{dataset.code} is of kind {dataset.paradigm!r}. Make trials with "
            "eegkd.Trials.from_epochs."
        )
    return PARADIGMS[dataset.paradigm]


def _check_object(paradigm: Any, dataset: Any, options: Mapping[str, Any]) -> Any:
    """Return a copy of the user's paradigm if it fits dataset and arguments."""
    unset = {"tmin": 0.0, "tmax": None, "events": None, "bands": None}
    both = [n for n, value in options.items() if value != unset.get(n, AUTO)]
    if both:
        raise ValueError(
            f"{join_names(both)} cannot be given together with a paradigm object, "
            "which brings its own. Set band, window, events and rate in the object."
        )
    if not paradigm.is_valid(dataset):
        raise ValueError(
            f"'paradigm' must fit the dataset, but {type(paradigm).__name__} does not "
            f"fit {dataset.code} (kind {dataset.paradigm!r}, events "
            f"{join_names(dataset.event_id)}). Leave 'paradigm' out to have it found."
        )
    return _with_filters(copy.deepcopy(paradigm), dataset)


def _choose_events(paradigm: str | None, dataset: Any, events: Any) -> list[str]:
    """Return the names of the classes."""
    known = list(dataset.event_id)
    if LEFT_RIGHT in (paradigm or ""):
        if events is not None:
            raise ValueError(
                f"'events' cannot be given with paradigm {paradigm!r}, whose "
                "events are the two hands. Use paradigm 'MotorImagery'."
            )
        events = ["left_hand", "right_hand"]
    if events is None:
        active = [name for name in known if name != "rest"]
        return active if len(active) > 1 else known
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


def _both_hands(classes: list[str]) -> bool:
    """Return whether the classes are those of MOABB's LeftRightImagery."""
    return sorted(classes) == ["left_hand", "right_hand"]
