"""A simulated set at a glance: a contact sheet, and a preview video of a few clips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ccstereo.datasets.prepared.format import FRAME_RATE, SAMPLE_RATE, ClipRow
from ccstereo.datasets.prepared.reader import PreparedSet, decode_jpeg
from ccstereo.files import atomic_path
from ccstereo.media import write_video
from ccstereo.scenes.geometry import position_of
from ccstereo.wording import counted

SHEET_CLIPS, SHEET_COLUMNS, SHEET_FRAME = 24, 4, (320, 160)  # (width, height) of a frame on the sheet
PREVIEW_CLIPS, PREVIEW_SECONDS = 6, 5.0  # of each clip
RULER = 40  # pixels under the frame
LINE = 18  # pixels of a line of text
FADE = 0.05  # seconds at both ends of a clip's sound
DARK, GREY, SOUNDING, SILENT = (24, 24, 28), (150, 150, 150), (255, 205, 90), (120, 120, 120)


def write_contact_sheet(prepared: PreparedSet, path: Path) -> None:
    """Show the middle frame of some clips of a simulated set over a ruler of azimuths with the classes there."""
    rows = _chosen_clips(prepared, SHEET_CLIPS)
    columns = min(SHEET_COLUMNS, len(rows))
    width, height = SHEET_FRAME[0] + 10, SHEET_FRAME[1] + RULER + LINE
    sheet = Image.new("RGB", (columns * width, LINE - (-len(rows) // columns) * height), DARK)
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 2), _title(prepared), font=_font(), fill="white")
    for number, row in enumerate(rows):
        left, top = number % columns * width, LINE + number // columns * height
        pen.text((left + 4, top + 2), f"{row.id}  {row.tags['split']}", font=_font(), fill="white")
        frame = Image.fromarray(prepared.frame(row.id, row.frames // 2)).resize(SHEET_FRAME)
        sheet.paste(_with_ruler(frame, row.tags["sources"], 0.5), (left, top + LINE))
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def write_preview(prepared: PreparedSet, path: Path) -> None:
    """Write the beginnings of some clips, one after the other, as a video with their sound and a ruler as the sheet's.

    Raises:
        MediaError: the video cannot be written.
    """
    frames, sounds = [], []
    for row in _chosen_clips(prepared, PREVIEW_CLIPS):
        count = min(row.frames, round(PREVIEW_SECONDS * FRAME_RATE))
        samples = min(row.samples, count * SAMPLE_RATE // FRAME_RATE)
        for index, jpeg in enumerate(prepared.jpegs(row.id, 0, count)):
            frame, phase = Image.fromarray(decode_jpeg(jpeg)), index / FRAME_RATE / row.duration
            frames.append(np.asarray(_with_ruler(frame, row.tags["sources"], phase)))
        sound: NDArray[np.float32] = np.zeros((2, count * SAMPLE_RATE // FRAME_RATE), np.float32)
        ramp = np.minimum(1.0, np.arange(samples) / (FADE * SAMPLE_RATE)).astype(np.float32)
        sound[:, :samples] = prepared.sound(row.id, 0, samples) * ramp * ramp[::-1]
        sounds.append(sound)
    write_video(path, np.stack(frames), np.concatenate(sounds, axis=1), frame_rate=FRAME_RATE, sample_rate=SAMPLE_RATE)


def _chosen_clips(prepared: PreparedSet, count: int) -> list[ClipRow]:
    """So many clips of the set, from its whole length."""
    rows = list(prepared.clips.values())
    return [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]


def _title(prepared: PreparedSet) -> str:
    options = prepared.info.options
    rate = ", HRIRs not resampled" if options["legacy_hrir_rate"] else ""
    how = f"{options['recipe']}, {options['render']}, {options['head']}{rate}, seed {options['seed']}"
    return f"{counted(len(prepared.clips), 'clip')}: {how}"


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(11)


def _with_ruler(frame: Image.Image, sources: Sequence[dict[str, object]], phase: float) -> Image.Image:
    """Put a ruler of azimuths under a frame, with a mark and a name for each source; grey is silent."""
    width, height = frame.size
    image = Image.new("RGB", (width, height + RULER), DARK)
    image.paste(frame, (0, 0))
    pen, font = ImageDraw.Draw(image), _font()
    for azimuth in range(-60, 61, 15):
        x = round(min(width - 1, position_of(azimuth) * width))
        pen.line([x, height, x, height + (8 if azimuth % 30 == 0 else 4)], fill=GREY)
        if azimuth % 30 == 0:
            anchor = {60: "la", -60: "ra"}.get(azimuth, "ma")
            pen.text((x, height + 26), f"{azimuth}°", font=font, fill=GREY, anchor=anchor)
    for source in sources:
        azimuths = np.asarray(source["azimuth"], dtype=np.float64)
        place = position_of(float(np.interp(phase, np.linspace(0, 1, len(azimuths)), azimuths))) * width
        colour = SOUNDING if source["sounds"] else SILENT
        pen.polygon([(place, height + 2), (place - 5, height + 11), (place + 5, height + 11)], fill=colour)
        half = pen.textlength(str(source["label"]), font=font) / 2
        centre = min(max(place, half + 2), width - half - 2)
        pen.text((centre, height + 13), str(source["label"]), font=font, fill=colour, anchor="ma")
    return image
