"""Recordings of the Lab Streaming Layer: XDF streams become one mne Raw.

The streams are read and set to one clock by pyxdf. What is done here: choose the EEG
stream, put its samples on a regular grid, and place the markers on it.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mne
import numpy as np

from eegkd._checks import join_names

MARKERS = ("marker", "event", "stim", "trigger")  # how types of marker streams begin
GAP = 0.2  # s between two samples beyond which some are missing
MAX_LOST = 0.1  # of a recording's samples
MAX_STRAY = 0.05  # s that time stamps may stray from a regular rate for a second
RATE_TOLERANCE = 0.01  # relative, between the stated and the measured rate
SPELLED_UNITS = {
    "v": 1.0, "volt": 1.0, "volts": 1.0,
    "mv": 1e-3, "millivolt": 1e-3, "millivolts": 1e-3,
    "uv": 1e-6, "microvolt": 1e-6, "microvolts": 1e-6,
    "nv": 1e-9, "nanovolt": 1e-9, "nanovolts": 1e-9,
}  # fmt: skip
KNOWN_TYPES = ("eeg", "eog", "ecg", "emg", "misc")


def read_xdf(
    path: Path, stream: str | None = None, scale: float | None = None
) -> mne.io.RawArray:
    """Read the EEG of an XDF file, with its markers as annotations.

    Parameters
    ----------
    path : Path
        An XDF file.
    stream : str, optional
        Name of the stream to read. By default the only one of type EEG.
    scale : float, optional
        Volts of one unit of the file. By default as the channels' descriptions say,
        and 1e-6 where they say nothing, which is the custom.

    Returns
    -------
    raw : mne.io.RawArray
        Signals in volts at the stream's nominal rate. Annotations are the markers of
        all marker streams, and ``BAD_gap`` where samples were lost.

    Raises
    ------
    ImportError
        If pyxdf is not installed.
    ValueError
        If there is not one EEG stream, a unit is unknown, or more than a tenth of the
        samples is missing.

    Warns
    -----
    UserWarning
        If samples are missing, time stamps stray, markers lie outside of the
        recording, or the file is damaged.
    """
    streams = _load(path)
    eeg = _choose(streams, stream, path)
    channels = _channels(eeg)
    values = np.asarray(eeg["time_series"])
    sfreq = float(eeg["info"]["nominal_srate"][0])
    stamps = _straighten(np.asarray(eeg["time_stamps"], dtype=float), sfreq, path)
    place, gaps = _grid(stamps, sfreq, path)

    info = mne.create_info(
        [name for name, _, _ in channels], sfreq, [kind for _, kind, _ in channels]
    )
    scales = [
        1.0 if kind == "misc" else _scale(unit, name, path) if scale is None else scale
        for name, kind, unit in channels
    ]
    signals = np.empty((len(channels), place[-1] + 1))
    for row, series, volts in zip(signals, values.T, scales, strict=True):
        # A straight line over a gap rings least in the filters that follow.
        row[:] = np.interp(np.arange(len(row)), place, series * volts)
    raw = mne.io.RawArray(signals, info, verbose="error")

    onsets, texts = _markers(streams, stamps, place / sfreq, path)
    starts, lengths = gaps / sfreq
    return raw.set_annotations(
        mne.Annotations(onsets, np.zeros(len(onsets)), texts)
        + mne.Annotations(starts, lengths, ["BAD_gap"] * len(starts))
    )


def _load(path: Path) -> list[dict[str, Any]]:
    """Return the streams that have samples, on one clock."""
    try:
        import pyxdf
    except ImportError as error:
        raise ImportError(
            f"{path.name!r} is an XDF file, which is read by the package pyxdf. "
            "Install it with: pip install 'eegkd[xdf]' (or: pip install pyxdf)."
        ) from error
    with _said(path):
        # Its removal of jitter would smear the gaps that are looked for below.
        streams, _ = pyxdf.load_xdf(str(path), dejitter_timestamps=False)
    return [stream for stream in streams if len(stream["time_stamps"])]


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turn the errors that pyxdf logs into a warning, and keep the rest quiet."""
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, keep = logging.getLogger("pyxdf"), Keep(logging.ERROR)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(keep)
    try:
        yield
    finally:
        logger.removeHandler(keep)
        logger.propagate = propagate
    if records:
        warnings.warn(
            f"{str(path)!r} is damaged, and what could be saved was read. pyxdf says: "
            f"{records[0].getMessage()}",
            stacklevel=5,
        )


def _choose(
    streams: list[dict[str, Any]], name: str | None, path: Path
) -> dict[str, Any]:
    """Return the EEG stream."""
    regular = [s for s in streams if float(s["info"]["nominal_srate"][0]) > 0]
    if name is None:
        fit = [s for s in regular if _text(s["info"], "type").lower() == "eeg"]
    else:
        fit = [s for s in regular if _text(s["info"], "name") == name]
    if len(fit) == 1:
        return fit[0]
    listed = ", ".join(
        f"{_text(s['info'], 'name')!r} (type {_text(s['info'], 'type')!r}, "
        f"{_text(s['info'], 'channel_count')} channels, "
        f"{float(s['info']['nominal_srate'][0]):g} Hz)"
        for s in streams
    )
    wanted = "of type 'EEG'" if name is None else f"named {name!r}"
    raise ValueError(
        f"{str(path)!r} must have one stream {wanted} with a sampling rate, but has "
        f"{len(fit)}. Its streams with samples: {listed or 'none'}. Name the one to "
        "read with 'stream'."
    )


def _text(info: Any, key: str) -> str:
    """Return a field of pyxdf's nested dicts of lists as text."""
    values = info.get(key) if isinstance(info, dict) else None
    return str(values[0]) if values and values[0] is not None else ""


def _channels(stream: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, type and unit of each channel of a stream."""
    info = stream["info"]
    described: list[Any] = []
    for desc in info.get("desc") or []:
        for channels in (desc or {}).get("channels") or []:
            described += (channels or {}).get("channel") or []
    count = int(info["channel_count"][0])
    if len(described) != count:
        described = [{}] * count
    found = []
    for number, channel in enumerate(described, start=1):
        kind = _text(channel, "type").lower()
        name = _text(channel, "label") or _text(channel, "name") or f"channel {number}"
        kind = "eeg" if not kind else kind if kind in KNOWN_TYPES else "misc"
        found.append((name, kind, _text(channel, "unit")))
    return found


def _scale(unit: str, name: str, path: Path) -> float:
    """Return the volts of one unit."""
    plain = unit.strip().lower().replace("µ", "u").replace("μ", "u") or "uv"
    if plain not in SPELLED_UNITS:
        raise ValueError(
            f"{str(path)!r} states the unit {unit!r} for channel {name!r}, which is "
            "not known. Say what the numbers are with 'unit', such as unit='uV'."
        )
    return SPELLED_UNITS[plain]


def _straighten(stamps: np.ndarray, sfreq: float, path: Path) -> np.ndarray:
    """Return time stamps without jitter: a straight line between any two gaps."""
    straight = stamps.copy()
    ends = np.flatnonzero(np.diff(stamps) > GAP) + 1
    worst, second = 0.0, max(1, round(sfreq))
    for part in np.split(np.arange(len(stamps)), ends):
        if len(part) > 1:
            steps, since = part - part[0], stamps[part] - stamps[part[0]]
            line = np.polynomial.Polynomial.fit(steps, since, 1)(steps)
            straight[part] = stamps[part[0]] + line
            # Jitter goes both ways; what stays for a second is lost samples.
            blocks = np.split(since - line, range(second, len(part), second))
            worst = max(worst, *(abs(float(np.median(block))) for block in blocks))
    if worst > MAX_STRAY:
        warnings.warn(
            f"{str(path)!r} has time stamps that stray by {worst:.2f} s from a regular "
            "rate: samples were lost in gaps too small to be told from jitter. Markers "
            "may be off by as much.",
            stacklevel=4,
        )
    return straight


def _grid(stamps: np.ndarray, sfreq: float, path: Path) -> tuple[np.ndarray, Any]:
    """Return each sample's place on a regular grid; starts and lengths of gaps."""
    steps = np.diff(stamps)
    broken = np.flatnonzero(steps > GAP)
    whole = np.delete(steps, broken)
    rate = 1 / whole.mean() if len(whole) else 0.0
    if abs(rate - sfreq) > RATE_TOLERANCE * sfreq:
        raise ValueError(
            f"{str(path)!r} states {sfreq:g} Hz, but its time stamps say {rate:.2f} "
            "Hz: samples were lost in many small gaps, or the rate is wrong. Repair "
            "the file, or read it yourself and pass the mne Raw."
        )
    jumps = np.ones(len(steps), dtype=int)
    jumps[broken] = np.maximum(1, np.round(steps[broken] * sfreq))
    place = np.concatenate([[0], np.cumsum(jumps)])
    lost = int(jumps[broken].sum() - len(broken))
    gaps = f"{len(broken)} gap{'' if len(broken) == 1 else 's'}"
    if lost > MAX_LOST * len(place):
        raise ValueError(
            f"{str(path)!r} lacks {lost} samples in {gaps} beside the "
            f"{len(place)} that it has; {MAX_LOST:.0%} are allowed. Cut the file into "
            "runs, or read it yourself and pass the mne Raw."
        )
    if lost:
        warnings.warn(
            f"{str(path)!r} lacks {lost} samples in {gaps}, the longest "
            f"of {steps.max():.2f} s. They are filled by straight lines and marked "
            "'BAD_gap', so that trials that touch them are left out.",
            stacklevel=4,
        )
    return place, np.array([place[broken], jumps[broken]], dtype=float)


def _markers(
    streams: list[dict[str, Any]], stamps: np.ndarray, times: np.ndarray, path: Path
) -> tuple[np.ndarray, list[str]]:
    """Return times in s from the first sample, and texts, of all markers."""
    found: list[tuple[float, str]] = []
    for stream in streams:
        info = stream["info"]
        irregular = float(info["nominal_srate"][0]) == 0
        if _text(info, "channel_format") == "string" or (
            irregular and _text(info, "type").lower().startswith(MARKERS)
        ):
            texts = [_marker(values) for values in stream["time_series"]]
            found += zip(stream["time_stamps"], texts, strict=True)
    found = sorted((time, text) for time, text in found if text)
    inside = [(t, text) for t, text in found if stamps[0] <= t <= stamps[-1]]
    if len(inside) < len(found):
        outside = [text for t, text in found if not stamps[0] <= t <= stamps[-1]]
        warnings.warn(
            f"{str(path)!r} has {len(outside)} of {len(found)} markers before or after "
            f"the EEG ({join_names(dict.fromkeys(outside))}); they are left out.",
            stacklevel=4,
        )
    clock = np.maximum.accumulate(stamps)
    onsets = np.interp([time for time, _ in inside], clock, times)
    return onsets, [text for _, text in inside]


def _marker(values: Any) -> str:
    """Return a marker as text: whole numbers without a point, several joined by /."""
    parts = []
    for value in np.atleast_1d(np.asarray(values, dtype=object)):
        number = isinstance(value, (float, np.floating)) and float(value).is_integer()
        parts.append(str(int(value)) if number else str(value).strip())
    return "/".join(part for part in parts if part)
