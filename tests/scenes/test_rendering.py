"""Frames of scenes: sources are shown from where they sound."""

from dataclasses import replace

import numpy as np
import pytest

from ccstereo.scenes.augmentation import AudioAugmentation
from ccstereo.scenes.geometry import azimuth_of
from ccstereo.scenes.material import Material
from ccstereo.scenes.placement.stage import sample_scene
from ccstereo.scenes.rendering import dry_sound, render_foa, render_frame, render_frames
from ccstereo.scenes.scene import Scene, Source


def colour(material: Material, source: Source) -> np.ndarray:
    return material.photos[source.label][source.photo][0, 0]


@pytest.mark.parametrize("size", [(240, 480), (120, 240), (480, 960)])
def test_a_patch_is_shown_from_where_it_sounds(material, size):
    """The centroid of a source's own colour in the frame, to half a pixel and the rounding of its size."""
    height, width = size
    for seed in range(25):
        augmentation = AudioAugmentation() if seed % 4 < 2 else None
        scene = sample_scene(material, seed, sources=1 + seed % 3, moving=seed % 2 == 0, augmentation=augmentation)
        moment = seed / 24
        frame = render_frame(scene, material, moment, size)
        assert (frame.shape, frame.dtype) == ((height, width, 3), np.uint8)
        for source in scene.sources:
            rows, columns = np.nonzero((frame == colour(material, source)).all(-1))
            x, y = (columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height
            assert azimuth_of(x) == pytest.approx(azimuth_of(source.x(moment)), abs=0.51 * 120 / width)
            assert y == pytest.approx(source.y, abs=0.51 / height)
            assert np.ptp(columns) + 1 == pytest.approx(source.width * width, abs=0.51)
            assert np.ptp(rows) + 1 == pytest.approx(source.height * height, abs=0.51)


def test_moving_patches_follow_their_paths(material):
    scene = sample_scene(material, 3, moving=True)
    (source,) = scene.sources
    assert len(source.path) == 6
    for phase, x in zip(np.linspace(0, 1, 6), source.path, strict=True):
        columns = np.nonzero((render_frame(scene, material, phase) == colour(material, source)).all(-1))[1]
        assert columns.mean() + 0.5 == pytest.approx(480 * x, abs=0.51)
    np.testing.assert_allclose(source.azimuths, [60 - 120 * x for x in source.path])


def test_everything_else_is_background(material):
    scene = sample_scene(material, 1)
    frame = render_frame(scene, material)
    other = ~(frame == colour(material, scene.sources[0])).all(-1)
    assert (frame[other] == material.backgrounds[scene.background][0, 0]).all()
    assert other.mean() == pytest.approx(1 - scene.sources[0].width * scene.sources[0].height, abs=0.01)


def test_the_background_shows_through(material):
    """Red on the left, nothing on the right, half of blue below; green behind it."""
    photo = np.zeros((80, 80, 4), dtype=np.uint8)
    photo[:40, :40] = (250, 0, 0, 255)
    photo[40:] = (0, 0, 250, 128)
    behind = np.full((40, 80, 3), (0, 250, 0), dtype=np.uint8)
    clear = replace(material, photos={**material.photos, "c": (photo,)}, backgrounds=(behind,))
    (source,) = sample_scene(material, 0).sources
    source = replace(source, label="c", photo=0, path=(0.5,), y=0.5, width=0.25, height=0.5, mirrored=False)
    frame = render_frame(Scene(0, 1.0, 0, (0.0, 0.0, 1.0, 1.0), (source,)), clear)
    assert [tuple(int(v) for v in frame[y, x]) for y, x in ((80, 200), (80, 280), (160, 200))] == [
        (250, 0, 0),
        (0, 250, 0),
        (0, 125, 125),
    ]


def test_views_and_mirrors_show_the_right_part(material):
    photo = np.zeros((80, 80, 3), dtype=np.uint8)
    photo[:40, 40:] = (250, 0, 0)  # red above on the right, green below on the right, black on the left
    photo[40:, 40:] = (0, 250, 0)
    quarters = replace(material, photos={**material.photos, "c": (photo,)})
    (source,) = sample_scene(material, 0).sources
    source = replace(source, label="c", photo=0, path=(0.5,), y=0.5, width=0.25, height=0.5, mirrored=False)
    scene = Scene(0, 1.0, 0, (0.0, 0.0, 1.0, 1.0), (source,))

    def corners(**changes: object) -> list[tuple[int, ...]]:
        frame = render_frame(replace(scene, sources=(replace(source, **changes),)), quarters)
        return [tuple(int(v) for v in frame[y, x]) for y in (80, 160) for x in (200, 280)]

    black, red, green = (0, 0, 0), (250, 0, 0), (0, 250, 0)
    assert corners() == [black, red, black, green]
    assert corners(mirrored=True) == [red, black, green, black]
    assert corners(view=(0.5, 0.0, 1.0, 1.0)) == [red, red, green, green]
    assert corners(view=(0.0, 0.5, 1.0, 1.0)) == [black, green, black, green]


def test_frames_are_the_moments_at_their_rate(material):
    scene = sample_scene(material, 5, duration=1.5, moving=True)
    frames = render_frames(scene, material, (60, 120), frame_rate=8.0)
    assert frames.shape == (12, 60, 120, 3)
    for k in (0, 5, 11):
        assert np.array_equal(frames[k], render_frame(scene, material, k / 8 / 1.5, (60, 120)))
    assert not np.array_equal(frames[0], frames[11])


def test_frames_of_a_still_scene_are_one(material):
    scene = sample_scene(material, 5, duration=0.7)
    frames = render_frames(scene, material, (60, 120))
    assert len(frames) == 7
    assert (frames == frames[0]).all()


def test_a_moving_source_is_encoded_along_its_path(material):
    """W is the dry sound, and Y : X the tangent of the azimuth of the moment; from ear height, Z is silent."""
    scene = sample_scene(material, 3, duration=1.5, moving=True)
    (source,) = scene.sources
    w, y, z, x = render_foa(scene, material)[0].astype(float)
    np.testing.assert_allclose(w, dry_sound(source, material, 1.5), atol=1e-7)
    azimuths = np.radians(np.interp(np.linspace(0, 1, len(w)), np.linspace(0, 1, len(source.path)), source.azimuths))
    np.testing.assert_allclose(y, w * np.sin(azimuths), atol=1e-6)
    np.testing.assert_allclose(x, w * np.cos(azimuths), atol=1e-6)
    assert not z.any()
    raised = replace(scene, sources=(replace(source, elevation=30.0),))
    np.testing.assert_allclose(render_foa(raised, material)[0, 2], 0.5 * w, atol=1e-6)


def test_a_video_crop_shows_the_frame_of_the_moment(material):
    levels = np.array([50, 150, 250], np.uint8)
    video = np.broadcast_to(levels[:, None, None, None], (3, 40, 40, 3))
    films = replace(material, photos={**material.photos, "c": (video,)})
    (source,) = sample_scene(material, 0).sources
    source = replace(source, label="c", photo=0, path=(0.5,), y=0.5, width=0.25, height=0.5)
    frames = render_frames(Scene(0, 0.5, 0, (0.0, 0.0, 1.0, 1.0), (source,)), films)
    assert frames[:, 120, 240, 0].tolist() == [50, 150, 250, 250, 250]  # ten a second, then the last one stays
