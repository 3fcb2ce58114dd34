"""What is known of a user's recordings before their signals are read."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eegkd._checks import did_you_mean, join_names
from eegkd._hashing import digest
from eegkd.data.channels import positions
from eegkd.data.recordings.files import Record
from eegkd.data.recordings.raws import (
    KEPT,
    Events,
    Options,
    content_of,
    electrode_name,
    find_events,
    name_channels,
    open_raw,
)


@dataclass(frozen=True)
class Header:
    """What a recording says of itself."""

    record: Record
    given: tuple[str, ...]  # names of all channels in the file
    name_of: dict[str, str]  # in the file, by the 10-05 name: the channels of EEG
    sfreq: float
    seconds: float
    events: Events
    beside: tuple[Path, ...]  # files that hold the signals

    @property
    def ch_names(self) -> tuple[str, ...]:
        """EEG channels, by their 10-05 names where they have one."""
        return tuple(self.name_of)

    @property
    def counts(self) -> Counter[str]:
        """How often each event is there, without what software writes."""
        return Counter(name for name in self.events.names if not KEPT.match(name))


def read_header(record: Record, options: Options) -> Header:
    """Open a recording and return what it says of itself."""
    raw = open_raw(record, options)
    names = name_channels(raw, record.label, options)
    sfreq = float(raw.info["sfreq"])
    return Header(
        record=record,
        given=tuple(raw.ch_names),
        name_of={electrode: name for name, electrode in names.items()},
        sfreq=sfreq,
        seconds=round(len(raw.times) / sfreq, 3),
        events=find_events(raw, record.label, options.stim_channel),
        beside=tuple(Path(name).absolute() for name in raw.filenames if name),
    )


def hash_contents(headers: Sequence[Header]) -> list[str]:
    """Read files from end to end and return a hash of each recording.

    Recordings that hold the same, under whatever names, are refused.
    """
    first: dict[str, str] = {}
    for header in headers:
        record, events = header.record, header.events
        table = [events.onsets.round(6).tolist(), events.durations.tolist()]
        content = digest([content_of(record.file, header.beside), table, events.names])
        if content in first:
            raise ValueError(
                f"'files' must hold each recording once, but {record.label} is a "
                f"copy of {first[content]}: the same trials would be trained on and "
                "tested. Leave one out."
            )
        first[content] = record.label
    return list(first)


def find_channels(headers: Sequence[Header], channels: str) -> tuple[str, ...]:
    """Return the EEG channels of a dataset, in the order of the first file.

    Either all must have the ``"same"``, or the ``"common"`` ones are taken.
    """
    first = headers[0]
    common = [n for n in first.ch_names if all(n in one.ch_names for one in headers)]
    if channels == "common" and common:
        return tuple(common)
    for one in headers:
        lacks = [name for name in first.ch_names if name not in one.ch_names]
        more = [name for name in one.ch_names if name not in first.ch_names]
        if lacks or more:
            advice = (
                "Pass channels='common' to read the "
                f"{len(common)} that all files have, or name them alike with 'rename'."
                if common
                else "No channel is in all files; name them alike with 'rename'."
            )
            raise ValueError(
                f"'files' must have the same EEG channels, but {one.record.label} "
                f"lacks {join_names(lacks)} of {first.record.label} and has "
                f"{join_names(more)} beside. {advice}"
            )
    return first.ch_names


def check_named(headers: Sequence[Header], options: Options) -> None:
    """Refuse names of channels that no file has; warn of those without a position."""
    there = list(dict.fromkeys(name for one in headers for name in one.given))
    renamed = options.rename if isinstance(options.rename, dict) else {}
    new = [*there, *(renamed.values() or options.rename or ())]
    _check_there("rename", renamed, there, there)
    spelled = [*new, *map(electrode_name, new)]
    _check_there("ch_types", options.ch_types or {}, there, spelled)
    used = dict.fromkeys(name for one in headers for name in one.ch_names)
    strange = [name for name in used if not positions([name])]
    if strange:
        warnings.warn(
            "'files' have EEG channels without a name of the 10-05 system: "
            f"{join_names(strange)}. Such channels are read as EEG, but no montage "
            "finds them. Name electrodes with 'rename', or leave channels out with "
            f"ch_types={{{strange[0]!r}: 'misc'}}.",
            stacklevel=4,
        )


def _check_there(
    argument: str, named: Iterable[str], there: Sequence[str], allowed: Sequence[str]
) -> None:
    """Refuse a channel that no file has under a name that is allowed."""
    unknown = [name for name in named if name not in allowed]
    if unknown:
        raise ValueError(
            f"'{argument}' must name channels of the files, got "
            f"{join_names(unknown)}. The files have {join_names(there, 80)}."
            + did_you_mean(unknown[0], allowed)
        )
