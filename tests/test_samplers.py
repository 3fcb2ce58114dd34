"""Samplers that change which trials are seen, and the weighting made for one."""

from __future__ import annotations

import copy
import gc
import pickle

import mne
import numpy as np
import pytest
import torch
from torch import nn

from eegkd.criteria import CrossEntropy
from eegkd.decoders import Output, build_decoder
from eegkd.samplers.augmented import (
    AUGMENTATIONS,
    Augmented,
    check_augment,
    read_at,
    seed_of,
)
from eegkd.samplers.inversion import (
    Inversion,
    InversionWeights,
    SignalGenerator,
    _statistics,
)
from eegkd.samplers.mixup import Mixup
from eegkd.samplers.recording import Recording, continuous
from eegkd.samplers.trials import TrialSampler
from eegkd.teachers import Frozen
from eegkd.view import View
from eegkd.weightings import Context
from eegkd.weightings.self_paced import SelfPaced

from .conftest import CH_22, make_trials

SFREQ = 125.0


@pytest.fixture(scope="module")
def trials():
    """Return 72 trials of two subjects in volts, with channels of unlike size."""
    made = make_trials(n_subjects=2, n_per_class=6)
    X = made.X * np.linspace(0.2, 5, len(CH_22))[:, None]
    return TrialSampler.from_arrays(
        X,
        np.searchsorted(made.classes, made.y),
        made.metadata["subject"],
        made.metadata["session"],
        batch_size=20,
    )


def gather(sampler, epoch=0):
    """Return the trials of a pass in the order of their index: x, y, index."""
    batches = list(sampler(epoch))
    index = torch.cat([batch.index for batch in batches])
    order = index.argsort()
    x = torch.cat([batch.x for batch in batches])[order]
    return x, torch.cat([batch.y for batch in batches])[order], index[order]


def augmented(trials, augment, **options):
    """Return the changed trials of an epoch, all of them changed by default."""
    sampler = Augmented(trials, augment, sfreq=SFREQ, **{"probability": 1.0, **options})
    return gather(sampler)[0]


# -- trials --------------------------------------------------------------------------


def test_what_a_view_shows_is_kept_no_longer_than_the_view(trials):
    sampler = trials.subset(torch.arange(20))
    kept = View("headband", CH_22).fit(sampler.X)
    batch = sampler.batch(torch.arange(3))
    shown = batch.seen_by(kept)
    for _ in range(3):
        batch.seen_by(View("headphone", CH_22).fit(sampler.X))
    gc.collect()
    assert list(sampler._shown) == [kept]
    again = pickle.loads(pickle.dumps(sampler))
    assert torch.equal(again.batch(torch.arange(3)).seen_by(kept), shown)


# -- augmented -----------------------------------------------------------------------


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_keeps_shape_and_labels_and_changes_signals(trials, name):
    sampler = Augmented(trials, name, sfreq=SFREQ, probability=1.0)
    x, y, index = gather(sampler)
    assert torch.equal(index, torch.arange(len(trials)))
    assert torch.equal(y, trials.y)
    assert x.shape == trials.X.shape
    assert x.dtype == torch.float32
    assert torch.isfinite(x).all()
    assert (x != trials.X).flatten(1).any(dim=1).all()
    assert not sampler.deterministic
    assert len(sampler) == len(trials)
    assert AUGMENTATIONS[name].text.endswith(".")


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_do_not_depend_on_the_unit(trials, name):
    microvolts = copy.copy(trials)
    microvolts.X = trials.X * 2.0**20
    first, second = augmented(trials, name), augmented(microvolts, name)
    np.testing.assert_allclose(second * 2.0**-20, first, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_follow_the_seed_and_the_pass(trials, name):
    state = torch.random.get_rng_state()
    make = lambda seed: Augmented(trials, name, sfreq=SFREQ, seed=seed)  # noqa: E731
    sampler = make(3)
    first = gather(sampler, 5)[0]
    assert torch.equal(first, gather(make(3), 5)[0])
    assert torch.equal(first, gather(sampler, 5)[0])
    assert not torch.equal(first, gather(sampler, 6)[0])
    assert not torch.equal(first, gather(make(4), 5)[0])
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_probability_is_the_share_of_changed_trials(trials):
    sampler = Augmented(trials, "sign_flip", sfreq=SFREQ, probability=0.3, seed=1)
    changed = torch.cat(
        [(gather(sampler, k)[0] != trials.X).flatten(1).any(1) for k in range(10)]
    )
    assert changed.float().mean() == pytest.approx(0.3, abs=0.05)
    never = Augmented(trials, "sign_flip", sfreq=SFREQ, probability=0)
    assert torch.equal(gather(never)[0], trials.X)


def test_simple_augmentations_do_what_they_say(trials):
    X = trials.X
    torch.testing.assert_close(augmented(trials, "sign_flip"), -X)
    torch.testing.assert_close(augmented(trials, "time_reverse"), X.flip(2))
    factor = (augmented(trials, "amplitude_scale") / X).flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor))
    assert factor.min() >= 2 / 3
    assert factor.max() <= 3 / 2
    assert factor[:, 0].std() > 0.1


def test_noise_follows_the_size_of_each_channel(trials):
    noise = augmented(trials, "gaussian_noise") - trials.X
    ratio = noise.std(dim=(0, 2)) / trials.X.std(dim=(0, 2))
    np.testing.assert_allclose(ratio, 0.2, rtol=0.05)


def test_a_time_shift_is_the_same_on_all_channels_and_mirrored(trials):
    changed, X = augmented(trials, "time_shift").numpy(), trials.X.numpy()
    n_times = X.shape[2]
    found = set()
    for trial, before in zip(changed, X, strict=True):
        padded = np.pad(before, ((0, 0), (16, 16)), mode="reflect")
        shifts = [
            shift
            for shift in range(-16, 17)
            if np.allclose(
                trial, padded[:, 16 + shift : 16 + shift + n_times], rtol=1e-4, atol=0
            )
        ]
        assert len(shifts) == 1
        found.add(shifts[0])
    assert len(found) > 10
    assert min(found) < 0 < max(found)


def test_a_bandstop_removes_one_band_and_leaves_the_rest(trials):
    before = np.abs(np.fft.rfft(trials.X.numpy()))
    kept = np.abs(np.fft.rfft(augmented(trials, "bandstop").numpy())) / before
    width = SFREQ / trials.X.shape[2]
    removed = (kept[:, 0] < 0.01).sum(axis=1) * width
    touched = (kept[:, 0] < 0.99).sum(axis=1) * width
    assert 0.5 <= removed.mean() <= 1.5
    assert touched.max() <= 3.2
    np.testing.assert_allclose(kept[:, 0], kept[:, 5], atol=1e-2)


def test_a_surrogate_keeps_the_spectrum_and_the_phases_between_channels(trials):
    before = np.fft.rfft(trials.X.double().numpy())
    after = np.fft.rfft(augmented(trials, "ft_surrogate").double().numpy())
    np.testing.assert_allclose(
        np.abs(after), np.abs(before), rtol=1e-3, atol=1e-5 * np.abs(before).max()
    )
    turned = np.exp(1j * (np.angle(after) - np.angle(before)))[:, :, 5:20]
    np.testing.assert_allclose(turned[:, 3], turned[:, 9], atol=1e-2)
    assert np.abs(turned.mean(axis=0)).max() < 0.5


def test_a_frequency_shift_moves_a_rhythm(trials):
    time = np.arange(500) / SFREQ
    wave = np.tile(np.sin(2 * np.pi * 10 * time), (40, 2, 1))
    sampler = TrialSampler.from_arrays(wave, np.zeros(40, int))
    spectrum = np.abs(np.fft.rfft(augmented(sampler, "frequency_shift").numpy()))
    peak = np.fft.rfftfreq(500, 1 / SFREQ)[spectrum[:, 0].argmax(axis=1)]
    assert 7.9 <= peak.min() < 9
    assert 11 < peak.max() <= 12.1


def test_masks_and_dropout_are_zero_where_they_should(trials):
    masked = augmented(trials, "time_mask").abs() < 1e-3 * trials.X.abs()
    lost = masked.all(dim=1).float().mean(dim=1)
    assert lost.min() > 0.1
    assert lost.max() < 0.25
    changed = augmented(trials, "channels_dropout").abs() / trials.X.abs()
    dropped = (changed < 0.01).all(dim=2)
    assert dropped.float().mean() == pytest.approx(0.2, abs=0.04)


def test_several_augmentations_are_applied_in_order(trials):
    both = augmented(trials, ["sign_flip", "time_reverse"])
    torch.testing.assert_close(both, -trials.X.flip(2))
    seen = []

    def watch(X):
        seen.append(X)
        return X * 2

    torch.testing.assert_close(augmented(trials, ["sign_flip", watch]), -2 * trials.X)
    assert torch.cat(seen).std(dim=(0, 2)).sub(1).abs().max() < 1e-3


def test_transforms_of_braindecode_are_seeded(trials):
    from braindecode.augmentation import GaussianNoise

    make = lambda: GaussianNoise(1.0, std=0.5)  # noqa: E731
    first = augmented(trials, make())
    assert torch.equal(first, augmented(trials, make()))
    noise = (first - trials.X).std(dim=(0, 2)) / trials.X.std(dim=(0, 2))
    np.testing.assert_allclose(noise, 0.5, rtol=0.05)


def test_each_braindecode_transform_has_a_seed_of_its_own(trials):
    """Two of a kind draw other numbers, also inside a composition."""
    from braindecode.augmentation import Compose, GaussianNoise

    def noise():
        return GaussianNoise(1.0, std=0.5)

    scale = trials.X.std(dim=(0, 2))
    for make in (
        lambda: [noise(), noise()],
        lambda: Compose([noise(), noise()]),
        lambda: Compose([Compose([noise()]), noise()]),
    ):
        first = augmented(trials, make())
        both = (first - trials.X).std(dim=(0, 2)) / scale
        # Twice the same noise would add up to 1, two of them to the root of 1 / 2.
        np.testing.assert_allclose(both, 0.5**0.5, rtol=0.05)
        assert torch.equal(first, augmented(trials, make()))
        assert not torch.equal(first, augmented(trials, make(), seed=1))


def test_teacher_and_student_see_the_same_changed_trial(trials):
    full = View(None, CH_22).fit(trials.X)
    few = View(["C3", "Cz"], CH_22).fit(trials.X)
    batch = next(Augmented(trials, "gaussian_noise", sfreq=SFREQ)(0))
    torch.testing.assert_close(
        batch.seen_by(full)[:, [CH_22.index("C3"), CH_22.index("Cz")]],
        batch.seen_by(few),
    )


def test_augmentations_that_are_not_allowed_are_refused(trials):
    with pytest.raises(ValueError, match="changes the class"):
        check_augment("channels_symmetry")
    with pytest.raises(ValueError, match="at least one augmentation, got none"):
        check_augment([])
    with pytest.raises(TypeError, match="'augment' must be a name"):
        check_augment(3)

    def half(X):
        return X[..., ::2]

    with pytest.raises(ValueError, match="'half' returned"):
        next(Augmented(trials, half, sfreq=SFREQ)(0))
    with pytest.raises(ValueError, match="'probability'"):
        Augmented(trials, "sign_flip", sfreq=SFREQ, probability=2)
    with pytest.raises(TypeError, match="'sampler' must be a TrialSampler"):
        Augmented(3, "sign_flip", sfreq=SFREQ)


def test_reading_between_samples_is_linear_interpolation():
    rng = np.random.default_rng(0)
    X, place = rng.standard_normal((3, 2, 50)), rng.uniform(0, 49, (3, 70))
    expected = [
        [np.interp(where, np.arange(50), channel) for channel in trial]
        for trial, where in zip(X, place, strict=True)
    ]
    read = read_at(torch.as_tensor(X), torch.as_tensor(place))
    np.testing.assert_allclose(read, expected, atol=1e-12)


# -- mixup ---------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0, 0.1, 0.5, 1])
def test_the_mixed_fraction_is_exact(trials, fraction):
    for batch in Mixup(trials, 3, fraction=fraction)(2):
        mixed = (batch.x != trials.X[batch.index]).flatten(1).any(dim=1)
        assert mixed.sum() == int(fraction * len(batch) + 0.5)


def test_official_sampling_leaves_more_mixed(trials):
    sampler = Mixup(trials, 3, official_sampling=True)
    rng = np.random.default_rng(0)
    mixed = np.mean([(sampler.shares(64, rng) < 1).mean() for _ in range(500)])
    draws = int(0.9 * 64)
    assert mixed == pytest.approx((1 - 1 / 64) ** draws, abs=0.01)
    assert mixed == pytest.approx(0.407, abs=0.01)


def test_signals_and_soft_labels_are_mixed_alike():
    hard = np.arange(30) % 3
    X = np.eye(3)[hard][:, :, None] * np.ones(8)
    sampler = TrialSampler.from_arrays(X, hard, batch_size=11)
    for batch in Mixup(sampler, 3, fraction=1)(0):
        torch.testing.assert_close(batch.x[:, :, 0], batch.soft)
        torch.testing.assert_close(batch.soft.sum(dim=1), torch.ones(len(batch)))
        assert torch.equal(batch.y, sampler.y[batch.index])


def test_shares_follow_the_beta_distribution(trials):
    rng = np.random.default_rng(0)
    uniform = Mixup(trials, 3, fraction=1).shares(20_000, rng)
    assert uniform.mean() == pytest.approx(0.5, abs=0.01)
    assert uniform.var() == pytest.approx(1 / 12, abs=0.003)
    extreme = Mixup(trials, 3, fraction=1, beta=0.2).shares(20_000, rng)
    assert extreme.var() == pytest.approx(0.25 / 1.4, abs=0.005)


@pytest.mark.parametrize("within", ["subject", "session"])
def test_partners_are_from_the_same_person_or_session(trials, within):
    sampler = Mixup(trials, 3, within=within)
    rng = np.random.default_rng(0)
    for batch in trials(0):
        partner = sampler.partners(batch, rng)
        who = getattr(batch, within)
        assert torch.equal(who[partner], who)
        alone = torch.bincount(who)[who] == 1
        assert torch.equal(partner == torch.arange(len(batch)), alone)
        assert torch.equal(partner.sort().values, torch.arange(len(batch)))
    anywhere = Mixup(trials, 3).partners(batch, rng)
    assert not torch.equal(batch.subject[anywhere], batch.subject)


def test_a_lone_trial_is_its_own_partner(trials):
    lone = trials.subset(torch.tensor([4]))
    (batch,) = Mixup(lone, 3, fraction=1)(0)
    assert torch.equal(batch.x, lone.X)
    assert batch.soft.sum() == 1


def test_mixup_follows_the_seed_and_the_pass(trials):
    first = gather(Mixup(trials, 3, seed=2), 1)[0]
    assert torch.equal(first, gather(Mixup(trials, 3, seed=2), 1)[0])
    assert not torch.equal(first, gather(Mixup(trials, 3, seed=3), 1)[0])
    assert not torch.equal(first, gather(Mixup(trials, 3, seed=2), 2)[0])


def test_what_mixup_refuses(trials):
    with pytest.raises(ValueError, match="'within' must be one of"):
        Mixup(trials, 3, within="run")
    with pytest.raises(ValueError, match="'fraction'"):
        Mixup(trials, 3, fraction=1.5)
    with pytest.raises(TypeError, match="official_sampling"):
        Mixup(trials, 3, official_sampling="False")
    continuous_labels = TrialSampler.from_arrays(trials.X, np.zeros(len(trials)))
    with pytest.raises(TypeError, match="classes as labels"):
        Mixup(continuous_labels, 2)


# -- one recording -------------------------------------------------------------------

PLAIN = {"amplitude": 1, "stretch": 1, "cut_mix": None, "rotation": 0}


@pytest.fixture(scope="module")
def recording():
    """Return a recording whose values tell channel and time."""
    return torch.arange(1000.0) + 10_000 * torch.arange(1.0, 4)[:, None]


def test_plain_windows_are_cut_from_the_recording(recording):
    sampler = Recording(recording, n_times=50, n_windows=200, batch_size=60, **PLAIN)
    batches = list(sampler(0))
    assert [len(batch) for batch in batches] == [60, 60, 60, 20]
    x = torch.cat([batch.x for batch in batches])
    onset = (x[:, 0, 0] - 10_000).long()
    expected = recording[:, onset[:, None] + torch.arange(50)].permute(1, 0, 2)
    assert torch.equal(x, expected)
    assert onset.min() < 50
    assert onset.max() > 900
    assert not torch.equal(x, torch.cat([batch.x for batch in sampler(1)]))


def test_a_window_as_long_as_the_recording_fits(recording):
    sampler = Recording(
        recording, n_times=1000, n_windows=3, **{**PLAIN, "stretch": 1.5}
    )
    (batch,) = sampler(0)
    assert batch.x.max() <= recording.max()
    assert Recording(recording, n_times=1000, n_windows=1, **PLAIN)


def test_windows_are_numbered_and_have_no_labels(recording):
    sampler = Recording(recording, n_times=50, n_windows=7, batch_size=4, n_known=100)
    index = torch.cat([b.index for epoch in range(3) for b in sampler(epoch)])
    assert torch.equal(index, torch.arange(100, 121))
    batch = next(sampler(0))
    assert batch.y.tolist() == [-1] * 4
    scores = Output(torch.zeros(4, 3), {}, None)
    with pytest.raises((IndexError, RuntimeError), match="Target -1 is out of bounds"):
        CrossEntropy()(scores, None, batch)


def test_each_change_of_a_window(recording):
    def windows(**change):
        sampler = Recording(recording, n_times=50, n_windows=100, **{**PLAIN, **change})
        return next(sampler(0)).x

    plain = windows()
    slope = windows(stretch=1.2).diff(dim=2)
    assert (slope.amax(dim=(1, 2)) - slope.amin(dim=(1, 2))).max() < 0.02
    assert 1 / 1.2 - 0.01 < slope.min() < 0.9
    assert 1.1 < slope.max() < 1.21
    factor = windows(amplitude=2)[:, 1] / plain[:, 1]
    torch.testing.assert_close(factor, factor[:, :1].expand(-1, 50))
    assert 0.5 <= factor.min() < 0.7
    assert 1.5 < factor.max() <= 2
    mixed = windows(cut_mix=1.0)
    step = mixed.diff(dim=2) != 1
    assert torch.equal(step[:, 0], step[:, 2])
    assert step[:, 0].sum(dim=1).max() == 2
    assert step[:, 0].any(dim=1).float().mean() > 0.5
    inside = (mixed != plain).any(dim=1)
    assert inside.float().mean() == pytest.approx(0.5, abs=0.1)
    torch.testing.assert_close(
        mixed, torch.where(inside[:, None], plain.roll(1, 0), plain)
    )
    change = (windows(rotation=0.1) - plain)[:, :, 0]
    assert 0 < change.abs().max() < 30_000


def test_rotation_has_the_size_asked_for():
    X = torch.as_tensor(np.random.default_rng(0).standard_normal((20, 4000)))
    scaled = X * torch.linspace(0.1, 10, 20)[:, None]

    def make(size):
        change = {**PLAIN, "rotation": size}
        return next(Recording(scaled, n_times=100, n_windows=64, **change)(0)).x

    change = (make(0.1) - make(0)) / scaled.std(dim=1)[:, None]
    assert change.std() == pytest.approx(0.1, rel=0.05)


def test_late_windows_of_a_long_recording_are_exact():
    long = torch.zeros(1, 20_000_000)
    long[0, ::2] = 1
    sampler = Recording(long, n_times=101, n_windows=50, **PLAIN)
    assert set(next(sampler(0)).x.unique().tolist()) == {0.0, 1.0}


def test_trials_of_the_first_person_are_joined_in_order(trials):
    sampler = Recording.from_trials(trials, n_times=160, n_windows=5)
    mine = trials.X[trials.subject == 0]
    assert torch.equal(sampler.X, torch.cat(list(mine), dim=1))


def test_a_raw_is_read_by_channel_name_and_resampled():
    rng = np.random.default_rng(0)
    info = mne.create_info(["CZ", "x", "c3"], 250.0, "eeg")
    signal = mne.filter.filter_data(
        1e-5 * rng.standard_normal((3, 2500)), 250.0, None, 30.0, verbose=False
    )
    raw = mne.io.RawArray(signal, info, verbose=False)
    X = continuous(raw, ["C3", "Cz"], 250.0, "cpu")
    np.testing.assert_allclose(X, signal[[2, 0]].astype(np.float32))
    slow = continuous(raw, ["C3", "Cz"], 125.0, "cpu")
    assert slow.shape == (2, 1250)
    inner = slice(100, -100)
    np.testing.assert_allclose(
        slow[:, inner], X[:, ::2][:, inner], atol=0.02 * float(X.std())
    )
    assert raw.info["sfreq"] == 250.0
    with pytest.raises(ValueError, match="'Pz' are missing"):
        continuous(raw, ["C3", "Pz"], 250.0, "cpu")


def test_what_a_recording_must_be(recording):
    assert continuous(recording.numpy(), "abc", 1.0, "cpu").shape == (3, 1000)
    with pytest.raises(ValueError, match=r"shape \(2, n_samples\)"):
        continuous(recording.numpy(), "ab", 1.0, "cpu")
    with pytest.raises(TypeError, match="a Raw of MNE or an array"):
        continuous("file.fif", "ab", 1.0, "cpu")
    with pytest.raises(ValueError, match="must be finite"):
        continuous(np.full((2, 9), np.nan), "ab", 1.0, "cpu")
    with pytest.raises(ValueError, match="at least 1001 samples"):
        Recording(recording, n_times=1001, n_windows=1)
    with pytest.raises(ValueError, match="'stretch'"):
        Recording(recording, n_times=10, n_windows=1, stretch=0.5)


# -- inversion -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(trials):
    """Return an untrained teacher and student with moved batch statistics."""
    made = [
        build_decoder(
            "SCCNet",
            View(montage, CH_22).fit(trials.X),
            n_outputs=3,
            n_times=160,
            sfreq=SFREQ,
            random_state=seed,
        )
        for seed, montage in enumerate([None, ["C3", "Cz", "C4"]])
    ]
    with torch.no_grad():
        for _ in range(30):
            made[0].train()(made[0].view(trials.X))
    return made


def invert(pair, **options):
    """Return a sampler from the pair, with small batches."""
    settings = {"n_times": 160, "sfreq": SFREQ, "max_epochs": 8, "batch_size": 32}
    return Inversion(Frozen(pair[0]), pair[1], **{**settings, **options})


def test_made_up_trials_have_the_teachers_scale_and_new_numbers(pair, trials):
    sampler = invert(pair, n_batches=3, student_steps=2, n_known=72)
    batches = [batch for epoch in range(2) for batch in sampler(epoch)]
    assert len(sampler) == 96
    index = torch.cat([batch.index for batch in batches])
    assert torch.equal(index, torch.arange(72, 72 + 6 * 32))
    x = torch.cat([batch.x for batch in batches])
    assert x.shape == (192, 22, 160)
    assert not x.requires_grad
    ratio = x.std(dim=(0, 2)) / trials.X.std(dim=(0, 2))
    assert ratio.min() > 0.5
    assert ratio.max() < 3
    assert set(torch.cat([batch.y for batch in batches]).tolist()) == {-1}


def test_inversion_changes_neither_teacher_nor_student(pair):
    sampler = invert(pair)
    decoders = [sampler.teacher, sampler.student.train()]
    before = [copy.deepcopy(decoder.state_dict()) for decoder in decoders]
    sampler.improve(1.0)
    for decoder, state in zip(decoders, before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in decoder.state_dict().items())
        assert all(p.grad is None for p in decoder.parameters())
    assert sampler.student.training
    assert not sampler.teacher.training


def test_inversion_follows_the_seed(pair):
    first, again = (list(invert(pair, seed=3, n_batches=2)(0)) for _ in range(2))
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].x, next(invert(pair, seed=4)(0)).x)


def test_the_distance_of_batch_statistics():
    rng = np.random.default_rng(0)
    norm = nn.BatchNorm2d(4).eval()
    norm.running_mean += torch.as_tensor(rng.standard_normal(4))
    norm.running_var += torch.as_tensor(rng.uniform(0, 2, 4))
    x = rng.standard_normal((5, 4, 3, 7))
    with _statistics([norm]) as distances:
        norm(torch.as_tensor(x, dtype=torch.float32))
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    assert float(distances[0]) == pytest.approx(
        np.linalg.norm(mean - norm.running_mean.numpy()), rel=1e-5
    )
    assert float(distances[1]) == pytest.approx(
        np.linalg.norm(var - norm.running_var.numpy()), rel=1e-5
    )
    assert not norm._forward_pre_hooks


def test_the_generator_learns_what_it_is_asked_for(pair):
    teacher = copy.deepcopy(pair[0])
    teacher.network.final_layer.bias.data += torch.tensor([1.0, 0, 0])  # uneven

    def after(n_steps=15, **weights):
        parts = dict.fromkeys(("one_hot", "statistics", "entropy"), 0.0)
        sampler = invert(
            [teacher, pair[1]],
            weights=InversionWeights(**{**parts, **weights}),
            lr=1e-2,
        )
        sampler.improve(0.0)
        before = sampler.report
        for _ in range(n_steps):
            sampler.improve(0.0)
        return before, sampler.report

    before, later = after(statistics=1.0)
    assert later["statistics"] < 0.8 * before["statistics"]
    before, later = after(one_hot=1.0)
    assert later["one_hot"] < 0.8 * before["one_hot"]
    before, later = after(entropy=20.0)
    assert later["entropy"] > before["entropy"] + 0.02
    assert sum(later["class_shares"]) == pytest.approx(1)


def test_difficulty_grows_between_a_quarter_and_three_quarters():
    weights = InversionWeights()
    grown = [weights.adversarial_in(epoch, 250) for epoch in range(250)]
    assert grown[62] == 0
    assert grown[100] - grown[99] == pytest.approx(0.5)
    assert grown[188] == grown[-1] == 62.5
    with pytest.raises(ValueError, match="'end'"):
        InversionWeights(begin=0.5, end=0.5)


def test_a_teacher_without_batch_normalization_is_refused(trials):
    view = View(None, CH_22).fit(trials.X)
    plain = build_decoder(
        lambda n_chans, n_outputs: nn.Sequential(
            nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(4 * n_chans, n_outputs)
        ),
        view,
        n_outputs=3,
        n_times=160,
        sfreq=SFREQ,
    )
    with pytest.raises(ValueError, match="must have batch normalization"):
        invert([plain, plain])


@pytest.mark.parametrize("n_times", [160, 75])
def test_the_generator_makes_smooth_heads_and_rhythms(n_times):
    torch.manual_seed(0)
    signals = SignalGenerator(CH_22, n_times, SFREQ)
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(3000, signals.filters.shape[1], 2, generator=generator)
    for shape in signals.filters:
        carrier = torch.fft.irfft(torch.view_as_complex(white) * shape, n=n_times)
        assert carrier.std() == pytest.approx(1, rel=0.05)
    with torch.no_grad():
        x = signals(64, generator).transpose(0, 1).flatten(1).numpy()
    assert x.shape == (22, 64 * n_times)
    correlation = np.corrcoef(x)
    near = correlation[CH_22.index("C3"), CH_22.index("C5")]
    far = correlation[CH_22.index("C3"), CH_22.index("P2")]
    assert near > far + 0.2
    assert 0.5 < x.std() < 2


def test_the_generator_takes_channels_without_a_position():
    signals = SignalGenerator(["A", "B", "C"], 100, 100.0)
    assert signals(2, torch.Generator().manual_seed(0)).shape == (2, 3, 100)


def test_units_where_the_view_does_not_know_them(trials):
    view = View(["C3", "Cz"], CH_22, standardize=None)
    teacher = build_decoder(
        "SCCNet", view, n_outputs=3, n_times=160, sfreq=SFREQ, random_state=0
    )
    sampler = invert([teacher, teacher])
    assert torch.equal(sampler.scale, torch.full((22, 1), 1e-5))
    some = View(["C3", "Cz"], CH_22).fit(trials.X)
    teacher.view = some
    scale = invert([teacher, teacher]).scale[:, 0]
    place = [CH_22.index("C3"), CH_22.index("Cz")]
    torch.testing.assert_close(scale[place], some.scale_[:, 0])
    assert torch.unique(scale).numel() <= 3


# -- self-paced weights --------------------------------------------------------------


def test_self_paced_weights_are_those_of_the_formula():
    losses = torch.tensor([[0.0, 0.5, 2.0, 7.0]], dtype=torch.float64)
    for epoch in (0, 10):
        age = 1.5 + 0.1 * epoch
        expected = (1 + np.exp(-age)) / (1 + np.exp(losses.numpy() - age))
        weights = SelfPaced(1.5, 0.1)(Context(epoch, losses, None, None))
        np.testing.assert_allclose(weights, expected, rtol=1e-7)
    assert weights[0, 0] == 1
    assert (weights.diff(dim=1) < 0).all()


def test_self_paced_weights_of_huge_losses_and_in_validation():
    losses = torch.tensor([[1e4, 0.0]])
    assert SelfPaced()(Context(0, losses, None, None)).tolist() == [[0.0, 1.0]]
    weights = SelfPaced()(Context(0, losses, None, None, training=False))
    assert weights.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="'growth'"):
        SelfPaced(growth=-1)


def test_seeds_depend_on_every_number():
    assert len({seed_of(1, 2, 3), seed_of(1, 3, 2), seed_of(2, 2, 3)}) == 3
    assert seed_of(1, 2) == seed_of(1, 2)
