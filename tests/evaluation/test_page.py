"""`ccstereo evaluate --report`: one page that holds what was scored, and asks for nothing else."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("matplotlib")

from ccstereo.cli.main import main
from ccstereo.evaluation import read_run
from ccstereo.evaluation.page import notable


class Page(HTMLParser):
    """Sources and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append(tag)
        self.sources += [(tag, value) for name, value in attributes if name in ("src", "href")]


@pytest.fixture(scope="module")
def report(prepared, weights, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("page") / "run"
    command = ["evaluate", prepared.folder, "-o", output, "--fold", "one", "--jobs", "1", "--weights", weights, "-q"]
    assert main([str(word) for word in (*command, "--report", output / "out.html")]) == 0
    return output / "out.html"


def test_it_is_whole_in_itself(report) -> None:
    text = report.read_text()
    page = Page(text)
    assert page.sources
    assert all(source.startswith("data:") for _, source in page.sources)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "@import" not in text
    assert "url(" not in text


def test_summary_and_provenance(report, weights) -> None:
    text = report.read_text()
    for word in ("Mono-Mono", "oracle, mask within 2.5", "random", "4 clips of noises, one/test", "STFT", "sha256"):
        assert word in text
    mean = read_run(report.parent).column("prediction", "stft").mean()
    assert f"{mean:.3f}" in text or f"{mean:.4f}" in text


def test_the_clips_are_those_that_were_scored(report, prepared) -> None:
    """Truth and mono can be listened to as the set has them, in the order of the ranking."""
    run = read_run(report.parent)
    ratio = run.column("prediction", "stft") / run.column("mono", "stft")
    clips = np.array(list(run.items))
    best, worst = clips[ratio.argmin()], clips[ratio.argmax()]
    text = report.read_text()
    shown = re.findall(r"<h3>(\w+): (\w+)", text)
    assert [title for title, _ in shown] == ["best", "median", "worst"]
    assert (shown[0][1], shown[2][1]) == (best, worst)
    players = [source for tag, source in Page(text).sources if tag == "audio"]
    assert len(players) == 9
    for place, (_, clip) in enumerate(shown):
        truth = prepared.sound(clip)
        for player, wanted in zip(
            players[3 * place :], (truth, truth.mean(0, keepdims=True).repeat(2, 0)), strict=False
        ):
            sound, rate = soundfile.read(io.BytesIO(base64.b64decode(player.partition(",")[2])), always_2d=True)
            assert rate == 16_000
            np.testing.assert_allclose(sound.T, wanted, atol=1e-4)


def test_of_one_clip_it_is_shown_once(report) -> None:
    run = read_run(report.parent)
    one = type(run)(
        dict(list(run.items.items())[:1]),
        {system: {name: values[:1] for name, values in scores.items()} for system, scores in run.scores.items()},
        run.settings,
    )
    assert [place.title for place in notable(one)[1]] == ["best"]


def test_without_stft_distances_the_first_score_ranks(report) -> None:
    run = read_run(report.parent)
    settings = {**run.settings, "scores": {**run.settings["scores"], "names": ["snr"]}}
    title, places = notable(type(run)(run.items, run.scores, settings))
    assert title.startswith("SNR")
    assert places[0].score == pytest.approx(run.column("prediction", "snr").max())


def test_wrong_usage(prepared, tmp_path, capsys) -> None:
    command = ["evaluate", str(prepared.folder), "-o", str(tmp_path / "x"), "--fold", "one"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--report", "out.pdf"])
    assert stop.value.code == 2
    assert main([*command, "--report", str(tmp_path / "no" / "out.html")]) == 1
    assert "there is no folder" in capsys.readouterr().err
