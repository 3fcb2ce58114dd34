"""What the methods say of themselves, as text for a terminal and for the docs."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from eegkd._docs import doc_sections
from eegkd.methods.controls import control_of

TEACHER = {
    "none": "none",
    "one": "one trained teacher",
    "several": "one or several trained teachers",
    "own": "trains teachers of its own",
    "peer": "another learner, at the same time",
    "itself": "the student itself",
}
TEACHER_SHORT = {
    "none": "none",
    "one": "one",
    "several": "several",
    "own": "its own",
    "peer": "a peer",
    "itself": "itself",
}
WIDTH = 88


def methods_table(methods: Mapping[str, Callable[..., Any]]) -> str:
    """Return a line for each method: what it transfers, its teacher, its reference."""
    lines = [("method", "what it transfers", "teacher", "reference")]
    for name, method in methods.items():
        card = method.card  # type: ignore[attr-defined]
        lines.append((name, card.transfers, card.teacher, card.reference))
    widths = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
    return "\n".join(
        "".join(f"{text:<{n}}" for text, n in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def method_text(name: str, method: Callable[..., Any]) -> str:
    """Return everything about one method, for a terminal."""
    card = method.card  # type: ignore[attr-defined]
    parts = [
        f"{name}: {card.title}",
        _wrapped("minimizes", card.composition),
        _wrapped("transfers", card.transfers),
        _wrapped("teacher", TEACHER[card.teacher]),
        _wrapped("labels", "classes, continuous" if card.regression else "classes"),
        _wrapped("reference", card.reference),
        _wrapped("use", card.use),
        _wrapped("limits", card.limits),
    ]
    if control_of(method):
        parts.append(_wrapped("compared", _compared(method)))
    if card.reading:
        parts.append(_wrapped("our reading", card.reading))
    options = option_text(method)
    return "\n".join(parts) + (
        f"\n\noptions (method_options of DistilledClassifier):\n{options}"
        if options
        else "\n\nno options"
    )


def _compared(method: Callable[..., Any]) -> str:
    """Return which untaught student is a fair comparison."""
    options = ", ".join(f"{k}={v}" for k, v in control_of(method).items())
    return f"`none` with {options}: as many updates, restarts or averages"


def option_text(method: Callable[..., Any]) -> str:
    """Return the options of a method with their defaults, as its docstring has them."""
    text = doc_sections(method)[1].get("Parameters", "")
    entries = re.split(r"\n(?=\S)", text)[1:]  # the first is the training itself
    return textwrap.indent("\n".join(entries), "  ")


def methods_markdown(methods: Mapping[str, Callable[..., Any]]) -> str:
    """Return a section of the documentation for each method, in Markdown."""
    return "\n".join(_section(name, method) for name, method in methods.items())


def _section(name: str, method: Callable[..., Any]) -> str:
    """Return the section of one method."""
    card = method.card  # type: ignore[attr-defined]
    facts = {
        "Minimizes": card.composition,
        "Transfers": card.transfers,
        "Teacher": TEACHER[card.teacher],
        "Reference": card.reference,
        "Compared with": _compared(method) if control_of(method) else "",
        "Continuous labels": "yes" if card.regression else "",
        "Options": ", ".join(
            f"`{option.name}={option.default!r}`"
            for option in list(inspect.signature(method).parameters.values())[1:]
        ),
    }
    lines = [f"### {name}", "", f"**{card.title}**", ""]
    lines += [f"- {title}: {text}" for title, text in facts.items() if text]
    lines += ["", f"*When to use it.* {card.use}", "", f"*Limits.* {card.limits}", ""]
    if card.reading:
        lines += [f"*Our reading.* {card.reading}", ""]
    return "\n".join(lines)


def _wrapped(title: str, text: str) -> str:
    """Return a titled paragraph."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"  {title:<12}",
        subsequent_indent=" " * 14,
    )
