"""Methods in which learners teach each other or themselves, against plain loops.

The oracles train linear decoders without dropout on one batch an epoch, so that a few
lines of PyTorch, written without the package's loop, give the same weights to rounding.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch import nn
from torch.nn import functional as F

from eegkd.criteria import KL, CrossEntropy
from eegkd.decoders import Output, build_decoder
from eegkd.distillation import History, Objective, Training, distill
from eegkd.methods.bd_kd import bd_kd
from eegkd.methods.born_again import born_again
from eegkd.methods.mean_teacher import _noisy, _Undisturbed, mean_teacher
from eegkd.methods.mutual_learning import mutual_learning
from eegkd.methods.self_distillation import self_distillation
from eegkd.methods.tf_kd import tf_kd
from eegkd.samplers import TrialSampler
from eegkd.teachers import EMA, Peer
from eegkd.view import View
from eegkd.weightings import Constant, Context, EntropyGap

from .conftest import CH_22, adam, make_trials

METHODS = {
    method.__name__: method
    for method in (
        bd_kd,
        born_again,
        mean_teacher,
        mutual_learning,
        self_distillation,
        tf_kd,
    )
}
ORACLES = set(METHODS)
LR, DECAY, PASSES = 0.01, 0.01, 4
CLOSE = LR / 2000  # of weights: what becomes of rounding in a few steps stays far below


class Linear(nn.Module):
    """Scores from every 40th sample of every electrode."""

    def __init__(self, n_chans, n_outputs, n_times, sfreq):
        super().__init__()
        self.final_layer = nn.Linear(n_chans * len(range(0, n_times, 40)), n_outputs)

    def forward(self, x):
        """Return the scores."""
        return self.final_layer(x[:, :, ::40].flatten(1))


@pytest.fixture(scope="module")
def trials():
    """Return 24 trials of three classes."""
    trials = make_trials(n_subjects=1, n_per_class=4)
    return trials.X, np.searchsorted(trials.classes, trials.y)


def training(trials, name=Linear, valid=False, batch_size=128, **loop):
    """Return a training of a student on the headband."""
    X, y = trials
    n = 12 if valid else len(X)
    sampler = TrialSampler.from_arrays(X[:n], y[:n], batch_size=batch_size)

    def make(montage, other, random_state):
        return build_decoder(
            name if other is None else other,
            View(montage, CH_22).fit(sampler.X),
            n_outputs=3,
            n_times=160,
            sfreq=125.0,
            random_state=random_state,
        )

    settings = {"max_epochs": PASSES, "random_state": 7, **loop}
    return Training(
        student=make("headband", None, settings["random_state"]),
        sampler=sampler,
        valid=TrialSampler.from_arrays(X[12:], y[12:], shuffle=False)
        if valid
        else None,
        recipe=adam(lr=LR, weight_decay=DECAY),
        loop=settings,
        make=make,
        sfreq=125.0,
        n_outputs=3,
    )


class Reference:
    """Softmax regression that is trained by hand."""

    def __init__(self, task, montage="student", seed=7):
        decoder = task.build(montage, random_state=seed)
        x = decoder.view(task.sampler.X)[:, :, ::40].flatten(1)
        self.x, self.y = x, task.sampler.y
        self.w = [p.detach().clone().requires_grad_() for p in decoder.parameters()]
        self.optimizer = torch.optim.Adam(self.w, lr=LR, weight_decay=DECAY)

    def logits(self, w=None):
        """Return the scores of all trials."""
        weight, bias = self.w if w is None else w
        return self.x @ weight.T + bias

    def label_loss(self):
        """Return the mean cross-entropy."""
        return F.cross_entropy(self.logits(), self.y)

    def step(self, loss):
        """Take one step."""
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def train(self, loss, n_epochs=PASSES):
        """Take one step for each epoch."""
        for _ in range(n_epochs):
            self.step(loss())
        return self

    def equals(self, decoder, atol=CLOSE):
        """Check the weights of a decoder."""
        for own, other in zip(self.w, decoder.parameters(), strict=True):
            torch.testing.assert_close(other.detach(), own.detach(), rtol=0, atol=atol)


def divergence(student, teacher, temperature=1.0):
    """Return KL(teacher || student) as PyTorch computes it, times T squared."""
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.softmax(teacher.detach() / temperature, 1),
        reduction="batchmean",
    )


# -- oracles ------------------------------------------------------------------------


def test_bd_kd_equals_a_loop_by_hand(trials):
    task = training(trials)
    student, teacher = Reference(task), Reference(task, "full", 8)
    start = [p.detach().clone() for p in student.w]
    favored = []
    for _ in range(PASSES):
        z_s, z_t = student.logits(), teacher.logits()
        p_s, p_t = (F.softmax(z / 4, 1).detach().numpy() for z in (z_s, z_t))
        surer = torch.tensor(entropy(p_t, axis=1) > entropy(p_s, axis=1))
        favored.append(surer.float().mean().item())
        log_s, log_t = (F.log_softmax(z / 4, 1) for z in (z_s, z_t))
        fixed_s, fixed_t = log_s.detach(), log_t.detach()
        forward = 16 * (fixed_t.exp() * (fixed_t - log_s)).sum(1)
        reverse = 16 * (log_s.exp() * (log_s - fixed_t)).sum(1)
        balance = torch.where(surer, 2 * forward + reverse, forward + 2 * reverse)
        own = 16 * (log_t.exp() * (log_t - fixed_s)).sum(1)
        loss_s = student.label_loss() + balance.mean()
        loss_t = teacher.label_loss() + own.mean()
        student.step(loss_s)
        teacher.step(loss_t)
    history = bd_kd(task)
    assert 0.1 < np.mean(favored) < 0.9  # both cases occur
    student.equals(task.student)
    assert not torch.allclose(start[0], student.w[0], atol=1e-3)
    assert history.notes["teacher"]["n_chans"] == 22
    assert history.notes["teacher"]["label_loss"] == pytest.approx(
        F.cross_entropy(z_t, teacher.y).item(), rel=1e-5
    )


@pytest.mark.parametrize(("montage", "n_peers"), [("full", 1), ("student", 2)])
def test_mutual_learning_equals_a_loop_by_hand(trials, montage, n_peers):
    task = training(trials)
    group = [Reference(task)]
    group += [Reference(task, montage, 8 + k) for k in range(n_peers)]
    for _ in range(PASSES):
        scores = [one.logits() for one in group]
        losses = [
            one.label_loss()
            + sum(divergence(own, z) for z in scores if z is not own) / n_peers
            for one, own in zip(group, scores, strict=True)
        ]
        for one, loss in zip(group, losses, strict=True):
            one.step(loss)
    history = mutual_learning(task, peer_montage=montage, n_peers=n_peers)
    group[0].equals(task.student)
    for found, z in zip(history.notes["peers"], scores[1:], strict=True):
        assert found["label_loss"] == pytest.approx(
            F.cross_entropy(z, group[0].y).item(), rel=1e-5
        )


def test_mean_teacher_equals_a_loop_by_hand(trials):
    """Ten steps on 500 times the gap enlarge rounding more than four steps do."""
    task, atol = training(trials, max_epochs=10), LR / 200
    student = Reference(task)
    average = [p.detach().clone() for p in student.w]
    for epoch in range(10):
        ramp = np.exp(-5 * (1 - min(epoch / 5, 1)) ** 2)
        gap = student.logits().softmax(1) - student.logits(average).softmax(1)
        student.step(student.label_loss() + 500 * ramp * gap.square().sum(1).mean())
        # So low a decay is reached in the first update already.
        average = [
            0.05 * a + 0.95 * w.detach()
            for a, w in zip(average, student.w, strict=True)
        ]
    options = {"consistency_weight": 500, "decay": 0.05, "ramp_up": 0.5, "noise": 0}
    history = mean_teacher(task, **options)
    student.equals(task.student, atol)
    assert history.rows[-1]["train_consistency_loss"] > 0
    task = training(trials, max_epochs=10)
    mean_teacher(task, keep="average", **options)
    for own, other in zip(average, task.student.parameters(), strict=True):
        torch.testing.assert_close(other.detach(), own, rtol=0, atol=atol)


@pytest.mark.parametrize("ensemble", [False, True])
def test_born_again_equals_a_loop_by_hand(trials, ensemble):
    task = training(trials)
    first, second, last = (Reference(task, seed=seed) for seed in (8, 9, 7))
    first.train(first.label_loss)
    scores = first.logits().detach()
    second.train(lambda: second.label_loss() + divergence(second.logits(), scores))
    other = second.logits().detach()
    if ensemble:
        other = ((scores.softmax(1) + other.softmax(1)) / 2).log()
    last.train(lambda: last.label_loss() + divergence(last.logits(), other))
    history = born_again(task, n_generations=2, ensemble=ensemble)
    last.equals(task.student)
    assert len(history.notes["generations"]) == 3


@pytest.mark.parametrize("start", ["student", "teacher", "given teacher"])
def test_self_distillation_equals_a_loop_by_hand(trials, start):
    task = training(trials)
    montage = "student" if start == "student" else "full"
    seeds = (9, 8, 7) if start != "student" else (8, 9, 7)
    first = Reference(task, montage, seeds[0])
    second, last = Reference(task, seed=seeds[1]), Reference(task, seed=seeds[2])
    if start == "given teacher":
        task.teachers = [task.build("full", random_state=seeds[0])]
    else:
        first.train(first.label_loss)
    for teacher, taught in ((first, second), (second, last)):
        scores = teacher.logits().detach()
        taught.train(
            lambda taught=taught, scores=scores: (
                0.1 * taught.label_loss()
                + 0.9 * divergence(taught.logits(), scores, 4.0)
            )
        )
    history = self_distillation(task, start=start.split()[-1], probe=True)
    last.equals(task.student)
    found = history.notes["generations"]
    name = "headband" if montage == "student" else "full"
    assert [entry["montage"] for entry in found] == [name, "headband", "headband"]
    for entry in found:
        assert np.isfinite([entry["loss_rise"], entry["top_eigenvalue"]]).all()
        assert entry["top_eigenvalue"] > 0  # softmax regression is convex


def test_self_distillation_reports_the_curvature_of_its_own_student(trials):
    task = training(trials)
    found = self_distillation(task, n_generations=1, probe=True).notes["generations"]
    x = task.student.view(task.sampler.X)[:, :, ::40].flatten(1)

    def loss(flat):
        weight, bias = flat[:-3].view(3, -1), flat[-3:]
        return F.cross_entropy(x @ weight.T + bias, task.sampler.y)

    flat = torch.cat([p.detach().flatten() for p in task.student.parameters()])
    hessian = torch.autograd.functional.hessian(loss, flat)
    top = torch.linalg.eigvalsh(hessian)[-1].item()
    assert found[-1]["top_eigenvalue"] == pytest.approx(top, rel=0.02)


def test_tf_kd_with_a_virtual_teacher_equals_a_loop_by_hand(trials):
    task = training(trials)
    student = Reference(task)
    label = F.one_hot(student.y, 3)
    smooth = label * 0.9 + (1 - label) * 0.05
    softened = smooth ** (1 / 20)
    softened = softened / softened.sum(1, keepdim=True)

    def loss():
        log_s = F.log_softmax(student.logits() / 20, 1)
        soft = 400 * F.kl_div(log_s, softened, reduction="batchmean")
        return 0.9 * student.label_loss() + 0.1 * soft

    student.train(loss)
    tf_kd(task, correct=0.9)
    student.equals(task.student)


def test_tf_kd_with_an_earlier_self_equals_a_loop_by_hand(trials):
    task = training(trials)
    earlier, student = Reference(task, seed=8), Reference(task)
    earlier.train(earlier.label_loss)
    scores = earlier.logits().detach()
    student.train(
        lambda: (
            0.05 * student.label_loss()
            + 0.475 * divergence(student.logits(), scores, 6.0)
        )
    )
    history = tf_kd(task, kind="self")
    student.equals(task.student)
    assert history.notes["teacher"]["n_chans"] == 4


def test_tf_kd_at_temperature_one_is_label_smoothing(trials):
    """Its gradient is that of the cross-entropy with the mixed labels."""
    task = training(trials)
    student = Reference(task)
    mixed = 0.5 * F.one_hot(student.y, 3) + 0.5 * (
        F.one_hot(student.y, 3) * 0.85 + (1 - F.one_hot(student.y, 3)) * 0.075
    )
    student.train(lambda: F.cross_entropy(student.logits(), mixed))
    tf_kd(task, correct=0.85, temperature=1, label_weight=0.5, soft_weight=0.5)
    student.equals(task.student)


# -- parts --------------------------------------------------------------------------


def context(student, teacher, training=True):
    """Return what the weighting of three terms sees."""
    outputs = [Output(torch.tensor(z), {}, None) for z in (student, teacher)]
    losses = torch.ones(3, len(student), dtype=torch.float64)
    teachers = [None, outputs[1], outputs[1]]
    return Context(0, losses, outputs[0], SimpleNamespace(), teachers, training)


def test_entropy_gap_equals_scipy():
    rng = np.random.default_rng(0)
    student, teacher = rng.standard_normal((2, 50, 4)) * 3
    weights = EntropyGap(3.0, high=5, low=0.5, label_weight=0.2)(
        context(student, teacher)
    )
    h_s, h_t = (entropy(softmax(z / 3, axis=1), axis=1) for z in (student, teacher))
    assert 10 < (h_t > h_s).sum() < 40
    assert weights[0].tolist() == [0.2] * 50
    assert weights[1].tolist() == np.where(h_t > h_s, 5, 0.5).tolist()
    assert weights[2].tolist() == np.where(h_t > h_s, 0.5, 5).tolist()
    assert not weights.requires_grad


def test_entropy_gap_of_equals_and_in_validation():
    same = np.eye(3)
    weights = EntropyGap()(context(same, same))
    assert weights[:, 0].tolist() == [1, 1, 2]
    weights = EntropyGap(label_weight=0.5)(context(same, 2 * same, training=False))
    assert weights.tolist() == [[0.5] * 3, [0] * 3, [0] * 3]
    assert repr(EntropyGap(high=3)).startswith("EntropyGap(temperature=4, high=3")


def test_the_average_keeps_almost_all_of_the_old_weights_and_buffers(trials):
    task = training(trials, "SCCNet")
    average = EMA(task.student, 0.99)
    average.n_updates = 10**6  # far behind any warm-up
    old = {k: v.clone() for k, v in average.decoder.state_dict().items()}
    with torch.no_grad():
        for value in task.student.state_dict().values():
            value.add_(1)
    average.after_update()
    averaged = [k for k, v in old.items() if v.is_floating_point()]
    assert any("running_mean" in name for name in averaged)
    for name in averaged:
        new = average.decoder.state_dict()[name]
        assert torch.allclose(new, old[name] + 0.01, atol=1e-6), name


def test_the_kept_average_is_that_of_the_last_pass(trials):
    chosen = mean_teacher(training(trials, valid=True, max_epochs=12))
    assert chosen.best_epoch < 11
    kept = mean_teacher(training(trials, valid=True, max_epochs=12), keep="average")
    assert kept.best_epoch == 11


def test_noise_reaches_the_student_and_not_the_average(trials):
    task = training(trials, max_epochs=2)
    sampler = _noisy(task, 0.1)
    batch, again, later = (next(sampler(epoch)) for epoch in (0, 0, 1))
    assert torch.equal(batch.x, again.x)
    assert not torch.equal(batch.x, later.x[:])
    clean = task.sampler.X[batch.index]
    scale = task.sampler.X.std(dim=(0, 2), correction=0)
    noise = (batch.x - clean).std(dim=(0, 2)) / scale
    assert noise.numpy() == pytest.approx(np.full(22, 0.1), rel=0.1)
    average = EMA(task.student)
    expected = average(task.sampler.batch(batch.index)).logits
    assert torch.equal(_Undisturbed(average, task.sampler)(batch).logits, expected)
    assert not torch.equal(average(batch).logits, expected)


def test_the_order_of_peers_does_not_matter(trials):
    results = []
    for order in (1, -1):
        task = training(trials)
        peer = task.build("full", random_state=8)
        pair = [
            task.learner(
                own,
                Objective(
                    [(CrossEntropy(), None), (KL(2.0), Peer(other))], Constant(1, 1)
                ),
            )
            for own, other in ((task.student, peer), (peer, task.student))
        ]
        distill(pair[::order], task.sampler, max_epochs=3)
        results.append([p.detach() for p in task.student.parameters()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", METHODS)
def test_the_label_loss_alone_chooses_the_pass_where_targets_move(trials, name):
    task = training(trials, valid=True)
    history = METHODS[name](task)
    for row in history.rows:
        if name in ("bd_kd", "mutual_learning", "mean_teacher"):
            assert row["valid_loss"] == pytest.approx(row["valid_label_loss"])
        else:  # the teacher stands still
            assert row["valid_loss"] != pytest.approx(row["valid_label_loss"])


@pytest.mark.parametrize("name", METHODS)
def test_methods_survive_small_sets_and_repeat_by_seed(trials, name):
    """Dropout, batches of 23 and of one trial, with and without validation."""
    states = []
    for valid in (True, False, False):
        n_trials = 23 if not valid else 11
        task = training(
            trials, "SCCNet", valid=valid, batch_size=n_trials, max_epochs=2
        )
        few = (
            {"n_generations": 1}
            if "generations" in METHODS[name].card.composition
            else {}
        )
        history = METHODS[name](task, **few)
        assert len(history.rows) == 2
        states.append(task.student.state_dict())
        assert all(torch.isfinite(value).all() for value in states[-1].values())
    assert all(torch.equal(states[1][key], states[2][key]) for key in states[1])


@pytest.mark.parametrize("name", METHODS)
def test_every_card_tells_what_is_our_reading(name):
    card = METHODS[name].card
    assert card.reading[0].isupper()
    assert "our reading" not in card.reading.lower()
    assert not card.needs_teacher


def test_peers_of_another_kind(trials):
    for method, option in (
        (bd_kd, "teacher_decoder"),
        (mutual_learning, "peer_decoder"),
    ):
        task = training(trials, "SCCNet", max_epochs=1)
        assert len(method(task, **{option: "EEGNet"}).rows) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: bd_kd(t, high=-1), "'high' must be a finite number >= 0, got -1"),
        (lambda t: bd_kd(t, temperature=0), "'temperature' must be .* > 0, got 0"),
        (
            lambda t: bd_kd(t, teacher_soft_weight=-1),
            "'teacher_soft_weight' must be .* >= 0",
        ),
        (
            lambda t: mutual_learning(t, peer_montage="half"),
            "'peer_montage' must be one of 'full', 'student', got 'half'",
        ),
        (lambda t: mutual_learning(t, n_peers=0), "'n_peers' must be an integer >= 1"),
        (lambda t: mutual_learning(t, soft_weight=-1), "'soft_weight' must be .* >= 0"),
        (lambda t: mean_teacher(t, decay=1.5), "'decay' must be .* <= 1, got 1.5"),
        (lambda t: mean_teacher(t, ramp_up=2), "'ramp_up' must be .* <= 1, got 2"),
        (lambda t: mean_teacher(t, noise=-1), "'noise' must be .* >= 0, got -1"),
        (lambda t: mean_teacher(t, keep="all"), "'keep' must be one of 'student'"),
        (
            lambda t: mean_teacher(t, consistency_weight=-1),
            "'consistency_weight' must be .* >= 0",
        ),
        (
            lambda t: born_again(t, n_generations=0),
            "'n_generations' must be an integer >= 1, got 0",
        ),
        (lambda t: born_again(t, label_weight=-1), "'label_weight' must be .* >= 0"),
        (
            lambda t: self_distillation(t, start="peer"),
            "'start' must be one of 'student', 'teacher', got 'peer'",
        ),
        (lambda t: self_distillation(t, radius=0), "'radius' must be .* > 0, got 0"),
        (
            lambda t: self_distillation(t, n_generations=0),
            "'n_generations' must be an integer >= 1, got 0",
        ),
        (lambda t: tf_kd(t, kind="real"), "'kind' must be one of 'virtual', 'self'"),
        (lambda t: tf_kd(t, correct=0.2), "'correct' must be .* > 0.333333, got 0.2"),
        (lambda t: tf_kd(t, soft_weight=-1), "'soft_weight' must be .* >= 0"),
    ],
)
def test_errors_say_what_to_do(trials, call, message):
    with pytest.raises(ValueError, match=message):
        call(training(trials, max_epochs=1))


def test_options_of_the_wrong_type(trials):
    with pytest.raises(TypeError, match="'ensemble' must be True or False, got str"):
        born_again(training(trials), ensemble="yes")
    with pytest.raises(TypeError, match="'probe' must be True or False, got int"):
        self_distillation(training(trials), probe=1)


def test_a_history_tells_of_the_kept_pass():
    rows = [
        {"train_label_loss": 4.0, "train_loss": 8.0},
        {"train_label_loss": 3.0, "train_loss": 6.0, "valid_label_loss": 2.0},
    ]
    before, without, told = History(), History(rows, 0), History(rows, 1)
    assert before.kept == {}
    assert np.isnan([before.label_loss, before.best_loss]).all()
    assert without.kept is rows[0]
    assert (without.label_loss, without.best_loss) == (4.0, 8.0)
    assert told.kept is rows[1]
    assert (told.label_loss, told.best_loss) == (2.0, 6.0)  # validation where it is


def test_entropy_gap_says_what_it_needs(trials):
    task = training(trials, max_epochs=1)
    objective = Objective([(CrossEntropy(), None)], EntropyGap())
    with pytest.raises(ValueError, match=r"EntropyGap needs three terms.* got 1 terms"):
        task.run(objective)
