"""Every command and every piece of Python that the documentation shows is run, page by page, as a reader would."""

import itertools
import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("lightning")  # here, for its log goes to what standard error is when it is imported

import pages_world
from ccstereo.cli.main import main
from ccstereo.media import probe
from ccstereo.models import create_model
from pages_world import DATA_TINY, OF_FILES, TRAIN_TINY, made_once, music_videos
from raw_360 import make_360
from shown import PAGES, ROOT, commands, steps
from small import SMALL, SMALL_OF, TRAIN_SMALL

NEEDED = ("cv2", "h5py", "matplotlib", "nncf", "openvino", "pyroomacoustics", "sofar", "tensorboard")
pytestmark = pytest.mark.skipif(any(find_spec(name) is None for name in NEEDED), reason=f"needs {', '.join(NEEDED)}")
TINY_WEIGHTS = ["--weights", "runs/mine/1/weights", "--hop", "0.5"]
TINY_TRUNK = {"trunk": "slim", "trunk_channels": [8, 8, 8], "trunk_strides": [4, 2, 2]}
TINY_STAGE = {
    **{"batch_size": 2, "windows_per_frame": 2, "epoch_size": 4, "validation_size": 1, "workers": 0},
    **{"folder": "STAGE", "scenes": {"synthetic_fraction": 0.0}},
}
RECORDED_TINY = DATA_TINY[:-2]  # recordings have one window of sound a frame
SHORT = {
    # What is added to a command, by the first of these that it begins with: shorter, smaller, in this process. Small
    # weights go where a command names none.
    "ccstereo demo": ["--seconds", "1", *TINY_WEIGHTS],
    "ccstereo binauralize film.mkv -o part.mkv": ["--start", "0", "--duration", "1", *TINY_WEIGHTS],
    "ccstereo binauralize films/ -o spatial/": ["-o", "from-a-bucket/", *TINY_WEIGHTS],
    "ccstereo binauralize A.mp4": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo binauralize": TINY_WEIGHTS,
    "ccstereo plot training": [],
    "ccstereo plot ablation": [],
    "ccstereo plot sweep": [],
    "ccstereo plot": ["--seconds", "1", *TINY_WEIGHTS],
    "ccstereo bench make -o side-bench": ["--scenes", "3", "--seconds", "1", "--jobs", "1"],
    "ccstereo bench make": ["--scenes", "1", "--seconds", "1", "--jobs", "1"],
    "ccstereo bench score stage-bench --frames": ["--rows", "one", "--jobs", "1", *TINY_WEIGHTS],
    "ccstereo bench score": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo bench select": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo bench calibrate": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo bench --import gated": [
        "--hop",
        "0.5",
        "--jobs",
        "1",
        "--scenes",
        "1",
        "--seconds",
        "1",
        "--rows",
        "one",
    ],
    "ccstereo bench": ["--jobs", "1", "--scenes", "1", "--seconds", "1", *TINY_WEIGHTS],
    "ccstereo evaluate prepared/fairplay --paper": ["--jobs", "1"],
    "ccstereo evaluate prepared/fairplay --fold five-split1 --p": ["--jobs", "1"],  # --predictions, --pan
    "ccstereo evaluate": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo --import my_scores evaluate": ["--jobs", "1", *TINY_WEIGHTS],
    "ccstereo prepare --check": [],
    "ccstereo prepare": ["--jobs", "1"],
    "ccstereo shard PREPARED -o SHARDS --shard-size": ["-o", "LARGER-SHARDS"],
    "ccstereo shard": [],
    "ccstereo import-checkpoint": [],
    "ccstereo export-checkpoint": [],
    "ccstereo simulate cut-out": ["--jobs", "1"],
    "ccstereo simulate": ["--clips", "10", "--seconds", "1", "--jobs", "1"],
    "ccstereo export -o exported8": ["runs/mine/1/weights", "--scenes", "2"],
    "ccstereo export": ["runs/mine/1/weights"],
    "ccstereo train --import gated": [
        *("--model.model_config", json.dumps(TINY_TRUNK | {"resize": [60, 120], "frame_size": [56, 112]})),
        *("--model.imagenet", "false", "--data.items", "2", "--data.folder", "cache"),
        f"--config={json.dumps({'data': {'init_args': {'stage': {'init_args': TINY_STAGE}}}})}",
    ],
    "ccstereo train --import mine": [*DATA_TINY, *OF_FILES],
    "ccstereo train --config ccstereo": [
        *("--model.model_config", json.dumps(SMALL_OF["ccstereo"])),
        *("--model.imagenet", "false", *RECORDED_TINY),
    ],
    "ccstereo train --config lite-stage --data.path": [*TRAIN_SMALL, *RECORDED_TINY],
    "ccstereo train": [*TRAIN_SMALL, *DATA_TINY],
}
ELSEWHERE = {
    # Commands that cannot be run here, why, and the test that runs what they do.
    "ccstereo app": ("serves until it is stopped", "app/test_browser.py::test_from_drop_to_download"),
    "ccstereo app --max-megabytes 2000 --max-seconds 3600": (
        "serves until it is stopped",
        "app/test_browser.py::test_what_cannot_be_taken_is_said",
    ),
    "ccstereo app --host 0.0.0.0 --auth anna:a-long-password": (
        "serves until it is stopped",
        "app/test_server.py::test_a_password_keeps_others_out",
    ),
    "ccstereo prepare fairplay FAIR-Play/ -o prepared/fairplay --download": (
        "fetches 110 GB",
        "datasets/test_fairplay.py::test_fairplay_from_the_server_to_the_set",
    ),
    "ccstereo binauralize /mnt/films -o /mnt/spatial/ --engine ray": (
        "needs a cluster",
        "batch/test_ray.py::test_a_folder_of_which_a_worker_is_killed",
    ),
    "ccstereo binauralize https://example.org/film.mp4 -o film.spatial.mp4": (
        "needs a server",
        "cli/test_binauralize_inputs.py::test_an_address",
    ),
    "ccstereo binauralize - -o film.spatial.mkv": (
        "reads what another program writes",
        "cli/test_binauralize_inputs.py::test_standard_input_to_standard_output",
    ),
    "ccstereo train --config ccstereo-stage --trainer.devices 4 --trainer.strategy ddp --trainer.sync_batchnorm true": (
        "needs four GPUs",
        "training/test_processes.py::test_two_processes_end_with_the_same_weights",
    ),
}
DISKS = ("/mnt/",)  # which stand in the working folder instead
VIDEOS = {  # what `videos/` is, a name that two pages use
    ROOT / "docs" / "data" / "yt360.md": make_360,
    ROOT / "docs" / "data" / "music-stereo.md": music_videos,
}


def words_of(command: str) -> list[str]:
    """The words of a command as a shell hands them over: patterns without quotes are expanded."""
    words = []
    for word in shlex.split(command, posix=False)[1:]:
        plain = in_place(shlex.split(word)[0])
        words += [plain] if word[0] in "'\"" else sorted(map(str, Path().glob(plain))) or [plain]
    return words


def in_place(word: str) -> str:
    """A file of a disk as one of the working folder."""
    return word.removeprefix("/") if word.startswith(DISKS) else word


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def added(command: str) -> list[str]:
    """What makes a command short."""
    options = next((options for start, options in SHORT.items() if command.startswith(start)), [])
    if "--weights " in command:
        options = [option for option in options if option not in TINY_WEIGHTS[:2]]
    return [*options, *TRAIN_TINY] if command.startswith("ccstereo train") else options


CODE = {
    # What is smaller in a piece of Python: text, and what stands in its place.
    '"https://host/shards"': '"SHARDS"',
    '"MIT_KEMAR_normal_pinna.sofa"': '"KEMAR.sofa"',
    "max_steps=1000": 'max_steps=1, num_sanity_val_steps=0, logger=False, accelerator="cpu"',
    '"ccstereo-lite", weights=': f'"ccstereo-lite", model_config={SMALL}, imagenet=False, weights=',
    'StageData("STAGE")': (
        'StageData("STAGE", batch_size=4, epoch_size=4, validation_size=1, windows_per_frame=2, workers=0)'
    ),
    'Weights("ccstereo-lite.stage33")': 'Weights("runs/mine/1/weights")',
    "jobs=2": "jobs=1",
    "clips=100": "clips=10",
    'Batch({"weights": "ccstereo-lite.stage33"}': 'Batch({"weights": "runs/mine/1/weights"}',
    "processes=2": "processes=1",
    'prepared.ids("default", "train"), model': 'prepared.ids("five-split1", "train"), model',
    'prepared.sound("000001", start=16_000': 'prepared.sound("a", start=0',
    'prepared.frame("000001", 42)': 'prepared.frame("a", 4)',
    'prepared.clips["000001"]': 'prepared.clips["a"]',
}


def given() -> dict[str, object]:
    """What a reader's program has at hand when it comes to the Python shown."""
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(48_000)).astype(np.float32)
    frames = rng.integers(0, 256, (25, 60, 120, 3), dtype=np.uint8)
    foa = torch.from_numpy(0.1 * rng.standard_normal((4, 16_000))).float()
    model = create_model("ccstereo-lite", **SMALL)
    return {"mono": sound, "samples": sound, "frames": frames, "frame": frames[0], "foa": foa, "model": model}


def module(name: str, code: list[str]) -> str:
    """A module that a page imports: the block that begins with its name, or all of the page's code."""
    return "\n".join([block for block in code if block.startswith(f"# {name}.py")] or code)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registrations) -> Path:
    """The working folder of a reader who has nothing yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for room in ("scenes", "demo", "training.stage_data", "evaluation.benchmark.make"):
        monkeypatch.setattr(f"ccstereo.{room}.synthetic_material", made_once)
    torch.set_num_threads(1)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if [*steps(page.read_text())]], ids=name_of)
def test_all_that_is_shown_runs(page: Path, world: Path, capsys) -> None:
    """In its order: what a command writes, later ones use."""
    shown = list(steps(page.read_text()))
    code = [step for kind, step in shown if kind == "python"]
    imported = {name for kind, step in shown if kind == "sh" for name in re.findall(r"--import (\S+)", step)}
    if page in VIDEOS:
        VIDEOS[page](world / "videos")
    for kind, step in shown:
        if kind == "python" and not any(step in module(name, code) for name in imported):
            run_python(step)
        elif kind == "sh" and step not in ELSEWHERE:
            run_command(step, code, capsys)


def run_command(command: str, code: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if "STAGE" in " ".join(added(command)):
        pages_world.make("STAGE")
    for before, word in itertools.pairwise([*shlex.split(command), *added(command)]):
        if before not in ("-o", "--json", "--figure", "--report"):  # what it writes itself
            pages_world.make(in_place(word))
        if before == "--import":
            Path(f"{word}.py").write_text(module(word, code))
    try:
        status: object = main([*words_of(command), *added(command)])
    except SystemExit as stop:
        status = stop.code
    assert status == 0, f"{command}\n{capsys.readouterr().err}"
    for output in outputs(command):
        assert output.exists(), command
        if command.startswith("ccstereo binauralize") and output.is_file():
            assert probe(output, require_audio=True).audio.channels == (4 if "--format foa" in command else 2)
        if output.suffix == ".png":
            with Image.open(output) as image:
                assert np.asarray(image.convert("RGB")).std() > 5, command


def outputs(command: str) -> list[Path]:
    """Files and folders that a command says it writes."""
    words = [*words_of(command), *added(command)]
    named = dict(itertools.pairwise(words)).get("-o")
    if named is None and words[0] == "binauralize":
        named = "clip.binaural.mp4"
    if named is None and words[0] == "plot":
        named = f"{words[1]}.png"
    return [Path(named)] if named and "--dry-run" not in words else []


def run_python(code: str) -> None:
    for before, after in CODE.items():
        code = code.replace(before, after)
    for word in re.findall(r'"([^"\n]+)"', code):
        pages_world.make(word)
    exec(compile(code, "page", "exec"), given() | {"__name__": "__main__"})


def test_options_of_trainings(world: Path, capsys) -> None:
    """All lines of the block of options in one command, which is not run: each is known and takes its value."""
    (block,) = re.findall(r"^```sh\n(--.*?)^```", (ROOT / "docs" / "training.md").read_text(), re.DOTALL | re.MULTILINE)
    lines = [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]
    of_recordings = [line for line in lines if line.startswith("--data.mirror")]
    others = [line for line in lines if not line.startswith(("--data.mirror", "--sweep", "--trainer.logger Wandb"))]
    assert len(others) > 15
    pages_world.make("runs/mine/1/weights")
    pages_world.make("prepared/mine")
    for given in (others, ["--data.path prepared/mine", *of_recordings]):
        with pytest.raises(SystemExit) as stop:
            main(["train", "--config", "lite-stage", *shlex.split(" ".join(given)), "--print_config"])
        assert stop.value.code == 0
    assert "mirror: false" in capsys.readouterr().out


def test_what_is_run_elsewhere_is_shown_and_run_there() -> None:
    shown = {command for page in PAGES for command in commands(page.read_text())}
    assert set(ELSEWHERE) <= shown
    for _, test in ELSEWHERE.values():
        file, name = test.split("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(), test


def test_every_shortening_is_of_a_command_shown() -> None:
    shown = [command for page in PAGES for command in commands(page.read_text())]
    first = {next((start for start in SHORT if command.startswith(start)), None) for command in shown}
    assert first - {None} == set(SHORT)
    text = "\n".join(page.read_text() for page in PAGES)
    assert [before for before in CODE if before not in text] == []
