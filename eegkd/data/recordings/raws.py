"""One recording of a user: its EEG channels, its events, its signals."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mne
import numpy as np

from eegkd._checks import did_you_mean, join_names
from eegkd.data.channels import canonical_name, positions
from eegkd.data.recordings.files import Record, suffix_of
from eegkd.data.recordings.xdf import read_xdf

VOLTS_PER = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}
XDF = (".xdf", ".xdfz")
# Typical amplitude of EEG within a second in V, generously: less is no electrode, more
# no brain.
AMPLITUDES = (1e-7, 5e-4)
# Words that clinical and other files put around the name of an electrode.
PREFIX = re.compile(r"^EEG[\s:_-]+", re.IGNORECASE)
REFERENCE = re.compile(r"[\s_-]+(REF|LE|AVG|AR|A1|A2|M1|M2|A1A2|M1M2)$", re.IGNORECASE)
# Channels that are typed EEG in files without types, and are none by their name.
NO_EEG = re.compile(
    r"EOG|E[CK]G|EMG|ACC|GYR|RESP|TEMP(?!OR)|GSR|EDA|PPG|SPO2|AUX|TRIG|STATUS|MARKER|EVENT"
    r"|BATT|COUNT|TIME|QUALITY|IMPEDANCE|SAMPLE|PHOTO|LIGHT|^ST[IM]|^[XYZ]$",
    re.IGNORECASE,
)
# What software writes among the events.
KEPT = re.compile(r"(bad|edge)", re.IGNORECASE)  # MNE leaves out trials they touch
BREAK = re.compile(r"(boundary$|new segment)", re.IGNORECASE)
TRIGGER_BITS = 0xFFFF  # BioSemi's Status channel holds other things above


@dataclass(frozen=True)
class Events:
    """What is annotated in a recording; times in s from its first sample."""

    onsets: np.ndarray
    durations: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """How files are read, see `eegkd.RecordedDataset`."""

    rename: dict[str, str] | list[str] | None
    ch_types: dict[str, str] | None
    unit: str | None
    stim_channel: str | None
    stream: str | None


def open_raw(record: Record, options: Options) -> mne.io.BaseRaw:
    """Open a recording; its signals are read later, those of XDF files at once."""
    file = record.file
    if isinstance(file, mne.io.BaseRaw):
        return file
    if not file.exists():
        raise FileNotFoundError(
            f"The recording {record.label} is not there any more. Put it back, or make "
            "the RecordedDataset anew."
        )
    if suffix_of(file) in XDF:
        scale = None if options.unit is None else VOLTS_PER[options.unit]
        return read_xdf(file, options.stream, scale)
    try:
        return mne.io.read_raw(file, preload=False, verbose="error")
    except (ValueError, RuntimeError, OSError, KeyError, TypeError) as error:
        raise ValueError(
            f"{record.label} could not be read by MNE: {error} Check that the file is "
            "whole and that its suffix is right; or read it yourself and pass the mne "
            "Raw."
        ) from error


def electrode_name(name: str) -> str:
    """Return the 10-05 name of a channel, or its own name where it has none."""
    electrode = canonical_name(REFERENCE.sub("", PREFIX.sub("", name.strip())))
    return electrode if positions([electrode]) else name


def name_channels(raw: mne.io.BaseRaw, label: str, options: Options) -> dict[str, str]:
    """Return the EEG channels: 10-05 names, or their own, by the names in the file."""
    old = raw.ch_names
    new = _rename(old, options.rename, label)
    picked: dict[str, str] = {}
    for name, given, kind in zip(old, new, raw.get_channel_types(), strict=True):
        electrode = electrode_name(given)
        known = bool(positions([electrode]))
        if kind == "eeg" and not known and NO_EEG.search(given):
            kind = "misc"
        for key in (name, given, electrode):
            kind = (options.ch_types or {}).get(key, kind)
        if kind == "eeg":
            picked[name] = electrode
    electrodes = list(picked.values())
    twice = sorted({name for name in electrodes if electrodes.count(name) > 1})
    if twice:
        both = [name for name, electrode in picked.items() if electrode in twice]
        raise ValueError(
            f"{label} has several channels for {join_names(twice)}: "
            f"{join_names(both)}. Leave one out with ch_types, such as "
            f"ch_types={{{both[-1]!r}: 'misc'}}, or give it another name with 'rename'."
        )
    if not picked:
        kinds = dict(zip(old, raw.get_channel_types(), strict=True))
        raise ValueError(
            f"{label} has no EEG channel, but {join_names(kinds.items())}. Say which "
            "are EEG with ch_types, such as "
            f"ch_types={{{next(iter(kinds), 'Fz')!r}: 'eeg'}}."
        )
    return picked


def _rename(
    old: list[str], rename: Mapping[str, str] | Sequence[str] | None, label: str
) -> list[str]:
    """Return the names that the user gives to all channels."""
    if rename is None or isinstance(rename, Mapping):
        return [(rename or {}).get(name, name) for name in old]
    if len(rename) != len(old):
        raise ValueError(
            f"'rename' as a list must name all channels in order, but {label} has "
            f"{len(old)} ({join_names(old)}) and 'rename' {len(rename)}. Name some of "
            "them with a dict."
        )
    return list(rename)


def find_events(raw: mne.io.BaseRaw, label: str, channel: str | None) -> Events:
    """Return what is annotated, or what a trigger channel says, in order of time.

    Without ``channel`` annotations are read, and in a recording that has none the
    channels of type stim. A break of the recording is called ``"BAD boundary"``.
    """
    if channel is not None and channel not in raw.ch_names:
        raise ValueError(
            f"'stim_channel' must be a channel of {label}, got {channel!r}. It has "
            f"{join_names(raw.ch_names, 80)}." + did_you_mean(channel, raw.ch_names)
        )
    rows = _annotated(raw)
    if channel is not None:
        rows = [row for row in rows if KEPT.match(row[2])] + _triggers(raw, channel)
    elif all(KEPT.match(name) for _, _, name in rows):
        types = zip(raw.ch_names, raw.get_channel_types(), strict=True)
        for stim in [name for name, kind in types if kind == "stim"]:
            rows += _triggers(raw, stim)
    rows.sort()
    return Events(
        onsets=np.array([row[0] for row in rows], dtype=float),
        durations=np.array([row[1] for row in rows], dtype=float),
        names=tuple(row[2] for row in rows),
    )


def _annotated(raw: mne.io.BaseRaw) -> list[tuple[float, float, str]]:
    """Return onset, duration and text of annotations; breaks are to be left out."""
    noted, rows = raw.annotations, []
    onsets = noted.onset - raw.first_time
    for onset, seconds, name in zip(
        onsets, noted.duration, noted.description, strict=True
    ):
        if not BREAK.match(name):
            rows.append((onset, seconds, str(name)))
        elif onset > 0:  # the first segment begins with the recording
            rows.append((onset, seconds, "BAD boundary"))
    return rows


def _triggers(raw: mne.io.BaseRaw, channel: str) -> list[tuple[float, float, str]]:
    """Return onset, no duration and code where a trigger channel changes to a code."""
    values = raw.get_data(picks=[channel])[0]
    if 0 < np.abs(values).max() < 1e-2:  # codes that the reader took for microvolts
        values = values * 1e6
    codes = np.rint(values).astype(np.int64)
    if codes.max() > TRIGGER_BITS:
        codes &= TRIGGER_BITS
    before = np.r_[0, codes[:-1]]
    # The lines of a port may fall one after another: 7, for a sample 3, then 0.
    passing = (codes < before) & (codes != np.r_[codes[1:], codes[-1]])
    starts = np.flatnonzero((codes != before) & (codes != 0) & ~passing)
    return [(i / raw.info["sfreq"], 0.0, str(codes[i])) for i in starts]


def read_signals(
    raw: mne.io.BaseRaw, names: Sequence[str], record: Record, options: Options
) -> np.ndarray:
    """Read channels in volts, (n_chans, n_times); refuse NaN, warn of what is no EEG.

    ``names`` are those in the file; ``record`` is what ``raw`` was opened from.
    """
    label = record.label
    signals = raw.get_data(picks=list(names))
    in_volts = isinstance(record.file, Path) and suffix_of(record.file) in XDF
    if options.unit is not None and not in_volts:
        signals *= VOLTS_PER[options.unit]
    broken = ~np.isfinite(signals).all(axis=1)
    if broken.any():
        bad = [name for name, is_bad in zip(names, broken, strict=True) if is_bad]
        raise ValueError(
            f"{label} holds NaN or infinite values in {join_names(bad)}. Leave "
            f"{'it' if len(bad) == 1 else 'them'} out with "
            f"ch_types={{{bad[0]!r}: 'misc'}}, or repair the file."
        )
    flat = np.ptp(signals, axis=1) == 0
    if flat.any():
        silent = [name for name, is_flat in zip(names, flat, strict=True) if is_flat]
        warnings.warn(
            f"{label} is flat in {join_names(silent)}: no contact, or the reference. "
            f"Leave {'it' if len(silent) == 1 else 'them'} out with "
            f"ch_types={{{silent[0]!r}: 'misc'}}.",
            stacklevel=2,
        )
    low, high = AMPLITUDES
    size = low if flat.all() else _amplitude(signals[~flat], raw.info["sfreq"])
    if not low <= size <= high:
        warnings.warn(
            f"{label} has a typical amplitude of {size:.2g} V; EEG has {low:g} to "
            f"{high:g} V. Its unit is probably not what the file says. State it with "
            "'unit', such as unit='uV'.",
            stacklevel=2,
        )
    return signals


def _amplitude(signals: np.ndarray, sfreq: float) -> float:
    """Return the median over channels and seconds of the standard deviation."""
    n_times = min(signals.shape[1], max(2, int(sfreq)))
    whole = signals[:, : signals.shape[1] // n_times * n_times]
    return float(np.median(whole.reshape(-1, n_times).std(axis=1)))


def content_of(file: Path | mne.io.BaseRaw, beside: Sequence[Path]) -> str:
    """Return a hash of what a recording holds, wherever it is stored.

    ``beside`` are files that hold its signals, or a part of them.
    """
    sha = hashlib.sha256()
    if isinstance(file, mne.io.BaseRaw):
        sha.update(repr((file.info["sfreq"], file.ch_names)).encode())
        sha.update(np.ascontiguousarray(file.get_data()).tobytes())
        return sha.hexdigest()
    for path in [file, *sorted(set(beside) - {file})]:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for part in [item for item in inside if item.is_file()]:
            with part.open("rb") as stream:
                sha.update(hashlib.file_digest(stream, "sha256").digest())
    return sha.hexdigest()
