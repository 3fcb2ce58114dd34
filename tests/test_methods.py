"""What every method must do, whatever it transfers; and that none was forgotten.

Oracles of single methods are in the files ``test_methods_*.py``, each of which names
those that it holds in ``ORACLES``; references of criteria in ``test_criteria*.py``, in
``REFERENCES``.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import re

import numpy as np
import pytest
import torch

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier
from eegkd._docs import doc_sections
from eegkd.criteria import CRITERIA
from eegkd.criteria._text import criteria_markdown
from eegkd.decoders import build_decoder
from eegkd.methods import METHODS
from eegkd.methods._text import method_text, methods_markdown, methods_table
from eegkd.methods.card import Card, options_of
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen
from eegkd.view import View

from .conftest import PROJECT, make_trials

ORACLES = {"none", "kd", "sk_kd"}

# What makes a method short enough for a test.
QUICK = {
    "aekd": {"n_teachers": 2},
    "auto": {"n_folds": 2, "candidates": {"born_again": {"n_generations": 1}}},
    "born_again": {"n_generations": 1},
    "ca_mkd": {"n_teachers": 2},
    "ces_kd": {"n_teachers": 2},
    "entropy_mkd": {"n_teachers": 2},
    "mean_mkd": {"n_teachers": 2},
    "ros_kd": {"n_teachers": 2},
    "self_distillation": {"n_generations": 1},
}
TRAINING = {"max_epochs": 2, "batch_size": 17, "lr": 2e-3}


@pytest.fixture(scope="module")
def trials():
    """Return two classes of one subject; of 18 trials the last batch holds one."""
    return make_trials(n_subjects=1, n_per_class=10, n_classes=2)


@pytest.fixture(scope="module")
def train(trials):
    """Return the training session."""
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture(scope="module")
def teacher(train):
    """Return a trained teacher."""
    return DecoderClassifier(decoder="SCCNet", max_epochs=3, lr=2e-3, batch_size=8).fit(
        train
    )


@pytest.fixture
def frozen(monkeypatch):
    """Return every frozen teacher that is made, with what it was at first."""
    made = []
    make = Frozen.__init__

    def remember(self, *args, **options):
        make(self, *args, **options)
        made.append((self, copy.deepcopy(self.decoder.state_dict())))

    monkeypatch.setattr(Frozen, "__init__", remember)
    return made


@pytest.fixture
def reads(monkeypatch):
    """Return how many unchanged trials each frozen teacher read, by sampler.

    Samplers are kept, so that none gets the place of another.
    """
    counted = {}
    live = Frozen.live

    def count(self, batch, features=True):
        if batch.x is None and isinstance(batch.sampler, TrialSampler):
            key = (id(self), id(batch.sampler))
            total = counted[key][0] if key in counted else 0
            counted[key] = (total + len(batch), batch.sampler, self)
        return live(self, batch, features)

    monkeypatch.setattr(Frozen, "live", count)
    return counted


@pytest.mark.parametrize("name", METHODS)
def test_two_classes_one_subject_a_last_batch_of_one(
    name, trials, train, teacher, frozen, reads
):
    """Trains, is repeated by its seed, reads no test trial, leaves teachers alone.

    Frozen teachers read each trial of an unchanging sampler once at most.

    `eegkd.fit` is given the test trials too; the student must be the one that the
    training trials alone lead to.
    """
    options = QUICK.get(name, {})
    before = teacher.fingerprint_
    model = DistilledClassifier(
        "headphone", name, teacher=teacher, method_options=options, **TRAINING
    ).fit(train)
    assert teacher.fingerprint_ == before
    if METHODS[name].needs_teacher:
        assert model.teacher_.fingerprint_ == before
        assert frozen
    for one, state in frozen:  # weights and batch statistics of those that answered
        assert not one.decoder.training
        after = one.decoder.state_dict()
        assert all(torch.equal(after[key], value) for key, value in state.items())
    for n_read, sampler, _ in reads.values():
        assert n_read <= len(sampler)
    assert model.history_.rows
    assert np.isfinite(model.history_.best_loss)
    proba = model.predict_proba(train.X[:, : train.n_chans])
    assert np.isfinite(proba).all()
    whole = eegkd.fit(
        trials,
        "headphone",
        method=name,
        teacher=teacher,
        method_options=options,
        **TRAINING,
    )
    assert whole.student.fingerprint_ == model.fingerprint_


@pytest.mark.parametrize("name", METHODS)
def test_three_classes_two_subjects_no_validation(name):
    trials = make_trials(n_per_class=4)
    options = QUICK.get(name, {})
    training = {**TRAINING, "max_epochs": 1}
    teacher = DecoderClassifier(valid_fraction=0, **training).fit(trials)
    model = DistilledClassifier(
        "headband",
        name,
        teacher=teacher,
        method_options=options,
        valid_fraction=0,
        **training,
    ).fit(trials)
    assert np.isfinite(model.predict_proba(trials)).all()
    assert model.predict_proba(trials).shape == (len(trials), 3)


# -- the three that everything is compared with ------------------------------------


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_the_loss_of_the_first_batch_is_that_of_the_paper(name, train, teacher):
    """Written out in NumPy, on the untrained student and the whole session."""
    from scipy.special import log_softmax, softmax

    model = DistilledClassifier(
        "headphone",
        name,
        teacher=teacher,
        student="SCCNet",
        student_options={"drop_prob": 0.0},
        batch_size=128,
        max_epochs=1,
        calibrate=None,
    ).fit(train)
    student = build_decoder(
        "SCCNet",
        View("headphone", train.ch_names).fit(torch.as_tensor(train.X)),
        n_outputs=2,
        n_times=train.n_times,
        sfreq=train.sfreq,
        random_state=0,
        drop_prob=0.0,
    )
    y = np.searchsorted(train.classes, train.y)
    says, knows = (
        decoder(decoder.view(torch.as_tensor(train.X)))
        for decoder in (student.train(), teacher.decoder_.eval())
    )
    scores, targets = (o.logits.detach().double().numpy() for o in (says, knows))
    label = -log_softmax(scores, axis=1)[np.arange(len(y)), y].mean()
    p, q = softmax(targets / 4, axis=1), softmax(scores / 4, axis=1)
    soft = 16 * (p * np.log(p / q)).sum(axis=1).mean()
    similarity = sum(
        np.square(correlations(says, tap) - correlations(knows, tap)).mean()
        for tap in list(says.features)[-2:]
    )
    expected = {
        "none": label,
        "kd": 0.1 * label + 0.9 * soft,
        "sk_kd": 0.1 * label + 0.9 * soft + 450 * similarity,
    }
    found = model.history_.rows[0]["train_loss"]
    assert found == pytest.approx(expected[name], rel=1e-4)


def correlations(output, tap):
    """Return the correlation in time of all pairs of trials, averaged over maps."""
    maps = output.features[tap].detach().double().numpy().transpose(1, 0, 2)
    return np.mean([np.corrcoef(one) for one in maps], axis=0)


# -- none was forgotten -----------------------------------------------------------


def named_in_tests(attribute):
    """Return the names that each test file lists under an attribute."""
    for file in sorted((PROJECT / "tests").glob("test_*.py")):
        module = importlib.import_module(f"tests.{file.stem}")
        if hasattr(module, attribute):
            yield file, set(getattr(module, attribute))


def words_outside(sampler, attribute):
    """Return names, attributes and strings of a module, without a list of names.

    Left out are imports, the list itself, and the tables that it is made of.
    """
    assigned = {
        target.id: statement
        for statement in ast.parse(sampler).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    listing = [
        node.id
        for node in ast.walk(assigned[attribute])
        if isinstance(node, ast.Name) and node.id in assigned
    ]
    left_out = {assigned[name].lineno for name in listing}
    words = set()
    for statement in ast.parse(sampler).body:
        if statement.lineno not in left_out:
            for node in ast.walk(statement):
                found = [getattr(node, name, None) for name in ("id", "attr", "value")]
                words |= {word for word in found if isinstance(word, str)}
    return words


def test_a_name_that_is_only_listed_is_not_tested():
    sampler = """
from eegkd.methods.kd import kd
from eegkd.methods.none import none
TABLE = {"a": kd}
ORACLES = set(TABLE) | {"none", "b", "c"}
def test_b(): assert METHODS["b"], names.c
"""
    assert {"b", "c"} <= words_outside(sampler, "ORACLES")
    assert not {"a", "kd", "none"} & words_outside(sampler, "ORACLES")


@pytest.mark.parametrize(
    ("attribute", "registry"), [("ORACLES", METHODS), ("REFERENCES", CRITERIA)]
)
def test_everything_has_an_independent_test(attribute, registry):
    listed = set()
    for file, names in named_in_tests(attribute):
        listed |= names
        words = words_outside(file.read_text(encoding="utf-8"), attribute)
        for name in names:
            assert {name, registry[name].__name__} & words, (file.name, name)
    assert listed == set(registry)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name):
    card = METHODS[name].card
    for field in ("title", "transfers", "reference", "composition", "use", "limits"):
        assert len(getattr(card, field)) > 5, field
    if name != "none":
        assert "References\n---" in inspect.getdoc(METHODS[name])
        assert any(year in card.reference for year in map(str, range(2014, 2027)))
    parameters = list(inspect.signature(METHODS[name]).parameters.values())
    assert parameters[0].name == "training"
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[1:])
    documented = doc_sections(METHODS[name])[1]["Parameters"]
    for parameter in parameters[1:]:
        pattern = rf"^(\w+, )*{parameter.name}(, \w+)* : "
        assert re.search(pattern, documented, re.MULTILINE), parameter.name
        assert parameter.default is not parameter.empty


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_documented_as_numpydoc_wants_it(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = {code for code, _ in validate(f"eegkd.methods.{name}")["errors"]}
    assert not {code for code in errors if code[:2] in ("PR", "RT", "GL", "SS")} - {
        "SS05",  # a finite verb where it wants an imperative
    }


def test_the_methods_of_the_page_on_extending_learn(train, teacher):
    text = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    for word in ("def margin_gap", "def margin_kd", "def margin_at_first"):
        (block,) = [block for block in blocks if word in block]
        exec(block.split("\n\n\nstudent =")[0], names)
    assert "temperature" in inspect.signature(names["margin_kd"]).parameters
    for name in ("margin_kd", "margin_at_first"):
        model = DistilledClassifier(
            "headphone", names[name], teacher=teacher, **TRAINING
        ).fit(train)
        assert np.isfinite(model.history_.best_loss)


def test_options_of_a_function_become_options_of_a_method():
    def consumer(training, *, weight=1.0, label_weight=0.5):
        return weight, label_weight

    @Card("t", "x", "none", "s", "c", "u", "l")
    @options_of(consumer, label_weight=0.1)
    def method(training, *, own=2, **shared):
        """Do it."""
        return own, consumer(training, **shared)

    assert str(inspect.signature(method)) == (
        "(training, *, own=2, weight=1.0, label_weight=0.1)"
    )
    assert method(None, weight=3.0) == (2, (3.0, 0.1))
    assert method.__name__ == "method"
    assert "label_weight : float, default=0.1" in inspect.getdoc(method)
    assert "Student, trials and settings." in inspect.getdoc(method)
    with pytest.raises(TypeError, match="unexpected keyword argument 'breadth'"):
        method(None, breadth=3.0)


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_says_where_it_comes_from(name):
    if name in ("cross_entropy", "squared_error"):  # the label losses
        return
    text = inspect.getdoc(CRITERIA[name])
    function = getattr(CRITERIA[name], "__init__", None)
    assert "References\n---" in text, function


def test_the_docs_have_a_section_for_each():
    folder = PROJECT / "docs" / "results"
    methods = (folder / "methods_sections.md").read_text(encoding="utf-8")
    criteria = (folder / "criteria_sections.md").read_text(encoding="utf-8")
    assert methods == methods_markdown(METHODS), (
        "run benchmarks/bench_methods.py --pages"
    )
    assert criteria == criteria_markdown(CRITERIA)
    for file in ("methods_table.md", "methods_verdicts.md"):
        table = (folder / file).read_text(encoding="utf-8")
        for name in METHODS:
            assert f"| [{name}](#" in table, file


def test_the_command_lists_and_describes_all():
    lines = methods_table(METHODS).splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(METHODS)
    for name, method in METHODS.items():
        text = method_text(name, method)
        for parameter in list(inspect.signature(method).parameters)[1:]:
            assert parameter in text, (name, parameter)
