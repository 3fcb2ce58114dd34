"""Gram matrices of bands and regions: reference, memory, what is left untouched."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from eegkd.criteria.modalities import (
    BANDS,
    ModalityGram,
    band_pass,
    modality_gram,
)
from eegkd.decoders import build_decoder
from eegkd.samplers import TrialSampler
from eegkd.view import View

from .conftest import CH_22

REFERENCES = {"modality_gram"}
SFREQ, N_TIMES = 125.0, 160


@pytest.fixture(scope="module")
def sampler():
    """Return ten trials of 22 channels."""
    rng = np.random.default_rng(0)
    X = 1e-5 * rng.standard_normal((10, 22, N_TIMES))
    return TrialSampler.from_arrays(X, np.arange(10) % 2)


def decoder(sampler, montage, name="EEGNet", seed=0):
    """Return a small untrained decoder."""
    view = View(montage, CH_22).fit(sampler.X)
    return build_decoder(
        name, view, n_outputs=2, n_times=N_TIMES, sfreq=SFREQ, random_state=seed
    )


@pytest.fixture(scope="module")
def pair(sampler):
    """Return a student on seven electrodes and a teacher on all."""
    return decoder(sampler, "headphone"), decoder(sampler, None, seed=1).eval()


def numpy_gram(net, x):
    """Return the Gram matrices of frequency bands of each trial, in NumPy."""
    net = copy.deepcopy(net).eval()
    spectrum = np.fft.rfft(x.numpy().astype(float))
    frequency = np.fft.rfftfreq(N_TIMES, 1 / SFREQ)
    embeddings = []
    for low, high in BANDS.values():
        kept = spectrum * ((frequency >= low) & (frequency < high))
        band = np.fft.irfft(kept, n=N_TIMES).astype(np.float32)
        with torch.no_grad():
            embeddings.append(net(torch.as_tensor(band)).embedding.numpy())
    grams = np.zeros((len(x), len(BANDS), len(BANDS)))
    for i in range(len(x)):
        for a, e_a in enumerate(embeddings):
            for b, e_b in enumerate(embeddings):
                size = np.linalg.norm(e_a[i]) * np.linalg.norm(e_b[i])
                grams[i, a, b] = e_a[i] @ e_b[i] / size
    return grams


def test_bands_equal_numpy_reference(sampler, pair):
    student, teacher = pair
    batch = sampler.batch(torch.tensor([4, 0, 7]))
    grams = [numpy_gram(net, batch.seen_by(net.view)) for net in pair]
    value = ModalityGram(student, teacher, SFREQ)(None, None, batch)
    expected = np.mean((grams[0] - grams[1]) ** 2, axis=(1, 2))
    assert value.shape == (3,)
    assert value.detach().numpy() == pytest.approx(expected, abs=1e-5)
    assert expected.min() > 1e-4


def test_zero_where_student_equals_teacher(sampler, pair):
    teacher = pair[1]
    same = ModalityGram(copy.deepcopy(teacher), teacher, SFREQ)
    value = same(None, None, sampler.batch(torch.arange(3)))
    assert value.abs().max().item() == pytest.approx(0, abs=1e-10)


def test_gram_ignores_the_scale_of_each_modality():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    scale = torch.rand(3, 4, 1, generator=generator, dtype=torch.float64) + 0.1
    gram = modality_gram(embeddings)
    assert torch.allclose(modality_gram(scale * embeddings), gram)
    assert not torch.allclose(modality_gram(scale + embeddings), gram)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=generator).double())[0]
    assert torch.allclose(modality_gram(embeddings @ rotation), gram)
    assert torch.autograd.gradcheck(modality_gram, (embeddings.requires_grad_(),))


def test_an_embedding_of_zeros_gives_zero_and_a_finite_gradient():
    embeddings = torch.zeros(2, 3, 4, requires_grad=True)
    gram = modality_gram(embeddings)
    gram.sum().backward()
    assert gram.abs().max() == 0
    assert torch.isfinite(embeddings.grad).all()


def test_band_pass_keeps_the_band_alone():
    time = torch.arange(250, dtype=torch.float64) / 125
    waves = {hz: torch.sin(2 * np.pi * hz * time + hz) for hz in (5, 10, 20)}
    x = sum(waves.values())
    assert torch.allclose(band_pass(x, 125.0, 8, 13), waves[10], atol=1e-10)
    assert torch.allclose(band_pass(x, 125.0, 10, 20), waves[10], atol=1e-10)
    odd = x[:249]
    assert band_pass(odd, 125.0, 0, 63).shape == odd.shape
    assert torch.allclose(band_pass(odd, 125.0, 0, 63), odd, atol=1e-10)


def test_regions_show_their_electrodes_alone(sampler, pair):
    student, teacher = pair
    gram = ModalityGram(student, teacher, SFREQ, "regions")
    assert gram.names == ("left central", "middle central", "right central")
    x = torch.ones(2, 22, 5)
    shown = gram.split(x, teacher)
    electrodes = [
        [CH_22[c] for c in torch.nonzero(region[0, :, 0]).flatten()] for region in shown
    ]
    assert electrodes[0] == "FC3 FC1 C5 C3 C1 CP3 CP1".split()
    assert electrodes[1] == "FCz Cz CPz".split()
    mine = gram.split(torch.ones(2, 7, 5), student)
    assert [int(region[0, :, 0].sum()) for region in mine] == [3, 1, 3]
    value = gram(None, None, sampler.batch(torch.arange(4)))
    assert value.shape == (4,)
    assert (value >= 0).all()


def test_regions_can_be_given(sampler, pair):
    student, teacher = pair
    regions = {"left": ["C3", "CP3"], "right": ["C4"], "front": ["Fz"]}
    gram = ModalityGram(student, teacher, SFREQ, "regions", regions=regions)
    assert gram.names == ("left", "right")
    x = torch.arange(22.0)[None, :, None].expand(1, 22, 3)
    left = gram.split(x, teacher)[0][0, :, 0]
    assert left.nonzero().flatten().tolist() == [CH_22.index("C3"), CH_22.index("CP3")]


def test_the_teacher_reads_each_trial_once(sampler, pair):
    student, teacher = pair
    seen = []
    hook = teacher.network.register_forward_hook(
        lambda module, args, out: seen.append(len(out))
    )
    gram = ModalityGram(student, teacher, SFREQ)
    parts = [torch.tensor([2, 0, 5]), torch.tensor([9, 1])]
    first = [gram(None, None, sampler.batch(part)) for part in parts]
    again = [gram(None, None, sampler.batch(part)) for part in parts]
    assert sum(seen) == 5 * len(BANDS)
    changed = sampler.batch(parts[0])
    changed.x = 2 * sampler.X[parts[0]]  # as an augmentation leaves it
    gram(None, None, changed)
    hook.remove()
    assert sum(seen) == 8 * len(BANDS)
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one, two)


def test_statistics_and_modes_of_both_networks_stay(sampler, pair):
    student, teacher = pair
    student.train()
    frozen = list(student.network.modules())[-1].eval()
    before = copy.deepcopy([net.state_dict() for net in pair])
    value = ModalityGram(student, teacher, SFREQ)(
        None, None, sampler.batch(torch.arange(4))
    )
    value.mean().backward()
    for net, old in zip(pair, before, strict=True):
        for name, now in net.state_dict().items():
            assert torch.equal(now, old[name])
    assert student.training
    assert not frozen.training
    assert not teacher.training
    assert all(p.grad is None for p in teacher.parameters())
    grads = [p.grad for p in student.parameters() if p.grad is not None]
    assert max(grad.abs().max() for grad in grads) > 0
    student.zero_grad(set_to_none=True)
    frozen.train()


def test_an_embedding_of_zeros_has_no_direction_and_no_gradient():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(3, 4, 5, generator=generator)
    embeddings[1, 2] = 0
    embeddings.requires_grad_()
    gram = modality_gram(embeddings)
    assert torch.equal(gram[1, 2], torch.zeros(4))
    (gram * torch.randn(3, 4, 4, generator=generator)).sum().backward()
    assert torch.equal(embeddings.grad[1, 2], torch.zeros(5))
    assert 0 < embeddings.grad.abs().max() < 100


def test_errors(sampler, pair):
    student, teacher = pair
    for known, match in (
        ({"modalities": "lobes"}, "'modalities' must be one of"),
        ({"bands": {"alpha": (8, 13)}}, "'bands' must map at least two names"),
        ({"bands": {"a": (8, 13), "b": 9}}, "must hold .low, high. in Hz for 'b'"),
        ({"bands": {"a": (8, 13), "b": (9, 5)}}, "'bands' must be a finite number > 9"),
        ({"bands": {"a": (8, 13), "b": (70, 90)}}, "must begin below half the sampl"),
        (
            {"modalities": "regions", "regions": {"a": ["C3"], "b": ["Fz"]}},
            "'regions' must have at least two of which both montages",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            ModalityGram(student, teacher, SFREQ, **known)
    narrow = ModalityGram(student, teacher, SFREQ, bands={"a": (8, 8.5), "b": (9, 11)})
    with pytest.raises(ValueError, match="'bands' must each hold a frequency"):
        narrow(None, None, sampler.batch(torch.arange(2)))
