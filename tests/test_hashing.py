"""What a setting is: equal ones have equal keys, others have not."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import eegkd
from eegkd._hashing import content, digest, is_plain
from eegkd.data.simulated import SimulatedMotorImagery

from .conftest import make_trials


def make_method(weight):
    """Return a method that differs from others by what it encloses."""

    def taught(training):
        return weight

    return taught


def test_keys_are_the_same_in_processes_with_other_hashes():
    code = (
        "from eegkd._hashing import digest\n"
        "def method(x):\n"
        "    return x in {'a', 'b', 'c', 'd'}, {'k': {1, 'z', 'y'}}\n"
        "print(digest([method, frozenset('abcdef')]))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(printed) == 1


def test_content_tells_tensors_tables_and_generators_apart():
    import pandas as pd
    import torch

    for make in (
        lambda n: torch.full((3,), float(n)),
        lambda n: pd.DataFrame({"a": [n]}),
        np.random.default_rng,
    ):
        assert digest(make(0)) == digest(make(0))
        assert digest(make(0)) != digest(make(1))


def test_content_tells_functions_and_objects_apart():
    first, second = make_method(1), make_method(2)
    assert digest(first) == digest(make_method(1))
    assert digest(first) != digest(second)
    assert digest(lambda x: x + 1) != digest(lambda x: x + 2)
    assert digest(np.arange(3)) != digest(np.arange(3.0))
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({1, 2, 3}) == digest({3, 1, 2})
    assert digest(SimulatedMotorImagery(seed=0)) == digest(
        SimulatedMotorImagery(seed=0)
    )
    assert digest(SimulatedMotorImagery(seed=0)) != digest(
        SimulatedMotorImagery(seed=1)
    )
    assert "0x" not in str(content(SimulatedMotorImagery()))


def test_content_of_a_function_follows_its_module(tmp_path, monkeypatch):
    """A constant or helper beside a method is a part of it."""
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for number, text in enumerate(
        [
            "WEIGHT = 1\ndef helper():\n    return 1\n",
            "WEIGHT = 2\ndef helper():\n    return 1\n",
            "WEIGHT = 1\ndef helper():\n    return 2\n",
            "WEIGHT = 1\ndef helper():\n    return 1\n",
        ]
    ):
        file = tmp_path / f"own_method_{number}.py"
        file.write_text(text + "def method(t):\n    return WEIGHT * helper()\n")
        module = importlib.import_module(file.stem)
        module.method.__module__ = module.helper.__module__ = "own_method"
        found.append(digest(module.method))
    assert len(set(found[:3])) == 3
    assert found[3] == found[0]


def test_content_tells_fitted_teachers_apart():
    trials = make_trials(1, 10)
    plain = eegkd.DecoderClassifier(max_epochs=1)
    first = eegkd.DecoderClassifier(max_epochs=1).fit(trials)
    second = eegkd.DecoderClassifier(max_epochs=1).fit(trials.subset(range(50)))
    assert len({digest(model) for model in (plain, first, second)}) == 3
    assert digest(eegkd.DecoderClassifier(max_epochs=1).fit(trials)) == digest(first)


def test_content_of_what_is_nested_in_itself_or_too_deep():
    endless = [1]
    endless.append(endless)
    assert content(endless) == [1, "itself"]
    deep = []
    for _ in range(50):
        deep = [deep]
    with pytest.raises(TypeError, match="nested more than 24 levels"):
        digest(deep)


def test_code_is_told_apart_by_what_it_does():
    def first(x):
        return len(x)

    def in_words(x):
        # the same with a remark
        return len(x)

    def keyword_only(*, x):
        return len(x)

    def guarded(x):
        try:
            return len(x)
        except TypeError:
            return None

    def nested(x):
        return [len(y) for y in x]

    def default(x=None):
        return len(x)

    functions = [first, keyword_only, guarded, nested, default]
    for function in (*functions, in_words):
        function.__qualname__ = "same"
    assert len({digest(function) for function in functions}) == len(functions)
    assert digest(first) == digest(in_words)


def test_classes_are_told_apart_by_all_that_stands_in_them():
    def make(width):
        class Network:
            @property
            def width(self):
                return width

            def wider(self):
                return width + 1

        return Network

    class Other:
        scale = 1

    assert digest(make(1)) == digest(make(1))
    assert len({digest(item) for item in (make(1), make(2), Other)}) == 3


def test_what_comes_from_elsewhere_has_a_key_as_well():
    values = [len, np.mean, np.add, str.upper, np, 1j, b"1", partial(len), ...]
    keys = {digest(value) for value in values}
    assert len(keys) == len(values)
    assert "0x" not in str([content(value) for value in values])


def test_a_class_may_say_what_it_is():
    class Thing:
        def __init__(self, size, name):
            self.size, self.name = size, name

        def content_key(self):
            return self.size

    assert digest(Thing(1, "a")) == digest(Thing(1, "b"))
    assert digest(Thing(1, "a")) != digest(Thing(2, "a"))
    trials = make_trials(1, 2)
    assert content(trials) == ["eegkd.data.trials.Trials", trials.fingerprint]
    shown = [eegkd.DecoderClassifier(progress=progress) for progress in (None, True)]
    assert digest(shown[0]) == digest(shown[1])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1.0, True),
        ({"a": [1, ("b", None)]}, True),
        (eegkd.load_montage("muse"), True),
        (eegkd.DecoderClassifier(), True),
        (eegkd.Montage, False),
        (len, False),
        ([np.zeros(3)], False),
        (eegkd.DecoderClassifier(len), False),
    ],
)
def test_plain_values_print_all_that_they_are(value, plain):
    assert is_plain(value) is plain
