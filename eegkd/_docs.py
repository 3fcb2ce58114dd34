"""Passages of docstrings that several public names share: written once, filled in."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import TypeVar

Documented = TypeVar("Documented")

_PLACE = re.compile(r"^([ \t]*)%\((\w+)(?::(\w+))?\)s$", re.MULTILINE)


def fill_doc(passages: Mapping[str, str]) -> Callable[[Documented], Documented]:
    """Return a decorator that fills shared passages into a docstring.

    A line ``%(name)s`` stands for a passage, whose lines are indented like it;
    ``%(name:word)s`` puts the word where the passage has ``{0}``. The class or function
    itself is returned, so that its signature stays.

    Parameters
    ----------
    passages : mapping of str to str
        Text by name. A passage may hold others.

    Returns
    -------
    decorate : callable
        Takes a class or a function and returns it.

    Raises
    ------
    KeyError
        If a docstring names a passage that is not there.

    Examples
    --------
    >>> @fill_doc({"seed": "seed : int, default=0"})
    ... def draw(seed=0):
    ...     '''Draw.
    ...
    ...     %(seed)s
    ...     '''
    >>> print(inspect.getdoc(draw))
    Draw.
    <BLANKLINE>
    seed : int, default=0
    """

    def passage(place: re.Match[str]) -> str:
        indent, name, word = place.groups()
        text = inspect.cleandoc(passages[name])
        if word:
            text = text.replace("{0}", word)
        return textwrap.indent(fill(text), indent)

    def fill(text: str) -> str:
        return _PLACE.sub(passage, text)

    def decorate(documented: Documented) -> Documented:
        if documented.__doc__ is not None:  # python -OO has none
            documented.__doc__ = fill(documented.__doc__)
        return documented

    return decorate


def doc_sections(documented: object) -> tuple[str, dict[str, str]]:
    """Return what a numpydoc docstring begins with, and its sections by title.

    Parameters
    ----------
    documented : object
        What has the docstring.

    Returns
    -------
    head : str
        Everything before the first section; empty if there is no docstring.
    sections : dict of str
        In their order.
    """
    text = inspect.getdoc(documented) or ""
    head, *parts = re.split(r"^(\w[\w ]*)\n-{3,}$", text, flags=re.MULTILINE)
    titles, texts = parts[::2], parts[1::2]
    return head.strip(), {
        title: part.strip() for title, part in zip(titles, texts, strict=True)
    }
