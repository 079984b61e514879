"""Photos blurred and compressed as a video's frames are."""

import numpy as np
import pytest

from ccstereo.errors import DatasetError
from ccstereo.vision.augmentation import (
    BLURS,
    QUALITIES,
    ImageAugmentation,
    ImageEffect,
    apply_image_effect,
    sample_image_effect,
)


def photo() -> np.ndarray:
    """White and black halves, and a patch of noise."""
    image = np.zeros((64, 96, 3), dtype=np.uint8)
    image[:, 48:] = 255
    image[16:48, 8:40] = np.random.default_rng(0).integers(256, size=(32, 32, 3))
    return image


def test_fractions_and_limits_are_kept_and_reached() -> None:
    rng = np.random.default_rng(0)
    effects = [sample_image_effect(ImageAugmentation(blur=0.25, compression=0.6), rng) for _ in range(1_000)]
    blurs = [effect.blur for effect in effects if effect.blur]
    qualities = {effect.quality for effect in effects if effect.quality is not None}
    assert len(blurs) == pytest.approx(250, abs=50)
    assert sum(effect.quality is not None for effect in effects) == pytest.approx(600, abs=60)
    assert BLURS[0] <= min(blurs) < 0.55 < 1.95 < max(blurs) <= BLURS[1]
    assert (min(qualities), max(qualities)) == QUALITIES


def test_nothing_is_done_by_default() -> None:
    effects = [sample_image_effect(ImageAugmentation(), np.random.default_rng(seed)) for seed in range(50)]
    assert set(effects) == {ImageEffect()}
    assert np.array_equal(apply_image_effect(photo(), ImageEffect()), photo())


def test_dark_grey_and_noisy_frames_are_that() -> None:
    plain = photo().astype(float)
    dark = apply_image_effect(photo(), ImageEffect(brightness=0.5)).astype(float)
    assert np.abs(dark - plain / 2).max() <= 1
    grey = apply_image_effect(photo(), ImageEffect(grey=True)).astype(float)
    assert np.ptp(grey, axis=-1).max() == 0
    assert np.abs(grey[..., 0] - plain @ [0.299, 0.587, 0.114]).max() <= 1  # ITU-R BT.601's luma
    even = np.full((64, 96, 3), 128, dtype=np.uint8)
    noisy = apply_image_effect(even, ImageEffect(noise=12.0, seed=1)).astype(float) - 128
    assert noisy.std() == pytest.approx(12, rel=0.03)
    assert abs(noisy.mean()) < 1
    assert np.array_equal(noisy, apply_image_effect(even, ImageEffect(noise=12.0, seed=1)).astype(float) - 128)


def test_new_effects_leave_blur_and_compression_of_a_seed_as_they_were() -> None:
    old, new = ImageAugmentation(0.5, 0.5), ImageAugmentation(0.5, 0.5, dark=0.5, grey=0.5, noise=0.5)
    pairs = [[sample_image_effect(each, np.random.default_rng(seed)) for each in (old, new)] for seed in range(50)]
    assert all((one.blur, one.quality) == (other.blur, other.quality) for one, other in pairs)
    assert sum(other.grey for _, other in pairs) == pytest.approx(25, abs=10)
    assert sum(other.brightness < 1 for _, other in pairs) == pytest.approx(25, abs=10)
    assert sum(other.noise > 0 for _, other in pairs) == pytest.approx(25, abs=10)


@pytest.mark.parametrize("blur", [0.8, 2.0])
def test_a_blur_has_its_width(blur) -> None:
    """The slope of a blurred edge is a Gaussian, whose deviation is the blur's."""
    slope = np.diff(apply_image_effect(photo(), ImageEffect(blur=blur))[56, 30:66, 0].astype(float))
    place = np.arange(len(slope))
    middle = (place * slope).sum() / slope.sum()
    assert np.sqrt(((place - middle) ** 2 * slope).sum() / slope.sum()) == pytest.approx(blur, rel=0.15)
    assert middle == pytest.approx(17, abs=0.1)


def test_the_lower_the_quality_the_further_from_the_photo() -> None:
    away = [
        np.abs(apply_image_effect(photo(), ImageEffect(quality=q)).astype(float) - photo()).mean() for q in (90, 50, 20)
    ]
    assert 0 < away[0] < away[1] < away[2]
    assert away[0] < 10
    assert apply_image_effect(photo(), ImageEffect(1.0, 50)).shape == (64, 96, 3)


def test_the_codec_comes_after_the_lens() -> None:
    """A blurred photo is compressed, not a compressed one blurred."""
    both = apply_image_effect(photo(), ImageEffect(1.5, 30))
    assert np.array_equal(
        both, apply_image_effect(apply_image_effect(photo(), ImageEffect(1.5)), ImageEffect(quality=30))
    )
    assert not np.array_equal(
        both, apply_image_effect(apply_image_effect(photo(), ImageEffect(quality=30)), ImageEffect(1.5))
    )


@pytest.mark.parametrize("wrong", [{"blur": -0.1}, {"compression": 1.5}])
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(DatasetError, match=next(iter(wrong))):
        ImageAugmentation(**wrong)
