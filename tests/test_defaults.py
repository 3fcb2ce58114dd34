"""Defaults of a paradigm: looked up in one place, whoever calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from moabb.pipelines.utils import create_pipeline_from_config
from sklearn.base import clone

import eegkd
from eegkd import (
    PARADIGMS,
    DecoderClassifier,
    DecoderRegressor,
    DistilledClassifier,
    DistilledRegressor,
    load_trials,
)
from eegkd.baselines.pipelines import CLASSES, pipelines_folder
from eegkd.data.simulated import (
    SimulatedCVEP,
    SimulatedMotorImagery,
    SimulatedP300,
    SimulatedRestingState,
    SimulatedSSVEP,
)
from eegkd.distillation.recipe import find_recipe
from eegkd.estimators import resolve_settings
from eegkd.estimators.defaults import FIELDS
from eegkd.persistence import load_classifier, save_classifier

from .conftest import make_trials

# Small sets of one subject.
SIMULATED = {
    "imagery": lambda: SimulatedMotorImagery(1, n_trials=16, n_runs=1),
    "p300": lambda: SimulatedP300(1, n_characters=2, n_repetitions=2),
    "ssvep": lambda: SimulatedSSVEP(1, n_trials=24, n_runs=1),
    "cvep": lambda: SimulatedCVEP(1, n_trials=2, n_runs=1, n_targets=2),
    "rstate": lambda: SimulatedRestingState(1, n_segments=2),
}
ESTIMATORS = [
    DecoderClassifier,
    DistilledClassifier,
    DecoderRegressor,
    DistilledRegressor,
]
FEW = 32  # trials of each session


def few_trials(paradigm):
    """Return some trials of one subject of a simulated set."""
    trials = load_trials(SIMULATED[paradigm]())
    sessions = trials.metadata["session"].to_numpy()
    rows = [np.flatnonzero(sessions == one) for one in np.unique(sessions)]
    return trials.subset(
        np.concatenate([one[:: max(1, len(one) // FEW)] for one in rows])
    )


def from_file(paradigm, montage, folder, **settings):
    """Return the student that MOABB makes of a pipeline file."""
    made = pipelines_folder(folder, montage=montage, methods=["kd"], **settings)
    for file in sorted(Path(made).glob("*.yml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        named = content["pipeline"][0]["name"]
        if (
            content["paradigms"][0] in CLASSES[paradigm]
            and named == "DistilledClassifier"
        ):
            return create_pipeline_from_config(content["pipeline"])[0]
    raise AssertionError(paradigm)


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_four_ways_of_calling_train_the_same_network(paradigm, tmp_path, monkeypatch):
    trials = few_trials(paradigm)
    montage = list(trials.ch_names[:3])
    seen = []
    fit = DistilledClassifier.fit

    def watched(self, X, y=None, subjects=None):
        fit(self, X, y, subjects)
        if self.method == "kd":
            seen.append((self.fingerprint_, getattr(X, "trials", X)))
        return self

    monkeypatch.setattr(DistilledClassifier, "fit", watched)
    eegkd.fit(trials, montage, method="kd", max_epochs=1, validate=False)
    train = seen[0][1]
    taught = DistilledClassifier(montage, "kd", max_epochs=1).fit(train)
    eegkd.benchmark(
        trials,
        [montage],
        ["kd"],
        n_seeds=1,
        store=tmp_path / "store.sqlite",
        max_epochs=1,
    )
    if paradigm in CLASSES:
        student = from_file(paradigm, montage, tmp_path / "files", max_epochs=1)
        student.fit(train.to_epochs(), train.y)
    assert len(seen) == 3 + (paradigm in CLASSES)
    assert len({fingerprint for fingerprint, _ in seen}) == 1
    row = PARADIGMS[paradigm]
    assert taught.settings_["student"] == row.decoder
    assert taught.teacher_.settings_["decoder"] == row.decoder
    recipe = find_recipe("default", paradigm, row.decoder)
    expected = replace(recipe, max_epochs=1, n_updates=None)
    assert taught.settings_["recipe"] == expected
    assert taught.teacher_.settings_["recipe"] == expected


@pytest.mark.parametrize("paradigm", PARADIGMS)
@pytest.mark.parametrize("method", ["none", "kd", "sk_kd"])
def test_everything_that_is_open_is_decided(paradigm, method):
    row = PARADIGMS[paradigm]
    settings = resolve_settings(
        DistilledClassifier(method=method).get_params(), paradigm
    )
    assert settings["paradigm"] == paradigm
    assert settings["student"] == row.decoder
    assert (settings["student_options"] or {}) == row.decoder_options.get(
        row.decoder, {}
    )
    assert settings["class_weight"] == row.class_weight
    assert settings["taps"] == row.taps
    recipe = find_recipe("default", paradigm, row.decoder)
    assert settings["recipe"] == recipe
    assert all(settings[name] == getattr(recipe, name) for name in FIELDS)
    softened = row.temperature is not None and method != "none"
    assert settings["method_options"] == ({"temperature": 1.0} if softened else None)


def test_what_was_said_stays():
    said = {"lr": 0.1, "taps": None, "class_weight": None, "student": "SCCNet"}
    model = DistilledClassifier(
        method="kd", method_options={"temperature": 3}, paradigm="p300", **said
    )
    settings = resolve_settings(model.get_params(), "imagery")
    assert {name: settings[name] for name in said} == said
    assert settings["student_options"] is None  # the row has another network's
    assert settings["method_options"] == {"temperature": 3}
    recipe = find_recipe("default", "p300", "SCCNet")
    assert settings["recipe"] == replace(recipe, lr=0.1)
    assert settings["paradigm"] == "p300"


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'paradigm' must be one of .* Did you mean"):
        DistilledClassifier(paradigm="P300").check()
    with pytest.raises(ValueError, match="'sk-kd' for 'method'.*Did you mean 'sk_kd'"):
        resolve_settings(DistilledClassifier(method="sk-kd").get_params())


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_clone_is_as_open_as_its_original(kind):
    model = kind()
    copied = clone(model)
    assert {"paradigm", "lr", "max_epochs", "class_weight"} <= {
        name for name, value in copied.get_params().items() if value == "auto"
    }
    assert copied.get_params() == model.get_params()


def test_settings_are_kept_in_files(tmp_path):
    trials = make_trials()
    model = DistilledClassifier(["C3", "C4"], "kd", max_epochs=1, paradigm="p300")
    model.fit(trials)
    assert model.lr == "auto"
    save_classifier(model, tmp_path / "student")
    read = load_classifier(tmp_path / "student")
    assert read.get_params() | {"montage": 0} == model.get_params() | {"montage": 0}
    assert read.settings_ == model.settings_
    assert read.settings_["class_weight"] == "balanced"


def test_teachers_follow_the_paradigm_that_was_named():
    trials = make_trials()
    teacher = DecoderClassifier(max_epochs=1)
    model = DistilledClassifier(
        ["C3", "C4"], "kd", teacher, max_epochs=1, paradigm="ssvep"
    ).fit(trials)
    assert model.teacher_.settings_["decoder"] == "SpectrumNet"
    recipe = find_recipe("default", "ssvep", "SpectrumNet")
    assert model.teacher_.settings_["lr"] == recipe.lr


def test_continuous_labels_have_no_weights():
    assert DecoderRegressor(paradigm="p300")._resolve()["class_weight"] is None
    with pytest.raises(ValueError, match="'class_weight' is for classes"):
        DistilledRegressor(class_weight="balanced").check()
