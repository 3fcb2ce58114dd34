"""Which events of a user's recordings are which class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from eegkd._checks import did_you_mean, join_names

COMMENT = re.compile(r"comment/", re.IGNORECASE)  # BrainVision's free text
FLASHES = {"target": "Target", "nontarget": "NonTarget"}  # MOABB's names in P300


def find_classes(
    events: Any, paradigm: str, files: Mapping[str, Counter[str]]
) -> dict[str, list[str]]:
    """Return the annotations of each class.

    Parameters
    ----------
    events : dict, list or None
        See `eegkd.RecordedDataset`.
    paradigm : str
        MOABB's word for what was recorded.
    files : dict of str to Counter
        How often each annotation is in each file.

    Returns
    -------
    classes : dict of str to list of str
        One or several annotations by class.

    Raises
    ------
    TypeError
        If ``events`` is of the wrong kind.
    ValueError
        If an event is in no file, a file has none of the events, or the classes do
        not suit the paradigm.
    """
    counts: Counter[str] = sum(files.values(), Counter())
    if events is None:
        told = [name for name in sorted(counts) if not COMMENT.match(name)]
        wanted: dict[str, Any] = {}
        for name in told:
            # P300 files may number the stimuli: Target/1 and Target/2 are one class.
            flash = FLASHES.get(_bare(name), name) if paradigm == "p300" else name
            wanted.setdefault(flash, []).append(name)
    elif isinstance(events, Mapping):
        wanted = dict(events)
    elif isinstance(events, Iterable) and not isinstance(events, (str, bytes)):
        wanted = {name: name for name in events}
    else:
        raise TypeError(
            "'events' must be a dict {class: event} or a list of events, got "
            f"{type(events).__name__}. The files have {_listed(counts)}."
        )
    classes = {label: _find(label, item, counts) for label, item in wanted.items()}
    if len(classes) < 2:
        raise ValueError(
            f"'events' must give two or more classes, got {join_names(classes)}. The "
            f"files have {_listed(counts)}."
        )
    names = [name for found in classes.values() for name in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"'events' must name each event once, but {join_names(twice)} "
            f"{'comes' if len(twice) == 1 else 'come'} more than once. An event is of "
            "one class."
        )
    _check_labels(list(classes), paradigm, counts)
    for file, found in files.items():
        if not any(found[name] for name in names):
            raise ValueError(
                f"{file} has none of the events {join_names(names)}, but "
                f"{_listed(found)}. Leave the file out, or correct 'events'."
            )
    return classes


def _find(label: Any, wanted: Any, counts: Counter[str]) -> list[str]:
    """Return the annotations that a user means by an event, or by several."""
    if not isinstance(label, str) or not label:
        raise TypeError(
            f"'events' must name classes by strings, got {label!r}. Write "
            "{class: event}, such as {'left_hand': '769'}."
        )
    items = list(wanted) if isinstance(wanted, (list, tuple, set)) else [wanted]
    if not items:
        raise ValueError(
            f"'events' must name an event for every class, but class {label!r} has "
            f"none. The files have {_listed(counts)}. Name one, or drop the class."
        )
    found = []
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise TypeError(
                f"'events' must name the event of class {label!r} by what is annotated "
                f"or by a whole number, got {item!r}. The files have {_listed(counts)}."
            )
        matches = [str(item)] if str(item) in counts else _similar(item, counts)
        if len(matches) != 1:
            problem = f"may be {join_names(matches)}" if matches else "is in none"
            raise ValueError(
                f"'events' must name events of the files, but {item!r} for class "
                f"{label!r} {problem}. The files have {_listed(counts)}."
                + did_you_mean(item, counts)
            )
        found += matches
    return found


def _similar(item: str | int, counts: Counter[str]) -> list[str]:
    """Return events that are written a little differently: 1 for 'Stimulus/S  1'."""
    if isinstance(item, int):
        number = re.compile(rf"[a-z]{{0,3}}0*{item}(\.0+)?")
        return [name for name in counts if number.fullmatch(_tail(name))]
    return [
        name
        for name in counts
        if _tail(item) == _tail(name)
        and ("/" not in item or _flat(item) == _flat(name))
    ]


def _flat(name: str) -> str:
    """Return a name without blanks, in small letters."""
    return re.sub(r"\s", "", name).lower()


def _tail(name: str) -> str:
    """Return what stands behind the last slash of a name, without blanks."""
    return _flat(name).rsplit("/", 1)[-1]


def _bare(name: str) -> str:
    """Return the small letters of a name."""
    return re.sub("[^a-z]", "", name.lower())


def _check_labels(labels: list[str], paradigm: str, counts: Counter[str]) -> None:
    """Refuse names of classes that MOABB's paradigms do not take."""
    if paradigm == "p300" and set(labels) != set(FLASHES.values()):
        raise ValueError(
            "'events' of paradigm 'p300' must give the classes 'Target' and "
            f"'NonTarget', got {join_names(labels)}. Write events={{'Target': ..., "
            f"'NonTarget': ...}}; the files have {_listed(counts)}."
        )
    if paradigm == "ssvep":
        wrong = [name for name in labels if name != "rest" and not _is_frequency(name)]
        if wrong:
            raise ValueError(
                "'events' of paradigm 'ssvep' must name classes by their frequency in "
                f"Hz, such as '7.5', or 'rest', got {join_names(wrong)}. Write "
                f"events={{'7.5': {wrong[0]!r}, ...}}."
            )


def _is_frequency(name: str) -> bool:
    """Return whether a name is a number above zero."""
    return re.fullmatch(r"\d+(\.\d+)?", name) is not None and float(name) > 0


def _listed(counts: Counter[str]) -> str:
    """Name events and how often they are."""
    if not counts:
        return "no events (no annotation, no marker, no trigger)"
    shown = ", ".join(f"{name!r} ({n})" for name, n in counts.most_common(20))
    return shown + (f", ... ({len(counts)} in all)" if len(counts) > 20 else "")
