"""Which file belongs to which subject, session and run of a user's recordings."""

from __future__ import annotations

import glob
import itertools
import numbers
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import mne

from eegkd._checks import join_names
from eegkd.data.recordings.order import number_names, number_of, sort_found

# What holds EEG, and under which suffix. MNE reads all but XDF.
FORMATS = {
    ".edf": "European Data Format, EDF+",
    ".bdf": "BioSemi, BDF+",
    ".gdf": "General Data Format",
    ".fif": "MNE",
    ".fif.gz": "MNE",
    ".vhdr": "BrainVision (header of .eeg and .vmrk)",
    ".ahdr": "BrainVision",
    ".set": "EEGLAB (header of .fdt)",
    ".xdf": "Lab Streaming Layer",
    ".xdfz": "Lab Streaming Layer",
    ".cnt": "Neuroscan, ANT Neuro",
    ".mff": "EGI",
    ".cdt": "Curry 8 and 9",
    ".dat": "Curry 7, BCI2000",
    ".dap": "Curry 7",
    ".data": "Nicolet",
    ".eeg": "Nihon Kohden",
    ".lay": "Persyst",
    ".nedf": "Neuroelectrics",
    ".nxe": "Eximia",
    ".mefd": "MEF 3",
}
# Files that lie beside the one to name, or that hold no recording.
INSTEAD = {
    ".vmrk": "Give the .vhdr file beside it.",
    ".amrk": "Give the .ahdr file beside it.",
    ".fdt": "Give the .set file beside it.",
    ".csv": "For arrays use eegkd.Trials.from_arrays.",
    ".npy": "For arrays use eegkd.Trials.from_arrays.",
    ".npz": "For arrays use eegkd.Trials.from_arrays.",
    ".mat": "For arrays use eegkd.Trials.from_arrays.",
}
COLUMNS = ("file", "subject", "session", "run")


class Record(NamedTuple):
    """A recording and its place in the dataset."""

    subject: int | str
    session: str
    run: str
    file: Path | mne.io.BaseRaw

    @property
    def label(self) -> str:
        """What to call the recording in a message."""
        if isinstance(self.file, Path):
            return repr(str(self.file))
        return f"subject {self.subject!r}, session {self.session!r}, run {self.run!r}"


def list_records(files: Any) -> list[Record]:
    """Return the recordings that a user's ``files`` stand for.

    Paths are absolute; subject, session and run have MOABB's spelling. The sessions and
    runs of each subject come in the order of their numbers.
    """
    rows = [_placed(row) for row in _rows(files)]
    if not rows:
        raise ValueError(
            "'files' must name at least one recording, got none. Give a path, a list "
            "of paths, {subject: {session: [paths]}}, or a table with the columns "
            f"{join_names(COLUMNS)}."
        )
    _check_files([row["file"] for row in rows])
    _check_once([row["file"] for row in rows])
    sessions = number_names(_grouped(rows, "session", ("subject",)), "session")
    runs = number_names(_grouped(rows, "run", ("subject", "session")), "run")
    records = [
        Record(row["subject"], sessions[row["session"]], runs[row["run"]], row["file"])
        for row in rows
    ]
    places = [record[:3] for record in records]
    twice = [record.label for record in records if places.count(record[:3]) > 1]
    if twice:
        raise ValueError(
            "'files' must give each recording a subject, session and run of its own, "
            f"but {join_names(twice)} share one. Number their runs."
        )
    subjects = list(dict.fromkeys(record.subject for record in records))
    # Of runs the last row is tested, of sessions the highest number: make them agree.
    records.sort(
        key=lambda record: (
            subjects.index(record.subject),
            number_of(record.session),
            number_of(record.run),
        )
    )
    return records


def suffix_of(path: Path) -> str:
    """Return the suffix of a file in lower case, ``.fif.gz`` as one."""
    name = path.name.lower()
    return ".fif.gz" if name.endswith(".fif.gz") else Path(name).suffix


# -- what users write --------------------------------------------------------------


def _rows(files: Any) -> Iterator[dict[str, Any]]:
    """Yield one dict for each recording, whatever form the user chose."""
    if _is_pattern(files):
        yield from _match(os.fspath(files))
    elif _is_file(files):
        yield {"file": files}
    elif hasattr(files, "to_dict") and hasattr(files, "columns"):  # a DataFrame
        yield from _count_runs(files.to_dict("records"))
    elif isinstance(files, Mapping):
        for subject, sessions in files.items():
            for session, run, file in _sessions(sessions):
                yield {"file": file, "subject": subject, "session": session, "run": run}
    elif isinstance(files, Iterable) and not isinstance(files, (str, bytes)):
        items = list(files)
        if all(isinstance(item, Mapping) for item in items):
            yield from _count_runs(items)
        else:
            yield from ({"file": item, "run": run} for run, item in enumerate(items))
    else:
        raise TypeError(
            "'files' must be a path, an mne Raw, a list of these, "
            "{subject: {session: [paths]}}, or a table with the columns "
            f"{join_names(COLUMNS)}, got {type(files).__name__}."
        )


def _is_file(value: Any) -> bool:
    """Return whether a value is one recording."""
    return isinstance(value, (str, os.PathLike, mne.io.BaseRaw))


def _is_pattern(value: Any) -> bool:
    """Return whether a value is a path with {subject} and the like, or with ``*``."""
    return (
        isinstance(value, (str, os.PathLike))
        and re.search(r"\{(subject|session|run)\}|\*", os.fspath(value)) is not None
        and not Path(os.path.expanduser(value)).exists()
    )


def _sessions(sessions: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield session, run and file of what a dict holds for a subject."""
    if not isinstance(sessions, Mapping):
        sessions = {0: sessions}
    for session, runs in sessions.items():
        if _is_file(runs):
            runs = [runs]
        if not isinstance(runs, Mapping):
            runs = dict(enumerate(runs))
        yield from ((session, run, file) for run, file in runs.items())


def _count_runs(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table; without a column of runs they are counted."""
    counts: dict[Any, Any] = {}
    for row in rows:
        extra = [key for key in row if key not in COLUMNS]
        if "file" not in row or extra:
            raise ValueError(
                f"'files' as a table must have the column 'file' and may have "
                f"{join_names(COLUMNS[1:])}, got {join_names(row)}. Rename or drop "
                "the others."
            )
        place = (row.get("subject"), row.get("session"))
        run = next(counts.setdefault(place, itertools.count()))
        yield {"run": run, **row}


def _match(pattern: str) -> Iterator[dict[str, Any]]:
    """Yield the files that have a pattern's name, in the order of recording."""
    path = Path(os.path.expanduser(pattern))
    wild, expression = _read_pattern(path)
    found = Path(path.anchor or ".").glob(wild)
    matches = [(file, re.fullmatch(expression, file.as_posix())) for file in found]
    rows = [_told(file, match) for file, match in matches if match is not None]
    if not rows:
        folder = os.path.dirname(re.split(r"[{*]", pattern)[0]) or "."
        raise FileNotFoundError(
            f"'files' must be the name of a file or a pattern that files have, but "
            f"there is none like {pattern!r}. The folder is {folder!r}; check it and "
            "the spelling."
        )
    _check_files([Path(row["file"]) for row in rows])
    rows = [{k: row[k] for k in row if k in COLUMNS} for row in sort_found(rows)]
    return _count_runs(rows)


def _read_pattern(path: PurePath) -> tuple[str, str]:
    """Return what to look for below the anchor, and an expression of POSIX paths."""
    parts = re.split(r"(\{subject\}|\{session\}|\{run\}|\*)", path.as_posix())
    expression, seen = "", set()
    for part in parts:
        field = part.strip("{}")
        if part == "*":
            expression += "([^/]*)"
        elif part not in [f"{{{name}}}" for name in COLUMNS[1:]]:
            expression += re.escape(part)
        elif field in seen:
            expression += f"(?P={field})"
        else:
            expression += rf"(?P<{field}>[^/]+?)"
            seen.add(field)
    below = path.relative_to(path.anchor).as_posix()
    parts = re.split(r"(\{subject\}|\{session\}|\{run\}|\*)", below)
    # Every second part is a field; [ and ? of the others are meant as they are.
    wild = "".join("*" if i % 2 else glob.escape(p) for i, p in enumerate(parts))
    return wild, expression


def _told(file: Path, match: re.Match[str]) -> dict[str, Any]:
    """Return what a pattern says of a file."""
    fields = match.groupdict()
    named = {match.re.groupindex[name] for name in fields}
    rest = [text for i, text in enumerate(match.groups(), start=1) if i not in named]
    return {"file": str(file), "rest": "/".join(rest), **fields}


# -- what MOABB wants --------------------------------------------------------------


def _placed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with a path or a Raw, a subject that MOABB allows, and names."""
    file = row["file"]
    if not _is_file(file):
        raise TypeError(
            "'files' must hold paths or mne Raw objects, got "
            f"{type(file).__name__} {file!r}. For epochs use "
            "eegkd.Trials.from_epochs."
        )
    if not isinstance(file, mne.io.BaseRaw):
        file = Path(file).expanduser().absolute()
    return {
        "file": file,
        "subject": _subject(row.get("subject", 1)),
        "session": str(row.get("session", 0)),
        "run": str(row.get("run", 0)),
    }


def _subject(subject: Any) -> int | str:
    """Return a subject as MOABB and BIDS allow it: a number, or letters and digits."""
    if isinstance(subject, numbers.Real) and float(subject).is_integer():
        return int(float(subject))  # a table may have made 1.0 of it
    if isinstance(subject, str) and re.fullmatch("[a-zA-Z0-9]+", subject):
        return int(subject) if subject.isdigit() else subject
    raise ValueError(
        "'files' must name subjects by whole numbers, or by letters and digits, got "
        f"{subject!r}. Leave out other signs, as in 'S01'."
    )


def _grouped(
    rows: Sequence[Mapping[str, Any]], what: str, by: Sequence[str]
) -> list[list[str]]:
    """Return the names in each subject or session, in the order of the rows."""
    groups: dict[Any, dict[str, None]] = {}
    for row in rows:
        place = tuple(row[column] for column in by)
        groups.setdefault(place, {})[row[what]] = None
    return [list(group) for group in groups.values()]


def _check_files(files: Sequence[Path | mne.io.BaseRaw]) -> None:
    """Refuse files that are not there, or are none of the formats."""
    paths = [file for file in files if isinstance(file, Path)]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise FileNotFoundError(
            f"'files' must exist, but {join_names(missing)} "
            f"{'does' if len(missing) == 1 else 'do'} not. Check the spelling and the "
            "folder."
        )
    for path in paths:
        suffix = suffix_of(path)
        if suffix in FORMATS:
            continue
        if path.is_dir():
            raise ValueError(
                f"'files' must name files, but {str(path)!r} is a folder. Give a "
                f"pattern, such as {str(path / 'S{subject}_{session}.edf')!r}, or a "
                "list of its files."
            )
        raise ValueError(
            f"'files' must have one of the suffixes {join_names(FORMATS, 80)}, got "
            f"{str(path)!r}. "
            + INSTEAD.get(
                suffix, "Read any other format yourself and pass the mne Raw."
            )
        )


def _check_once(files: Sequence[Path | mne.io.BaseRaw]) -> None:
    """Refuse a path, or an object, that comes twice."""
    paths = [str(file) for file in files if isinstance(file, Path)]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ValueError(
            f"'files' must name each file once, but {join_names(twice)} "
            f"{'comes' if len(twice) == 1 else 'come'} more than once: the same trials "
            "would be trained on and tested."
        )
    raws = [id(file) for file in files if not isinstance(file, Path)]
    if len(set(raws)) < len(raws):
        raise ValueError(
            "'files' must hold each recording once, but an mne Raw comes more than "
            "once: the same trials would be trained on and tested."
        )
