"""A user's own recordings as a MOABB dataset: any file that MNE reads, and XDF."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mne
from moabb.datasets.base import BaseDataset

from eegkd._checks import (
    check_choice,
    check_number,
    check_type,
    did_you_mean,
    join_names,
)
from eegkd._hashing import digest
from eegkd.data.channels import mne_montage, positions
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.recordings.classes import find_classes
from eegkd.data.recordings.files import Record, list_records, suffix_of
from eegkd.data.recordings.raws import (
    KEPT,
    VOLTS_PER,
    XDF,
    Events,
    content_of,
    find_events,
    name_channels,
    open_raw,
    read_signals,
    site_name,
)

if TYPE_CHECKING:
    import pandas as pd

# How long a trial is, in s from its event, where nothing is said. In the others it
# differs too much from study to study.
INTERVALS = {"imagery": (0.0, 4.0), "p300": (0.0, 1.0)}
CHANNELS = ("same", "common")
CH_TYPES = (*"eeg eog ecg emg resp gsr temperature bio misc stim".split(),)


@dataclass(frozen=True)
class Known:
    """What is known of a recording without its signals."""

    record: Record
    given: tuple[str, ...]
    ch_names: tuple[str, ...]
    sfreq: float
    seconds: float
    counts: Counter[str]
    content: str


class RecordedDataset(BaseDataset):
    """Your own recordings as a MOABB dataset.

    Every file is opened once at the beginning, so that what does not fit is said
    before anything is trained; signals are read when they are needed. `eegkd.fit`,
    `eegkd.load_trials`, `eegkd.benchmark` and MOABB's evaluations take the dataset
    like any other.

    Parameters
    ----------
    files : str, path, mne Raw, list, dict or DataFrame
        The recordings, in one of these forms:

        - one path, or an `mne.io.Raw`;
        - a list of these: the runs of one session of one subject;
        - ``{subject: {session: [paths]}}``, also ``{subject: [paths]}`` for one
          session and ``{subject: {session: {run: path}}}``;
        - a table: a DataFrame or list of dicts with the columns ``file`` and, where
          there are several, ``subject``, ``session`` and ``run``;
        - a pattern such as ``"data/S{subject}/{session}_{run}.edf"``, in which ``*``
          stands for anything.

        Formats are those of `mne.io.read_raw`, told apart by suffix, and XDF. Order
        matters, see the notes.
    events : dict or list of str, optional
        ``{class: event}``. An event is what an annotation or a marker says, such as
        ``"769"`` or ``"Stimulus/S  1"`` (case, blanks and what stands before ``/`` do
        not matter), a code of the trigger channel as an integer, or a list of these.
        A list names events that are classes as they are. By default every kind of
        event is a class.
    paradigm : {"imagery", "p300", "ssvep", "cvep", "rstate"}, default="imagery"
        What was recorded, in MOABB's words. It decides on names of classes: P300 has
        ``"Target"`` and ``"NonTarget"``, SSVEP has frequencies in Hz such as
        ``"7.5"``, and ``"rest"``.
    interval : tuple of float, optional
        Beginning and end of a trial in s after its event. By default ``(0, 4)`` for
        imagery and ``(0, 1)`` for P300; other paradigms need it.
    name : str, default=""
        Letters, digits and dashes for the dataset's code. The code ends in a hash of
        the recordings, so that no cache mixes up two datasets.
    rename : dict or list of str, optional
        ``{name in the files: name}``, or the names of all channels in order.
    ch_types : dict, optional
        ``{channel: type}``, MNE's types. What is not ``"eeg"`` is left out: EOG,
        accelerometers, a channel without contact.
    channels : {"same", "common"}, default="same"
        Whether all files must have the same EEG channels, or those count that all
        have.
    unit : {"V", "mV", "uV", "nV"}, optional
        Unit of the numbers, where the files state none or a wrong one.
    stim_channel : str, optional
        Channel to read events from. By default they are the annotations, and in a
        file without annotations its trigger channel. An event is where the channel
        changes to a code other than zero, also from a higher code without a zero
        between, and also at the first sample: what `mne.find_events` finds with
        ``consecutive=True, initial_event=True``. Only a lower code that stays for
        one sample is none, since lines of a port may fall one after another.
    stream : str, optional
        Name of the EEG stream of XDF files that have several.
    simulated : bool, default=False
        Whether the signals were computed, not recorded. Tables and reports say so.

    Attributes
    ----------
    code : str
        ``"RecordedDataset-<name>-<hash>"``. It stays when files are moved, and
        changes with their content and with how they are read.
    fingerprint : str
        The whole hash.
    event_id : dict of str to int
        The classes.
    ch_names : tuple of str
        EEG channels, by their 10-05 names where they have one.
    sfreq : float
        Sampling rate in Hz; the lowest of the files, to which the others are
        resampled.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ImportError
        If an XDF file is given and pyxdf is not installed.
    ValueError
        If a file cannot be read, has none of the events or other channels than the
        rest, or comes twice; if the order of sessions or runs is not clear; or if the
        classes do not suit the paradigm. What is in the files is said.

    Warns
    -----
    UserWarning
        If channels have no name of the 10-05 system; and, when signals are read, if
        their amplitude is not that of EEG or a channel is flat.

    See Also
    --------
    eegkd.load_trials : Load this dataset, or another, as trials.
    eegkd.Trials.from_epochs : Trials of recordings that are cut already.

    Notes
    -----
    *Order.* The last session of a subject is tested by default, or the last run where
    there is one session. Names that begin with different numbers are kept, and the
    numbers are the order. Other names are numbered, for MOABB: ``"pre"`` and
    ``"post"`` become ``"0pre"`` and ``"1post"``. In a list, dict or table their order
    is that in which each subject has them, so that a subject may lack some; two
    subjects that contradict each other are an error. In a pattern it is the natural
    one (``day2`` before ``day10``) of names that differ in their numbers alone, or
    that begin with different numbers; otherwise that of the dates which the files
    state; and where they state none, an error asks for a dict or table.

    *Channels.* ``"EEG Fp1-REF"``, ``"FP1"`` and ``"Fp1."`` are all ``"Fp1"``.
    Channels that are typed EEG only because their format has no types are left out if
    their name says otherwise (EOG, ECG, EMG, accelerometer, counter, trigger and the
    like). ``overview`` and ``ch_names`` show what is left. Marks of bad channels are
    dropped: the montage decides which electrodes count. Positions are the template's.

    *Signals* are taken as they were recorded. If a program has set them to the
    average of all electrodes before, every electrode holds a part of all others, and
    a student that reads four of them reads more than a headband can.

    *Events.* Annotations that begin with ``BAD`` or ``EDGE`` stay, and trials that
    touch them are left out, as everywhere in MNE; so are trials over a break of the
    recording (EEGLAB's ``boundary``, BrainVision's ``New Segment``).

    *XDF.* Streams are put on one clock by pyxdf (``pip install 'eegkd[xdf]'``).
    Short gaps are filled and marked as bad, long ones are an error.

    Examples
    --------
    >>> import mne, numpy as np
    >>> from eegkd.data.recordings import RecordedDataset
    >>> info = mne.create_info(["EEG C3-REF", "EEG C4-REF"], 100.0, "eeg")
    >>> noise = 1e-5 * np.random.default_rng(0).standard_normal((2, 4000))
    >>> raw = mne.io.RawArray(noise, info, verbose="error")
    >>> cues = mne.Annotations([5, 15, 25, 35], 0, ["769", "770", "769", "770"])
    >>> dataset = RecordedDataset(
    ...     raw.set_annotations(cues), {"left_hand": "769", "right_hand": "770"}
    ... )
    >>> dataset.ch_names
    ('C3', 'C4')
    >>> dataset.overview()[["seconds", "left_hand", "right_hand"]].values.tolist()
    [[40.0, 2.0, 2.0]]
    """

    local = True  # nothing is to be downloaded

    def __init__(
        self,
        files: Any,
        events: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        paradigm: str = "imagery",
        interval: tuple[float, float] | None = None,
        name: str = "",
        rename: Mapping[str, str] | Sequence[str] | None = None,
        ch_types: Mapping[str, str] | None = None,
        channels: str = "same",
        unit: str | None = None,
        stim_channel: str | None = None,
        stream: str | None = None,
        simulated: bool = False,
    ) -> None:
        check_choice(paradigm, "paradigm", list(PARADIGMS))
        check_choice(channels, "channels", CHANNELS)
        check_choice(unit, "unit", [*VOLTS_PER, None])
        self._reading: dict[str, Any] = {
            "rename": _check_rename(rename),
            "ch_types": _check_types(ch_types),
            "unit": unit,
            "stim_channel": stim_channel,
            "stream": stream,
        }
        self.simulated = simulated
        span = _check_interval(interval, paradigm)
        word = _check_name(name)
        self._known = [self._look(record) for record in list_records(files)]
        _check_contents(self._known)
        _check_named(self._known, self._reading["rename"], self._reading["ch_types"])
        self._classes = find_classes(
            events,
            paradigm,
            {known.record.label: known.counts for known in self._known},
        )
        self.ch_names = _find_channels(self._known, channels)
        self.sfreq = min(known.sfreq for known in self._known)
        self.fingerprint = digest(
            [
                [(*known.record[:3], known.content) for known in self._known],
                self._reading,
                list(self._classes.items()),
                self.ch_names,
                span,
                paradigm,
                simulated,
            ]
        )
        sessions: dict[int | str, set[str]] = {}
        for known in self._known:
            sessions.setdefault(known.record.subject, set()).add(known.record.session)
        super().__init__(
            subjects=list(sessions),
            sessions_per_subject=min(map(len, sessions.values())),
            events={label: i for i, label in enumerate(self._classes, start=1)},
            code="-".join(["RecordedDataset", *word, self.fingerprint[:8]]),
            interval=list(span),
            paradigm=paradigm,
        )

    def overview(self) -> pd.DataFrame:
        """Return what is in the files, to look at before anything is trained.

        Returns
        -------
        table : DataFrame
            One row for each recording: ``subject``, ``session``, ``run``, ``file``,
            ``sfreq`` in Hz, ``seconds``, ``n_chans`` (EEG channels of the file), and
            the number of events of each class.
        """
        import pandas as pd

        rows = []
        for known in self._known:
            source = known.record.source
            row = {
                **dict(zip(("subject", "session", "run"), known.record, strict=False)),
                "file": source.name if isinstance(source, Path) else "",
                "sfreq": known.sfreq,
                "seconds": known.seconds,
                "n_chans": len(known.ch_names),
            }
            for label, names in self._classes.items():
                row[label] = sum(known.counts[name] for name in names)
            rows.append(row)
        return pd.DataFrame(rows)

    def data_path(
        self,
        subject: int | str,
        path: Any = None,
        force_update: bool = False,
        update_path: bool | None = None,
        verbose: Any = None,
    ) -> list[str]:
        """Return the files of a subject; nothing is to be downloaded.

        Parameters
        ----------
        subject : int or str
            A subject of the dataset.
        path, force_update, update_path, verbose : object
            Not used; they are there because all MOABB datasets have them.

        Returns
        -------
        paths : list of str
            Files, without recordings that were given as `mne.io.Raw`.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        return [
            str(known.record.source)
            for known in self._of(subject)
            if isinstance(known.record.source, Path)
        ]

    def _of(self, subject: int | str) -> list[Known]:
        """Return the recordings of a subject."""
        found = [known for known in self._known if known.record.subject == subject]
        if not found:
            raise ValueError(
                f"'subject' must be one of {join_names(self.all_subjects)}, got "
                f"{subject!r}."
            )
        return found

    def _get_single_subject_data(
        self, subject: int | str
    ) -> dict[str, dict[str, mne.io.RawArray]]:
        """Return the recordings of one subject by session and run."""
        data: dict[str, dict[str, mne.io.RawArray]] = {}
        for known in self._of(subject):
            record = known.record
            runs = data.setdefault(record.session, {})
            runs[record.run] = self._load(record)
        return data

    def _open(self, record: Record) -> tuple[mne.io.BaseRaw, dict[str, str], Events]:
        """Return a recording, its EEG channels by their names in it, and its events."""
        said = self._reading
        raw = open_raw(record.source, record.label, said["unit"], said["stream"])
        names = name_channels(raw, record.label, said["rename"], said["ch_types"])
        return raw, names, find_events(raw, record.label, said["stim_channel"])

    def _look(self, record: Record) -> Known:
        """Return what is known of a recording without its signals."""
        if not isinstance(record.source, Path):
            record = record._replace(source=record.source.copy())
        raw, names, events = self._open(record)
        table = [events.onsets.round(6).tolist(), events.durations.tolist()]
        return Known(
            record=record,
            given=tuple(raw.ch_names),
            ch_names=tuple(names.values()),
            sfreq=float(raw.info["sfreq"]),
            seconds=round(len(raw.times) / float(raw.info["sfreq"]), 3),
            counts=Counter(name for name in events.names if not KEPT.match(name)),
            content=digest([content_of(record.source, raw), table, events.names]),
        )

    def _load(self, record: Record) -> mne.io.RawArray:
        """Return the EEG of a recording, with the events of the classes."""
        raw, names, events = self._open(record)
        unit = self._reading["unit"]
        in_volts = unit is None or (
            isinstance(record.source, Path) and suffix_of(record.source) in XDF
        )
        name_of = {new: old for old, new in names.items()}
        signals = read_signals(
            raw,
            [name_of[name] for name in self.ch_names],
            record.label,
            1.0 if in_volts else VOLTS_PER[unit],
        )
        # Nothing else comes along: no subject's name, no projector, no bad channel.
        info = mne.create_info(list(self.ch_names), raw.info["sfreq"], "eeg")
        info.set_montage(mne_montage(), on_missing="ignore")
        with info._unlock():
            info["line_freq"] = raw.info["line_freq"]
        label_of = {name: key for key, names in self._classes.items() for name in names}
        kept = [
            i
            for i, name in enumerate(events.names)
            if name in label_of or KEPT.match(name)
        ]
        clean = mne.io.RawArray(signals, info, verbose="error").set_annotations(
            mne.Annotations(
                events.onsets[kept],
                events.durations[kept],
                [label_of.get(events.names[i], events.names[i]) for i in kept],
            )
        )
        # MOABB cuts trials before it resamples, and joins those of one length only.
        if clean.info["sfreq"] > self.sfreq:
            # MNE's other way stretches time by up to 1e-4.
            clean.resample(self.sfreq, method="polyphase", verbose="error")
        return clean


# -- what the user says ------------------------------------------------------------


def _check_interval(interval: Any, paradigm: str) -> tuple[float, float]:
    """Return beginning and end of a trial."""
    if interval is None and paradigm in INTERVALS:
        return INTERVALS[paradigm]
    if not isinstance(interval, (tuple, list)) or len(interval) != 2:
        raise ValueError(
            "'interval' must be the beginning and end of a trial in s after its event, "
            f"got {interval!r}. For paradigm {paradigm!r} write, for example, "
            "interval=(0, 4)."
        )
    start = check_number(interval[0], "interval")
    stop = check_number(interval[1], "interval")
    if start >= stop:
        raise ValueError(
            f"'interval' must begin before it ends, got {tuple(interval)!r}. Both are "
            "in s after the event."
        )
    return start, stop


def _check_name(name: Any) -> list[str]:
    """Return the user's part of the code, if there is one."""
    if re.fullmatch("[a-zA-Z0-9-]*", check_type(name, "name", str, "a string")):
        # MOABB wants no other capital letters than those of the class.
        return [name.lower()] if name else []
    raise ValueError(
        f"'name' must consist of letters, digits and dashes, got {name!r}. Leave out "
        "the others."
    )


def _check_strings(value: Any, argument: str, what: str) -> dict[str, str] | None:
    """Return a dict of strings."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(
        isinstance(text, str) for pair in value.items() for text in pair
    ):
        raise TypeError(f"'{argument}' must be a dict {what}, got {value!r}.")
    return dict(value)


def _check_rename(rename: Any) -> dict[str, str] | list[str] | None:
    """Return new names of channels."""
    if isinstance(rename, (list, tuple)) and all(isinstance(n, str) for n in rename):
        return list(rename)
    return _check_strings(
        rename, "rename", "{name in the files: name}, or a list of all names"
    )


def _check_types(ch_types: Any) -> dict[str, str] | None:
    """Return types of channels."""
    given = _check_strings(ch_types, "ch_types", "{channel: type}")
    for kind in (given or {}).values():
        check_choice(kind, "ch_types", CH_TYPES)
    return given


def _check_named(known: Sequence[Known], rename: Any, ch_types: Any) -> None:
    """Refuse names of channels that no file has; warn of those without a position."""
    there = dict.fromkeys(name for one in known for name in one.given)
    new = list(rename.values() if isinstance(rename, dict) else rename or ())
    spelled = [*there, *new, *map(site_name, [*there, *new])]
    named = {"rename": rename if isinstance(rename, dict) else {}, "ch_types": ch_types}
    for argument, allowed in (("rename", list(there)), ("ch_types", spelled)):
        unknown = [name for name in named[argument] or () if name not in allowed]
        if unknown:
            raise ValueError(
                f"'{argument}' must name channels of the files, got "
                f"{join_names(unknown)}. The files have {join_names(there, 80)}."
                + did_you_mean(unknown[0], allowed)
            )
    used = dict.fromkeys(name for one in known for name in one.ch_names)
    strange = [name for name in used if not positions([name])]
    if strange:
        warnings.warn(
            "'files' have EEG channels without a name of the 10-05 system: "
            f"{join_names(strange)}. Such channels are read as EEG, but no montage "
            "finds them. Name electrodes with 'rename', or leave channels out with "
            f"ch_types={{{strange[0]!r}: 'misc'}}.",
            stacklevel=3,
        )


def _check_contents(known: Sequence[Known]) -> None:
    """Refuse recordings that hold the same, under whatever names."""
    first: dict[str, str] = {}
    for one in known:
        other = first.setdefault(one.content, one.record.label)
        if other != one.record.label:
            raise ValueError(
                f"'files' must hold each recording once, but {one.record.label} is a "
                f"copy of {other}: the same trials would be trained on and tested. "
                "Leave one out."
            )


# -- what the files have in common ---------------------------------------------------


def _find_channels(known: Sequence[Known], channels: str) -> tuple[str, ...]:
    """Return the EEG channels of the dataset, in the order of the first file."""
    first = known[0]
    common = [n for n in first.ch_names if all(n in one.ch_names for one in known)]
    if channels == "common" and common:
        return tuple(common)
    for one in known:
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
