"""Synthetic trials, the teacher that judges them, and the method built of both."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch

from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.decoders import build_decoder
from eegkd.distillation import Training
from eegkd.methods._generated_trials import AdversarialMaker, TeacherFilter
from eegkd.methods.cgan_kd import cgan_kd
from eegkd.samplers import TrialSampler
from eegkd.samplers.synthetic import SegmentRecombination, join, spread
from eegkd.view import View

from .conftest import CH_22, adam, make_trials

ORACLES = {"cgan_kd"}
N_TIMES = 40


def random(seed=0):
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)


def marked(y, subject):
    """Return a sampler whose signals name their trial: the value is its index."""
    X = np.arange(len(y))[:, None, None] * np.ones((1, 3, N_TIMES))
    X[:, 1] *= -1
    return TrialSampler.from_arrays(X, y, subject, batch_size=4)


@pytest.fixture(scope="module")
def classes():
    """Return twelve trials of two subjects and three classes."""
    return marked(np.tile([0, 1, 2], 4), np.repeat([0, 1], 6))


@pytest.fixture(scope="module")
def numbers():
    """Return trials of two subjects with continuous labels."""
    y = np.random.default_rng(0).uniform(-2, 2, 14)
    return marked(y, np.repeat([0, 1], 7))


# -- segments ---------------------------------------------------------------------


def test_segments_come_from_trials_of_the_same_subject_and_class(classes):
    made = SegmentRecombination(classes, n_segments=5)(60, random())
    origin = made.X[:, 0].long()
    assert torch.equal(made.X[:, 1], -made.X[:, 0])  # channels stay together
    assert (classes.y[origin] == made.y[:, None]).all()
    assert (classes.subject[origin] == made.subject[:, None]).all()
    pieces = origin.view(60, 5, 8)
    assert (pieces == pieces[:, :, :1]).all()
    assert (pieces[:, 1:, 0] != pieces[:, :-1, 0]).any()
    seen = {(int(k), int(i)) for row in pieces[:, :, 0] for k, i in enumerate(row)}
    assert len(seen) == 5 * len(classes)  # every trial lends every segment


def test_segments_stay_at_their_place_in_time():
    X = torch.arange(N_TIMES).expand(4, 2, N_TIMES).float()
    sampler = TrialSampler.from_arrays(X, [0, 0, 1, 1])
    made = SegmentRecombination(sampler, n_segments=7)(9, random())
    assert torch.equal(made.X, X[:1].expand(9, 2, N_TIMES))


def test_continuous_labels_are_the_mean_of_near_ones(numbers):
    made = SegmentRecombination(numbers, n_segments=3, n_neighbors=3)(200, random())
    origin = made.X[:, 0].long()
    expected = numbers.y[origin].mean(dim=1)  # weighted by the lengths of segments
    assert torch.allclose(made.y, expected, atol=1e-6)
    assert made.y.dtype == torch.float32
    for subject in (0, 1):
        ranks = numbers.y[numbers.subject == subject].argsort().argsort()
        own = origin[made.subject == subject] - 7 * subject
        assert int((ranks[own].amax(1) - ranks[own].amin(1)).max()) == 2
        assert set(own.flatten().tolist()) == set(range(7))


def test_one_neighbor_and_one_trial_of_a_class_are_copies(numbers):
    made = SegmentRecombination(numbers, n_neighbors=1)(14, random())
    order = made.X[:, 0, 0].long()
    assert torch.equal(made.X, numbers.X[order])
    assert torch.allclose(made.y, numbers.y[order], atol=1e-6)
    lonely = marked([0, 1], [0, 0])
    made = SegmentRecombination(lonely, n_segments=100)(4, random())
    assert torch.equal(made.X, lonely.X[made.y])


def test_every_recorded_trial_lends_its_label_equally_often():
    counts = torch.bincount(spread(7, 24, random()), minlength=7)
    assert set(counts.tolist()) == {3, 4}


def test_joined_trials_have_fresh_indices(classes):
    made = SegmentRecombination(classes)(5, random())
    both = join(classes, made)
    index = torch.cat([batch.index for batch in both(3)])
    assert sorted(index.tolist()) == list(range(17))
    assert torch.equal(both.batch(torch.arange(12, 17)).y, made.y)
    assert both.deterministic
    assert both.batch_size == classes.batch_size


@pytest.mark.parametrize("name", ["n_segments", "n_neighbors"])
def test_wrong_segments(classes, name):
    with pytest.raises(ValueError, match=f"'{name}' must be an integer >= 1, got 0"):
        SegmentRecombination(classes, **{name: 0})


# -- a trained generator ----------------------------------------------------------


def test_a_generator_learns_the_size_of_each_channel_and_its_condition():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 32)
    size = np.where(y == 0, 0.3, 2.0)[:, None, None] * np.array([1.0, 5.0])[:, None]
    X = 1e-5 * size * rng.standard_normal((64, 2, 48))
    sampler = TrialSampler.from_arrays(X, y, batch_size=16)
    maker = AdversarialMaker(sampler, 60, 2e-3, 0)
    made = maker(200, random())
    assert made.X.shape == (200, 2, 48)
    assert torch.isfinite(made.X).all()
    stds = [made.X[made.y == k].std(dim=(0, 2)) for k in (0, 1)]
    assert stds[1][0] > 1.5 * stds[0][0]
    assert stds[1][1] > 3 * stds[1][0]
    short = [AdversarialMaker(sampler, 2, 2e-3, 0)(9, random()).X for _ in range(2)]
    assert torch.equal(*short)


def test_a_generator_is_given_continuous_labels(numbers):
    made = AdversarialMaker(numbers, 1, 1e-3, 0)(10, random())
    assert set(made.y.tolist()) <= set(numbers.y.tolist())
    with pytest.raises(ValueError, match="'generator_epochs' must be an integer >= 1"):
        AdversarialMaker(numbers, 0, 1e-3, 0)
    with pytest.raises(ValueError, match="'generator_lr' must be a finite number > 0"):
        AdversarialMaker(numbers, 1, 0.0, 0)


# -- the teacher that judges ------------------------------------------------------


class Oracle:
    """A teacher whose scores are written in the signals."""

    def live(self, batch):
        """Return scores as a frozen teacher does."""
        x = batch.sampler.X[batch.index]
        return type("Output", (), {"logits": x[:, :, 0]})

    def permute(self, answer, batch):
        """Return the answer as it is: no control."""
        return answer


def test_the_limit_of_each_class_is_its_quantile_and_labels_are_the_teachers():
    rng = np.random.default_rng(1)

    def maker(n_trials, generator):
        y = np.arange(n_trials) % 3
        X = rng.standard_normal((n_trials, 3, 1)) * 3
        X[np.arange(n_trials), y] += 2
        return TrialSampler.from_arrays(X, y)

    burn_in = []

    def watched(n_trials, generator):
        made = maker(n_trials, generator)
        burn_in.append(made)
        return made

    judge = TeacherFilter(Oracle(), watched, maker(30, None), 0.8, n_burn_in=50)
    kept, notes = judge.choose(120, relabel=False, random=random())

    def losses(sampler):
        logits = sampler.X[:, :, 0].double().numpy()
        norm = np.log(np.exp(logits).sum(1))
        return norm - logits[np.arange(len(logits)), sampler.y.numpy()]

    first = losses(burn_in[0])
    limits = [np.quantile(first[burn_in[0].y.numpy() == k], 0.8) for k in range(3)]
    assert len(burn_in[0]) == 150
    passed = [losses(made) <= np.array(limits)[made.y.numpy()] for made in burn_in[1:]]
    n_made = sum(map(len, burn_in[1:]))
    assert notes["synthetic_made"] == n_made
    assert notes["kept_fraction"] == pytest.approx(np.concatenate(passed).mean())
    assert 0.7 < notes["kept_fraction"] < 0.9
    expected = torch.cat(
        [made.X[torch.tensor(p)] for made, p in zip(burn_in[1:], passed, strict=True)]
    )
    assert torch.equal(kept.X, expected[:120])
    assert (losses(kept) <= np.array(limits)[kept.y.numpy()]).all()
    relabeled, notes = judge.choose(120, relabel=True, random=random())
    assert torch.equal(relabeled.y, relabeled.X[:, :, 0].argmax(dim=1))
    assert 0 < notes["label_change"] < 0.5
    assert json.loads(json.dumps(notes)) == notes


def test_continuous_labels_are_judged_by_absolute_error_in_quarters():
    """The error is larger for large labels; each quarter keeps its own share."""
    rng = np.random.default_rng(2)

    def maker(n_trials, generator):
        y = rng.uniform(0, 4, n_trials)
        error = rng.uniform(-1, 1, n_trials) * (1 + np.floor(y)) / 10
        return TrialSampler.from_arrays((y + error)[:, None, None], y)

    recorded = maker(4000, None)
    judge = TeacherFilter(Oracle(), maker, recorded, 0.7, n_burn_in=500)
    kept, notes = judge.choose(2000, relabel=False, random=random())
    assert notes["kept_fraction"] == pytest.approx(0.7, abs=0.05)
    counts = np.bincount(np.floor(kept.y.numpy()).astype(int))
    assert counts.min() > 0.8 * counts.max()
    error = (kept.X[:, 0, 0] - kept.y).abs()
    assert error[kept.y > 3].max() == pytest.approx(0.28, abs=0.03)
    relabeled, _ = judge.choose(100, relabel=True, random=random())
    assert torch.equal(relabeled.y, relabeled.X[:, 0, 0])


def test_a_maker_that_the_teacher_rejects_ends_in_fewer_trials():
    calls = []

    def maker(n_trials, generator):
        calls.append(n_trials)
        y = np.zeros(n_trials, int)
        X = np.zeros((n_trials, 2, 1))
        X[:, 1] = 0 if len(calls) == 1 else 5  # after the first, all are wrong
        return TrialSampler.from_arrays(X, y)

    judge = TeacherFilter(Oracle(), maker, maker(2, None), 0.9, n_burn_in=10)
    calls.clear()
    kept, notes = judge.choose(8, relabel=True, random=random())
    assert len(kept) == 0
    assert len(calls) == 11
    assert notes == {
        "synthetic_made": 80,
        "synthetic_kept": 0,
        "kept_fraction": 0.0,
        "label_change": 0.0,
    }


# -- the method -------------------------------------------------------------------


def training(trials, *, n_train=None, valid=True, max_epochs=2):
    """Return a training with a teacher of random weights on all electrodes."""
    codes = np.searchsorted(trials.classes, trials.y)
    n_train = n_train or len(trials) // 2
    subject = trials.metadata["subject"].to_numpy()
    sampler = TrialSampler.from_arrays(
        trials.X[:n_train], codes[:n_train], subject[:n_train], batch_size=8
    )
    rest = TrialSampler.from_arrays(trials.X[n_train:], codes[n_train:], shuffle=False)
    decoders = [
        build_decoder(
            "SCCNet",
            View(montage, CH_22).fit(sampler.X),
            n_outputs=len(trials.classes),
            n_times=trials.n_times,
            sfreq=trials.sfreq,
            random_state=0,
        )
        for montage in ("headphone", None)
    ]
    return Training(
        student=decoders[0],
        sampler=sampler,
        valid=rest if valid else None,
        teachers=[decoders[1].eval()],
        recipe=adam(),
        loop={"max_epochs": max_epochs, "random_state": 3},
        n_outputs=len(trials.classes),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"generator": "cgan", "generator_epochs": 2},
        {"soft_weight": 1.0},
        {"relabel": False, "ratio": 0.1},
    ],
    ids=["segments", "cgan", "soft", "few"],
)
def test_it_trains_reproducibly_and_leaves_the_teacher_alone(options):
    trials = make_trials(n_subjects=1, n_classes=2, n_per_class=8)
    weights = []
    for _ in range(2):
        given = training(trials, n_train=17, valid=not options)  # a last batch of one
        before = {k: v.clone() for k, v in given.teacher.state_dict().items()}
        history = cgan_kd(given, n_burn_in=20, **options)
        for name, value in given.teacher.state_dict().items():
            assert torch.equal(value, before[name]), name
        weights.append(torch.cat([p.flatten() for p in given.student.parameters()]))
        assert len(history.rows) == 2
        assert 0 < history.notes["kept_fraction"] <= 1
        assert ("label_change" in history.notes) == (
            options.get("relabel", "soft_weight" not in options)
        )
    assert torch.equal(*weights)
    assert torch.isfinite(weights[0]).all()


def test_the_student_sees_recorded_and_synthetic_trials(monkeypatch):
    given = training(make_trials(n_subjects=1), max_epochs=6)
    module = importlib.import_module("eegkd.methods.cgan_kd")
    seen = []
    run = given.run
    monkeypatch.setattr(
        given, "run", lambda *a, **k: seen.append(k) or run(*a, **k), raising=False
    )
    module.cgan_kd(given, n_burn_in=10, ratio=1.5, same_updates=True)
    sampler = seen[0]["sampler"]
    assert isinstance(sampler, TrialSampler)
    assert len(sampler) == 36 + 54
    assert torch.equal(sampler.X[:36], given.sampler.X)
    assert torch.equal(sampler.y[:36], given.sampler.y)
    assert seen[0]["max_epochs"] == 2  # of 6, because there are 2.5 times the trials
    said = given.frozen().live(sampler.batch(torch.arange(36, 90))).logits
    of_label = said.gather(1, sampler.y[36:, None])[:, 0]
    assert torch.allclose(of_label, said.amax(dim=1), atol=1e-5)  # labels are its best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"generator": "gan"}, "'generator' must be one of 'segments', 'cgan'"),
        ({"ratio": 0}, "'ratio' must be a finite number > 0, got 0"),
        ({"quantile": 1.5}, "'quantile' must be a finite number > 0 and <= 1"),
        ({"soft_weight": -1.0}, "'soft_weight' must be a finite number >= 0"),
        ({"n_burn_in": 0}, "'n_burn_in' must be an integer >= 1, got 0"),
        ({"n_segments": 0}, "'n_segments' must be an integer >= 1"),
    ],
)
def test_wrong_options(options, message):
    given = training(make_trials(n_subjects=1, n_per_class=4))
    with pytest.raises(ValueError, match=message):
        cgan_kd(given, **options)


@pytest.mark.parametrize(
    "options", [{"quantile": 0}, {"n_burn_in": 0}, {"temperature": 0}]
)
def test_numbers_are_checked_before_the_generator_is_trained(options, monkeypatch):
    module = importlib.import_module("eegkd.methods.cgan_kd")
    monkeypatch.setattr(module, "AdversarialMaker", None)
    given = training(make_trials(n_subjects=1, n_per_class=4))
    with pytest.raises(ValueError, match=f"'{next(iter(options))}' must be"):
        cgan_kd(given, generator="cgan", **options)


def test_wrong_types_and_no_teacher():
    given = training(make_trials(n_subjects=1, n_per_class=4))
    with pytest.raises(TypeError, match="'relabel' must be True, False or None"):
        cgan_kd(given, relabel="hard")
    with pytest.raises(TypeError, match="'same_updates' must be True or False"):
        cgan_kd(given, same_updates=1)
    given.teachers = []
    with pytest.raises(ValueError, match="'teachers' must hold a trained decoder"):
        cgan_kd(given)


def test_the_labels_of_a_good_teacher_reach_the_student_through_the_trials():
    """Half of the labels are wrong; a teacher that knows better repairs the rest.

    With the teacher's answers shuffled over classes the synthetic trials mislead.
    """
    trials = make_trials(n_subjects=1, n_classes=2, n_per_class=24)
    first = (trials.metadata["session"] == "0train").to_numpy()
    train, test = trials.subset(first), trials.subset(~first)
    settings = {"max_epochs": 25, "batch_size": 16, "lr": 2e-3, "valid_fraction": 0.0}
    teacher = DecoderClassifier(**settings).fit(train)
    wrong = train.y.copy()
    flipped = np.random.default_rng(0).permutation(len(wrong))[: len(wrong) // 2]
    wrong[flipped] = np.where(wrong[flipped] == "feet", "left_hand", "feet")
    options = {"generator": "segments", "quantile": 1.0, "ratio": 3.0}
    scores = {}
    for name, method in (("none", "none"), ("cgan_kd", cgan_kd)):
        model = DistilledClassifier(
            "headphone",
            method,
            teacher,
            method_options=None if name == "none" else options,
            **settings,
        ).fit(train, wrong)
        scores[name] = model.score(test, test.y)
    swapped = DecoderClassifier(**settings).fit(
        train, np.where(train.y == "feet", "left_hand", "feet")
    )
    model = DistilledClassifier(
        "headphone", cgan_kd, swapped, method_options=options, **settings
    ).fit(train, wrong)
    assert scores["cgan_kd"] > scores["none"] + 0.15
    assert model.score(test, test.y) < 0.5
