"""What becomes of each file, decided before any work."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from ccstereo.batch import Input, Record, Report, alone, plan
from ccstereo.errors import CCStereoError, MediaError

SETTINGS = {"weights": "abc", "options": {"gain": 0.0}}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("clip.mp4")
    path.write_bytes(b"video")
    return path


def make(source, state="done", **changes):
    """A result of `source` in OUT and the report that says so."""
    output = Path("OUT") / "clip.binaural.mp4"
    output.parent.mkdir(exist_ok=True)
    output.write_bytes(b"result")
    stat = source.stat()
    facts = {"input_size": stat.st_size, "input_time": stat.st_mtime_ns, "output_size": 6, "settings": SETTINGS}
    report = Report(Path("OUT"))
    report.begin([Record(str(source), str(output), state, **facts | changes)])
    return output


def only(source, settings=SETTINGS, **options):
    (job,) = plan([Input(source)], Report(Path("OUT")), settings, **options)
    return job


def test_what_is_not_there_is_converted(source):
    assert only(source).action == "convert"
    assert only(source).output == Path("OUT/clip.binaural.mp4")
    assert not Path("OUT").exists()


def test_what_is_done_is_skipped_unless_it_is_to_be_overwritten(source):
    make(source)
    assert only(source).action == "skip"
    assert only(source.absolute()).action == "skip"  # the same file, named otherwise
    assert only(source, overwrite=True).action == "convert"


def test_a_result_that_is_gone_is_made_again(source):
    make(source).unlink()
    assert only(source).action == "convert"


def test_a_result_of_another_file_of_that_name_is_refused(source):
    make(source)
    Path("other").mkdir()
    Path("other/clip.mp4").write_bytes(b"another video")
    job = only(Path("other/clip.mp4"))
    assert job.action == "refuse"
    assert f"exists, but was made of {source};" in job.reason


def test_what_a_stopped_run_had_planned_is_its_own(source):
    """It may have been killed between the file and the line about it."""
    make(source, "planned")
    assert only(source).action == "convert"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: Path("OUT/clip.binaural.mp4").write_bytes(b"another"), "was changed since it was made"),
        (lambda: Path("clip.mp4").write_bytes(b"longer video"), "clip.mp4 was changed since"),
        (lambda: os.utime("clip.mp4", (1, 1)), "clip.mp4 was changed since"),
        (lambda: Path("OUT/report.jsonl").unlink(), "exists already"),
    ],
)
def test_any_other_file_is_left_alone(source, change, reason):
    make(source)
    change()
    job = only(source)
    assert job.action == "refuse"
    assert reason in job.reason
    assert "--overwrite" in job.reason
    assert only(source, overwrite=True).action == "convert"


def test_other_settings_are_named(source):
    make(source)
    job = only(source, {**SETTINGS, "options": {"gain": 3.0}})
    assert (job.action, "options.gain is 0.0, not 3.0" in job.reason) == ("refuse", True)


def test_a_file_of_ones_own_beside_a_failed_conversion(source):
    make(source, "failed")
    assert only(source).action == "refuse"


def test_two_files_of_one_name_are_refused_before_any_work(source):
    for name in ("a/x.avi", "a/x.mkv", "b/x.avi"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    report = Report(Path("OUT"))
    for pair in (("a/x.avi", "a/x.mkv"), ("a/x.avi", "b/x.avi")):
        with pytest.raises(MediaError, match=f"{pair[0]} and {pair[1]} would both become OUT/x.binaural.mkv; rename"):
            plan([Input(Path(name)) for name in pair], report, SETTINGS)
    found = [Input(Path("a/x.avi"), Path("a")), Input(Path("b/x.avi"), Path("b"))]
    assert [job.output.parent.name for job in plan(found, report, SETTINGS)] == ["a", "b"]


def test_results_of_the_same_folder_are_no_inputs(source):
    """The shell's *.mp4 names them at the second run; one that is not ours would be written over."""
    make(source).rename("clip.binaural.mp4")
    Path("OUT/report.jsonl").rename("report.jsonl")
    Path("OUT").rmdir()
    report = Report(Path())
    report.begin([Record("clip.mp4", "clip.binaural.mp4", "done")])
    both = [Input(Path("clip.binaural.mp4")), Input(source)]
    assert [job.input for job in plan(both, report, SETTINGS)] == [source]
    with pytest.raises(MediaError, match="is a result of an earlier run"):
        plan(both[:1], report, SETTINGS)
    Path("report.jsonl").unlink()
    with pytest.raises(MediaError, match=r"clip\.mp4 would become clip\.binaural\.mp4, but clip\.binaural\.mp4 is to"):
        plan(both, Report(Path()), SETTINGS)


class TestReport:
    def test_the_last_line_counts_and_is_the_only_one_at_the_end(self, tmp_path):
        report = Report(tmp_path)
        report.begin(Record(f"{name}.mp4", str(tmp_path / name)) for name in "ba")
        report.add(Record("b.mp4", str(tmp_path / "b"), "done", seconds=2.0))
        assert len(report.path.read_text().splitlines()) == 3
        with report.path.open("a") as file:
            file.write('{"input": "c.mp4", "out')  # a run that was killed
        again = Report(tmp_path)
        assert {key: record.state for key, record in again.records.items()} == {"a": "planned", "b": "done"}
        again.begin([])
        again.finish()
        lines = [json.loads(line) for line in report.path.read_text().splitlines()]
        assert [line["output"] for line in lines] == [str(tmp_path / "a"), str(tmp_path / "b")]
        assert lines[1] == asdict(report.records["b"])

    def test_names_that_are_not_utf8(self, tmp_path):
        name = os.fsdecode(b"caf\xe9.mp4")
        Report(tmp_path).begin([Record(name, str(tmp_path / name))])
        assert list(Report(tmp_path).records) == [name]

    @pytest.mark.parametrize("line", ["[1, 2]", '{"a": 1}'])
    def test_a_file_that_is_no_report(self, tmp_path, line):
        (tmp_path / "report.jsonl").write_text(line)
        with pytest.raises(MediaError, match="is no report of ccstereo"):
            Report(tmp_path)

    def test_one_run_at_a_time(self, tmp_path):
        with (
            alone(tmp_path / "OUT"),
            pytest.raises(CCStereoError, match="another run is at work there"),
            alone(tmp_path / "OUT"),
        ):
            pass
        with alone(tmp_path / "OUT"):
            pass

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(CCStereoError, match="cannot be written"), alone(tmp_path / "file" / "OUT"):
            pass
