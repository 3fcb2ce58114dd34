"""`Card`: what a method says of itself, for tables, the command and the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from eegkd._checks import check_choice

TEACHERS = ("none", "one", "several", "own", "peer", "itself")

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Card:
    """What a method transfers, which teachers it needs, and where it comes from.

    Parameters
    ----------
    title : str
        Name of the method, with its abbreviation.
    transfers : str
        The knowledge that passes, in a few words.
    teacher : {"none", "one", "several", "own", "peer", "itself"}
        ``"one"`` and ``"several"`` are given trained teachers (beside a single one,
        most methods with several train others); ``"own"`` trains teachers of its own;
        ``"peer"`` learns beside another learner; ``"itself"`` is its own teacher.
    reference : str
        Authors and year.
    composition : str
        The terms that are minimized and what surrounds them, in one line.
    use : str
        When to use it.
    limits : str
        What it cannot do, and its traps.
    reading : str, default=""
        What of it is this library's choice because the paper does not settle it.
        Empty if all formulas are as published.
    unplanted : str, default=""
        Why the method cannot be tested by a teacher whose answers are shuffled over
        trials. Empty if it can.
    regression : bool, default=False
        Whether it also learns continuous labels.
    accepts_teacher : (str, object), optional
        For methods that need none: option, and the value with which a given teacher
        takes part. By default a given teacher is not used.
    """

    title: str
    transfers: str
    teacher: str
    reference: str
    composition: str
    use: str
    limits: str
    reading: str = ""
    unplanted: str = ""
    regression: bool = False
    accepts_teacher: tuple[str, Any] | None = None

    def __post_init__(self) -> None:
        check_choice(self.teacher, "teacher", TEACHERS)

    @property
    def needs_teacher(self) -> bool:
        """Whether a trained teacher must be given."""
        return self.teacher in ("one", "several")

    def __call__(self, method: Method) -> Method:
        """Attach the card to a method; used as a decorator."""
        method.card = self  # type: ignore[attr-defined]
        method.needs_teacher = self.needs_teacher  # type: ignore[attr-defined]
        return method
