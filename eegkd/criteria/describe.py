"""What the criteria say of themselves, as text for the docs."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any


def sections(criteria: Mapping[str, Callable[..., Any]]) -> str:
    """Return a section of the documentation for each criterion, in Markdown.

    Parameters
    ----------
    criteria : mapping of str to class
        `eegkd.criteria.CRITERIA`, or a part of it.

    Returns
    -------
    text : str
        Sections headed by the criteria's names: what is compared, notes, samplers.
    """
    return "\n".join(_section(name, kind) for name, kind in criteria.items())


def doc_section(kind: Callable[..., Any], title: str) -> str:
    """Return one section of a numpydoc docstring.

    Parameters
    ----------
    kind : callable
        What has the docstring.
    title : str
        Name of the section, such as "References".

    Returns
    -------
    text : str
        The section's lines; empty if there is none.
    """
    lines = (inspect.getdoc(kind) or "").splitlines()
    try:
        start = lines.index(title) + 2
    except ValueError:
        return ""
    end = next(
        (n - 1 for n in range(start, len(lines)) if lines[n].startswith("---")),
        len(lines),
    )
    return "\n".join(lines[start:end]).strip()


def _section(name: str, kind: Callable[..., Any]) -> str:
    """Return the section of one criterion."""
    first = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    options = ", ".join(
        f"`{option.name}={option.default!r}`"
        for option in inspect.signature(kind).parameters.values()
        if option.default is not inspect.Parameter.empty
    )
    reference = " ".join(doc_section(kind, "References").replace(".. [", "[").split())
    if "[2]" not in reference:  # a single one needs no number
        reference = reference.replace("[1] ", "")
    lines = [f"### {name}", "", f"`{getattr(kind, '__name__', name)}`: {first}", ""]
    if options:
        lines += [f"- Options: {options}"]
    if reference:
        lines += [f"- Reference: {reference}"]
    notes = doc_section(kind, "Notes")
    if notes:
        plain = re.sub(r"(\[\d\])_", r"\1", notes).replace("``", "`")
        if "[2]" not in reference:
            plain = plain.replace(" [1]", "")
        lines += ["", textwrap.dedent(plain)]
    return "\n".join([*lines, ""])
