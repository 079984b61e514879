"""research/recipes: a configuration that can be run, stopped, resumed, and checked by a tenth of it."""

import hashlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from lightning.pytorch.callbacks import ProgressBar
from PIL import Image, ImageDraw

from ccstereo.evaluation import Origin, Weights, make_benchmark, score, summarise
from ccstereo.models import create_model, save_model
from ccstereo.scenes import load_material
from ccstereo.training.callbacks import SeededSteps
from ccstereo.training.main import parts_of
from raw_sets import make_unknown
from small import SMALL

RESEARCH = Path(__file__).parents[2] / "research"
RECIPES = sorted((RESEARCH / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
class TestRecipes:
    def test_a_tenth_of_the_steps_ends_with_a_validation_of_the_whole(self, recipe):
        options = yaml.safe_load(recipe.read_text())
        steps, data = options["trainer"]["max_steps"], options["data"]
        assert options["model"]["lr_scheduler"]["init_args"]["total_steps"] == steps
        between = data["epoch_size"] // data["batch_size"]
        assert steps / 10 % between == 0
        assert steps % between == 0

    def test_steps_have_random_numbers_of_their_own(self, recipe):
        callbacks = yaml.safe_load(recipe.read_text())["trainer"]["callbacks"]
        name = f"{SeededSteps.__module__}.{SeededSteps.__qualname__}"
        assert [each["init_args"] for each in callbacks if each["class_path"] == name] == [{"seed": 33}]

    def test_weights_fit_into_the_package(self, recipe):
        options = yaml.safe_load(recipe.read_text())["model"]
        model = create_model(options["model"], **options.get("model_config", {}))
        assert 2 * sum(tensor.numel() for tensor in model.state_dict().values()) < 25e6

    @pytest.mark.parametrize("shown", ["true", "false"])
    def test_its_bar_can_be_left_out(self, recipe, shown, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        options = ("--model.imagenet", "false", "--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", shown)
        callbacks = parts_of(["--config", str(recipe), *options]).trainer.callbacks
        assert sum(isinstance(each, ProgressBar) for each in callbacks) == (shown == "true")


def test_the_stages_become_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A disc on grass is cut out; a photo without anything in front of it stays whole; splits are the list's."""
    pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    scripts = RESEARCH / "scripts"
    monkeypatch.syspath_prepend(str(scripts))
    splits = runpy.run_path(str(scripts / "make_splits.py"))
    lines = ["file,sha256,group,split"]
    for stage, label in (("one", "ball"), ("two", "wall")):
        for kind in ("photos", "sounds"):
            (tmp_path / stage / kind / label).mkdir(parents=True)
        grass = rng.integers(90, 110, (96, 128, 3)).astype(np.uint8)
        photo = Image.fromarray(grass)
        if label == "ball":
            ImageDraw.Draw(photo).ellipse((40, 24, 88, 72), fill=(230, 30, 30))
        photo.save(tmp_path / stage / "photos" / label / "0.png")
        soundfile.write(tmp_path / stage / "sounds" / label / "0.wav", rng.normal(0, 0.1, 16_000), 16_000)
    (tmp_path / "one" / "backgrounds").mkdir()
    Image.new("RGB", (128, 64)).save(tmp_path / "one" / "backgrounds" / "0.png")
    stages = [tmp_path / "one", tmp_path / "two"]
    for stage in stages:
        lines += [f"{name},{splits['sha256'](path)},{name},train" for name, path in splits["files"](stage).items()]
    listed, output = tmp_path / "list.csv", tmp_path / "material"
    listed.write_text("\n".join(lines) + "\n")
    arguments = ["make_material.py", *map(str, stages), "-o", str(output), "--splits", str(listed)]
    monkeypatch.setattr(sys, "argv", arguments)
    for _ in range(2):  # given again, it has nothing to do
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(scripts / "make_material.py"), run_name="__main__")
        assert end.value.code == 0
        assert "1 of 2 photos are cut out, too" in capsys.readouterr().out
    material = load_material(output, "train")
    assert {label: len(photos) for label, photos in material.photos.items()} == {"ball": 2, "wall": 1}
    cut = material.photos["ball"][1]
    assert cut.shape == pytest.approx((49, 49, 4), abs=4)
    assert cut[24, 24].tolist()[3] == 255
    assert cut[0, 0, 3] < 128
    (tmp_path / "two" / "photos" / "wall" / "0.png").write_bytes(b"changed")
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(scripts / "make_material.py"), run_name="__main__")
    assert end.value.code == 1
    assert "wall/0.png: has another checksum" in capsys.readouterr().err


def test_a_model_card_says_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin(split="val", unknown=make_unknown(tmp_path / "unknown"))
    made = make_benchmark(tmp_path / "bench", origin, rows=["one", "two", "unknown class"], scenes=3, seconds=1.3)
    torch.manual_seed(0)
    save_model(create_model("ccstereo-lite", **SMALL), tmp_path / "weights")
    card = tmp_path / "README.md"
    page = tmp_path / "page.md"
    page.write_text(
        "".join(f"<!-- {name} -->\n<!-- end of {name} -->\n" for name in ("rows", "brief", "fast", "variants"))
    )
    arguments = ["model_card.py", str(made.folder), "--weights", str(tmp_path / "weights"), "--pages", str(page)]
    monkeypatch.syspath_prepend(str(RESEARCH / "scripts"))
    monkeypatch.setattr(sys, "argv", [*arguments, "--keep", str(tmp_path / "scores"), "-o", str(card)])
    runpy.run_path(str(RESEARCH / "scripts" / "model_card.py"), run_name="__main__")
    said = card.read_text()
    labels = sorted({source.label for scene in made.only(["one", "two"]).scenes for source in scene.sources})
    assert f"{len(labels)} classes: {', '.join(labels)}." in said
    assert made.sha256[:16] in said
    assert hashlib.sha256((tmp_path / "weights" / "model.safetensors").read_bytes()).hexdigest() in said
    weights = Weights(str(tmp_path / "weights"))
    rows = summarise(score({weights.name: weights}, made, keep=tmp_path / "scores"))
    (mean,) = [row.scores["stft_to_mono"].value for row in rows if row.row == "two"]
    assert f"| two (3) | {weights.name} | {mean:.3f} [" in said
    assert f"| the others (3) | {weights.name} |" in said  # synthetic classes are none of the first eight
    assert "Not measured." in said
    rows, brief, fast, variants = page.read_text().split("<!-- end of ")[:4]
    assert f"| two (3) | {weights.name} | {mean:.3f} [" in rows
    assert f"| two | {mean:.2f} [" in brief
    assert "| default | " in fast
    assert "| `--fast` | " in fast
    lines = [line.split(" | ") for line in variants.splitlines() if line.startswith("| ")]
    assert [line[0].strip("| ") for line in lines[1:]] == [
        "as they are",
        *("windows 0.2 s apart", "frames as H.264, CRF 33", "frames blurred by 1.5 pixels", "frames in grey"),
    ]
    assert lines[1][2].startswith(f"{mean:.3f} [")
    assert "$" not in said
