import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ccstereo.vision import transforms as T


def pictures(count: int, height: int, width: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)


SIDES = st.tuples(st.integers(1, 300), st.integers(1, 300))


class TestResize:
    @pytest.mark.parametrize("size", [(240, 480), (30, 31), (17, 90)])
    def test_agrees_with_pillow(self, size):
        frames = pictures(2, 60, 80)
        for mine, frame in zip(T.resize(frames, size), frames, strict=True):
            theirs = Image.fromarray(frame.permute(1, 2, 0).numpy()).resize(size[::-1], Image.Resampling.BILINEAR)
            difference = mine.permute(1, 2, 0).numpy().astype(int) - np.asarray(theirs).astype(int)
            assert mine.dtype == torch.uint8
            assert abs(difference).max() <= 1

    def test_the_right_size_is_left_alone(self):
        frames = pictures(1, 20, 40)
        assert T.resize(frames, (20, 40)) is frames

    def test_fine_patterns_do_not_alias(self):
        stripes = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
        stripes[..., ::2] = 255
        small = T.resize(stripes, (16, 16))[..., 1:-1].float()
        assert 120 < small.min() <= small.max() < 135

    def test_left_stays_left(self):
        frames = torch.zeros(1, 3, 10, 100, dtype=torch.uint8)
        frames[..., :50] = 200
        small = T.resize(frames, (20, 40))
        assert (small[..., :18] == 200).all()
        assert (small[..., 22:] == 0).all()


class TestCrops:
    @given(outer=SIDES, data=st.data())
    @settings(deadline=None)
    def test_corners_touch_their_edges_and_the_centre_its_middle(self, outer, data):
        inner = tuple(data.draw(st.integers(1, side)) for side in outer)
        for crop in T.CROPS:
            top, left = T.crop_corner(crop, outer, inner)
            below, right = outer[0] - inner[0] - top, outer[1] - inner[1] - left
            assert min(top, left, below, right) >= 0
            if crop == "centre":
                assert abs(top - below) <= 1
                assert abs(left - right) <= 1
            else:
                vertical, horizontal = crop.split("-")
                assert {"top": top, "bottom": below}[vertical] == 0
                assert {"left": left, "right": right}[horizontal] == 0

    def test_the_five_crops_of_the_paper(self):
        corners = [T.crop_corner(crop, (240, 480), (224, 448)) for crop in T.CROPS]
        assert corners == [(0, 0), (0, 32), (16, 0), (16, 32), (8, 16)]

    @pytest.mark.parametrize("name", ["middle", "center", "left-top-top", "left-top"])
    def test_unknown_names_are_refused(self, name):
        with pytest.raises(ValueError, match=f"no crop named '{name}'; there are top-left"):
            T.crop_corner(name, (240, 480), (224, 448))

    @pytest.mark.parametrize("inner", [(241, 448), (224, 481)])
    def test_crops_larger_than_the_frame_are_refused(self, inner):
        with pytest.raises(ValueError, match="does not fit"):
            T.crop_corner("top-left", (240, 480), inner)

    def test_cuts_rows_then_columns(self):
        frames = pictures(2, 24, 48)
        cut = T.crop(frames, (3, 7), (10, 20))
        assert cut.shape == (2, 3, 10, 20)
        assert torch.equal(cut[1, 2, 9, 19], frames[1, 2, 12, 26])
        assert torch.equal(cut[0, 0, 0, 0], frames[0, 0, 3, 7])


class TestNormalize:
    def test_follows_the_formula_per_channel(self):
        frames = pictures(2, 5, 6)
        out = T.normalize(frames)
        assert out.dtype == torch.float32
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        expected = (frames.permute(0, 2, 3, 1).numpy() / 255 - mean) / deviation
        np.testing.assert_allclose(out.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


class TestJitter:
    def test_ones_change_nothing(self):
        frames = pictures(3, 8, 8)
        assert torch.equal(T.jitter(frames, torch.ones(3), torch.ones(3)), frames)

    def test_brightness_is_a_factor_of_each_item(self):
        frames = pictures(2, 8, 8)
        out = T.jitter(frames, torch.tensor([0.5, 1.3]), torch.ones(2))
        expected = (frames.double() * torch.tensor([0.5, 1.3]).view(2, 1, 1, 1)).clamp(0, 255)
        assert (out.double() - expected).abs().max() <= 0.51
        assert (out[1] == 255).any()  # what is too bright is clipped, not wrapped around

    def test_without_saturation_the_grey_of_a_black_and_white_picture_is_left(self):
        frames = pictures(4, 8, 8)
        out = T.jitter(frames, torch.ones(4), torch.zeros(4))
        for mine, frame in zip(out, frames, strict=True):
            grey = np.asarray(Image.fromarray(frame.permute(1, 2, 0).numpy()).convert("L")).astype(int)
            assert abs(mine.numpy().astype(int) - grey).max() <= 1

    @given(saturation=st.floats(0.7, 1.3), seed=st.integers(0, 50))
    @settings(deadline=None)
    def test_saturation_keeps_luminance_and_scales_colour(self, saturation, seed):
        generator = torch.Generator().manual_seed(seed)
        frames = torch.randint(90, 160, (1, 3, 6, 6), dtype=torch.uint8, generator=generator)  # nothing clips
        out = T.jitter(frames, torch.ones(1), torch.tensor([saturation])).double()
        weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
        assert ((out - frames) * weights).sum(1).abs().max() < 0.51
        spread = (frames[:, 0].double() - frames[:, 2].double()) * saturation
        assert (out[:, 0] - out[:, 2] - spread).abs().max() < 1.01
