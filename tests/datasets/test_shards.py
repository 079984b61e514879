"""Shards: written to the same bytes after a kill, and read like the prepared set they are of."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards.index import parse_index
from ccstereo.datasets.shards.reader import ShardedSet, open_set
from ccstereo.datasets.shards.write import write_shards
from ccstereo.errors import DatasetError
from ccstereo.models import create_model
from small import TRAIN_SMALL

CONFIG = create_model("ccstereo").config
COUNT = 22  # clips of 1 s to train on; one more is shorter than a window
LIMIT = 300_000


def grey(clip: str) -> int:
    return 10 * int(clip.removeprefix("clip")) + 10


def worker(source: Source):
    number = int(source.key.removeprefix("clip"))
    rng = np.random.default_rng(number)
    samples = 8000 if number == COUNT else 16_000 + number
    sound = 0.1 * rng.standard_normal((2, samples)).astype(np.float32)
    frame = encode_jpeg(np.full((240, 480, 3), grey(source.key), np.uint8))
    yield Clip(source.key, sound, [frame] * -(-samples // 1600))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> PreparedSet:
    """Clips whose frames show which they are."""
    folder = tmp_path_factory.mktemp("prepared")
    names = [f"clip{n:02d}" for n in range(COUNT + 1)]
    splits = {"one": {"train": names[5:], "val": names[:5]}}
    for name in names:
        (folder / name).touch()
    sources = [Source(name, (folder / name,)) for name in names]
    prepare(sources, worker, folder / "set", SetInfo("test"), folds=lambda _: splits)
    return PreparedSet(folder / "set")


@pytest.fixture(scope="module")
def shards(made, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("shards")
    assert main(["shard", str(made.folder), "-o", str(folder), "--shard-size", "300kB", "-q"]) == 0
    return str(folder)


def read_index(location: str | Path, split: str):
    return parse_index((Path(location) / f"{split}.json").read_bytes(), split)


def shown(batches) -> list[int]:
    """Which clips the frames of items or batches show."""
    means = [batch["frame"].float().mean((-1, -2, -3)).reshape(-1) for batch in batches]
    return [round((float(mean) - 10) / 10) for mean in torch.cat(means)]


def same(first, second) -> bool:
    """Whether two lists of items or batches are equal in everything."""
    return len(first) == len(second) and all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a) for a, b in zip(first, second, strict=True)
    )


class TestWriting:
    def test_shards_are_plain_archives_of_the_clips(self, made, shards):
        index = read_index(shards, "train")
        assert (index.info.name, index.fold, len(read_index(shards, "val").shards)) == ("test", "one", 2)
        stems = []
        for shard in index.shards:
            path = Path(shards) / shard.name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == shard.sha256
            assert path.stat().st_size == shard.bytes <= LIMIT
            with tarfile.open(path) as archive:
                members = archive.getmembers()
                assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
                for k in range(len(shard.clips)):
                    stem = members[3 * k].name.partition(".")[0]  # at the first dot, as WebDataset has it
                    three = members[3 * k : 3 * k + 3]
                    assert [m.name for m in three] == [f"{stem}.{e}" for e in ("json", "mjpeg", "wav")]
                    row, frames, sound = (archive.extractfile(m).read() for m in three)
                    assert frames == made.read(stem, "frames")
                    assert sound == made.read(stem, "sound")
                    assert json.loads(row)["id"] == stem == shard.clips[k].row.id
                    stems.append(stem)
        assert sorted(stems) == list(made.clips)[5:]
        assert stems != sorted(stems)

    def test_items_are_those_of_the_prepared_set(self, made, shards):
        sharded = open_set(shards)
        assert isinstance(sharded, ShardedSet)
        assert isinstance(open_set(made.folder), PreparedSet)
        assert (sharded.folds(), sharded.info, sharded.clips) == (["one"], made.info, made.clips)
        for split in ("train", "val", "test"):
            assert sharded.ids("one", split) == made.ids("one", split)
        ids = made.ids("one", "train")
        one, other = (PreparedWindows(prepared, ids, CONFIG, 60, seed=5) for prepared in (made, sharded))
        assert same([one[k] for k in range(60)], [other[k] for k in range(60)])

    def test_a_sharded_set_is_checked(self, shards):
        assert main(["prepare", "--check", shards]) == 0

    def test_a_killed_run_resumes_to_the_same_bytes(self, made, shards, tmp_path, tree):
        arguments = f"{str(made.folder)!r}, {str(tmp_path)!r}, {LIMIT}"
        code = (
            "import os, sys; from ccstereo.datasets.prepared.reader import PreparedSet as P\n"
            "from ccstereo.datasets.shards.write import write_shards\n"
            f"source, out, limit = {arguments}\n"
            "die = lambda done, total: done > 0.5 * total and os.kill(os.getpid(), 9)\n"
            "p = P(source)\n"
            "write_shards(p, p.ids('one', 'train'), out, split='train', fold='one', shard_bytes=limit, progress=die)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
        left = sorted(p.name for p in tmp_path.iterdir())
        assert any(".part" in name for name in left)
        assert "train.json" not in left
        with pytest.raises(DatasetError, match="no such index"):
            open_set(tmp_path)
        with (tmp_path / "train.journal.jsonl").open("a") as file:
            file.write('{"name": "train-0000')
        (tmp_path / "mine.txt").write_text("mine")
        kept = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("train-*.tar")}
        assert len(kept) >= 2
        assert main(["shard", str(made.folder), "-o", str(tmp_path), "--shard-size", "0.3MB", "-q"]) == 0
        assert kept.items() <= {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("train-*.tar")}.items()
        assert tree(tmp_path) == tree(Path(shards)) | {"mine.txt": b"mine"}

    def test_wrong_requests_are_one_line(self, made, shards, tmp_path, capsys):
        source = str(made.folder)
        for status, words, arguments in [
            (1, "are of other clips or of another --shard-size", [source, "-o", shards, "--shard-size", "1MB"]),
            (1, "no such fold or split; this set has one", [source, "-o", str(tmp_path), "--fold", "two"]),
            (1, "one/test has no clips; --split train and --split val have", [source, "-o", "x", "--split", "test"]),
            (1, "no split 'tset'; use train, val, test or all", [source, "-o", "x", "--split", "tset"]),
            (1, "is no prepared set", [str(tmp_path), "-o", str(tmp_path / "out")]),
            (2, "must be a size such as 256MB", [source, "-o", str(tmp_path), "--shard-size", "many"]),
        ]:
            try:
                found = main(["shard", *arguments])
            except SystemExit as error:
                found = error.code
            err = capsys.readouterr().err
            assert (found, err.count("\n"), words in err) == (status, 1, True), err

    @pytest.mark.parametrize(("old", "now"), [("one", "--fold one"), ("one/val", "--fold one --split val")])
    def test_a_fold_in_split_still_works(self, made, tmp_path, capsys, old, now):
        assert main(["shard", str(made.folder), "-o", str(tmp_path), "--split", old, "-q"]) == 0
        assert capsys.readouterr().err == f"warning: a fold in --split is deprecated; write {now}\n"
        assert (tmp_path / "val.json").exists()
        assert (tmp_path / "train.json").exists() == ("/" not in old)

    def test_all_clips(self, made, tmp_path):
        assert main(["shard", str(made.folder), "-o", str(tmp_path), "--split", "all", "-q"]) == 0
        assert list(open_set(tmp_path).clips) == list(made.clips)
        assert open_set(tmp_path).folds() == []

    def test_damage_in_the_set_is_not_written(self, made, tmp_path):
        shutil.copytree(made.folder, tmp_path / "set")
        damaged = PreparedSet(tmp_path / "set")
        with Path(damaged.where("clip03", "sound")).open("r+b") as file:
            file.seek(5000)
            file.write(b"\0\0\0\0")
        with pytest.raises(DatasetError, match=r"clip03.wav: is damaged"):
            write_shards(damaged, list(damaged.clips), tmp_path / "out", split="train")
        assert not list((tmp_path / "out").glob("*.tar*"))


class TestPasses:
    """Of any prepared set: order, processes and resumption are numbers alone."""

    @pytest.mark.parametrize("workers", [0, 2])
    def test_processes_and_workers_read_nothing_twice(self, shards, workers):
        sharded = open_set(shards)
        windows = PreparedWindows(sharded, sharded.ids("one", "train"), CONFIG)
        count = len(windows)
        passes = []
        for epoch in (0, 1):
            read = []
            for rank in (0, 1):
                numbers = range(epoch * count + rank, (epoch + 1) * count, 2)
                read += shown(DataLoader(windows, 3, sampler=numbers, num_workers=workers))
            assert sorted(read) == list(range(5, COUNT))
            passes.append(read)
        assert passes[0] != passes[1]

    def test_a_clip_gives_another_window_each_pass(self, made):
        windows = PreparedWindows(made, made.ids("one", "train"), CONFIG, mirror=False)
        count = len(windows)
        sounds = [
            dict(zip(shown(items), (item["sound"] for item in items), strict=True))
            for items in ([windows[epoch * count + k] for k in range(count)] for epoch in (0, 1))
        ]
        assert not any(torch.equal(sounds[0][clip], sounds[1][clip]) for clip in sounds[0])


class TestDamage:
    @pytest.fixture
    def copy(self, shards, tmp_path) -> Path:
        shutil.copytree(shards, tmp_path / "copy")
        return tmp_path / "copy"

    def test_damaged_contents(self, copy, capsys):
        shard = read_index(copy, "train").shards[1]
        heard, shown = shard.clips[:2]
        size = len(open_set(copy).jpegs(shown.row.id)[0])
        with (copy / shard.name).open("r+b") as file:
            file.seek(heard.sound + 1000)
            file.write(b"\1\2\3\4")
            for k in range(10):
                file.seek(shown.frames + k * size)
                file.write(b"damaged")
        assert main(["prepare", "--check", str(copy)]) == 1
        out = capsys.readouterr().out
        for clip, suffix in ((heard, "wav"), (shown, "mjpeg")):
            where = f"{copy / shard.name}: {clip.row.id}.{suffix}"
            assert f"{where}: has another checksum than when it was written; copy or write the shards again" in out
        windows = PreparedWindows(open_set(copy), [shown.row.id], CONFIG)
        for workers in (0, 1):
            with pytest.raises(DatasetError) as error:
                list(DataLoader(windows, num_workers=workers))
            assert f"{where}: is damaged; ccstereo prepare --check" in str(error.value)

    def test_files_that_do_not_belong_together(self, copy):
        sharded = open_set(copy)
        shard = read_index(copy, "train").shards[2]
        path, last = copy / shard.name, shard.clips[-1].row.id
        path.write_bytes(path.read_bytes()[: shard.clips[-1].sound + 100])
        with pytest.raises(DatasetError, match=rf"{shard.name}: is cut off; copy or write the shards again"):
            sharded.sound(last)
        path.unlink()
        with pytest.raises(DatasetError, match=rf"{shard.name}: is not there; copy or write"):
            sharded.sound(last)
        content = json.loads((copy / "train.json").read_text())
        content["shards"][0]["clips"][0].pop("sound")
        (copy / "train.json").write_text(json.dumps(content))
        with pytest.raises(DatasetError, match=r"train.json: not readable as ccstereo-shards"):
            open_set(copy)


def test_training_resumes_in_the_middle_of_a_pass(shards, tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    from ccstereo.training.task import SpatialTask

    monkeypatch.chdir(tmp_path)
    options = [
        *("--config", "lite-stage", "--data.path", shards, "--data.batch_size", "4", "--data.workers", "0"),
        *("--data.validation_size", "2", "--trainer.val_check_interval", "2", *TRAIN_SMALL),
        *("--trainer.default_root_dir", "out"),
    ]
    trained, step = [], SpatialTask.training_step

    def noting(self, batch, batch_idx):
        trained.extend(shown([{"frame": frame[None]} for frame in batch["frame"]]))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(SpatialTask, "training_step", noting)
    assert main(["train", *options, "--trainer.max_steps", "2"]) == 0
    assert len(trained) == 8
    assert main(["train", *options, "--trainer.max_steps", "6", "--ckpt_path", "last"]) == 0
    sharded = open_set(shards)
    windows = PreparedWindows(sharded, sharded.ids("one", "train"), CONFIG)
    assert trained[:16] == shown([windows[number] for number in range(16)])  # 17 are a pass
    assert len(set(trained[:16])) == 16
    assert trained[16:] != trained[:8]
