"""The plans that come along: each is whole, and runs on the simulated set."""

from __future__ import annotations

import pytest

import eegkd
from eegkd.benchmark.run import prepare

from .conftest import CH_22, PROJECT, make_trials

PLANS = sorted((PROJECT / "examples" / "plans").glob("*.toml"))
PAPER = PROJECT / "examples" / "plans" / "huang2023.toml"


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_every_plan_is_laid_out(file, tmp_path):
    """Every name in it exists; the trials are others, since its own may not be here."""
    plan = eegkd.read_plan(file)
    plan |= {"store": tmp_path / "store.sqlite", "datasets": make_trials(n_subjects=3)}
    plan |= {"subjects": None, "data": {}}  # of the plan's own dataset
    run = prepare(**plan)
    evaluations = plan["evaluation"]
    evaluations = [evaluations] if isinstance(evaluations, str) else evaluations
    folds = sum(1 if name == "dependent" else 3 for name in evaluations)
    students = len(plan["montages"]) * len(plan["methods"]) * len(plan["decoders"])
    found = [job for job in run.jobs if job.kind == "student"]
    assert len(found) == folds * plan["n_seeds"] * students


def test_the_paper_s_plan_states_the_published_settings():
    plan = eegkd.read_plan(PAPER)
    published = {
        "datasets": ["BNCI2014_001"],
        "montages": ["headphone", "headband"],
        "decoders": ["SCCNet", "EEGNet", "ShallowFBCSPNet"],
        "evaluation": ["individual", "dependent", "independent"],
        "n_seeds": 10,
        "recipe": "published",
    }
    assert {name: plan[name] for name in published} == published
    assert {"none", "kd", "sk_kd"} <= set(plan["methods"])


def test_the_paper_s_plan_is_right_up_to_the_download(monkeypatch, tmp_path):
    """Names, montages and trials fit the dataset; only its files are missing."""
    from moabb.datasets import BNCI2014_001

    from eegkd.data import load
    from eegkd.data.moabb_paradigm import make_paradigm

    plan = eegkd.read_plan(PAPER)
    dataset = BNCI2014_001()
    for name in plan["montages"]:
        found = eegkd.load_montage(name)
        assert set(found.ch_names) <= set(CH_22)
    options = {"events": None, **plan["data"]}
    paradigm = make_paradigm(None, dataset, options)
    assert paradigm.is_valid(dataset)
    assert sorted(paradigm.used_events(dataset)) == [
        "feet", "left_hand", "right_hand", "tongue",
    ]  # fmt: skip
    assert (paradigm.tmin, paradigm.tmax, paradigm.resample) == (-0.5, 4.0, 125.0)
    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    monkeypatch.setattr(load, "_load_subject", _no_network)
    with pytest.raises(
        FileNotFoundError, match=r"recordings of BNCI2014_001.*MNE_DATA"
    ):
        eegkd.benchmark(**{**plan, "store": tmp_path / "store.sqlite"})


def _no_network(dataset, paradigm, subject, cache):
    raise ConnectionError("no network")


@pytest.mark.parametrize("evaluation", ["individual", "dependent", "independent"])
def test_the_paper_s_plan_runs_on_other_trials(evaluation, tmp_path):
    """One seed and pass, all three networks; whole epochs of 4.5 s need 562 samples."""
    plan = eegkd.read_plan(PAPER) | {
        "datasets": make_trials(n_per_class=4, n_times=562),
        "data": {},
        "evaluation": evaluation,
        "n_seeds": 1,
        "max_epochs": 1,
        "store": tmp_path / "store.sqlite",
    }
    results = eegkd.benchmark(**plan)
    assert results.complete
    n_folds = 1 if evaluation == "dependent" else 2
    assert len(results.planned) == n_folds * 3 * (1 + 2 * 3)
    assert set(results.scores["subject"]) == {"1", "2"}


@pytest.mark.slow
def test_the_paper_s_plan_runs_on_the_simulated_set(tmp_path):
    plan = eegkd.read_plan(PAPER) | {
        "datasets": ["SimulatedMotorImagery"],
        "subjects": [1, 2],
        "data": {"tmin": 0.0, "tmax": 4.0},
        "n_seeds": 1,
        "max_epochs": 1,
        "store": tmp_path / "store.sqlite",
    }
    assert eegkd.benchmark(**plan).complete
