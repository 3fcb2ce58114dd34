"""What the criteria say of themselves, as text for the docs."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from eegkd._docs import doc_sections


def criteria_markdown(criteria: Mapping[str, Callable[..., Any]]) -> str:
    """Return a section of the documentation for each criterion, in Markdown."""
    return "\n".join(_section(name, kind) for name, kind in criteria.items())


def _section(name: str, kind: Callable[..., Any]) -> str:
    """Return the section of one criterion."""
    head, parts = doc_sections(kind)
    first = head.split("\n\n")[0].replace("\n", " ")
    options = ", ".join(
        f"`{option.name}={option.default!r}`"
        for option in inspect.signature(kind).parameters.values()
        if option.default is not inspect.Parameter.empty
    )
    reference = " ".join(parts.get("References", "").replace(".. [", "[").split())
    if "[2]" not in reference:  # a single one needs no number
        reference = reference.replace("[1] ", "")
    lines = [f"### {name}", "", f"`{getattr(kind, '__name__', name)}`: {first}", ""]
    if options:
        lines += [f"- Options: {options}"]
    if reference:
        lines += [f"- Reference: {reference}"]
    if notes := parts.get("Notes"):
        plain = re.sub(r"(\[\d\])_", r"\1", notes).replace("``", "`")
        if "[2]" not in reference:
            plain = plain.replace(" [1]", "")
        lines += ["", textwrap.dedent(plain)]
    return "\n".join([*lines, ""])
