"""What methods say when, as they are set, they do not do what they are named after."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from functools import partial

import pytest
import torch

from eegkd.criteria.contrastive import CRD, InfoNCE
from eegkd.criteria.maps import ICKD
from eegkd.criteria.relations import (
    PKT,
    CorrelationCongruence,
    RKDAngle,
    RKDDistance,
    SimilarityKeeping,
    SimilarityPreserving,
)
from eegkd.decoders import Output
from eegkd.distillation import History
from eegkd.methods import METHODS, _generated_trials
from eegkd.methods._unmet import say_if_kept_before
from eegkd.samplers.inversion import Inversion
from eegkd.weightings import Curriculum, Select

from .test_methods_chains import make_training


@pytest.fixture
def said(caplog):
    """Return a function that trains and returns what was said in warnings."""
    caplog.set_level(logging.WARNING, "eegkd.methods")

    def train(name, training, **options):
        caplog.clear()
        history = METHODS[name](training, **options)
        assert history.rows
        return " ".join(record.getMessage() for record in caplog.records)

    return train


def epochs(n, **changes):
    """Return a training of so many epochs."""
    return make_training(max_epochs=n, **changes)


def batches_of(size, **changes):
    """Return a training of one epoch with batches of a size."""
    training = make_training(max_epochs=1, **changes)
    training.sampler = replace(training.sampler, batch_size=size)
    return training


def near(n_epochs=1):
    """Return a training in which no electrodes lie between teacher and student."""
    training = make_training(max_epochs=n_epochs)
    training.student = training.build("full")
    return training


CASES = [
    ("amal", partial(epochs, 3), {}, "before the weights of AMAL first move.*'every'"),
    ("amal", partial(epochs, 1), {"every": 1}, "training epoch 1 of 1"),
    ("cgan_kd", partial(epochs, 1), {"relabel": False}, "which .* % to leave out"),
    ("crd", partial(epochs, 1), {}, "before the memories of CRD hold"),
    ("dkd", partial(epochs, 1, n_classes=2), {}, "two classes DKD .* 'kd'"),
    ("permuted_kd", partial(epochs, 1, n_classes=2), {}, "nothing to permute"),
    ("standardized_kd", partial(epochs, 1, n_classes=2), {}, "no gradient.*detach"),
    ("mix_kd", partial(epochs, 1, n_classes=2), {}, "hardly anything is learned"),
    ("mix_kd", partial(batches_of, 4), {}, "No trial is mixed: 'fraction' 0.1 of.* 4"),
    ("tasked", partial(epochs, 1), {}, "TASKED has the trials of one subject"),
    ("early_stopped_kd", partial(epochs, 1), {}, "ended after 1 epochs.*'stop'"),
    ("early_stopped_kd", partial(epochs, 2), {"stop": 0}, "teacher takes no part"),
    ("early_stopped_kd", partial(epochs, 2), {"stop": 1}, "before the teacher was"),
    ("early_stopped_teacher", partial(epochs, 1), {}, "nothing to choose.*fractions"),
    ("sweet_spot", partial(epochs, 1), {"batch_sizes": [8]}, "nothing to choose"),
    ("ces_kd", near, {}, "one teacher, as no electrodes lie between"),
    ("mean_mkd", partial(epochs, 1), {"n_teachers": 1}, "one teacher.*n_teachers"),
    ("ros_kd", partial(epochs, 1), {"n_teachers": 1}, "one epoch.*'average_from'"),
    ("cudfkd", partial(epochs, 4), {}, "generator takes 2 steps.*'student_steps'"),
    ("takd", near, {}, "Assistants are like the student"),
    ("takd", partial(epochs, 1), {"montages": "student"}, "Assistants are like"),
    ("sk_kd", partial(batches_of, 1), {}, "one trial, so SimilarityKeeping"),
    ("rkd", partial(batches_of, 1), {}, "RKDDistance.*batch_size"),
]


@pytest.mark.parametrize(("name", "make", "options", "words"), CASES)
def test_a_method_that_does_not_do_what_it_is_named_after_says_so(
    said, name, make, options, words
):
    message = said(name, make(), **options)
    assert re.search(words, message), message


QUIET = [
    ("kd", partial(epochs, 1), {}),
    ("amal", partial(epochs, 2, valid=False), {"every": 1}),
    ("crd", partial(epochs, 2, valid=False), {}),
    ("dkd", partial(epochs, 1), {}),
    ("permuted_kd", partial(epochs, 1), {}),
    ("standardized_kd", partial(epochs, 1), {}),
    ("standardized_kd", partial(epochs, 1, n_classes=2), {"detach": True}),
    ("mix_kd", partial(epochs, 1), {}),
    ("mix_kd", partial(batches_of, 4), {"fraction": 0}),
    ("early_stopped_kd", partial(epochs, 2), {}),
    ("early_stopped_teacher", partial(epochs, 2), {"fractions": [0.5, 1.0]}),
    ("ces_kd", partial(epochs, 2, valid=False), {"n_teachers": 2}),
    ("pskd", partial(epochs, 2, valid=False), {"n_teachers": 2}),
    ("mean_mkd", partial(epochs, 1), {"n_teachers": 2}),
    ("ros_kd", partial(epochs, 3), {"n_teachers": 1}),
    ("cudfkd", partial(epochs, 3), {"student_steps": 1}),
    ("takd", partial(epochs, 1), {}),
    ("takd", near, {"decoders": ["EEGNet"]}),
    ("sk_kd", partial(batches_of, 8), {}),
    ("rkd", partial(batches_of, 8), {}),
]


@pytest.mark.parametrize(("name", "make", "options"), QUIET)
def test_a_method_that_does_what_it_is_named_after_says_nothing(
    said, name, make, options
):
    assert not said(name, make(), **options)


@pytest.mark.parametrize("name", ["ces_kd", "pskd"])
def test_a_curriculum_that_ends_before_its_last_teacher_says_so(said, name):
    training = make_training(max_epochs=40)
    # The first epochs are the best.
    training.recipe = replace(training.recipe, lr=0.5, patience=1)
    message = said(name, training, n_teachers=2)
    assert "before the last of 2 teachers is open (epoch 29)" in message
    assert "'all_from'" in message


@pytest.mark.parametrize(
    ("change", "kept", "words"),
    [(0.0, 9, "label_change is 0"), (0.1, 9, None), (0.0, 0, "kept none of 10")],
)
def test_synthetic_trials_that_pass_nothing_on(said, monkeypatch, change, kept, words):
    def choose(self, n_trials, relabel, random):
        notes = {"synthetic_made": 10, "synthetic_kept": kept, "kept_fraction": 0.9}
        made = self.maker(9, random).subset(torch.arange(kept))
        return made, {**notes, "label_change": change}

    monkeypatch.setattr(_generated_trials.TeacherFilter, "choose", choose)
    message = said("cgan_kd", epochs(1))
    assert words in message if words else not message
    assert not said("cgan_kd", epochs(1), soft_weight=0.9) or not kept


def test_what_is_said_of_an_early_epoch(caplog):
    history = History([{"train_loss": 1.0}] * 9, best_epoch=3)
    say_if_kept_before(history, 3, "it begins", "Do something")
    say_if_kept_before(History(), 3, "it begins", "Do something")
    assert not caplog.records
    say_if_kept_before(history, 4, "it begins", "Do something")
    assert caplog.messages == [
        "The student that is kept is that of training epoch 4 of 9, before it begins "
        "(epoch 5). Do something."
    ]


def test_criteria_between_trials_have_nothing_to_compare_in_a_batch_of_one():
    training = batches_of(1)
    batch = training.sampler.batch(torch.tensor([0]))
    outputs = [
        decoder(batch.seen_by(decoder.view))
        for decoder in (training.student, training.teacher)
    ]
    criteria = [SimilarityKeeping(), SimilarityPreserving(), CorrelationCongruence()]
    criteria += [RKDDistance(), RKDAngle(), PKT(), InfoNCE()]
    for criterion in criteria:
        assert criterion.between_trials
        if isinstance(criterion, InfoNCE):
            criterion.start(*outputs, batch)
        assert criterion(*outputs, batch).item() == pytest.approx(0, abs=1e-6)
    assert not getattr(CRD(), "between_trials", False)  # it remembers the others


def test_correlations_of_maps_need_two_of_them():
    one, two = (
        Output(torch.zeros(4, 3), {"tap": torch.randn(4, n_maps, 9)}, None)
        for n_maps in (1, 2)
    )
    ICKD().start(one, two, None)
    with pytest.raises(ValueError, match="at least 2 maps for ICKD.*taps=None"):
        ICKD().start(two, one, None)


# -- stages and steps that rounded to nothing ----------------------------------------


@pytest.mark.parametrize("n_epochs", [1, 2, 3, 7])
@pytest.mark.parametrize("all_from", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", [Select, Curriculum])
def test_all_teachers_are_open_in_the_last_epoch(kind, n_epochs, all_from):
    weighting = kind(n_epochs=n_epochs, all_from=all_from)
    opened = [weighting.n_open(epoch, 3) for epoch in range(n_epochs)]
    assert opened[-1] == 3
    assert opened == sorted(opened)
    if all_from == 1 and n_epochs > 1:
        assert opened[0] == 1


@pytest.mark.parametrize(
    ("stop", "n_epochs", "stopped_at"),
    [(0.5, 1, 1), (0.1, 2, 1), (0.9, 2, 1), (0.9, 5, 4), (0.05, 8, 1), (0.5, 8, 4)],
)
def test_both_parts_of_early_stopped_distillation_have_an_epoch(
    stop, n_epochs, stopped_at
):
    history = METHODS["early_stopped_kd"](epochs(n_epochs), stop=stop)
    assert history.notes["stopped_at"] == stopped_at


@pytest.mark.parametrize(("n_batches", "steps"), [(1, 4), (3, 4), (5, 2)])
def test_the_generator_steps_once_in_so_many_batches_of_all_epochs(
    monkeypatch, n_batches, steps
):
    training = epochs(1)
    made = Inversion(
        training.frozen(),
        training.student,
        n_times=160,
        sfreq=125.0,
        max_epochs=8,
        batch_size=2,
        n_batches=n_batches,
        student_steps=steps,
    )
    sizes = []  # batches of the student after each step of the generator
    monkeypatch.setattr(made, "improve", lambda weight: sizes.append(0))
    for epoch in range(8):
        for _ in made(epoch):
            sizes[-1] += 1
    assert set(sizes[:-1]) == {steps}
    assert sum(sizes) == 8 * n_batches
