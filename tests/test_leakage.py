"""The rules that decide whether results mean anything, each with a test.

The numbers are those of the rules in the user guide (docs/evaluation.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import eegkd
from eegkd import DistilledClassifier
from eegkd.criteria import (
    CRITERIA,
    KL,
    CrossEntropy,
    SimilarityKeeping,
    TrainedCriterion,
)
from eegkd.data.simulated import SimulatedMotorImagery
from eegkd.distillation import Learner, Objective, distill
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen
from eegkd.view import View

from .conftest import make_trials

QUICK = {"max_epochs": 3, "batch_size": 16}


def part(trials, session, subject=1):
    """Return the trials of one session of one subject."""
    table = trials.metadata
    return trials.subset(
        ((table["session"] == session) & (table["subject"] == subject)).to_numpy()
    )


@pytest.fixture(scope="module")
def fitted():
    """Return a student on the headband, with its test trials."""
    trials = make_trials()
    student = DistilledClassifier("headband", **QUICK).fit(part(trials, "0train"))
    return student, part(trials, "1test")


# -- 1. no reference leakage ------------------------------------------------------


@pytest.mark.parametrize("reference", [None, "average"])
def test_rule_1_other_electrodes_do_not_reach_the_student(reference):
    trials = make_trials()
    student = DistilledClassifier("headband", reference=reference, **QUICK)
    student.fit(part(trials, "0train"))
    tested = part(trials, "1test")
    expected = student.predict_proba(tested)
    own = student.decoder_.view.ch_names
    others = [i for i, n in enumerate(tested.ch_names) if n not in own]
    X = tested.X.copy()
    X[:, others] *= -1e3
    X[:, others[0]] = np.nan
    assert np.array_equal(student.predict_proba(replace(tested, X=X)), expected)
    # In microvolts too: the unit is guessed from the montage's electrodes alone.
    arrays = 1e6 * X.astype(float)
    assert np.allclose(student.predict_proba(arrays), expected, atol=1e-6)


def test_rule_1_the_view_is_fitted_on_its_own_electrodes():
    X = torch.as_tensor(make_trials().X)
    names = make_trials().ch_names
    view = View("headband", names, reference="average").fit(X)
    changed = X.clone()
    changed[:, names.index("C3")] *= 50
    other = View("headband", names, reference="average").fit(changed)
    assert torch.equal(view(X), other(changed))


# -- 2. no selection on test ------------------------------------------------------


def test_rule_2_test_labels_choose_nothing():
    trials = make_trials()
    is_test = (trials.metadata["session"] == "1test").to_numpy()
    y = trials.y.copy()
    y[is_test] = np.random.default_rng(5).permutation(y[is_test])
    first = eegkd.fit(trials, n_teachers=2, **QUICK)
    second = eegkd.fit(replace(trials, y=y), n_teachers=2, **QUICK)
    for name in ("teachers", "untaught", "students"):
        models = getattr(first, name)
        for key, model in models.items():
            other = getattr(second, name)[key]
            assert model.fingerprint_ == other.fingerprint_
            assert model.history_.best_epoch == other.history_.best_epoch
    assert first.student.fingerprint_ == second.student.fingerprint_
    assert not np.array_equal(first.scores["accuracy"], second.scores["accuracy"])


def test_rule_2_test_signals_choose_nothing():
    trials = make_trials()
    is_test = (trials.metadata["session"] == "1test").to_numpy()
    X = trials.X.copy()
    X[is_test] *= np.float32(2.0)
    first = eegkd.fit(trials, **QUICK)
    second = eegkd.fit(replace(trials, X=X), **QUICK)
    assert first.student.fingerprint_ == second.student.fingerprint_


def test_rule_2_validation_trials_come_from_the_training_sessions():
    """The student never sees a trial that is not in the training sessions."""
    trials = make_trials()
    train = part(trials, "0train")
    alone = DistilledClassifier(**QUICK).fit(train)
    result = eegkd.fit(trials, **QUICK)
    assert alone.fingerprint_ == result.students["1", 0].fingerprint_


# -- 3. frozen means frozen -------------------------------------------------------


def state(decoder):
    """Return a copy of all parameters and buffers."""
    return {name: value.clone() for name, value in decoder.state_dict().items()}


def test_rule_3_parameters_and_buffers_of_the_teacher_do_not_change(fitted):
    student, tested = fitted
    teacher = student.teacher_
    before = state(teacher.decoder_)
    again = DistilledClassifier("headband", teacher=teacher, **QUICK)
    again.fit(part(make_trials(), "0train"))
    for name, value in state(again.teacher_.decoder_).items():
        assert torch.equal(value, before[name]), name
    for name, value in state(teacher.decoder_).items():
        assert torch.equal(value, before[name]), name
    assert any("running_mean" in name for name in before)
    assert not teacher.decoder_.training


def test_rule_3_frozen_is_in_eval_mode_whatever_the_caller_does(fitted):
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)))
    batch = sampler.batch(torch.arange(8))
    frozen = Frozen(student.teacher_.decoder_)
    expected = frozen.live(batch).logits
    frozen.decoder.train()
    assert torch.equal(frozen.live(batch).logits, expected)
    assert not frozen.decoder.training
    assert not expected.requires_grad


def test_rule_3_as_published_is_another_teacher(fitted):
    """The published mode moves the statistics of its own copy, not of the teacher."""
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)))
    batch = sampler.batch(torch.arange(16))
    original = state(student.teacher_.decoder_)
    published = Frozen(student.teacher_.decoder_, mode="as_published")
    answer = published(batch).logits
    assert not torch.allclose(answer, published(batch).logits)
    moved = state(published.decoder)
    assert any(not torch.equal(moved[name], original[name]) for name in original)
    for name, value in state(student.teacher_.decoder_).items():
        assert torch.equal(value, original[name])


# -- 4. pair by index -------------------------------------------------------------


def test_rule_4_teacher_and_student_read_the_same_trials(fitted):
    """Remembered answers, cut by index, are those of reading the batch, to rounding."""
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)), batch_size=7)
    frozen = Frozen(student.teacher_.decoder_)
    seen = []
    for batch in sampler(epoch=3):
        remembered, live = frozen(batch), frozen.live(batch)
        assert torch.allclose(remembered.logits, live.logits, atol=1e-4)
        assert torch.allclose(remembered.embedding, live.embedding, atol=1e-4)
        assert list(remembered.features) == list(live.features)
        for tap in live.features:
            assert torch.allclose(
                remembered.features[tap], live.features[tap], atol=1e-4
            )
        a = SimilarityKeeping()(live, remembered, batch)
        assert torch.allclose(a, torch.zeros(len(batch)), atol=1e-9)
        assert torch.equal(
            batch.seen_by(frozen.decoder.view),
            frozen.decoder.view(sampler.X[batch.index]),
        )
        seen += batch.index.tolist()
    assert sorted(seen) == list(range(len(tested)))
    assert seen != sorted(seen)


def test_rule_4_a_frozen_teacher_reads_each_trial_once(fitted):
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)), batch_size=8)
    frozen = Frozen(student.teacher_.decoder_)
    read = []
    frozen.decoder.register_forward_hook(lambda m, args, out: read.append(len(args[0])))
    for epoch in range(3):
        for batch in sampler(epoch):
            frozen(batch).logits.sum()
    assert sum(read) == len(tested)


def test_rule_4_a_teacher_that_does_not_fit_in_memory_reads_each_batch(fitted):
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)), batch_size=8)
    batch = sampler.batch(torch.arange(8))
    small = Frozen(student.teacher_.decoder_, memory_limit=1)
    live, answer = small.live(batch), small(batch)
    # Scores are remembered from a larger batch, which rounds otherwise; features that
    # do not fit are read from this batch, and to repeat a reading changes no bit.
    assert torch.allclose(answer.logits, live.logits, atol=1e-4)
    read = []
    small.decoder.register_forward_hook(lambda m, args, out: read.append(len(args[0])))
    for tap in live.features:
        assert torch.equal(answer.features[tap], live.features[tap])
    assert read == [8]


# -- 5. one value per trial -------------------------------------------------------


@pytest.mark.parametrize("name", CRITERIA)
def test_rule_5_criteria_give_one_value_per_trial(name, fitted):
    student, tested = fitted
    codes = np.searchsorted(student.classes_, tested.y)
    sampler = TrialSampler.from_arrays(tested.X, codes)
    batch = sampler.batch(torch.arange(10))
    decoder, frozen = student.decoder_, Frozen(student.teacher_.decoder_)
    output = decoder(batch.seen_by(decoder.view))
    batch.outputs[decoder] = output
    teacher = frozen(batch)
    made = {  # those that need more than options
        "confident_hint": lambda kind: kind([frozen]),
        "modality_gram": lambda kind: kind(decoder, frozen.decoder, 125.0),
    }
    criterion = made.get(name, lambda kind: kind())(CRITERIA[name])
    if name == "squared_error":
        output.logits = output.logits[:, :1]
    if isinstance(criterion, TrainedCriterion):
        criterion.start(output.detach(), teacher, batch)
    loss = criterion(output, teacher, batch)
    assert loss.shape == (10,)
    assert torch.isfinite(loss).all()


# -- 6. the electrode that the data lack ------------------------------------------


def test_rule_6_a_missing_electrode_is_an_error_by_default():
    with pytest.raises(ValueError, match="TP9"):
        eegkd.fit(make_trials(), montage="muse", **QUICK)


def test_rule_6_a_replaced_electrode_is_reported():
    trials = make_trials()
    result = eegkd.fit(
        trials, montage=["C3", "C4", "Oz"], on_missing="nearest", **QUICK
    )
    assert "Oz" in result.settings["replaced_electrodes"]
    assert "POz" in result.settings["replaced_electrodes"]
    assert result.settings["replaced_electrodes"] in result.describe()


# -- 7. simulated is said to be simulated -----------------------------------------


def test_rule_7_simulated_data_are_called_simulated():
    assert SimulatedMotorImagery.__name__.startswith("Simulated")
    result = eegkd.fit(replace(make_trials(), simulated=True), **QUICK)
    assert "SIMULATED" in result.describe()
    assert "simulated" in repr(result)
    plain = eegkd.fit(make_trials(), **QUICK).describe()
    assert "simulated" not in plain.lower()


# -- 8. two classes carry no dark knowledge ---------------------------------------


def test_rule_8_two_classes_say_nothing_beyond_confidence():
    """With two classes the soft targets are a function of one number, the margin.

    Shifting both scores, the only change that leaves the margin alone, changes
    nothing; with three classes two teachers of one confidence still differ.
    """
    student = torch.tensor([[0.3, -0.2]])
    from eegkd.criteria import kl_divergence

    margin = torch.tensor([[2.0, 0.0]])
    assert torch.allclose(
        kl_divergence(student, margin), kl_divergence(student, margin - 5.0)
    )
    three = torch.tensor([[0.3, -0.2, 0.0]])
    one, other = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[2.0, 0.0, 1.0]])
    assert torch.allclose(one.softmax(1).max(), other.softmax(1).max())
    assert not torch.allclose(kl_divergence(three, one), kl_divergence(three, other))


# -- the loop ---------------------------------------------------------------------


def test_two_learners_do_not_disturb_each_other(fitted):
    """All outputs come before any update, so the order of learners is irrelevant."""
    student, tested = fitted
    codes = np.searchsorted(student.classes_, tested.y)
    sampler = TrialSampler.from_arrays(tested.X, codes, batch_size=12)

    def learners():
        import copy

        return [
            Learner(copy.deepcopy(model.decoder_), Objective([(CrossEntropy(), None)]))
            for model in (student, student.teacher_)
        ]

    forward, backward = learners(), learners()[::-1]
    for group in (forward, backward):
        for learner in group:
            switch_off_dropout(learner.decoder)
        distill(group, sampler, max_epochs=2)
    for a, b in zip(forward, backward[::-1], strict=True):
        for name, value in state(a.decoder).items():
            assert torch.equal(value, state(b.decoder)[name]), name


def switch_off_dropout(decoder):
    """Make training deterministic whatever the order of random numbers."""
    for module in decoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def test_objective_mixes_terms_by_weight(fitted):
    student, tested = fitted
    codes = np.searchsorted(student.classes_, tested.y)
    batch = TrialSampler.from_arrays(tested.X, codes).batch(torch.arange(10))
    output = student.decoder_(batch.seen_by(student.decoder_.view))
    teacher = Frozen(student.teacher_.decoder_)
    from eegkd.weightings import Constant

    terms = [(CrossEntropy(), None), (KL(4), teacher), (SimilarityKeeping(), teacher)]
    loss, means = Objective(terms, Constant(0.1, 0.9, 450))(output, batch)
    assert loss.item() == pytest.approx(
        float((torch.tensor([0.1, 0.9, 450]) * means).sum()), rel=1e-5
    )


def test_rule_4_trials_that_change_are_not_remembered(fitted):
    """A sampler that shows a trial differently each time is read each time."""
    student, tested = fitted
    sampler = TrialSampler.from_arrays(tested.X, np.zeros(len(tested)))
    sampler.deterministic = False
    frozen = Frozen(student.teacher_.decoder_)
    read = []
    frozen.decoder.register_forward_hook(lambda m, args, out: read.append(len(args[0])))
    for _ in range(3):
        frozen(sampler.batch(torch.arange(5)))
    assert read == [5, 5, 5]
