"""A simulated set at a glance: a contact sheet, and a preview video of a few clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ccstereo.datasets.prepared.format import FRAME_RATE, FRAME_SIZE, SAMPLE_RATE, ClipRow
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.files import atomic_path
from ccstereo.media import write_video
from ccstereo.scenes.geometry import FIELD_OF_VIEW, position_of

SHEET_CLIPS = 24
PREVIEW_CLIPS = 6
PREVIEW_SECONDS = 5.0  # of each clip
RULER = 40  # pixels under the frame
FADE = 0.05  # seconds at both ends of a clip's sound


def chosen_clips(prepared: PreparedSet, count: int) -> list[ClipRow]:
    """So many clips of the set, from its whole length."""
    rows = list(prepared.clips.values())
    return [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


def write_contact_sheet(prepared: PreparedSet, path: Path, clips: int = SHEET_CLIPS) -> bool:
    """Draw the middle frame of some clips with their classes and azimuths.

    Args:
        prepared: a simulated set.
        path: .png, .svg or .pdf file; appears when it is whole.
        clips: at most so many.

    Returns:
        Whether it was plotted: matplotlib may not be there.
    """
    from ccstereo.viz import SheetCell, plot_contact_sheet, save_figure

    cells = [
        SheetCell(
            f"{row.id}  {row.tags['split']}",
            prepared.frame(row.id, row.frames // 2),
            tuple((s["label"], tuple(s["azimuth"]), bool(s["sounds"])) for s in row.tags["sources"]),
        )
        for row in chosen_clips(prepared, clips)
    ]
    try:
        figure = plot_contact_sheet(cells, _title(prepared), field_of_view=FIELD_OF_VIEW)
    except ImportError:
        return False
    with atomic_path(path) as temporary:
        save_figure(figure, temporary)
    return True


def _title(prepared: PreparedSet) -> str:
    options = prepared.info.options
    rate = ", HRIRs not resampled" if options["legacy_hrir_rate"] else ""
    how = f"{options['recipe']}, {options['render']}, {options['head']}{rate}, seed {options['seed']}"
    return f"{len(prepared.clips)} clips: {how}"


def write_preview(
    prepared: PreparedSet, path: Path, clips: int = PREVIEW_CLIPS, seconds: float = PREVIEW_SECONDS
) -> None:
    """Write the beginnings of some clips, one after the other, as a video with their sound.

    Under the frame is a ruler of azimuths with the names of what is there, grey where it is silent.

    Args:
        prepared: a simulated set.
        path: .mp4, .mov or .mkv file; appears when it is whole.
        clips: at most so many.
        seconds: of each clip.

    Raises:
        MediaError: the video cannot be written.
    """
    frames, sounds = [], []
    for row in chosen_clips(prepared, clips):
        count = min(row.frames, round(seconds * FRAME_RATE))
        samples = min(row.samples, count * SAMPLE_RATE // FRAME_RATE)
        for index, jpeg in enumerate(prepared.jpegs(row.id, 0, count)):
            frames.append(_with_ruler(decode_jpeg(jpeg), row.tags["sources"], index / FRAME_RATE / row.duration))
        sound = np.zeros((2, count * SAMPLE_RATE // FRAME_RATE), np.float32)
        sound[:, :samples] = prepared.sound(row.id, 0, samples)
        ramp = np.minimum(1.0, np.arange(samples) / (FADE * SAMPLE_RATE)).astype(np.float32)
        sound[:, :samples] *= ramp * ramp[::-1]
        sounds.append(sound)
    write_video(path, np.stack(frames), np.concatenate(sounds, axis=1), frame_rate=FRAME_RATE, sample_rate=SAMPLE_RATE)


def _with_ruler(frame: NDArray[np.uint8], sources: Sequence[dict[str, object]], phase: float) -> NDArray[np.uint8]:
    height, width = FRAME_SIZE
    image = Image.new("RGB", (width, height + RULER), (24, 24, 28))
    image.paste(Image.fromarray(frame), (0, 0))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for azimuth in range(-60, 61, 15):
        x = round(min(width - 1, position_of(azimuth) * width))
        pen.line([x, height, x, height + (8 if azimuth % 30 == 0 else 4)], fill=(150, 150, 150))
        if azimuth % 30 == 0:
            anchor = {60: "la", -60: "ra"}.get(azimuth, "ma")
            pen.text((x, height + 26), f"{azimuth}°", font=font, fill=(150, 150, 150), anchor=anchor)
    for source in sources:
        azimuths = np.asarray(source["azimuth"], dtype=np.float64)
        place = position_of(float(np.interp(phase, np.linspace(0, 1, len(azimuths)), azimuths))) * width
        colour = (255, 205, 90) if source["sounds"] else (120, 120, 120)
        pen.polygon([(place, height + 2), (place - 5, height + 11), (place + 5, height + 11)], fill=colour)
        half = pen.textlength(str(source["label"]), font=font) / 2
        centre = min(max(place, half + 2), width - half - 2)
        pen.text((centre, height + 13), str(source["label"]), font=font, fill=colour, anchor="ma")
    return np.asarray(image)
