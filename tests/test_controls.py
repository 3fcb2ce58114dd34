"""Fair controls: updates are counted, and what is compared got as many of them."""

from __future__ import annotations

import pytest
import torch

from eegkd import DistilledClassifier
from eegkd.persistence import pack_classifier, unpack_classifier

from .conftest import make_trials

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
