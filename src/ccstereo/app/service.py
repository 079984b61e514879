"""What the page does, without the page: uploads in, jobs on them, results by token."""

import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from ccstereo import DEFAULT_WEIGHTS, list_weights
from ccstereo.app.analysis import analyse
from ccstereo.app.jobs import Job, JobQueue
from ccstereo.app.workspace import Stored, Workspace
from ccstereo.binauralizer import Binauralizer
from ccstereo.conversion import ConversionOptions
from ccstereo.errors import CCStereoError, MediaError, WeightsError
from ccstereo.evaluation.systems import weights_name
from ccstereo.media import default_output, plays_in_browsers, probe, write_preview, write_video
from ccstereo.scenes import Material, render_frames, render_sources, sample_scene, spherical_head, synthetic_material

UNUSED = 3600.0  # s after which a file that nobody has used is removed
EXAMPLES = {"one source": (1, 11), "two sources": (2, 3), "two moving sources": (2, 4)}
"""Title of each example: how many sources, and the seed of its scene."""


@cache
def _material() -> Material:
    """What examples are made of, computed once."""
    return synthetic_material("test")


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
        megabytes: of a file.
        seconds: of a video.
        files: at once.
    """

    megabytes: int = 500
    seconds: float = 600.0
    files: int = 10

    def check_bytes(self, name: str, size: int) -> None:
        """Refuse a file that is too large.

        Raises:
            MediaError: it is.
        """
        if size > self.megabytes * 1_000_000:
            raise MediaError(
                f"{name}: is larger than {self.megabytes} MB, which is what this page takes; use ccstereo binauralize, "
                "or start the page with --max-megabytes"
            )

    def check_seconds(self, name: str, seconds: float) -> None:
        """Refuse a video that is too long.

        Raises:
            MediaError: it is.
        """
        if seconds > self.seconds:
            raise MediaError(
                f"{name}: is {seconds:.0f} s long, and this page takes up to {self.seconds:.0f} s; use ccstereo "
                "binauralize, or start the page with --max-seconds"
            )


def _titled(weights: Sequence[str]) -> dict[str, str]:
    """What weights are called on the page, and where they are; of one title several are numbered."""
    titled: dict[str, str] = {}
    for each in weights:
        title, number = weights_name(each), 1
        while title in titled:
            number += 1
            title = f"{weights_name(each)} ({number})"
        titled[title] = each
    return titled


class Service:
    """Converts what was uploaded, one job at a time. Calls may come from any thread.

    Args:
        workspace: where all files are.
        limits: what is taken.
        weights: that can be chosen, the first by default: the package's, if there are none.
        device: torch's name of the device that runs the networks.

    Attributes:
        weights: title of each, which shows no folder, and where it is.
    """

    def __init__(self, workspace: Workspace, limits: Limits, weights: Sequence[str] = (), device: str = "cpu") -> None:
        chosen = weights or [DEFAULT_WEIGHTS, *(name for name in list_weights() if name != DEFAULT_WEIGHTS)]
        self.weights = _titled(chosen)
        self.workspace = workspace
        self.limits = limits
        self.device = device
        self.jobs = JobQueue(self.explain)
        self._of_session: dict[str, Job] = {}
        self._results: dict[str, list[str]] = {}  # tokens of each session's last result
        self._binauralizers: dict[str, Binauralizer] = {}
        self._lock = threading.Lock()

    def explain(self, error: Exception) -> str:
        """An error in one line, as the command line prints it, without this machine's folders."""
        text = str(error) if isinstance(error, CCStereoError) else f"{type(error).__name__}: {error}"
        return self.workspace.plain(" ".join(text.split()))

    def submit(self, owner: str, tokens: Sequence[str], weights: str, side_gain: float) -> Job:
        """Put the conversion of some uploads in the queue; the session's earlier job is stopped, its result removed.

        Raises:
            MediaError: there is no file, too many, or one is gone.
            ValueError: the side gain is out of range, or there are no such weights.
        """
        self.workspace.sweep(UNUSED)
        if weights not in self.weights:
            raise ValueError(f"no weights {weights!r}; there are {', '.join(self.weights)}")
        options = ConversionOptions(side_gain=side_gain)
        if not tokens:
            raise MediaError("there is no video yet; drop one, choose one, or try an example")
        if len(tokens) > self.limits.files:
            raise MediaError(f"these are {len(tokens)} files; this page takes {self.limits.files} at once")
        uploads = [stored for token in tokens if (stored := self.workspace.get(token)) is not None]
        if len(uploads) < len(tokens):
            raise MediaError("an upload is gone, as nobody used it for an hour; drop the video again")
        self.cancel(owner)
        self._forget_result(owner)
        for stored in uploads:
            stored.owner = owner
        job = self.jobs.submit(partial(self._convert_all, owner, uploads, weights, options))
        with self._lock:
            self._of_session[owner] = job
        return job

    def cancel(self, owner: str) -> None:
        """Stop a session's job, if it has one."""
        with self._lock:
            job = self._of_session.get(owner)
        if job is not None:
            job.cancel()

    def leave(self, owner: str) -> None:
        """End a session: stop its job, and remove all its files."""
        self.cancel(owner)
        with self._lock:
            job = self._of_session.pop(owner, None)
            self._results.pop(owner, None)
        if job is not None:
            threading.Thread(target=self._release_after, args=(job, owner), daemon=True).start()
        else:
            self.workspace.release(owner)

    def example(self, title: str) -> Stored:
        """Make one of `EXAMPLES`: a synthetic scene of six seconds with the mono mix of its sources."""
        count, seed = EXAMPLES[title]
        material = _material()
        scene = sample_scene(material, seed, duration=6.0, sources=count, moving="moving" in title, min_azimuth=15.0)
        mono = render_sources(scene, material, spherical_head(16_000)).sum(0).mean(0)
        stored = self.workspace.create(f"{title}.mp4")
        write_video(stored.path, render_frames(scene, material), (0.7 * mono / abs(mono).max())[None])
        return stored

    def close(self) -> None:
        """Stop everything and remove all files."""
        self.jobs.close()
        self.workspace.close()

    def _convert_all(
        self, owner: str, uploads: Sequence[Stored], weights: str, options: ConversionOptions, job: Job
    ) -> dict[str, Any]:
        made: list[Stored] = []
        try:
            job.enter("loading the weights")
            if weights not in self._binauralizers:  # one at a time: networks are large
                loaded = Binauralizer.from_pretrained(self.weights[weights], device=self.device)
                self._binauralizers = {weights: loaded}
            files = []
            for place, upload in enumerate(uploads, start=1):
                title = upload.name if len(uploads) == 1 else f"{upload.name} ({place} of {len(uploads)})"
                files.append(self._convert(job, upload, self._binauralizers[weights], options, title, made))
            packed = self._pack(job, files, made) if len(files) > 1 else None
        except BaseException:
            for stored in made:
                self.workspace.remove(stored.token)
            raise
        with self._lock:
            self._results[owner] = [stored.token for stored in made]
        for stored in made:
            stored.owner = owner
        return {"files": files, "zip": packed}

    def _convert(
        self,
        job: Job,
        upload: Stored,
        binauralizer: Binauralizer,
        options: ConversionOptions,
        title: str,
        made: list[Stored],
    ) -> dict[str, Any]:
        """Convert one upload; what is written is noted in `made` before it is."""
        job.enter(f"decoding {title}")
        info = probe(upload.path, require_video=True, require_audio=True)
        self.limits.check_seconds(upload.name, info.duration)
        output = self._make(default_output(upload.path).name, made)

        def progress(done: float, total: float) -> None:
            self.limits.check_seconds(upload.name, done)  # of a file that does not declare its length
            last = total and done >= total
            job.stage = f"writing {title}" if last else f"decoding, inference and writing of {title}, piece by piece"
            job.report(done, total)

        job.enter(f"decoding {title}", info.duration)
        report = binauralizer.convert(upload.path, output.path, options, progress=progress)
        shown = output
        if not plays_in_browsers(output.path):
            job.enter(f"writing a preview of {title} that browsers play", report.duration)
            shown = self._make("preview.mp4", made)
            write_preview(output.path, shown.path, job.report)
        job.enter(f"figures of {title}", report.duration)
        analysis = self._make("analysis.json", made)
        try:
            model = binauralizer.model
        except WeightsError:  # an exported network alone, whose maps nobody can take
            model = None
        analysis.path.write_text(analyse(model, binauralizer.config, output.path, report.duration, job.report))
        return {
            "name": output.name,
            "download": f"files/{output.token}?download",
            "preview": f"files/{shown.token}",
            "analysis": f"files/{analysis.token}",
            "reduced": shown is not output,
            "line": f"{report.duration:.1f} s in {report.elapsed:.1f} s ({report.speed:.1f} times real time), "
            f"side-to-mid ratio {report.side_to_mid:.2f}, peak {report.peak:.2f}",
            "notes": [self.workspace.plain(note) for note in report.notes],
        }

    def _pack(self, job: Job, files: Sequence[dict[str, Any]], made: list[Stored]) -> str:
        """Put all full-quality files into one archive; the address of its download."""
        job.enter("writing the archive", float(len(files)))
        archive = self._make("binaural.zip", made)
        names: set[str] = set()
        with zipfile.ZipFile(archive.path, "w", zipfile.ZIP_STORED) as packed:
            for place, file in enumerate(files, start=1):
                stored = self.workspace.get(file["download"].removeprefix("files/").removesuffix("?download"))
                if stored is not None:
                    name = file["name"] if file["name"] not in names else f"{place} {file['name']}"
                    names.add(name)
                    packed.write(stored.path, name)
                job.check()
        return f"files/{archive.token}?download"

    def _make(self, name: str, made: list[Stored]) -> Stored:
        stored = self.workspace.create(name)
        made.append(stored)
        return stored

    def _forget_result(self, owner: str) -> None:
        with self._lock:
            tokens = self._results.pop(owner, [])
        for token in tokens:
            self.workspace.remove(token)

    def _release_after(self, job: Job, owner: str) -> None:
        """Remove a session's files when its job, which may still write some, has ended."""
        job.wait()
        with self._lock:
            self._results.pop(owner, None)
        self.workspace.release(owner)
