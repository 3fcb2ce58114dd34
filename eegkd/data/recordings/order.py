"""In which order the sessions and runs of a user's recordings come.

The order decides on which recordings a model is tested: a subject's last session, or
the last run where there is one session. MOABB reads it from the number with which the
names of sessions and runs begin.
"""

from __future__ import annotations

import datetime
import graphlib
import itertools
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mne

from eegkd._checks import join_names

NAME = re.compile(r"([0-9]+)(|[a-zA-Z]+[a-zA-Z0-9]*)")  # MOABB's, of sessions and runs
DAY_FIRST = re.compile(r"(?<![0-9])[0-9]{1,2}[-_.][0-9]{1,2}[-_.][0-9]{4}(?![0-9])")
# Dates that stand for none: the epoch of Unix, EDF's and MNE's of anonymous files. The
# time of the day may be left in such a file, and would be taken for an order.
NO_DATES = {datetime.date(year, 1, 1) for year in (1970, 1985, 2000)}


def number_names(groups: Sequence[Sequence[str]], what: str) -> dict[str, str]:
    """Return names as MOABB wants them, a number and letters, by the old ones.

    ``groups`` hold the sessions of each subject, or the runs of each session, in their
    order. Names that begin with numbers which differ within each group are kept; others
    are numbered, so that every group keeps its order. Orders that contradict each other
    are refused.
    """
    names = list(dict.fromkeys(itertools.chain.from_iterable(groups)))
    if all(_are_numbered(group) for group in groups):
        return {name: name for name in names}
    spelled = {}
    for i, name in enumerate(_merge(names, groups, what)):
        word = re.sub("[^a-zA-Z0-9]", "", name)
        # Digits would run together with the number in front.
        spelled[name] = f"{i}{what if word[:1].isdigit() else ''}{word}"
    return spelled


def number_of(name: str) -> int:
    """Return the number with which a session or run begins in MOABB's spelling."""
    return int(re.match("[0-9]+", name)[0])  # type: ignore[index]


def _are_numbered(names: Sequence[str]) -> bool:
    """Return whether names are MOABB's and begin with different numbers."""
    found = [NAME.fullmatch(name) for name in names]
    return len({int(match[1]) for match in found if match}) == len(names)


def _merge(names: Sequence[str], groups: Sequence[Sequence[str]], what: str) -> Any:
    """Return all names in an order that is that of every group."""
    before: dict[str, set[str]] = {name: set() for name in names}
    for group in groups:
        for first, then in itertools.pairwise(group):
            before[then].add(first)
    try:
        return list(graphlib.TopologicalSorter(before).static_order())
    except graphlib.CycleError as error:
        circle = sorted(set(error.args[1]))
        raise ValueError(
            f"'files' must have {what}s in one order, but {join_names(circle)} come in "
            "different orders in different places. If that is how they were recorded, "
            "give a dict or a table whose names begin with their number in each place, "
            f"such as '0{circle[0]}' here and '1{circle[0]}' there; these are kept."
        ) from error


def sort_found(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the files that a pattern found by subject, session and run, as recorded.

    A row has ``file``, what the pattern says of it (``subject``, ``session``, ``run``),
    and ``rest``, which is what ``*`` stood for. Where neither names nor dates say what
    came first, that is an error.
    """
    levels = ("subject", "session", "run", "rest")
    return _sort_level(sorted(rows, key=lambda row: natural(row["file"])), levels)


def _sort_level(
    rows: Sequence[Mapping[str, Any]], levels: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Return rows sorted by the first level, and within each of its values the rest."""
    if not levels:
        return list(rows)
    groups: dict[Hashable, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row.get(levels[0], ""), []).append(row)
    names: list[Any] = list(groups)
    if levels[0] == "subject":
        names.sort(key=natural)  # no subject comes before another
    elif len(names) > 1:
        files = {name: [row["file"] for row in groups[name]] for name in names}
        names = _sort_names(files, "run" if levels[0] == "rest" else levels[0])
    return [row for name in names for row in _sort_level(groups[name], levels[1:])]


def _sort_names(files: Mapping[str, Sequence[str]], what: str) -> list[str]:
    """Return names by their numbers, or by the dates of their files."""
    names = sorted(files, key=natural)
    if _numbers_tell(names):
        return names
    dates = {name: [_date(file) for file in files[name]] for name in names}
    known = {name: [d for d in dates[name] if d is not None] for name in names}
    if known == dates:
        spans = sorted((min(known[name]), max(known[name]), name) for name in names)
        if all(one[1] < other[0] for one, other in itertools.pairwise(spans)):
            return [name for _, _, name in spans]
        why = "the dates of the files do not set them apart"
    else:
        lacking = [
            files[name][dates[name].index(None)]
            for name in names
            if None in dates[name]
        ]
        why = f"{lacking[0]!r} states no date"
    raise ValueError(
        f"'files' as a pattern must say in which order {what}s were recorded, but "
        f"found {join_names(names)}, whose numbers do not tell, and "
        f"{why}. The last is tested, so give the order: as {{subject: {{session: "
        "[paths]}}, or as a table with the columns 'file', 'subject', 'session' and "
        "'run', first to last."
    )


def _numbers_tell(names: Sequence[str]) -> bool:
    """Return whether the natural order of names is that of time."""
    if any(DAY_FIRST.search(name) for name in names):
        return False
    leading = [re.match(r"[0-9]+", name) for name in names]
    if len({int(found[0]) for found in leading if found}) == len(names):
        return True
    # Of pre1 and post1, or of day1 and day01, the numbers do not say which was first.
    alike = len({re.sub(r"[0-9]+", "0", name) for name in names}) == 1
    return alike and len({tuple(natural(name)) for name in names}) == len(names)


def _date(file: str) -> datetime.datetime | None:
    """Return when a file was recorded, as far as it says."""
    try:
        raw = mne.io.read_raw(Path(file), preload=False, verbose="error")
    except (ValueError, RuntimeError, OSError, KeyError, TypeError):
        return None  # what is wrong with it is said where it is read
    date = raw.info["meas_date"]
    return None if date is None or date.date() in NO_DATES else date


def natural(text: str) -> list[Any]:
    """Return a key by which ``s2`` comes before ``s10``."""
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
