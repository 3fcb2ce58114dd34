"""Recipes: how networks are trained, and what a bad schedule says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from eegkd import PARADIGMS, DecoderClassifier, DistilledClassifier
from eegkd.criteria import CrossEntropy
from eegkd.data.groups import leave_one_out, time_parts
from eegkd.decoders import build_decoder
from eegkd.distillation import RECIPES, Learner, Objective, Recipe, distill, loop
from eegkd.distillation.batch_statistics import changed_answers, refresh_statistics
from eegkd.distillation.faults import FAULTS, schedule_faults
from eegkd.distillation.loop import History
from eegkd.distillation.recipe import SCHEDULES, find_recipe
from eegkd.samplers import TrialSampler
from eegkd.view import View

from .conftest import adam, make_trials

MONTAGE = ["C3", "Cz", "C4"]


@pytest.fixture
def sampler():
    trials = make_trials()
    codes = np.searchsorted(trials.classes, trials.y)
    return TrialSampler.from_arrays(trials.X, codes, batch_size=20)


def decoder(sampler, seed=0):
    """Return an untrained SCCNet."""
    view = View(None, make_trials().ch_names).fit(sampler.X)
    signal = {"n_times": sampler.X.shape[2], "sfreq": 125.0}
    return build_decoder("SCCNet", view, n_outputs=3, random_state=seed, **signal)


def trained(sampler, recipe, **loop):
    """Return a network trained on labels, and its history."""
    learner = Learner(decoder(sampler), Objective([(CrossEntropy(), None)]), recipe)
    return learner.decoder, distill(learner, sampler, **loop)


# -- what a recipe is -----------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_every_recipe_has_every_paradigm(name, paradigm):
    assert isinstance(RECIPES[name][paradigm], Recipe)
    assert find_recipe(name, paradigm, len) is RECIPES[name][paradigm]


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_of_networks_are_of_known_ones(name):
    from eegkd import list_decoders

    pairs = [key for key in RECIPES[name] if isinstance(key, tuple)]
    assert {paradigm for paradigm, _ in pairs} <= set(PARADIGMS)
    assert {network for _, network in pairs} <= set(list_decoders())
    for paradigm, network in pairs:
        own = RECIPES[name][paradigm, network]
        assert find_recipe(name, paradigm, network) is own


def test_the_published_recipe_is_that_of_the_paper():
    recipe = RECIPES["published"]["imagery"]
    assert (recipe.optimizer, recipe.lr, recipe.weight_decay) == ("adam", 5e-4, 0.1)
    assert (recipe.batch_size, recipe.max_epochs, recipe.schedule) == (
        128,
        500,
        "constant",
    )
    assert recipe.valid_fraction == 1 / 8
    assert recipe.batch_statistics == "running"
    assert recipe.calibrate is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "sgd"}, "'optimizer' must be one of"),
        ({"lr": 0}, "'lr' must be"),
        ({"schedule": "step"}, "'schedule' must be one of"),
        ({"decayed": "none"}, "'decayed' must be one of"),
        ({"batch_statistics": "none"}, "'batch_statistics' must be one of"),
        ({"max_epochs": 0}, "'max_epochs' must be an integer >= 1"),
        ({"n_updates": 0}, "'n_updates' must be an integer >= 1"),
        ({"patience": 0}, "'patience' must be an integer >= 1"),
        ({"valid_fraction": 1.5}, "'valid_fraction' must be"),
        ({"n_folds": 1}, "'n_folds' must be 0, or at least 2"),
        ({"n_folds": 3, "valid_fraction": 0.1}, "'n_folds' must be 0, or at least 2"),
        ({"average_from": 1}, "'average_from' must be"),
        ({"calibrate": 0}, "'calibrate' must be"),
        ({"momentum": 0.9}, "'recipe' must be one of"),
    ],
)
def test_wrong_values_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        DistilledClassifier(recipe=fields).check()


def test_what_is_no_recipe_is_refused():
    with pytest.raises(ValueError, match="'recipe' must be one of.*Did you mean"):
        DecoderClassifier(recipe="publish").fit(make_trials())
    with pytest.raises(TypeError, match="'recipe' must be a name .*, got int"):
        DistilledClassifier(recipe=3).check()


def test_few_trials_are_read_more_often():
    recipe = Recipe(max_epochs=100, n_updates=240, min_epochs=10, batch_size=32)
    assert [recipe.for_trials(n).max_epochs for n in (30, 104, 320, 10_000)] == [
        100,
        60,
        24,
        10,
    ]
    assert recipe.for_trials(104).for_trials(30).max_epochs == 60  # settled once


def test_a_recipe_is_what_it_prints():
    recipe = Recipe(lr=0.01, n_updates=50, augment="sign_flip")
    assert eval(repr(recipe)) == recipe
    assert Recipe(**recipe.to_dict()) == recipe


def test_one_cycle_is_that_of_torch():
    n_updates, recipe = 200, Recipe(lr=0.3)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.3, total_steps=n_updates, cycle_momentum=False
    )
    for update in range(n_updates):
        expected = optimizer.param_groups[0]["lr"]
        assert recipe.rate_at(update / n_updates) == pytest.approx(expected, abs=0.006)
        optimizer.step()
        reference.step()


def test_cosine_falls_and_constant_stays():
    rates = [Recipe(schedule="cosine").rate_at(p) for p in (0, 0.5, 1)]
    assert rates == pytest.approx([1e-3, 5e-4, 0])
    assert {Recipe(schedule="constant").rate_at(p) for p in (0, 0.5, 1)} == {1e-3}


# -- what it does ---------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("decayed", ["all", "weights"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_updates_are_those_of_torch(sampler, optimizer, decayed, schedule):
    recipe = Recipe(optimizer, 0.01, schedule, 0.1, decayed, batch_size=20)
    own, _ = trained(sampler, recipe, max_epochs=3)
    other = decoder(sampler)
    groups = [
        {"params": [p], "weight_decay": 0.1 if p.ndim > 1 or decayed == "all" else 0.0}
        for p in other.parameters()
    ]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    reference, n_batches = kind(groups), -(-len(sampler) // 20)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for epoch in range(3):
            other.train()
            progress = epoch / 3
            for batch in sampler(epoch):
                for group in reference.param_groups:
                    group["lr"] = recipe.rate_at(progress)
                logits = other(batch.seen_by(other.view)).logits
                reference.zero_grad()
                torch.nn.functional.cross_entropy(logits, batch.y).backward()
                reference.step()
                progress += 1 / (3 * n_batches)
    pairs = zip(own.parameters(), other.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_statistics_are_those_of_all_trials(sampler):
    own, _ = trained(sampler, Recipe(lr=0.01), max_epochs=2)
    norm, seen = own.network.spatial_batch_norm, []
    norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    everything = sampler.batch(torch.arange(len(sampler)))
    with torch.no_grad():
        own(everything.seen_by(own.view))
    mean = seen[0].transpose(0, 1).flatten(1).mean(dim=1)
    assert torch.allclose(norm.running_mean, mean, atol=1e-5)
    kept, _ = trained(
        sampler, Recipe(lr=0.01, batch_statistics="running"), max_epochs=2
    )
    assert not torch.allclose(kept.network.spatial_batch_norm.running_mean, mean)


def test_asking_whether_statistics_fit_changes_nothing(sampler):
    own, _ = trained(sampler, adam(lr=0.05), max_epochs=3)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    own.network.spatial_batch_norm.running_var.mul_(100)
    assert changed_answers(own, sampler) > 0
    own.load_state_dict(before)
    changed_answers(own, sampler)
    after = own.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    refresh_statistics(own, sampler)
    assert changed_answers(own, sampler) == 0


def test_augmented_trials_are_what_is_learned_from():
    trials = make_trials()
    seen = []

    def watch(x):
        seen.append(x.shape)
        return x

    recipe = Recipe(max_epochs=2, augment=watch)
    DecoderClassifier(MONTAGE, recipe=recipe).fit(trials)
    assert seen
    assert {shape[1] for shape in seen} == {len(trials.ch_names)}


# -- in estimators --------------------------------------------------------------------


def test_parameters_replace_fields():
    model = DecoderClassifier(recipe="published", lr=0.02, max_epochs=3)
    settings = model.fit(make_trials()).settings_
    published = RECIPES["published"]["imagery"]
    assert settings["recipe"] == replace(published, lr=0.02, max_epochs=3)
    assert settings["lr"] == 0.02
    assert len(model.history_.rows) == 3
    assert "valid_loss" in model.history_.rows[0]


def test_a_dict_is_a_recipe():
    by_value = DecoderClassifier(MONTAGE, recipe=Recipe(max_epochs=2)).fit(
        make_trials()
    )
    by_dict = DecoderClassifier(MONTAGE, recipe={"max_epochs": 2}).fit(make_trials())
    assert by_value.fingerprint_ == by_dict.fingerprint_


def test_recipes_are_kept_in_files(tmp_path):
    from eegkd.persistence import load_classifier, save_classifier

    recipe = Recipe(max_epochs=1, augment="sign_flip", lr=0.01)
    model = DistilledClassifier(MONTAGE, "kd", recipe=recipe).fit(make_trials())
    save_classifier(model, tmp_path / "student")
    read = load_classifier(tmp_path / "student")
    assert read.settings_ == model.settings_
    assert read.recipe == recipe


def test_folds_choose_how_long_all_trials_are_learned():
    recipe = Recipe(max_epochs=6, n_folds=3, schedule="constant", lr=0.01)
    model = DecoderClassifier(MONTAGE, recipe=recipe).fit(make_trials())
    chosen = model.settings_["max_epochs"]
    assert 1 <= chosen <= 6
    assert len(model.history_.rows) == chosen
    plain = replace(recipe, n_folds=0, max_epochs=chosen)
    alone = DecoderClassifier(MONTAGE, recipe=plain).fit(make_trials())
    assert alone.fingerprint_ == model.fingerprint_


def test_parts_follow_each_other_and_hold_everything():
    trials = make_trials()
    codes = np.searchsorted(trials.classes, trials.y)
    part = time_parts(trials.metadata, codes, 4)
    who = trials.metadata["subject"].to_numpy()
    for subject, code in zip(np.repeat(np.unique(who), 3), [0, 1, 2] * 9, strict=False):
        number = part[(codes == code) & (who == subject)]
        assert set(number) == {0, 1, 2, 3}
        assert (np.diff(number) >= 0).all()
    folds = list(leave_one_out(trials.metadata, part))
    held_out = np.concatenate([some for _, some in folds])
    assert sorted(held_out) == list(range(len(trials)))
    assert all(len(rows) + len(some) == len(trials) for rows, some in folds)


def test_folds_keep_groups_whole_and_overlaps_apart():
    trials = make_trials(n_subjects=1)
    start = 0.5 * np.arange(len(trials))
    group = np.arange(len(trials)) // 4
    times = {"start": start, "stop": start + 1, "group": group}
    metadata = trials.metadata.assign(**times)
    codes = np.searchsorted(trials.classes, trials.y)
    for rows, held_out in leave_one_out(metadata, time_parts(metadata, codes, 3)):
        assert set(group[rows]).isdisjoint(group[held_out])
        assert (np.abs(start[rows][:, None] - start[held_out]) >= 1).all()


def test_more_folds_than_trials_are_refused():
    recipe = Recipe(max_epochs=1, n_folds=30)
    with pytest.raises(ValueError, match="'n_folds' must be at most"):
        DecoderClassifier(MONTAGE, recipe=recipe).fit(make_trials(n_per_class=4))


# -- what speaks against a schedule ---------------------------------------------------


def history(losses, valid=None, kept=None):
    """Return a history with such losses."""
    rows = [{"epoch": n, "train_loss": loss} for n, loss in enumerate(losses)]
    for row, loss in zip(rows, valid or (), strict=False):
        row["valid_loss"] = loss
    return History(rows, len(rows) - 1 if kept is None else kept)


def test_a_loss_that_still_falls_is_a_fault():
    line = history(np.linspace(2, 1, 40).tolist())
    assert schedule_faults(line, 40) == ["still_falling"]
    level = history([2.0] * 5 + [1.0] * 35)
    assert schedule_faults(level, 40) == []
    assert schedule_faults(history(np.linspace(1, 2, 40).tolist()), 40) == []
    assert schedule_faults(line, 400) == []  # stopped before, or interrupted
    assert schedule_faults(line, 40, "one_cycle") == []  # its rate ends at 0


def test_an_early_epoch_is_a_fault():
    losses = [1.0] * 40
    assert schedule_faults(history(losses, losses, kept=1), 40) == ["early_epoch"]
    assert schedule_faults(history(losses, losses, kept=20), 40) == []
    assert schedule_faults(history(losses[:3], losses[:3], kept=1), 3) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_warned_of_with_what_to_do(fault, monkeypatch):
    monkeypatch.setattr(loop, "schedule_faults", lambda *_: [fault])
    with pytest.warns(UserWarning, match="Take|take|Train for"):
        model = DecoderClassifier(MONTAGE, max_epochs=1).fit(make_trials())
    assert model.history_.notes["schedule"] == [fault]


def test_statistics_that_do_not_fit_are_warned_of():
    recipe = adam(max_epochs=20, lr=0.3, valid_fraction=0.0)
    with pytest.warns(UserWarning, match="running statistics of batch normalization"):
        DecoderClassifier(MONTAGE, "SCCNet", recipe=recipe).fit(make_trials())
