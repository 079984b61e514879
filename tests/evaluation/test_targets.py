"""Systems and scoring ask the target: both ears predicted, and first-order ambisonics rendered when they are scored."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import tiny_models
from ccstereo.audio.ambisonics import encode
from ccstereo.audio.targets import FOA, LEFT_RIGHT, MID_SIDE
from ccstereo.cli.main import main
from ccstereo.errors import DatasetError
from ccstereo.evaluation import Ears, Mono, Oracle, Weights, oracle, read_run, score
from ccstereo.metrics import functional as metrics
from ccstereo.models import create_model, save_model
from items import item_of

MODELS = ("tiny-mid-side", "tiny-left-right", "tiny-foa")
assert tiny_models.SIZES


def foa(azimuth: float, seed: int = 0, samples: int = 16_000) -> torch.Tensor:
    return encode(0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed)), azimuth)


@dataclass(frozen=True)
class Fields:
    """Two ambisonic clips of a source at the left and the right: whatever has these methods can be scored on."""

    scores: tuple[str, ...] = ("stft", "snr", "louder_ear")

    @property
    def items(self) -> dict[str, str]:
        return {"left": "all", "right": "all"}

    def identity(self) -> dict:
        return {"fields": 2}

    def read(self, item: str, ears: Ears):
        return item_of(foa(60.0 if item == "left" else -60.0), item, ears)


@pytest.fixture(params=MODELS)
def weights(request, tmp_path) -> Weights:
    torch.manual_seed(0)
    model = create_model(request.param, window=4_000)
    return Weights(str(save_model(model, tmp_path / request.param)), hop=0.1)


def test_every_target_is_scored_on_ambisonics(weights) -> None:
    run = score({"mono": Mono(), "ours": weights, "oracle": weights.oracle()}, Fields())
    assert all(np.isfinite(values["stft"]).all() for values in run.scores.values())
    assert (run.scores["oracle"]["stft"] < run.scores["mono"]["stft"]).all()
    assert run.scores["oracle"]["louder_ear"].tolist() == [1, 1]
    assert run.scores["mono"]["louder_ear"].sum() < 2


def test_a_decoder_is_part_of_the_settings(tmp_path) -> None:
    score({"mono": Mono()}, Fields(), keep=tmp_path)
    with pytest.raises(DatasetError, match=r"ears\.decoder is projection, not magls"):
        score({"mono": Mono()}, Fields(), keep=tmp_path, ears=Ears("magls"))
    with pytest.raises(DatasetError, match="unknown decoder 'stereo'; use one of projection"):
        Ears("stereo")


def test_a_measured_head_that_is_not_there(tmp_path) -> None:
    with pytest.raises(DatasetError, match="no such SOFA file"):
        Ears("projection", tmp_path / "none.sofa")


def test_a_models_channels_are_rendered_as_the_truth_is() -> None:
    """W, Y, Z, X of the truth score perfectly; through another decoder they do not."""

    @dataclass(frozen=True)
    class Truth:
        name: str = "truth"

        def identity(self) -> dict:
            return {}

        def predict(self, item):
            return item.sound

    run = score({"truth": Truth()}, Fields())
    assert run.scores["truth"]["stft"].tolist() == [0, 0]
    field, item = foa(60.0), item_of(foa(60.0), ears=Ears("magls"))
    assert metrics.stft_distance(Ears().render(field, 16_000), item.ears) > 1e-3


class TestOracle:
    @pytest.mark.parametrize("target", [MID_SIDE, LEFT_RIGHT, FOA])
    def test_any_mask_gives_the_truth_back(self, target) -> None:
        sound = 0.1 * torch.randn(len(target.channels), 20_000, generator=torch.Generator().manual_seed(1))
        assert torch.allclose(oracle(sound, target=target), sound, atol=1e-4)

    def test_sound_at_one_ear_is_within_a_mask_of_one(self) -> None:
        left = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(2))
        sound = torch.stack([left, torch.zeros(16_000)])
        for target in (MID_SIDE, LEFT_RIGHT):
            assert metrics.stft_distance(oracle(sound, target=target, bound=1.0), sound) < 1e-9

    def test_a_plane_wave_needs_no_more_than_a_mask_of_one(self) -> None:
        field = foa(30.0)
        assert (oracle(field, target=FOA, bound=1.0) - field).abs().max() < 1e-4

    def test_without_the_truth_of_its_target_it_is_the_papers(self) -> None:
        ears = 0.1 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(3))
        found, expected = (Oracle(2.0, target=target).predict(item_of(ears)) for target in ("foa", "mid-side"))
        assert torch.equal(found, expected)


def test_the_benchmark_takes_every_target(weights, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    scenes = ["--rows", "one", "--scenes", "2", "--seconds", "0.7", "--jobs", "1", "--hop", "0.1"]
    assert main(["bench", *scenes, "--weights", weights.weights, "--decoder", "magls"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| one")]
    assert [row[1] for row in rows[:2]] == ["Mono-Mono", weights.name]
    assert float(rows[1][2].split()[0]) > 0


def test_a_prepared_set_of_ambisonics(weights, tmp_path, capsys) -> None:
    """From the command line: truth and predictions of whatever target at the ears that are asked for."""
    from ccstereo.datasets.prepared.build import Source, prepare
    from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg

    if not hasattr(SetInfo("noises"), "sound"):
        pytest.skip("this version prepares no ambisonics")

    def clips(source: Source):
        sound = foa(60.0 if source.key in "ac" else -60.0, ord(source.key)).numpy()
        yield Clip(source.key, sound, [encode_jpeg(np.full((240, 480, 3), 99, np.uint8))] * 10)

    splits = {"one": {"test": ["a", "b", "c", "d"]}}
    info = SetInfo("noises", sound="foa")
    prepare([Source(name, ()) for name in "abcd"], clips, tmp_path / "set", info, folds=lambda _: splits)
    command = ["evaluate", str(tmp_path / "set"), "--weights", weights.weights, "--hop", "0.1", "--jobs", "1"]
    run, saved = tmp_path / "run", tmp_path / "run" / "predictions"
    assert main([*command, "-o", str(run), "--decoder", "magls", "--save-predictions"]) == 0
    assert "| Mono-Mono |" in capsys.readouterr().out
    found = read_run(run)
    assert found.settings["ears"]["decoder"] == "magls"
    assert found.scores["oracle"]["louder_ear"].tolist() == [1, 1, 1, 1]
    files = ["evaluate", str(tmp_path / "set"), "--predictions", str(saved), "--jobs", "1", "--decoder", "magls"]
    assert main([*files, "-o", str(tmp_path / "again"), "-q"]) == 0
    again = read_run(tmp_path / "again")
    np.testing.assert_allclose(again.scores["prediction"]["stft"], found.scores["prediction"]["stft"], rtol=1e-5)
