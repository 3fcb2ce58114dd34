"""Which events of a user's recordings are which class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eegkd._checks import did_you_mean, join_names

COMMENT = re.compile(r"comment/", re.IGNORECASE)  # BrainVision's free text
FLASHES = {"target": "Target", "nontarget": "NonTarget"}  # MOABB's names in P300


def check_events(events: Any) -> dict[str, list[str | int]] | None:
    """Return the events that the user names for each class as lists; None for all."""
    if events is None:
        return None
    if isinstance(events, (str, bytes)) or not isinstance(events, Iterable):
        raise TypeError(
            "'events' must be a dict {class: event} or a list of events, got "
            f"{type(events).__name__}."
        )
    given = events if isinstance(events, Mapping) else {name: name for name in events}
    return {label: _check_class(label, item) for label, item in given.items()}


def _check_class(label: Any, wanted: Any) -> list[str | int]:
    """Return the events of one class as a list."""
    if not isinstance(label, str) or not label:
        raise TypeError(
            f"'events' must name classes by strings, got {label!r}. Write "
            "{class: event}, such as {'left_hand': '769'}."
        )
    items = list(wanted) if isinstance(wanted, (list, tuple, set)) else [wanted]
    if not items:
        raise ValueError(
            f"'events' must name an event for every class, but class {label!r} has "
            "none. Name one, or drop the class."
        )
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise TypeError(
                f"'events' must name the event of class {label!r} by what is annotated "
                f"or by a whole number, got {item!r}."
            )
    return items


def find_classes(
    events: Mapping[str, Sequence[str | int]] | None,
    paradigm: str,
    files: Mapping[str, Counter[str]],
) -> dict[str, list[str]]:
    """Return the annotations of each class.

    ``events`` are what `check_events` returned, and ``files`` say how often each
    annotation is in each file. What does not suit files or paradigm is refused.
    """
    counts: Counter[str] = sum(files.values(), Counter())
    if events is None:
        classes = _every_event(counts, paradigm)
    else:
        classes = {
            label: [_find(item, label, counts) for item in items]
            for label, items in events.items()
        }
    _check_distinct(classes, counts)
    _check_labels(list(classes), paradigm, counts)
    _check_in_each_file(classes, files)
    return classes


def _every_event(counts: Counter[str], paradigm: str) -> dict[str, list[str]]:
    """Return every kind of event as a class."""
    classes: dict[str, list[str]] = {}
    for name in sorted(name for name in counts if not COMMENT.match(name)):
        # P300 files may number the stimuli: Target/1 and Target/2 are one class.
        label = FLASHES.get(_bare(name), name) if paradigm == "p300" else name
        classes.setdefault(label, []).append(name)
    return classes


def _find(item: str | int, label: str, counts: Counter[str]) -> str:
    """Return the annotation that a user means by an event of a class."""
    matches = [str(item)] if str(item) in counts else _similar(item, counts)
    if len(matches) != 1:
        problem = f"may be {join_names(matches)}" if matches else "is in none"
        raise ValueError(
            f"'events' must name events of the files, but {item!r} for class "
            f"{label!r} {problem}. The files have {_listed(counts)}."
            + did_you_mean(item, counts)
        )
    return matches[0]


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


def _check_distinct(classes: Mapping[str, list[str]], counts: Counter[str]) -> None:
    """Refuse less than two classes, and an event of several."""
    if len(classes) < 2:
        raise ValueError(
            f"'events' must give two or more classes, got {join_names(classes)}. The "
            f"files have {_listed(counts)}."
        )
    named = Counter(name for names in classes.values() for name in names)
    twice = sorted(name for name, n in named.items() if n > 1)
    if twice:
        raise ValueError(
            f"'events' must name each event once, but {join_names(twice)} "
            f"{'comes' if len(twice) == 1 else 'come'} more than once. An event is of "
            "one class."
        )


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


def _check_in_each_file(
    classes: Mapping[str, list[str]], files: Mapping[str, Counter[str]]
) -> None:
    """Refuse a file without any of the events."""
    names = [name for found in classes.values() for name in found]
    for file, counts in files.items():
        if not any(counts[name] for name in names):
            raise ValueError(
                f"{file} has none of the events {join_names(names)}, but "
                f"{_listed(counts)}. Leave the file out, or correct 'events'."
            )


def _listed(counts: Counter[str]) -> str:
    """Name events and how often they are."""
    if not counts:
        return "no events (no annotation, no marker, no trigger)"
    shown = ", ".join(f"{name!r} ({n})" for name, n in counts.most_common(20))
    return shown + (f", ... ({len(counts)} in all)" if len(counts) > 20 else "")
