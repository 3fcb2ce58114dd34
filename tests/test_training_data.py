"""`TrainingData`: read once, learned from by several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eegkd import DecoderClassifier, DistilledClassifier, DistilledRegressor
from eegkd.criteria import KL, CrossEntropy, SimilarityKeeping
from eegkd.data.trials import Trials
from eegkd.decoders import Decoder
from eegkd.distillation import Objective
from eegkd.estimators import TrainingData
from eegkd.teachers import Frozen
from eegkd.view import View

from .conftest import make_trials

MONTAGE = ["C3", "Cz", "C4"]
FEW = {"max_epochs": 2, "batch_size": 16}


@pytest.fixture(scope="module")
def train():
    return make_trials(n_subjects=1, n_per_class=8)


def test_all_who_share_data_learn_what_they_learn_alone(train):
    data = TrainingData.of(train)
    teacher = DecoderClassifier(**FEW)
    for model in (
        teacher,
        DistilledClassifier(MONTAGE, "none", **FEW),
        DistilledClassifier(MONTAGE, "kd", random_state=3, **FEW),
        DistilledClassifier(MONTAGE, "takd", n_teachers=2, **FEW),
    ):
        alone = model.fit(train).fingerprint_
        assert model.fit(data).fingerprint_ == alone


def test_signals_are_read_and_picked_once(train, monkeypatch):
    picked, made = [], []
    pick, from_arrays = View.pick, Trials.from_arrays.__func__

    def watched(self, X):
        picked.append((self.montage.name, len(X)))
        return pick(self, X)

    def counted(cls, *args, **known):
        made.append(cls)
        return from_arrays(cls, *args, **known)

    monkeypatch.setattr(View, "pick", watched)
    monkeypatch.setattr(Trials, "from_arrays", classmethod(counted))
    data = TrainingData.of(train.X, train.y, ch_names=train.ch_names, sfreq=train.sfreq)
    for method in ("none", "kd"):
        DistilledClassifier(MONTAGE, method, **FEW).fit(data)
    once = [("custom", len(data.learned)), ("full", len(data.learned))]
    assert sorted(picked) == sorted(once)
    assert len(made) == 1
    teacher = DecoderClassifier(**FEW).fit(data)
    DistilledClassifier(MONTAGE, "kd", teacher, **FEW).fit(data)
    assert len(picked) == len(once)


def test_another_part_for_validation_is_another_split(train):
    data = TrainingData.of(train, valid_fraction=1 / 8)
    assert data.split(1 / 8, "auto") is data
    whole = DecoderClassifier(valid_fraction=0, **FEW)
    alone = whole.fit(train).fingerprint_
    assert whole.fit(data).fingerprint_ == alone
    assert data.split(0, "auto").valid is None


def test_subjects_are_those_of_the_data(train):
    who = np.repeat([1, 2], len(train) // 2)
    data = TrainingData.of(train, subjects=who)
    assert data.learned.subject.unique().tolist() == [0, 1]
    with pytest.raises(ValueError, match="'y' and 'subjects' must be None where"):
        DecoderClassifier().fit(data, subjects=who)


def test_labels_must_be_of_the_kind(train):
    with pytest.raises(ValueError, match="'X' must be TrainingData with continuous=T"):
        DistilledRegressor().fit(TrainingData.of(train))


def test_features_are_read_where_a_criterion_asks_for_them(train, monkeypatch):
    recorded = []
    record = Decoder.record

    def watched(self, x):
        recorded.append(len(x))
        return record(self, x)

    monkeypatch.setattr(Decoder, "record", watched)
    n_recorded = {}
    for method in ("none", "kd", "sk_kd"):
        recorded.clear()
        DistilledClassifier(MONTAGE, method, **FEW).fit(train)
        n_recorded[method] = len(recorded)
    # Each network is looked at once when it is built.
    assert (n_recorded["none"], n_recorded["kd"]) == (1, 2)
    assert n_recorded["sk_kd"] > 2


def test_a_teacher_reads_features_again_once_they_are_asked_for(train):
    data = TrainingData.of(train)
    sampler, _ = data.samplers(batch_size=16, seed=0)
    decoder = DecoderClassifier(**FEW).fit(data).decoder_
    usual, sparing = Frozen(decoder), Frozen(decoder)
    batch = sampler.batch(torch.arange(5))
    sparing.read_features(False)
    answer, expected = sparing(batch), usual(batch)
    assert torch.equal(answer.logits, expected.logits)
    assert answer.embedding is None
    assert list(answer.features) == list(expected.features)
    for tap, features in answer.features.items():  # read now
        torch.testing.assert_close(features, expected.features[tap])
    sparing.read_features(True)
    assert torch.equal(sparing(batch).embedding, expected.embedding)


def test_an_objective_knows_what_it_reads():
    scores = [(CrossEntropy(), None), (KL(4.0), None)]
    assert not Objective(scores).needs_features
    assert Objective([*scores, (SimilarityKeeping(), None)]).needs_features
    assert Objective([(lambda student, teacher, batch: 0, None)]).needs_features
