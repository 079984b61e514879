"""What the names on the documentation's pages stand for, made small and when a command asks for it."""

import json
import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import torch

import raw_360
import raw_sets
from ccstereo.cli.main import main
from ccstereo.media import write_video
from ccstereo.models import create_model, save_model
from ccstereo.scenes import spherical_head, synthetic_material
from small import SMALL, TRAIN_SMALL

made_once = cache(synthetic_material)  # six seconds for the training split
HERE = Path(__file__).parent
SPLITS = {"train": ["a", "b", "c"], "val": ["d"], "test": ["e", "f"]}
TRAIN_TINY = [
    *("--trainer.accelerator", "cpu", "--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1"),
    *("--trainer.num_sanity_val_steps", "0"),
]
DATA_TINY = [
    *("--data.batch_size", "4", "--data.epoch_size", "4", "--data.validation_size", "1", "--data.workers", "0"),
    *("--data.windows_per_frame", "2"),
]
OF_FILES = ["--data.folder", "STAGE", "--data.scenes.synthetic_fraction", "0"]  # synthetic scenes take seconds to make
NAMES: dict[str, Callable[[Path], object]]  # below the functions


def make(word: str) -> None:
    """Make what a word of a command names, in the working folder, unless it is there; words without meaning pass.

    A name stands for everything below it: `FAIR-Play/splits` is in `FAIR-Play`.
    """
    for pattern, maker in NAMES.items():
        found = re.match(rf"{pattern}(?=/|$)", word)
        if found and not Path(found[0]).exists():
            Path(found[0]).parent.mkdir(parents=True, exist_ok=True)
            maker(Path(found[0]))
            return


def film(path: Path, seconds: float = 1.2) -> None:
    """Noise frames and noise, mono; what a camera may have written."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (round(25 * seconds), 48, 96, 3), dtype=np.uint8)
    sound = 0.1 * rng.standard_normal((1, round(48_000 * seconds)))
    write_video(path, frames, sound.astype(np.float32), frame_rate=25, sample_rate=48_000)


def films(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        film(folder / name)


def windows_media(path: Path) -> None:
    """WMV2 and WMA, which .mp4 holds neither of."""
    encode(path, "wmv2", ["wmav2"], "asf")


def concert(path: Path) -> None:
    """Two stereo tracks, as of a camera and of a mixing desk."""
    encode(path, "libx264", ["aac", "aac"])


def encode(path: Path, video: str, tracks: Sequence[str], container: str | None = None) -> None:
    """A second of grey, with stereo noise of its own in each track."""
    with av.open(str(path), "w", format=container) as output:
        grey = output.add_stream(video, rate=25)
        grey.width, grey.height, grey.pix_fmt = 96, 48, "yuv420p"
        sounds = [output.add_stream(codec, rate=48_000) for codec in tracks]
        for sound in sounds:
            sound.layout, sound.bit_rate = "stereo", 128_000
        for _ in range(25):
            output.mux(grey.encode(av.VideoFrame(96, 48, "yuv420p")))
        output.mux(grey.encode(None))
        for number, sound in enumerate(sounds):
            noise = np.random.default_rng(number).normal(0, 0.1, (2, 48_000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            output.mux(sound.encode(frame))
            output.mux(sound.encode(None))


def sofa(path: Path) -> None:
    """A spherical head every 30 degrees, in a file of a measured one."""
    import sofar

    azimuths = np.arange(0.0, 360.0, 30.0)
    head = sofar.Sofa("SimpleFreeFieldHRIR")
    head.Data_IR = spherical_head(44_100, azimuths).responses.astype(np.float64)
    head.Data_SamplingRate = 44_100.0
    head.SourcePosition = np.stack([azimuths, 0 * azimuths, 1.4 + 0 * azimuths], axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sofar.write_sofa(str(path), head)


def material(path: Path) -> None:
    """The whole folder for `STAGE`, a part of it for `photos` and `sounds`."""
    if path.name in ("photos", "sounds"):
        make("STAGE")
        shutil.copytree(Path("STAGE") / path.name, path)
    else:
        raw_sets.make_material(path)


def prepared(path: Path) -> None:
    fold = "default" if path.name == "mine" else "five-split2" if path.name == "FAIR-PLAY" else "five-split1"
    raw_sets.make_prepared(path, {fold: SPLITS})


def weights(path: Path, name: str = "ccstereo-lite", **config: object) -> None:
    torch.manual_seed(0)
    save_model(create_model(name, **config), path)


def tiny_foa(path: Path) -> None:
    """A network of ambisonics."""
    import tiny_models  # noqa: F401  (registers it)

    weights(path, "tiny-foa")


def training(path: Path) -> None:
    """A training of two steps, with its logs, twice."""
    first = path.with_name("1")
    if not first.exists():
        make("STAGE")
        options = [*TRAIN_SMALL, *TRAIN_TINY, *DATA_TINY, *OF_FILES, "--trainer.logger", "true"]
        options += ["--trainer.max_steps", "2", "--trainer.default_root_dir", str(first)]
        assert main(["train", "--config", "lite-stage", *options]) == 0
    if path != first:
        shutil.copytree(first, path)


def released(path: Path) -> None:
    """The authors' checkpoint as `import-checkpoint` expects it, of zeros."""
    entries = json.loads((HERE / "models" / "ccstereo_state_dict.json").read_text())
    torch.save({key: torch.zeros(shape) for key, shape in entries if not key.endswith("tracked")}, path)


def benchmark(path: Path) -> None:
    split = "val" if path.name.endswith("val") else "test"
    command = ["bench", "make", "-o", str(path), "--split", split, "--rows", "one;two"]
    assert main([*command, "--scenes", "1", "--seconds", "1", "--jobs", "1"]) == 0


def table(path: Path) -> None:
    make("stage-bench")
    make("runs/mine/1/weights")
    command = ["bench", "score", "stage-bench", "--weights", "runs/mine/1/weights", "--json", str(path)]
    assert main([*command, "--hop", "0.5", "--jobs", "1", "--ledger", "ledger.jsonl"]) == 0


def sweep(path: Path) -> None:
    """Two values of a sweep: folders of scores of a network trained twice."""
    make("prepared/mine")
    for value in ("0.1", "1"):
        weights(Path(f"weights-{value}"), **SMALL)
        command = ["evaluate", "prepared/mine", "--weights", f"weights-{value}", "--hop", "0.5", "--jobs", "1", "-q"]
        assert main([*command, "-o", str(path.with_name(f"zeta={value}"))]) == 0


def theirs(path: Path) -> None:
    """Anybody's predictions of the test split: here the truth."""
    path.mkdir()
    make("prepared/fairplay")
    for clip in SPLITS["test"]:
        shutil.copy(Path("prepared/fairplay/sound") / f"{clip}.wav", path)


def five(path: Path) -> None:
    for number in (1, 3):
        folder = path / f"split{number}"
        folder.mkdir(parents=True)
        for split, clips in {"train": (1, 2), "val": (3,), "test": (4,)}.items():
            (folder / f"{split}.txt").write_text("".join(f"{clip:06d}.mp3\n" for clip in clips))


def lists_360(path: Path) -> None:
    """All four of spatialaudiogen's lists."""
    raw_360.write_lists(path)
    for name in ("YT-All", "YT-Clean"):
        for source in sorted((path / "subsets").glob("YT-Music*")):
            shutil.copy(source, source.with_name(source.name.replace("YT-Music", name)))


def ids(path: Path) -> None:
    listed = sorted(set(raw_sets.MUSIC_IDS))
    path.write_text(json.dumps({"videos": {"flute": listed}}) if path.suffix == ".json" else "\n".join(listed))


def music_videos(path: Path) -> None:
    """Three videos that are kept, and a mono one."""
    for number, name in enumerate(("-aB_c1", "third6", "short5")):
        raw_sets.make_video(path / "flute" / f"{name}.mp4", 10.0, seed=number)
    raw_sets.make_video(path / "mono3.mp4", 1.0, "one")


def recordings(path: Path) -> None:
    for number in range(3):
        raw_sets.make_video(path / f"day {number}.mp4", 1.5, seed=number)
    (path / "notes.txt").write_text("not a video")


NAMES = {
    r"(clip|A)\.mp4|film\.mkv|(holiday|B)\.mov": film,
    r"film\.spatial\.mkv": lambda path: (make("film.mkv"), main(["binauralize", "film.mkv", "-o", str(path)])),
    r"clips|films": lambda path: films(path, "rain.mp4", "sea.mkv"),
    r"mnt/films": lambda path: films(path, "a1.mp4", "b1.mp4"),
    r"more/\*\.mkv": lambda path: films(path.parent, "wind.mkv"),
    r"old\.wmv": windows_media,
    r"concert\.mov": concert,
    r"STAGE|MATERIAL|photos|sounds": material,
    r"UNKNOWN": raw_sets.make_unknown,
    r"(MIT_)?KEMAR\w*\.sofa|CIPIC\w*\.sofa|MINE\.sofa": sofa,
    r"SET|PREPARED|FAIR-PLAY|prepared/(mine|fairplay|music|clean)": prepared,
    r"runs/lite-stage/\d": training,
    r"runs/\w+/\d/weights": partial(weights, **SMALL),
    r"my-foa-weights": tiny_foa,
    r"THEIR\.pth": released,
    r"stage-bench(-val)?|BENCH|val-scenes": benchmark,
    r"scores\.json": table,
    r"scores/zeta=\*": sweep,
    r"theirs": theirs,
    r"FAIR-Play": raw_sets.make_fairplay,
    r"five": five,
    r"spatialaudiogen/meta": lists_360,
    r"ids\.txt|MUSIC21_solo_videos\.json": ids,
    r"my-videos": recordings,
}
