"""What docstrings of methods share: options, what is given, what is returned."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any

from eegkd._docs import doc_sections

Method = Callable[..., Any]

#: Type and meaning of options, for the docstrings that leave them out.
MEANINGS = {
    "label_weight": ("float", "Weight of the loss on labels, >= 0."),
    "soft_weight": (
        "float",
        "Weight of the divergence between softened classes, >= 0.",
    ),
    "temperature": ("float", "Softness of both sets of scores, > 0."),
    "teacher_mode": ('{"eval", "as_published"}', "See `eegkd.teachers.Frozen`."),
    "n_taps": (
        "int",
        "How many layers to compare at most, counted from the last tap.",
    ),
    "n_teachers": (
        "int",
        "Where a single teacher is given, others with the student's kind of network on "
        "all electrodes are trained with other seeds until there are so many, >= 1.",
    ),
    "all_from": (
        "float",
        "Part of the epochs after which all teachers are open, from 0 to 1.",
    ),
    "decoder": (
        "str or callable",
        "Network of the teachers, by default of the student's kind.",
    ),
    "decoders": (
        "sequence of str or callable",
        "Network of each assistant, from the teacher to the student; sets their "
        "number. By default all are of the student's kind.",
    ),
    "montages": (
        '{"ladder", "student"}',
        "Whether assistants read fewer and fewer electrodes or the student's alone. "
        "Where too few electrodes lie between, the last ones read the student's.",
    ),
    "n_generations": (
        "int",
        "Generations that are taught, >= 1, after a first one that learns from labels "
        "alone. The last is the student.",
    ),
}
#: What a method is given and returns, by the teachers that it needs.
GIVEN = {
    "none": "Student, trials and settings.",
    "one": "Student, teacher, trials and settings.",
    "several": "Student, teachers, trials and settings.",
}
RETURNED = {
    "one": "What happened in each epoch.",
    "several": 'What happened in each epoch; ``notes["teacher_n_chans"]`` holds the '
    "number of channels of each teacher.",
}


def complete_doc(
    method: Method, teacher: str = "one", regression: bool = False
) -> None:
    """Add to the docstring of a method what it shares with others and leaves out."""
    if method.__doc__ is None:
        return
    summary, sections = doc_sections(method)
    written = _entries(sections.pop("Parameters", ""))
    first, *options = inspect.signature(method).parameters.values()
    given = _entry(f"{first.name} : Training", GIVEN.get(teacher, GIVEN["none"]))
    parameters = {first.name: written.get(first.name, given)}
    for option in options:
        names = next((n for n in written if option.name in n.split(", ")), option.name)
        if names in written:
            parameters[names] = written[names]
        elif names in MEANINGS and option.kind is option.KEYWORD_ONLY:
            kind, meaning = MEANINGS[names]
            if regression and names == "soft_weight":
                meaning += " Continuous labels have no classes: 0 for them."
            parameters[names] = _entry(f"{names} : {kind}, {_default(option)}", meaning)
    returned = RETURNED.get(teacher, RETURNED["one"])
    sections = {
        "Parameters": "\n".join(parameters.values()),
        "Returns": _entry("history : History", returned),
        **sections,
    }
    method.__doc__ = (
        "\n\n".join(
            [summary, *(f"{t}\n{'-' * len(t)}\n{text}" for t, text in sections.items())]
        )
        + "\n"
    )


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a section of parameters by their names."""
    entries = re.split(r"\n(?=\S)", text) if text else []
    return {entry.split(" : ")[0]: entry for entry in entries}


def _entry(head: str, text: str) -> str:
    """Return an entry of a docstring."""
    return f"{head}\n{textwrap.indent(textwrap.fill(text, 80), '    ')}"


def _default(option: inspect.Parameter) -> str:
    """Return how a docstring says the default of an option."""
    if option.default is None:
        return "optional"
    text = isinstance(option.default, str)
    return f'default="{option.default}"' if text else f"default={option.default}"
