"""What a method says of itself, and the options that it shares with others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from eegkd._checks import check_choice, check_number
from eegkd.methods._shared_docs import complete_doc

__all__ = ["Card", "options_of"]

TEACHERS = ("none", "one", "several", "own", "peer", "itself")

#: Of shared options, checked before anything is trained.
BOUNDS: dict[str, dict[str, Any]] = {
    "label_weight": {"at_least": 0},
    "soft_weight": {"at_least": 0},
    "temperature": {"above": 0, "hint": "Typical values are 1 to 10."},
}

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
    regression : bool, default=False
        Whether it also learns continuous labels.
    accepts_teacher : (str, object), optional
        For methods that need none: option, and the value with which a given teacher
        takes part. By default a given teacher is not used.
    control : callable, optional
        Takes the options of the method, by name, and returns those of
        `eegkd.methods.none` with which an untaught student is trained for as long, as
        often, and averaged alike. Must be given where the student gets another number
        of updates than ``max_epochs`` over the training trials, is chosen among
        several, or is an average over epochs.
    permutable : bool, default=True
        Whether all that passes from a given teacher are answers to trials, so that
        they can be permuted; not where the network itself is read.
    """

    title: str
    transfers: str
    teacher: str
    reference: str
    composition: str
    use: str
    limits: str
    reading: str = ""
    regression: bool = False
    accepts_teacher: tuple[str, Any] | None = None
    control: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    permutable: bool = True

    def __post_init__(self) -> None:
        check_choice(self.teacher, "teacher", TEACHERS)

    @property
    def needs_teacher(self) -> bool:
        """Whether a trained teacher must be given."""
        return self.teacher in ("one", "several")

    @property
    def can_permute(self) -> bool:
        """Whether the answers of a given teacher can be permuted, as a control."""
        return self.needs_teacher and self.permutable

    def __call__(self, method: Method) -> Method:
        """Attach the card to a method, and complete its docstring; a decorator."""
        complete_doc(method, self.teacher, self.regression)
        method.card = self  # type: ignore[attr-defined]
        method.needs_teacher = self.needs_teacher  # type: ignore[attr-defined]
        return method


def options_of(
    function: Callable[..., Any], **defaults: Any
) -> Callable[[Method], Method]:
    """Return a decorator that gives a method the options of a function that it calls.

    The method passes them on as ``**shared``. Its signature names them after its own.

    Parameters
    ----------
    function : callable
        Its keyword-only parameters are the options.
    **defaults
        Defaults of the method where they are not those of the function.

    Returns
    -------
    decorate : callable
        Takes a method and returns it with these options.
    """
    options = [
        option.replace(default=defaults.get(option.name, option.default))
        for option in inspect.signature(function).parameters.values()
        if option.kind is option.KEYWORD_ONLY
    ]

    def decorate(method: Method) -> Method:
        signature = inspect.signature(method)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shared = [o for o in options if o.name not in signature.parameters]
        values = {option.name: option.default for option in shared}
        whole = signature.replace(parameters=[*own, *shared])

        @functools.wraps(method)
        def with_options(*args: Any, **given: Any) -> Any:
            whole.bind(*args, **given)  # refuses options that it does not have
            options = {**values, **given}
            for name in BOUNDS.keys() & options.keys():
                check_number(options[name], name, **BOUNDS[name])
            return method(*args, **options)

        with_options.__signature__ = whole  # type: ignore[attr-defined]
        return with_options  # type: ignore[return-value]

    return decorate
