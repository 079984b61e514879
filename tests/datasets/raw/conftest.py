"""360 degree videos in the raw layouts of the YouTube sets."""

from types import SimpleNamespace

import pytest

import raw_360


@pytest.fixture(scope="session")
def yt360_raw(tmp_path_factory):
    """`.videos`, `.lists`, `.names` by what is odd about them, and the `.azimuth` of dot and sound."""
    folder = tmp_path_factory.mktemp("raw")
    return SimpleNamespace(
        videos=raw_360.make_360(folder / "videos"),
        lists=raw_360.write_lists(folder / "meta"),
        names=raw_360.NAMES,
        azimuth=raw_360.AZIMUTH,
    )
