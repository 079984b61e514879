"""Our networks against numbers that the authors' released code gave for the same weights and inputs.

`golden_samples.npz` holds 200 evenly spaced values, the shape and the moments of every output; the whole outputs are
compared where the folder `shared/golden` lies beside the checkout.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ccstereo.models import SpatialModel, import_checkpoint, load_model
from golden_recipe import uniform, weight

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "golden"
TOLERANCE = 1e-4  # of an output's standard deviation
OUTPUTS = {
    "ccstereo": ["visual_features", "fused", "avad_out", "mask", "diff_spec"],
    "mono2binaural": ["visual_features", "mask", "diff_spec"],
    "apnet": ["visual_features", "diff_spec", "pred_left", "pred_right"],
    "assoconv": ["assoconv_left", "assoconv_right"],
}
# The golden weights of Sep-Stereo's heads give their last sigmoid inputs of thousands: more than 99.9 % of the masks
# are +-1, and at a change of sign rounding alone matters. In float64 the same weights give values up to 0.004 of the
# standard deviation away; another number of threads changes as much.
STEEP = {"pred_left", "pred_right", "assoconv_left", "assoconv_right"}
GOLDEN_FILE = {"assoconv": "apnet"}
CASES = [(model, output) for model, outputs in OUTPUTS.items() for output in outputs]


def released_state(model: str) -> dict[str, torch.Tensor]:
    entries = json.loads((HERE / f"{GOLDEN_FILE.get(model, model)}_state_dict.json").read_text())
    return {key: torch.from_numpy(np.asarray(weight(key, tuple(shape)))) for key, shape in entries}


def checkpoint_files(model: str, folder: Path) -> list[Path]:
    """Files as the authors would have written them."""
    state = released_state(model)
    if model == "ccstereo":
        torch.save({"state_dict": state}, folder / "best.pth")
        return [folder / "best.pth"]
    parts = ("visual", "audio", *{"apnet": ["fusion"], "assoconv": ["assoconv"]}.get(model, []))
    for part in parts:
        torch.save({k: v for k, v in state.items() if k.startswith(f"{part}.")}, folder / f"{part}_best.pth")
    return [folder / f"{part}_best.pth" for part in parts]


def imported(model: str, folder: Path) -> SpatialModel:
    config = {} if model == "ccstereo" else {"legacy_bins": True}
    return load_model(import_checkpoint(checkpoint_files(model, folder), model, folder / "weights", **config))


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], np.ndarray]:
    found = {}
    mix_spec = torch.from_numpy(2 * uniform("mix_spec", (2, 2, 257, 64)))
    frames = torch.from_numpy(2 * uniform("frames", (2, 3, 224, 448)))
    for name in OUTPUTS:
        model = imported(name, tmp_path_factory.mktemp(name))
        with torch.inference_mode():
            features = model.encode_frames(frames)
            output = model(mix_spec, features)
            found[name, "visual_features"] = features
            found[name, "fused"] = output.aux["fused"]
            found[name, "mask"], found[name, "diff_spec"] = output.mask[:, 0], output.diff_spec
            if "backbone_spec" in output.aux:
                found[name, "diff_spec"] = output.aux["backbone_spec"]
                kind = "pred" if name == "apnet" else name
                found[name, f"{kind}_left"], found[name, f"{kind}_right"] = output.spec.unbind(1)
            if name == "ccstereo":
                avad_in = torch.from_numpy(uniform("avad_in", (2, 128, 16, 4)))
                found[name, "avad_out"] = model.decoder.levels[0].norm(avad_in, features)[0]
    return {key: tensor.numpy() for key, tensor in found.items()}


@pytest.mark.parametrize(("model", "output"), CASES)
def test_samples_of_released_outputs(model: str, output: str, predictions) -> None:
    got, name = predictions[model, output], f"{model}.{output}"
    with np.load(HERE / "golden_samples.npz") as golden:
        assert got.shape == tuple(golden[f"{name}.shape"])
        mean, std = golden[f"{name}.moments"]
        places = np.linspace(0, got.size - 1, 200).astype(np.int64)
        errors = np.abs(got.reshape(-1)[places] - golden[name])
        assert np.quantile(errors, 0.98 if output in STEEP else 1) < TOLERANCE * std
        assert errors.max() < 0.05 * std
        assert abs(got.mean(dtype=np.float64) - mean) < TOLERANCE * std
        assert abs(got.std(dtype=np.float64) - std) < TOLERANCE * std


@pytest.mark.skipif(not SHARED.is_dir(), reason="the whole golden outputs are not at hand")
@pytest.mark.parametrize(("model", "output"), CASES)
def test_whole_released_outputs(model: str, output: str, predictions) -> None:
    want = load_file(SHARED / f"{GOLDEN_FILE.get(model, model)}.safetensors")[output]
    errors = np.abs(predictions[model, output] - want) / want.std()
    print(f"{model} {output}: largest error {errors.max():.1e} of the standard deviation")
    assert np.quantile(errors, 0.999 if output in STEEP else 1) < TOLERANCE
    assert errors.max() < 0.05


def test_parameter_count_is_the_released_one_less_the_unused_layers(tmp_path: Path) -> None:
    released = released_state("ccstereo")
    unused = ("segment.reduce.", "attn_layer.", "flow_conv.")
    counted = {k: v.numel() for k, v in released.items() if "running" not in k and "num_batches" not in k}
    assert sum(counted.values()) == 17_644_226
    used = sum(size for key, size in counted.items() if not any(part in key for part in unused))
    assert sum(p.numel() for p in imported("ccstereo", tmp_path).parameters()) == used == 17_555_426
