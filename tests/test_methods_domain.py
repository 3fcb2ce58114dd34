"""CRD, InfoNCE, modality Gram, TASKED and SDDA: what they do, and what they do not."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from eegkd.criteria import KL, CrossEntropy
from eegkd.criteria.contrastive import CRD, InfoNCE
from eegkd.criteria.domain import MMD, DomainAdversary
from eegkd.criteria.modalities import ModalityGram
from eegkd.data.trials import Trials
from eegkd.decoders import build_decoder
from eegkd.distillation import Objective, Training
from eegkd.methods._two_headsets import stand_in, with_target
from eegkd.methods.crd import crd
from eegkd.methods.info_nce import info_nce
from eegkd.methods.modality_gram import modality_gram
from eegkd.methods.sdda import sdda
from eegkd.methods.tasked import tasked
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen
from eegkd.view import View
from eegkd.weightings import Constant

from .conftest import CH_22, adam, make_trials

ORACLES = {"crd", "info_nce", "modality_gram", "tasked", "sdda"}
METHODS = {
    "crd": crd,
    "info_nce": info_nce,
    "modality_gram": modality_gram,
    "tasked": tasked,
    "sdda": sdda,
}
SITES = ["C3", "C1", "Cz", "C2", "C4"]


def make_training(
    n_subjects=2, n_classes=2, max_epochs=2, valid=True, fit_teacher=0, keep=None
):
    """Return everything a method is given, on the first session of each subject."""
    trials = make_trials(n_subjects=n_subjects, n_classes=n_classes, n_per_class=8)
    codes = np.unique(trials.y, return_inverse=True)[1]
    people = trials.metadata["subject"].to_numpy()
    early = (trials.metadata["session"] == "0train").to_numpy()
    chosen = np.flatnonzero(early)[:keep]
    sampler, later = (
        TrialSampler.from_arrays(trials.X[i], codes[i], people[i], batch_size=16)
        for i in (chosen, np.flatnonzero(~early))
    )
    signal = {"n_outputs": n_classes, "n_times": trials.n_times, "sfreq": trials.sfreq}
    views = [View(electrodes, CH_22).fit(sampler.X) for electrodes in (SITES, None)]
    student, teacher = (
        build_decoder("SCCNet", view, random_state=seed, **signal)
        for seed, view in enumerate(views)
    )
    training = Training(
        student,
        sampler,
        later if valid else None,
        teachers=[teacher],
        recipe=adam(lr=2e-3, weight_decay=0.0),
        loop={"max_epochs": max_epochs, "random_state": 3},
        sfreq=trials.sfreq,
        n_outputs=n_classes,
    )
    if fit_teacher:
        training.train(teacher, max_epochs=fit_teacher)
    return training


def weights(decoder):
    """Return all parameters and buffers in one vector."""
    return torch.cat([v.flatten().float() for v in decoder.state_dict().values()])


def manual(training, *parts):
    """Train the student on parts (weight, criterion, teacher) without a method."""
    return training.run(
        Objective([part[1:] for part in parts], Constant(*[part[0] for part in parts]))
    )


@pytest.mark.parametrize("name", METHODS)
def test_trains_alike_by_seed_on_one_person_and_a_last_batch_of_one(name):
    results = []
    for _ in range(2):
        training = make_training(1, 3, valid=False, keep=17)
        before = weights(training.teacher), weights(training.student)
        history = METHODS[name](training)
        assert len(history.rows) == 2
        json.dumps(history.notes)
        assert torch.equal(weights(training.teacher), before[0])
        assert not torch.equal(weights(training.student), before[1])
        results.append(weights(training.student))
    assert torch.isfinite(results[0]).all()
    assert torch.equal(*results)


# -- CRD and InfoNCE --------------------------------------------------------------


@pytest.mark.parametrize(("method", "criterion"), [(crd, CRD), (info_nce, InfoNCE)])
def test_contrast_is_labels_and_the_contrast(method, criterion):
    one, two = make_training(), make_training()
    method(one, soft_weight=0.5, temperature=3.0, n_dims=16)
    manual(
        two,
        (1.0, CrossEntropy(), None),
        (0.5, KL(3.0), (teacher := two.frozen())),
        (0.8, criterion(16), teacher),
    )
    assert torch.equal(weights(one.student), weights(two.student))


@pytest.mark.parametrize(
    ("method", "name"), [(crd, "train_crd"), (info_nce, "train_info_nce")]
)
def test_contrast_is_learned_and_is_off_at_weight_zero(method, name):
    training = make_training(max_epochs=12, fit_teacher=8, valid=False)
    losses = method(training).to_frame()[name]
    assert losses.iloc[-1] < 0.9 * losses.iloc[0], losses
    one, two = make_training(), make_training()
    method(one, contrast_weight=0.0)
    two.train(two.student)
    assert torch.equal(weights(one.student), weights(two.student))


# -- modality Gram ----------------------------------------------------------------


def test_the_student_gets_the_teachers_gram_matrices():
    distances = {}
    for weight in (0.0, 50.0):
        training = make_training(max_epochs=8, fit_teacher=8, valid=False)
        history = modality_gram(training, gram_weight=weight)
        gram = ModalityGram(training.student, training.teacher, training.sfreq)
        batch = training.sampler.batch(torch.arange(len(training.sampler)))
        distances[weight] = float(gram(None, None, batch).mean().detach())
        assert history.notes["modalities"] == list(gram.names)
    assert distances[50.0] < 0.5 * distances[0.0], distances


def test_regions_of_both_montages_are_compared():
    history = modality_gram(make_training(), modalities="regions")
    assert history.notes["modalities"] == [
        "left central",
        "middle central",
        "right central",
    ]


# -- TASKED -----------------------------------------------------------------------


def test_tasked_is_two_trainings_with_adversary_and_discrepancy():
    one, two = make_training(), make_training()
    history = tasked(one, ramp=2)
    domain = (0.1, DomainAdversary(ramp=2), None), (1.0, MMD(), None)
    again = make_training()
    previous = again.student
    again.loop["random_state"] += 1
    manual(again, (1.0, CrossEntropy(), None), *domain)
    teacher = Frozen(previous)
    manual(two, (1.0, CrossEntropy(), None), (1.0, KL(4.0), teacher), *domain)
    assert torch.equal(weights(one.student), weights(two.student))
    assert history.notes["n_subjects"] == 2


def test_tasked_of_one_person_is_self_distillation(caplog):
    one, two = make_training(1), make_training(1)
    with caplog.at_level(logging.WARNING):
        history = tasked(one)
    assert "adversary and MMD are left out" in caplog.text
    previous = two.copy_student()
    two.train(previous, random_state=4)
    teacher = Frozen(previous)
    manual(two, (1.0, CrossEntropy(), None), (1.0, KL(4.0), teacher))
    assert torch.equal(weights(one.student), weights(two.student))
    assert set(history.rows[0]) >= {"train_label_loss", "train_soft_loss"}
    assert "train_mmd" not in history.rows[0]


@pytest.mark.parametrize("part", ["mmd_weight", "adversary_weight"])
def test_tasked_makes_people_alike(part):
    """An electrode that is noisy in one of them is no longer listened to."""
    found = {}
    for weight in (0.0, 10.0):
        training = make_training(max_epochs=8, valid=False)
        training.recipe = replace(training.recipe, lr=1e-2)
        training.sampler.batch_size = 8
        noisy, generator = training.sampler.subject == 1, torch.Generator()
        noise = torch.randn(16, 160, generator=generator.manual_seed(0))
        training.sampler.X[noisy, CH_22.index("C2")] += 3e-5 * noise
        chosen = {"mmd_weight": 0.0, "adversary_weight": 0.0, part: weight}
        tasked(training, ramp=1, **chosen)
        batch = training.sampler.batch(torch.arange(len(training.sampler)))
        with torch.no_grad():
            output = training.student(batch.seen_by(training.student.view))
        found[weight] = float(MMD()(output, None, batch)[0])
    assert found[10.0] < 0.6 * found[0.0], found


# -- SDDA -------------------------------------------------------------------------


def other_headset(seed=7, n_per_class=8, names=None, mix=None):
    """Return trials of a new subject on some channels, in another order, mixed."""
    trials = make_trials(n_subjects=1, n_classes=2, n_per_class=n_per_class, seed=seed)
    names = names or ["C4", "Pz", "C2", "Cz", "C1", "C3", "Fz"]
    X = trials.X[:, [CH_22.index(name) for name in names]]
    if mix is not None:
        X = np.einsum("cd,ndt->nct", mix, X).astype(np.float32)
    return Trials.from_arrays(
        X, trials.y, names, trials.sfreq, trials.metadata, units="V"
    )


@pytest.mark.parametrize("given", [None, "other headset"])
def test_target_labels_are_not_read_unless_supervised(given):
    results = {}
    for changed in (False, True):
        for supervised in (False, True):
            training = make_training()
            target = other_headset() if given else None
            if changed and given:
                target = replace(target, y=target.y[::-1].copy())
            elif changed:
                last = training.sampler.subject == 1
                training.sampler.y[last] = 1 - training.sampler.y[last]
                last = training.valid.subject == 1
                training.valid.y[last] = 1 - training.valid.y[last]
            history = sdda(training, target=target, supervised=supervised)
            results[changed, supervised] = weights(training.student)
            assert history.notes["target_n_trials"] == (32 if given else 16)
            assert history.notes["validated"]
    assert torch.equal(results[True, False], results[False, False])
    assert not torch.equal(results[True, True], results[False, True])
    assert not torch.equal(results[False, True], results[False, False])


def test_sdda_aligns_each_person_and_predicts_aligned_to_the_target():
    seen = {}
    training = make_training(valid=False)
    sampler, plain = training.sampler, training.student.view
    forward = training.student.network.register_forward_pre_hook(
        lambda module, args: seen.setdefault("x", args[0].clone())
    )
    sampler.shuffle, sampler.batch_size = False, 64
    target = other_headset()
    sdda(training, target=target)
    forward.remove()
    view = training.student.view
    people = [sampler.X[sampler.subject == subject] for subject in (0, 1)]
    expected = [plain.align(X)(X) for X in people]
    assert torch.allclose(seen["x"][:32], torch.cat(expected), atol=1e-5)
    order = [target.ch_names.index(name) for name in SITES]
    X = torch.as_tensor(target.X)[:, order]
    assert torch.allclose(seen["x"][32:], view.bind(SITES)(X), atol=1e-5)
    shown = view.bind(SITES)(X).double()
    covariance = torch.einsum("nct,ndt->cd", shown, shown) / (32 * 160)
    assert torch.allclose(covariance, torch.eye(5).double(), atol=1e-3)
    assert plain.align_ is None


def test_sdda_other_electrodes_reach_neither_view_nor_student():
    results = []
    others = [i for i, name in enumerate(CH_22) if name not in SITES]
    for factor in (1.0, -30.0):
        training = make_training()
        for part in (training.sampler, training.valid):
            part.X[:, others] *= factor
        target = other_headset()
        X = target.X.copy()
        X[:, [1, 6]] *= factor
        sdda(training, target=replace(target, X=X), soft_weight=0.0)
        results.append((weights(training.student), training.student.view.align_))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


def test_sdda_with_the_other_headset_beats_the_plain_student():
    """Its electrodes are mixed; alignment and the teacher make up for it."""
    rng = np.random.default_rng(0)
    mix = np.eye(7) + 0.5 * rng.standard_normal((7, 7))
    names = [*SITES, "Pz", "Fz"]
    trained = other_headset(names=names, mix=mix)
    test = other_headset(seed=9, names=names, mix=mix)
    y = np.unique(test.y, return_inverse=True)[1]
    scores = {}
    for method in ("plain", "sdda"):
        training = make_training(max_epochs=12, fit_teacher=8, valid=False)
        student = training.student
        if method == "plain":
            training.train(student)
        else:
            sdda(training, target=trained)
        with torch.no_grad():
            X = student.view.bind(test.ch_names)(torch.as_tensor(test.X))
            scores[method] = float(
                (student.eval()(X).logits.argmax(1).numpy() == y).mean()
            )
    assert scores["sdda"] > scores["plain"] + 0.2, scores


def test_an_aligned_student_is_saved_with_its_alignment(tmp_path):
    from eegkd import DistilledClassifier
    from eegkd.persistence import load_classifier, save_classifier

    trials = make_trials(n_classes=2, n_per_class=8)
    student = DistilledClassifier(
        SITES,
        method=sdda,
        method_options={"target": other_headset()},
        max_epochs=1,
        batch_size=32,
    ).fit(trials)
    assert student.view_.align_ is not None
    tested = other_headset(seed=9)
    expected = student.predict_proba(tested)
    save_classifier(student, tmp_path / "student")
    again = load_classifier(tmp_path / "student")
    assert np.array_equal(again.predict_proba(tested), expected)
    X = tested.X.copy()
    X[:, [1, 6]] = np.nan  # electrodes that the student does not have
    assert np.array_equal(student.predict_proba(replace(tested, X=X)), expected)


def test_who_stands_in_for_the_target():
    def sampler(subject, session):
        return TrialSampler.from_arrays(
            np.zeros((6, 1, 2)), np.arange(6) % 2, subject, session
        )

    people = sampler([1, 2, 1, 2, 3, 3], None)
    assert stand_in(people).tolist() == [False] * 4 + [True] * 2
    sessions = sampler([1] * 6, ["a", "b", "b", "a", "a", "b"])
    assert stand_in(sessions).tolist() == [False, True, True, False, False, True]
    assert stand_in(sampler(None, None)).tolist() == [False] * 4 + [True] * 2


def test_sdda_of_one_person_validates_on_nobody_unless_supervised():
    training = make_training(n_subjects=1)
    before = copy.deepcopy(training.sampler.y)
    history = sdda(training)
    assert not history.notes["validated"]
    assert "valid_loss" not in history.rows[0]
    assert torch.equal(training.sampler.y, before)
    training = make_training(n_subjects=1)
    assert sdda(training, supervised=True).notes["validated"]


def test_labels_of_the_target_are_matched_by_name():
    target = other_headset()
    for classes in (["feet", "left_hand"], ["left_hand", "feet"]):
        training = make_training()
        training.classes = classes
        sampler, _ = with_target(training, target, supervised=True)
        found = sampler.y[sampler.is_target].numpy()
        assert [classes[code] for code in found] == target.y.tolist()
    training.classes = ["feet", "tongue"]
    with pytest.raises(ValueError, match="2 classes of .* .'feet', 'tongue'. to be"):
        with_target(training, target, supervised=True)


def test_sdda_refuses_targets_that_do_not_fit():
    short = other_headset()
    for target, match in (
        (replace(short, X=short.X[:, :, :100]), "must hold trials of 160 samples at"),
        (replace(short, sfreq=250.0), "got 160 at 250 Hz"),
        (other_headset(names=["C3", "Cz"]), "'C1', 'C2', 'C4' are missing"),
    ):
        with pytest.raises(ValueError, match=match):
            sdda(make_training(), target=target)
    one = replace(short, y=np.full(len(short), "feet"))
    with pytest.raises(ValueError, match="must hold the 2 classes of the training"):
        sdda(make_training(), target=one, supervised=True)
    with pytest.raises(TypeError, match="'target' must be Trials of the other"):
        sdda(make_training(), target=short.X)
    with pytest.raises(TypeError, match="'supervised' must be True or False"):
        sdda(make_training(), supervised="yes")
    training = make_training()
    training.student.view = View(["C3", "Oz"], CH_22, on_missing="interpolate").fit(
        training.sampler.X
    )
    with pytest.raises(ValueError, match="but some of 'C3', 'Oz' are interpolated"):
        sdda(training, target=short)
