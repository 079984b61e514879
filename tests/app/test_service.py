"""What the page does, without a page: jobs in turn, files that go, messages without folders."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from ccstereo.app.jobs import CANCELLED, DONE, FAILED, WAITING, JobQueue
from ccstereo.app.service import EXAMPLES, _titled
from ccstereo.app.workspace import Workspace
from ccstereo.errors import MediaError
from ccstereo.media import plays_in_browsers, probe, read_channels, write_preview

SECONDS = 120


def upload(service, path):
    stored = service.workspace.create(path.name)
    stored.path.write_bytes(path.read_bytes())
    return stored.token


def files(service):
    walked = os.walk(service.workspace.root)  # which does not mind what goes meanwhile
    return sorted(Path(folder, name) for folder, _, names in walked for name in names if name != ".lock")


def test_fifty_jobs_leave_the_disk_as_it_was(service, make_video) -> None:
    clip = make_video("short.mp4", seconds=0.5)
    before = files(service)
    for _ in range(50):
        job = service.submit("a session", [upload(service, clip)], "random", 1.0)
        assert job.wait(SECONDS)
        assert job.state == DONE, job.error
        assert len(files(service)) <= len(before) + 53  # uploads of the session, and its last result
    service.leave("a session")
    assert wait_for(lambda: files(service) == before)
    assert list(service.workspace.root.glob("*/")) == []


def wait_for(condition, seconds: float = 20.0) -> bool:
    pause = threading.Event()
    for _ in range(int(10 * seconds)):
        if condition():
            return True
        pause.wait(0.1)
    return False


def test_a_result_and_what_is_shown_of_it(service, make_video) -> None:
    job = service.submit("one", [upload(service, make_video("clip.mp4"))], "random", 1.5)
    assert job.wait(SECONDS)
    (file,) = job.result["files"]
    token = file["download"].removeprefix("files/").removesuffix("?download")
    sound, _ = read_channels(service.workspace.get(token).path, 2)
    shown = json.loads(service.workspace.get(file["analysis"].removeprefix("files/")).path.read_text())
    assert shown["duration"] == pytest.approx(2, abs=0.1)
    assert [each["time"] for each in shown["maps"]] == pytest.approx([0.2, 0.6, 1.0, 1.4, 1.8], abs=0.1)
    level = 10 * np.log10(np.square(sound).mean(0))
    assert np.mean(shown["level"]) == pytest.approx(level[0] - level[1], abs=1)
    assert not file["reduced"]
    assert str(service.workspace.root) not in json.dumps(job.result)


def test_errors_name_the_file_and_no_folder(service, tmp_path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("words")
    job = service.submit("one", [upload(service, text)], "random", 1.0)
    assert job.wait(SECONDS)
    assert job.state == FAILED
    assert job.error.startswith("notes.mp4: is a text file")
    with pytest.raises(MediaError, match="no video yet"):
        service.submit("one", [], "random", 1.0)
    with pytest.raises(MediaError, match="is gone"):
        service.submit("one", ["no such token"], "random", 1.0)
    with pytest.raises(MediaError, match="takes 3 at once"):
        service.submit("one", ["a", "b", "c", "d"], "random", 1.0)
    with pytest.raises(ValueError, match="side gain"):
        service.submit("one", ["a"], "random", 3.0)
    with pytest.raises(ValueError, match="no weights"):
        service.submit("one", ["a"], "other", 1.0)


def test_weights_of_one_name_are_told_apart() -> None:
    titled = _titled(["hf-hub:some/one", "hf-hub:some/one", "other"])
    assert titled == {"hf-hub:some/one": "hf-hub:some/one", "hf-hub:some/one (2)": "hf-hub:some/one", "other": "other"}


def test_a_cancelled_job_leaves_its_upload_alone(service, make_video, monkeypatch) -> None:
    token = upload(service, make_video("clip.mp4"))
    before = files(service)
    begun, go_on = threading.Event(), threading.Event()
    convert = service.jobs  # the queue stays; only the report of progress is held up

    def held(job, seconds_done, total):
        begun.set()
        assert go_on.wait(SECONDS)
        job.check()

    monkeypatch.setattr("ccstereo.app.jobs.Job.report", held)
    job = service.submit("one", [token], "random", 1.0)
    assert begun.wait(SECONDS)
    assert convert.position(job) == 0
    service.cancel("one")
    go_on.set()
    assert job.wait(SECONDS)
    assert job.state == CANCELLED
    assert files(service) == before


def test_an_example_is_a_video_with_mono_sound(service) -> None:
    for title in list(EXAMPLES)[:1]:
        info = probe(service.example(title).path, require_video=True, require_audio=True)
        assert info.audio.channels == 1
        assert info.duration == pytest.approx(6, abs=0.1)


def test_one_job_at_a_time_each_with_its_place() -> None:
    jobs = JobQueue(str)
    go_on, running = threading.Event(), []

    def work(job):
        running.append(job)
        assert go_on.wait(SECONDS)
        return len(running)

    first, second, third, last = (jobs.submit(work) for _ in range(4))
    assert wait_for(lambda: len(running) == 1)
    assert [jobs.position(job) for job in (first, second, third, last)] == [0, 1, 2, 3]
    second.cancel()
    assert jobs.position(third) == 1
    assert third.state == WAITING
    go_on.set()
    assert last.wait(SECONDS)
    assert [job.state for job in (first, second, third, last)] == [DONE, CANCELLED, DONE, DONE]
    assert [first.result, third.result, last.result] == [1, 2, 3]
    jobs.close()


def test_time_left_is_estimated_from_what_is_done() -> None:
    jobs = JobQueue(str)

    def work(job):
        job.enter("slow", 10.0)
        assert job.seconds_left is None
        job._began -= 2.0
        job.report(4.0, 10.0)
        return job.seconds_left

    job = jobs.submit(work)
    assert job.wait(SECONDS)
    assert job.result == pytest.approx(3.0, abs=0.5)
    jobs.close()


def test_what_a_killed_server_left_is_removed_and_a_living_one_is_not(tmp_path) -> None:
    living = Workspace(tmp_path)
    dead = tmp_path / "ccstereo-app-dead"
    (dead / "x").mkdir(parents=True)
    (dead / ".lock").touch()
    other = Workspace(tmp_path)
    assert not dead.exists()
    assert living.root.is_dir()
    for workspace in (living, other):
        workspace.close()
    assert list(tmp_path.iterdir()) == []


def test_files_that_nobody_uses_go(tmp_path) -> None:
    workspace = Workspace(tmp_path)
    old, new = workspace.create("old.mp4"), workspace.create("new.mp4")
    old.touched -= 100
    workspace.sweep(50)
    assert workspace.get(old.token) is None
    assert workspace.get(new.token) is new
    workspace.close()


@pytest.mark.parametrize(
    ("name", "codec", "plays"), [("a.mp4", "libx264", True), ("b.mp4", "libx265", False), ("c.mkv", "libx264", False)]
)
def test_previews_are_what_browsers_play(make_video, tmp_path, name, codec, plays) -> None:
    from ccstereo.media import write_video

    clip = make_video(name, codec)
    assert plays_in_browsers(clip) == plays
    rng = np.random.default_rng(0)
    tall = tmp_path / "tall.mkv"
    sound = (0.1 * rng.standard_normal((2, 22_050))).astype(np.float32)
    sound[1] *= 0.1
    write_video(tall, rng.integers(0, 256, (10, 600, 300, 3), dtype=np.uint8), sound, sample_rate=22_050)
    write_preview(tall, tmp_path / "preview.mp4")
    assert plays_in_browsers(tmp_path / "preview.mp4")
    info = probe(tmp_path / "preview.mp4", require_video=True, require_audio=True)
    assert (info.video.height, info.video.width, info.audio.channels) == (480, 240, 2)
    assert info.duration == pytest.approx(1, abs=0.1)
    found, _ = read_channels(tmp_path / "preview.mp4", 2)
    left, right = np.sqrt(np.square(found).mean(0))
    assert left / right == pytest.approx(10, rel=0.1)
