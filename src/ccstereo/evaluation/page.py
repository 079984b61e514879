"""A run as one page: summary, distributions, the best, median and worst clips to listen to, and where it comes from.

The page is one file. It loads nothing, from anywhere, and runs no script.
"""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from ccstereo.audio.stft import stft
from ccstereo.errors import DatasetError
from ccstereo.evaluation.report import RowScore, distributions, scores_lines
from ccstereo.evaluation.runs import Run
from ccstereo.evaluation.scores import SCORES
from ccstereo.evaluation.sets import Ears, EvaluationSet
from ccstereo.evaluation.systems import System
from ccstereo.files import write_atomic
from ccstereo.metrics.functional import spl_curve

if TYPE_CHECKING:
    from ccstereo.viz.style import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
table { border-collapse: collapse; font-size: 0.85rem; } td, th { padding: 0.25rem 0.7rem; text-align: left; }
th, tr:nth-child(even) { background: #f0f3f7; } .wide { overflow-x: auto; } img { max-width: 100%; height: auto; }
.players { display: flex; flex-wrap: wrap; gap: 1rem; } .players figure { margin: 0; } audio { width: 280px; }
pre { background: #f0f3f7; padding: 1rem; overflow-x: auto; font-size: 0.8rem; }
"""
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Place:
    """A clip that is shown: as what, which one, and its score."""

    title: str
    clip: str
    score: float


def notable(run: Run) -> tuple[str, list[Place]]:
    """What clips are ranked by, and the best, the median and the worst one.

    That is the prediction's STFT distance over mono's, as clips differ in loudness; in a run without STFT distances its
    first score. Of fewer than three clips that have a score, each is shown once.
    """
    names = run.settings["scores"]["names"]
    if "stft" in names:
        title, sign = "STFT distance over mono's", 1.0
        values = run.column("prediction", "stft") / np.maximum(run.column("mono", "stft"), 1e-12)
    else:
        title, sign = SCORES[names[0]].heading, -1.0 if SCORES[names[0]].higher_is_better else 1.0
        values = run.column("prediction", names[0])
    clips = list(run.items)
    order = [place for place in np.argsort(sign * values, kind="stable") if not np.isnan(values[place])]
    wanted = {"best": order[:1], "median": order[len(order) // 2 :][:1], "worst": order[-1:]}
    chosen: dict[int, str] = {}
    for name, places in wanted.items():
        for place in places:
            chosen.setdefault(int(place), name)
    return title, [Place(name, clips[place], float(values[place])) for place, name in chosen.items()]


def write_page(
    path: str | Path,
    run: Run,
    rows: Sequence[RowScore],
    titles: Mapping[str, str],
    *,
    headline: str,
    items: EvaluationSet,
    system: System,
    ears: Ears,
    record: Mapping[str, Any],
) -> None:
    """Write a run as one HTML file. The shown clips are predicted again.

    Args:
        path: the file.
        run: of one row.
        rows: its summary.
        titles: of its systems.
        headline: what was scored.
        items: that were scored.
        system: that was scored.
        ears: how ambisonics are rendered.
        record: what the run depends on.

    Raises:
        DatasetError: a clip cannot be read, or the file cannot be written.
        ImportError: matplotlib is not installed.
    """
    ranked_by, places = notable(run)
    parts = [
        f"<h1>{html.escape(titles['prediction'])}</h1><p>{html.escape(headline)}</p>",
        "<h2>Summary</h2><p>Mean ± deviation over clips, and the 95 % interval of the mean. Mono is the floor, what "
        "one has without this library; the oracle is the ceiling of masks.</p>",
        _table(*scores_lines(run, rows, titles)),
        "<h2>Distributions</h2><p>A point a clip; the diamond is the mean, the bar its interval.</p>",
        _image(distributions(run, rows, titles), "Scores of every clip, system beside system"),
        f"<h2>Clips</h2><p>By {html.escape(ranked_by)}. Use headphones. Sounds are as they were scored, divided by the "
        "largest peak of the three where that is above full scale.</p>",
        *(_clip(place, run, titles, items, system, ears) for place in places),
        f"<h2>Provenance</h2><pre>{html.escape(json.dumps(record, indent=1))}</pre>",
    ]
    title = html.escape(f"{titles['prediction']}: {headline}")
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style>"
    )
    try:
        body = "\n".join(parts)
        write_atomic(path, f'<!doctype html><html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n')
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); choose another place") from error


def _clip(place: Place, run: Run, titles: Mapping[str, str], items: EvaluationSet, system: System, ears: Ears) -> str:
    """A clip: its scores, players and figures."""
    from ccstereo.viz import plot_levels, plot_scene

    item = items.read(place.clip, ears)
    with torch.inference_mode():
        predicted = ears.render(system.predict(item), item.sample_rate)
    truth, rate = item.ears, item.sample_rate
    sounds = {"truth": truth, "mono": truth.mean(0).expand(2, -1), "prediction": predicted}
    loudest = max(1.0, *(float(sound.abs().max()) for sound in sounds.values()))
    players = "".join(_player(name, sound / loudest, rate) for name, sound in sounds.items())
    column = list(run.items).index(place.clip)
    lines = []
    for name in run.settings["scores"]["names"]:
        values = [float(run.column(each, name)[column]) for each in titles]
        cells = ["-" if np.isnan(value) else f"{value:.{SCORES[name].digits}f}" for value in values]
        lines.append([SCORES[name].heading, *cells])
    names = {"true": truth, "predicted": predicted, "mono": sounds["mono"]}
    curves = {name: spl_curve(sound, rate).numpy() for name, sound in names.items()}
    frames = item.read_frames()
    scene = plot_scene(frames, curves, truth.shape[-1] / rate, "level of the left ear over the right one")
    spectra = {name: stft(sounds[name][0] - sounds[name][1]).numpy() for name in ("truth", "prediction")}
    levels = plot_levels(spectra, rate, 160, "spectrogram of the difference l - r")
    return (
        f"<section><h3>{place.title}: {html.escape(place.clip)} ({place.score:.3f})</h3>"
        f'<div class="players">{players}</div>'
        f"{_image(scene, f'Frames and level difference of {place.clip}')}"
        f"{_image(levels, f'Spectrograms of the difference of {place.clip}')}"
        f"{_table(['score', *titles.values()], lines)}</section>"
    )


def _player(name: str, sound: Tensor, rate: int) -> str:
    content = io.BytesIO()
    soundfile.write(content, sound.numpy().T, rate, format="FLAC", subtype="PCM_16")
    coded = base64.b64encode(content.getvalue()).decode()
    return (
        f'<figure><figcaption>{name}</figcaption><audio controls src="data:audio/flac;base64,{coded}"></audio></figure>'
    )


def _image(figure: "Figure", text: str) -> str:
    from ccstereo.viz import save_figure

    content = io.BytesIO()
    save_figure(figure, content)
    coded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{html.escape(text, quote=True)}" src="data:image/png;base64,{coded}">'


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f'<div class="wide"><table><tr>{cells}</tr>{rows}</table></div>'
