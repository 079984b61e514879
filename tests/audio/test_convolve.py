"""audio/convolve.py: SciPy's direct convolution is the reference."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccstereo.audio.convolve import BlockConvolver, convolve, convolve_blocks


@given(length=st.integers(1, 700), taps=st.integers(1, 200), seed=st.integers(0, 99))
@settings(deadline=None)
def test_convolve_is_the_direct_sum(length: int, taps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal, responses = rng.standard_normal(length), rng.standard_normal((2, taps))
    want = np.stack([scipy.signal.convolve(signal, response, method="direct") for response in responses])
    assert convolve(signal, responses) == pytest.approx(want, abs=1e-10)
    got = convolve(torch.from_numpy(signal), torch.from_numpy(responses))
    assert got.numpy() == pytest.approx(want, abs=1e-10)


def test_leading_axes_broadcast_and_single_precision_stays() -> None:
    out = convolve(np.ones((3, 1, 10), np.float32), np.ones((2, 4), np.float32))
    assert out.shape == (3, 2, 13)
    assert out.dtype == np.float32


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("blocks", [[500], [100, 400], [7, 1, 1, 91, 300, 100]])
def test_blocks_give_the_sound_of_one_call(kind, blocks: list[int]) -> None:
    rng = np.random.default_rng(1)
    sound, responses = rng.standard_normal((3, 500)), rng.standard_normal((2, 3, 64))
    want = sum(scipy.signal.convolve(sound[c][None], responses[:, c], method="direct") for c in range(3))
    render, ends = BlockConvolver(kind(responses)), np.cumsum([0, *blocks])
    pieces = [render(kind(sound[:, a:b])) for a, b in pairwise(ends)]
    assert np.concatenate([*pieces, render.finish()], axis=1) == pytest.approx(want, abs=1e-10)


@pytest.mark.parametrize(("samples", "taps", "size"), [(1, 1, 2), (1_000, 128, 256), (777, 200, 256), (50, 300, 512)])
def test_blocks_give_what_one_convolution_does(samples: int, taps: int, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(samples, generator=generator)
    responses = torch.randn(3, 2, taps, generator=generator)
    blocks = convolve_blocks(signal, torch.fft.rfft(responses, size), taps)
    expected = np.apply_along_axis(np.convolve, -1, responses.numpy(), signal.numpy())
    np.testing.assert_allclose(blocks.numpy(), expected, atol=1e-4)
