"""Fair controls: updates are counted, and what is compared got as many of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.criteria import trial_similarity
from eegkd.estimators import DistilledRegressor
from eegkd.methods import METHODS
from eegkd.persistence import pack_classifier, unpack_classifier
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen, others

from .conftest import make_trials

# Methods with several teachers, which train the others beside a given one.
SEVERAL = {"mean_mkd", "entropy_mkd", "aekd", "ca_mkd", "ces_kd", "pskd"}
# What they take of the teacher's answers does not depend on whose they are, or, so
# early, they find nothing to take.
UNMOVED = {"smoothed_labels", "auto"}
EPOCHS = {"max_epochs": 8, "batch_size": 10, "lr": 2e-3, "valid_fraction": 0}


@pytest.fixture(scope="module")
def train():
    """Return 36 training trials of one subject: four batches an epoch."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture
def steps(monkeypatch):
    """Return the steps of all optimizers, by the parameter they begin with."""
    counted = {}
    step = torch.optim.Adam.step

    def count(self, *args, **options):
        first = self.param_groups[0]["params"][0]
        counted[first] = counted.get(first, 0) + 1
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", count)
    return counted


def of_student(counted, model):
    """Return how many of the steps moved the student."""
    return counted[next(iter(model.decoder_.parameters()))]


@pytest.mark.parametrize(
    ("method", "n_epochs"),
    [("none", 8), ("kd", 8), ("fsp", 9), ("activation_boundaries", 9), ("tasked", 8)],
)
def test_updates_are_counted_over_all_stages(train, steps, method, n_epochs):
    model = DistilledClassifier("headphone", method, **EPOCHS).fit(train)
    assert of_student(steps, model) == 4 * n_epochs
    assert model.history_.updates == 4 * n_epochs
    assert model.history_.n_students == 1
    again = unpack_classifier(*pack_classifier(model))
    assert again.history_.updates == model.history_.updates


def batch_of(train):
    """Return a batch of all training trials."""
    codes = np.searchsorted(train.classes, train.y)
    sampler = TrialSampler.from_arrays(train.X, codes)
    return sampler.batch(torch.randperm(len(sampler)))


@pytest.mark.parametrize("permuted", ["within_classes", "all_trials"])
@pytest.mark.parametrize("memory_limit", [0, 2**30])
def test_a_permuted_teacher_says_of_trials_what_it_says_of_others(
    train, teacher, permuted, memory_limit
):
    decoder = teacher.decoder_
    batch = batch_of(train)
    own = Frozen(decoder)(batch)
    frozen = Frozen(decoder, memory_limit=memory_limit, permuted=permuted)
    other = frozen(batch)
    same = (own.logits[:, None] - other.logits).abs().amax(dim=2) < 1e-5
    assert (same.sum(dim=0) == 1).all()  # trials differ, so it can be told whose it is
    told = same.int().argmax(dim=0)  # of which trial each answer is
    assert sorted(told.tolist()) == list(range(len(batch)))
    assert (told != torch.arange(len(batch))).all()
    alike = batch.y[told] == batch.y
    assert alike.all() == (permuted == "within_classes")
    for tap, value in own.features.items():
        torch.testing.assert_close(other.features[tap], value[told])
        gram = own.relation(trial_similarity, tap)[told][:, told]
        torch.testing.assert_close(other.relation(trial_similarity, tap), gram)
    torch.testing.assert_close(other.embedding, own.embedding[told])
    torch.testing.assert_close(frozen(batch).logits, other.logits)
    again = Frozen(decoder, permuted=permuted, seed=1)(batch)
    assert not torch.equal(again.logits, other.logits)


def test_who_is_alone_keeps_its_answer():
    group = torch.tensor([0, 1, 0, 2, 0, 1])
    order = others(group, 0)
    assert order[3] == 3
    assert torch.equal(group[order], group)
    assert (order != torch.arange(6)).sum() == 5
    assert others(group[:1], 0).tolist() == [0]


@pytest.fixture(scope="module")
def teacher(train):
    """Return a teacher on all electrodes."""
    return DecoderClassifier(max_epochs=3, batch_size=10, lr=2e-3).fit(train)


@pytest.mark.parametrize(
    "method", [name for name, one in METHODS.items() if one.needs_teacher]
)
def test_students_of_permuted_teachers(train, teacher, method):
    student = DistilledClassifier(
        "headphone",
        method,
        teacher=teacher,
        method_options={"n_teachers": 2} if method in SEVERAL else {},
        max_epochs=2,
        batch_size=12,
    )
    if not METHODS[method].card.permutable:
        with pytest.raises(ValueError, match="'permuted_teacher' must be None"):
            student.set_params(permuted_teacher="all_trials").fit(train)
        return
    taught = student.fit(train).fingerprint_
    student.set_params(permuted_teacher="all_trials").fit(train)
    assert np.isfinite(student.history_.best_loss)
    assert (student.fingerprint_ == taught) == (method in UNMOVED)


@pytest.mark.parametrize("method", ["none", "born_again", "mutual_learning"])
def test_methods_without_a_given_teacher_refuse_to_permute_it(method):
    with pytest.raises(ValueError, match="'permuted_teacher' must be None for"):
        DistilledClassifier(method=method, permuted_teacher="within_classes").check()


def test_continuous_labels_have_no_classes():
    student = DistilledRegressor(method="fitnet", permuted_teacher="within_classes")
    with pytest.raises(ValueError, match="'all_trials' for continuous labels"):
        student.check()
    student.set_params(permuted_teacher="all_trials").check()
    with pytest.raises(ValueError, match="must be one of None, 'within_classes'"):
        student.set_params(permuted_teacher="any").check()
