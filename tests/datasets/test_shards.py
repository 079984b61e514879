"""Shards: written to the same bytes after a kill, read by several processes with nothing twice, and resumed."""

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

from ccstereo.cli.main import main
from ccstereo.datasets.prepared.build import Source, prepare
from ccstereo.datasets.prepared.format import Clip, SetInfo, encode_jpeg
from ccstereo.datasets.prepared.reader import PreparedSet
from ccstereo.datasets.prepared.windows import PreparedWindows
from ccstereo.datasets.shards.index import read_index
from ccstereo.datasets.shards.windows import ShardLoader, ShardWindows
from ccstereo.datasets.shards.write import write_shards
from ccstereo.errors import DatasetError
from ccstereo.models import create_model
from small import TRAIN_SMALL

CONFIG = create_model("ccstereo-lite").config
COUNT = 22  # clips of 1 s to train on; one more is shorter than a window
LIMIT = 300_000


def grey(clip: str) -> int:
    return 10 * int(clip.removeprefix("clip")) + 10


def worker(source: Source):
    number = int(source.key.removeprefix("clip"))
    rng = np.random.default_rng(number)
    samples = 8000 if number == COUNT else 16_000 + number
    sound = 0.1 * rng.standard_normal((2, samples)).astype(np.float32)
    picture = encode_jpeg(np.full((240, 480, 3), grey(source.key), np.uint8))
    yield Clip(source.key, sound, [picture] * -(-samples // 1600))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> PreparedSet:
    """Clips whose pictures tell which they are."""
    folder = tmp_path_factory.mktemp("prepared")
    names = [f"clip{n:02d}" for n in range(COUNT + 1)]
    splits = {"one": {"train": names, "val": names[:5]}}
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


def seen(batches) -> list[int]:
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
        assert (index.name, index.split, index.samples, len(read_index(shards, "val").shards)) == ("test", "one", 23, 2)
        stems = []
        for shard in index.shards:
            path = Path(shards) / shard.name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == shard.sha256
            assert path.stat().st_size == shard.bytes <= LIMIT
            with tarfile.open(path) as archive:
                members = archive.getmembers()
                assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
                for k in range(shard.samples):
                    stem = members[3 * k].name.partition(".")[0]  # at the first dot, as WebDataset has it
                    three = members[3 * k : 3 * k + 3]
                    assert [m.name for m in three] == [f"{stem}.{e}" for e in ("json", "mjpeg", "wav")]
                    row, frames, sound = (archive.extractfile(m).read() for m in three)
                    assert frames == Path(made.where(stem, "frames")).read_bytes()
                    assert sound == Path(made.where(stem, "sound")).read_bytes()
                    assert json.loads(row)["id"] == stem
                    stems.append(stem)
        assert sorted(stems) == list(made.clips)
        assert stems != sorted(stems)

    def test_items_are_those_of_the_prepared_set(self, made, shards):
        index = read_index(shards, "train")
        ids = []
        for shard in index.shards:
            with tarfile.open(Path(shards) / shard.name) as archive:
                ids += [n[:-4] for n in archive.getnames() if n.endswith(".wav") and n != f"clip{COUNT}.wav"]
        for vary, epoch in ((False, 1), (True, 3)):
            windows = ShardWindows(shards, CONFIG, seed=5, vary=vary, shuffle=False)
            windows.set_epoch(epoch)
            first = epoch * COUNT if vary else 0
            expected = [PreparedWindows(made, [c], CONFIG, 1, 5, vary)[first + n] for n, c in enumerate(ids)]
            assert same(list(windows), expected)

    def test_a_killed_run_goes_on_to_the_same_bytes(self, made, shards, tmp_path, tree):
        arguments = f"{str(made.folder)!r}, {str(tmp_path)!r}, {LIMIT}"
        code = (
            "import os, sys; from ccstereo.datasets.prepared.reader import PreparedSet as P\n"
            "from ccstereo.datasets.shards.write import write_shards\n"
            f"source, out, limit = {arguments}\n"
            "die = lambda done, total: done > 0.5 * total and os.kill(os.getpid(), 9)\n"
            "p = P(source)\n"
            "write_shards(p, list(p.clips), out, part='train', split='one', shard_bytes=limit, progress=die)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
        left = sorted(p.name for p in tmp_path.iterdir())
        assert any(name.endswith(".part") for name in left)
        assert "train.json" not in left
        with pytest.raises(DatasetError, match="no such index"):
            ShardWindows(str(tmp_path), CONFIG)
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
            (1, "no such split; this set has one", [source, "-o", str(tmp_path), "--split", "two"]),
            (1, "one/test has no clips", [source, "-o", str(tmp_path), "--split", "test"]),
            (1, "is no prepared set", [str(tmp_path), "-o", str(tmp_path / "out")]),
            (2, "must be a size such as 256MB", [source, "-o", str(tmp_path), "--shard-size", "many"]),
        ]:
            try:
                found = main(["shard", *arguments])
            except SystemExit as error:
                found = error.code
            err = capsys.readouterr().err
            assert (found, err.count("\n"), words in err) == (status, 1, True), err

    def test_damage_in_the_set_is_not_written(self, made, tmp_path):
        shutil.copytree(made.folder, tmp_path / "set")
        damaged = PreparedSet(tmp_path / "set")
        with Path(damaged.where("clip03", "sound")).open("r+b") as file:
            file.seek(5000)
            file.write(b"\0\0\0\0")
        with pytest.raises(DatasetError, match=r"clip03.wav: is damaged"):
            write_shards(damaged, list(damaged.clips), tmp_path / "out", part="train")
        assert not list((tmp_path / "out").glob("*.tar*"))


class TestDividing:
    def test_two_processes_with_two_workers_read_all_once(self, shards):
        loaded = []
        for rank in range(2):
            loader = ShardLoader(ShardWindows(shards, CONFIG, batch_size=4, buffer=4, rank=rank, world=2), 2)
            loaded.append(list(loader))
            assert len(loaded[-1]) == len(loader) == 3
            if rank == 0:
                following = list(loader)  # the next pass, by the same workers
        assert sorted(seen(loaded[0] + loaded[1])) == list(range(COUNT))
        assert seen(following) != seen(loaded[0])
        assert len(set(seen(following))) == len(seen(following)) == 11

    def test_too_few_clips(self, shards):
        with pytest.raises(DatasetError, match="22 clips of train are too few for a step, which takes 24"):
            ShardWindows(shards, CONFIG, batch_size=12, world=2, rank=0, drop_last=True)


class TestOrder:
    def test_passes_differ_and_can_be_repeated(self, shards):
        windows = ShardWindows(shards, CONFIG, seed=1, buffer=8)
        first, second = list(windows), list(windows)
        assert windows.epoch == 2
        assert seen(first) != seen(second)
        assert sorted(seen(first)) == sorted(seen(second)) == list(range(COUNT))
        sounds = [dict(zip(seen(items), (i["binaural"] for i in items), strict=True)) for items in (first, second)]
        assert not any(torch.equal(sounds[0][clip], sounds[1][clip]) for clip in range(COUNT))
        again = ShardWindows(shards, CONFIG, seed=1, buffer=8)
        again.set_epoch(1)
        assert same(list(again), second)
        assert seen(ShardWindows(shards, CONFIG, seed=2, buffer=8)) != seen(first)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_resumed_run_goes_on_without_repeating(self, shards, workers):
        def loader(workers=workers) -> ShardLoader:
            return ShardLoader(ShardWindows(shards, CONFIG, batch_size=3, buffer=4, seed=9), workers)

        whole = loader()
        batches = list(whole) + list(whole)
        stopped = loader()
        for count, _ in enumerate(stopped, 1):
            if count == 3:
                break
        state = json.loads(json.dumps(stopped.state_dict()))
        assert (state["epoch"], state["samples"]) == (0, 9)
        assert same(list(stopped), batches[len(whole) :])  # a pass that was broken off is followed by the next
        resumed = loader()
        resumed.load_state_dict(state)
        rest = list(resumed)
        assert (resumed.state_dict()["epoch"], resumed.state_dict()["samples"]) == (1, 0)
        assert same(rest + list(resumed), batches[3:])
        other = loader(2 - workers // 2)  # not as many as before
        with pytest.warns(UserWarning, match="the rest of pass 0 is left out"):
            other.load_state_dict(state)
        assert (other.state_dict()["epoch"], other.state_dict()["samples"]) == (1, 0)


class TestDamage:
    @pytest.fixture
    def copy(self, shards, tmp_path) -> Path:
        shutil.copytree(shards, tmp_path / "copy")
        return tmp_path / "copy"

    def test_a_damaged_archive(self, copy):
        shard = read_index(str(copy), "train").shards[1]
        with (copy / shard.name).open("r+b") as file:
            file.seek(shard.offsets[1])
            file.write(b"damaged")
        for workers in (0, 2):
            loader = ShardLoader(ShardWindows(str(copy), CONFIG, batch_size=4), workers)
            with pytest.raises(DatasetError) as error:
                list(loader)
            assert str(error.value).startswith(f"{copy / shard.name}: is damaged (")
            assert "\n" not in str(error.value)

    def test_damaged_contents(self, copy):
        shard = read_index(str(copy), "train").shards[0]
        with (copy / shard.name).open("r+b") as file:
            file.seek(shard.ends[0] - 9000)  # within the sound, which comes last
            file.write(b"\1\2\3\4")
        assert len(list(ShardWindows(str(copy), CONFIG))) == COUNT
        with pytest.raises(DatasetError, match="checksums of clip"):
            list(ShardWindows(str(copy), CONFIG, check=True))

    def test_files_that_do_not_belong_together(self, copy):
        path = copy / "train-000002.tar"
        path.write_bytes(path.read_bytes()[:-512])
        with pytest.raises(DatasetError, match=r"train-000002.tar: has \d+ bytes, but its index says \d+"):
            list(ShardWindows(str(copy), CONFIG))
        path.unlink()
        with pytest.raises(DatasetError, match=r"train-000002.tar: cannot be read \(No such file"):
            list(ShardWindows(str(copy), CONFIG))
        content = json.loads((copy / "train.json").read_text())
        content["shards"][0]["offsets"].pop()
        (copy / "train.json").write_text(json.dumps(content))
        with pytest.raises(DatasetError, match=r"train.json: not readable as ccstereo-shards"):
            ShardWindows(str(copy), CONFIG)


def test_training_goes_on_in_the_middle_of_a_pass(shards, tmp_path, monkeypatch):
    pytest.importorskip("lightning")
    from ccstereo.training.task import BinauralTask

    monkeypatch.chdir(tmp_path)
    options = [
        *("--config", "lite-stage", "--data.path", shards, "--data.batch_size", "4", "--data.workers", "0"),
        *("--data.validation_size", "2", "--trainer.val_check_interval", "2", *TRAIN_SMALL),
    ]
    trained, step = [], BinauralTask.training_step

    def noting(self, batch, batch_idx):
        trained.extend(seen([{"frame": frame[None]} for frame in batch["frame"]]))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(BinauralTask, "training_step", noting)
    assert main(["train", *options, "--trainer.max_steps", "2"]) == 0
    content = torch.load(f"runs/{Path(shards).name}/last.ckpt", weights_only=True)
    (state,) = content["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    assert (state["epoch"], state["samples"], len(trained)) == (0, 8, 8)
    assert main(["train", *options, "--trainer.max_steps", "6", "--ckpt_path", "last"]) == 0
    windows = ShardWindows(shards, CONFIG, batch_size=4, drop_last=True)
    assert trained == (seen(list(windows)) + seen(list(windows)))[:24]  # a pass has 5 steps
