"""A user's own recordings as a MOABB dataset: any file that MNE reads, and XDF."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import mne
from moabb.datasets.base import BaseDataset

from eegkd._checks import check_choice, check_number, check_type, join_names
from eegkd._hashing import digest
from eegkd.data.channels import mne_montage
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.recordings.classes import check_events, find_classes
from eegkd.data.recordings.files import Record, list_records
from eegkd.data.recordings.header import (
    Header,
    check_named,
    find_channels,
    hash_contents,
    read_header,
)
from eegkd.data.recordings.raws import (
    KEPT,
    VOLTS_PER,
    Events,
    Options,
    open_raw,
    read_signals,
)

if TYPE_CHECKING:
    import pandas as pd

# How long a trial is, in s from its event, where nothing is said. In the others it
# differs too much from study to study.
INTERVALS = {"imagery": (0.0, 4.0), "p300": (0.0, 1.0)}
CHANNELS = ("same", "common")
CH_TYPES = (*"eeg eog ecg emg resp gsr temperature bio misc stim".split(),)


class Known(NamedTuple):
    """What the files hold, as far as their headers say."""

    headers: list[Header]
    classes: dict[str, list[str]]
    ch_names: tuple[str, ...]


class RecordedDataset(BaseDataset):
    """Your own recordings as a MOABB dataset.

    Files are looked for at once. All of them are opened when their classes or channels
    are first needed, so that what does not fit is said before anything is trained, and
    read when signals or the code are. `eegkd.fit`, `eegkd.load_trials`,
    `eegkd.benchmark` and MOABB's evaluations take the dataset like any other.

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
        classes do not suit the paradigm. What is in the files is said, as soon as they
        are opened (``overview`` does it), and that one comes twice when they are read.

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
        self.simulated = simulated
        self._events, self._channels = check_events(events), channels
        self._options = Options(
            rename=_check_rename(rename),
            ch_types=_check_types(ch_types),
            unit=unit,
            stim_channel=stim_channel,
            stream=stream,
        )
        self._name = _check_name(name)
        span = _check_interval(interval, paradigm)
        self._records = [
            record._replace(file=record.file.copy())
            if isinstance(record.file, mne.io.BaseRaw)
            else record
            for record in list_records(files)
        ]
        sessions: dict[int | str, set[str]] = {}
        for record in self._records:
            sessions.setdefault(record.subject, set()).add(record.session)
        super().__init__(
            subjects=list(sessions),
            sessions_per_subject=min(map(len, sessions.values())),
            events={},
            code="RecordedDataset",
            interval=list(span),
            paradigm=paradigm,
        )
        del self.event_id, self.code  # what the files say is read when it is needed

    @cached_property
    def _known(self) -> Known:
        """Open all files; what does not fit is said here."""
        headers = [read_header(record, self._options) for record in self._records]
        check_named(headers, self._options)
        counts = {header.record.label: header.counts for header in headers}
        return Known(
            headers,
            find_classes(self._events, self.paradigm, counts),
            find_channels(headers, self._channels),
        )

    @cached_property
    def event_id(self) -> dict[str, int]:
        """The classes, numbered from 1."""
        return {label: i for i, label in enumerate(self._known.classes, start=1)}

    @property
    def ch_names(self) -> tuple[str, ...]:
        """EEG channels, by their 10-05 names where they have one."""
        return self._known.ch_names

    @property
    def sfreq(self) -> float:
        """Lowest sampling rate of the files, in Hz."""
        return min(header.sfreq for header in self._known.headers)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what the files hold and of how they are read."""
        contents = hash_contents(self._known.headers)
        return digest(
            [
                [(*r[:3], c) for r, c in zip(self._records, contents, strict=True)],
                asdict(self._options),
                list(self._known.classes.items()),
                self.ch_names,
                tuple(self.interval),
                self.paradigm,
                self.simulated,
            ]
        )

    @cached_property
    def code(self) -> str:
        """Name of the dataset for MOABB; it ends in a hash of the recordings."""
        return "-".join(["RecordedDataset", *self._name, self.fingerprint[:8]])

    def content_key(self) -> str:
        """Return what tells the recordings from others.

        Returns
        -------
        fingerprint : str
            Hash of their content and of how they are read.
        """
        return self.fingerprint

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
        for header in self._known.headers:
            record, counts = header.record, header.counts
            row = {
                "subject": record.subject,
                "session": record.session,
                "run": record.run,
                "file": record.file.name if isinstance(record.file, Path) else "",
                "sfreq": header.sfreq,
                "seconds": header.seconds,
                "n_chans": len(header.ch_names),
            }
            for label, names in self._known.classes.items():
                row[label] = sum(counts[name] for name in names)
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
        files = [record.file for record in self._of(subject)]
        return [str(file) for file in files if isinstance(file, Path)]

    def _of(self, subject: int | str) -> list[Record]:
        """Return the recordings of a subject."""
        found = [record for record in self._records if record.subject == subject]
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
        self._of(subject)
        _ = self.fingerprint  # a recording that comes twice is refused here
        data: dict[str, dict[str, mne.io.RawArray]] = {}
        for header in self._known.headers:
            record = header.record
            if record.subject == subject:
                data.setdefault(record.session, {})[record.run] = self._load(header)
        return data

    def _load(self, header: Header) -> mne.io.RawArray:
        """Return the EEG of a recording, with the events of the classes."""
        raw = open_raw(header.record, self._options)
        names = [header.name_of[name] for name in self.ch_names]
        signals = read_signals(raw, names, header.record, self._options)
        # Nothing else comes along: no subject's name, no projector, no bad channel.
        info = mne.create_info(list(self.ch_names), raw.info["sfreq"], "eeg")
        info.set_montage(mne_montage(), on_missing="ignore")
        with info._unlock():
            info["line_freq"] = raw.info["line_freq"]
        clean = mne.io.RawArray(signals, info, verbose="error").set_annotations(
            self._annotations(header.events)
        )
        # MOABB cuts trials before it resamples, and joins those of one length only.
        if clean.info["sfreq"] > self.sfreq:
            # MNE's other way stretches time by up to 1e-4.
            clean.resample(self.sfreq, method="polyphase", verbose="error")
        return clean

    def _annotations(self, events: Events) -> mne.Annotations:
        """Return the events of the classes by their names, and what MNE leaves out."""
        classes = self._known.classes
        label_of = {name: label for label, names in classes.items() for name in names}
        kept = [
            i
            for i, name in enumerate(events.names)
            if name in label_of or KEPT.match(name)
        ]
        return mne.Annotations(
            events.onsets[kept],
            events.durations[kept],
            [label_of.get(events.names[i], events.names[i]) for i in kept],
        )


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
