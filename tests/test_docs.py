"""Passages that docstrings share."""

from __future__ import annotations

import inspect

import pytest

from eegkd._docs import fill_doc

SHARED = {
    "first": """
    first : int
        Of all.
    """,
    "both": "%(first)s\nsecond : int\n    After it; 50% of the time.",
}


def test_passages_are_indented_like_their_place_and_signatures_stay():
    @fill_doc(SHARED)
    class Thing:
        """Do it 100%.

        Parameters
        ----------
        %(both)s
        """

        def __init__(self, first: int, *, second: int = 2) -> None: ...

    assert inspect.getdoc(Thing) == (
        "Do it 100%.\n\nParameters\n----------\nfirst : int\n    Of all.\n"
        "second : int\n    After it; 50% of the time."
    )
    assert list(inspect.signature(Thing).parameters) == ["first", "second"]


def test_a_passage_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match="third"):

        @fill_doc(SHARED)
        def thing():
            """Do it.

            %(third)s
            """


def test_without_docstrings_nothing_is_filled():
    def thing(): ...

    assert fill_doc(SHARED)(thing).__doc__ is None
