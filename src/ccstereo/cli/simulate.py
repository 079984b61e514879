"""`ccstereo simulate`: a pseudo-binaural data set of anyone's photos and mono sounds."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ccstereo.cli.options import Parser, Subparsers, count, positive
from ccstereo.cli.preparing import add_run_options, run_prepare, say
from ccstereo.cli.progress import progress_bar
from ccstereo.jobs import cores

if TYPE_CHECKING:
    from ccstereo.datasets.sources.simulated import Recipe

EXAMPLES = """examples:
  ccstereo simulate --photos photos/ --sounds sounds/ -o prepared/mine
  ccstereo simulate --photos crops/ --sounds sounds/ --backgrounds rooms/ --sofa KEMAR.sofa --clips 2000 -o prepared/b
  ccstereo simulate --photos photos/ --sounds sounds/ --recipe stage --render ambisonic -o prepared/mine
  ccstereo simulate cut-out STAGE -o CUT         photos without their backgrounds, see its --help
  ccstereo train --config lite-stage --data.path prepared/mine

--photos and --sounds hold a folder a class, named alike: photos/dog/1.jpg, photos/dog/run.mp4, sounds/dog/bark.wav.
The same command resumes a run that was stopped, and ends with the same files; with more --clips a finished set grows.
What could not be used is listed at the end and in unused.jsonl, the truth of each clip stands in clips.jsonl;
contact-sheet.png and preview.mp4 show some. See docs/data/simulate.md.
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "simulate",
        description="Paste photos or video crops into frames, render their sounds for two ears, keep both as a set.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--photos", type=Path, metavar="DIR", help="folders of photos or videos")
    parser.add_argument("--sounds", type=Path, metavar="DIR", help="folders of sounds, named alike")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos (default: an empty background)")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="folder of the prepared set")
    parser.add_argument("--clips", type=count, default=100, metavar="N", help="(default: 100)")
    parser.add_argument("--seconds", type=positive, default=10.0, metavar="S", help="of a clip (default: 10)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    parser.add_argument(
        "--render",
        choices=("hrir", "ambisonic"),
        default="hrir",
        help="through the nearest HRIR, or first-order ambisonics and eight loudspeakers (default: hrir)",
    )
    parser.add_argument(
        "--recipe",
        choices=("stage", "pseudobinaural"),
        default="pseudobinaural",
        help="of PseudoBinaural, or of this project's training scenes (default: pseudobinaural)",
    )
    parser.add_argument(
        "--legacy-hrir-rate",
        action="store_true",
        help="do not resample HRIRs, as PseudoBinaural's code: delays between the ears 2.76 times too long",
    )
    parser.add_argument("--seed", type=int, default=0, help="another set (default: 0)")
    parser.add_argument(
        "--fps", type=positive, default=10.0, metavar="F", help="at which videos are read, at most 10 (default: 10)"
    )
    add_run_options(parser)
    parser.set_defaults(run=lambda options: run(options, parser))
    others = parser.add_subparsers(title="other commands", metavar="COMMAND", parser_class=Parser)
    about = "Cut the photos of a stage out of their backgrounds: a folder of the same layout, its photos transparent."
    cut = others.add_parser("cut-out", help="cut photos out of their backgrounds", description=about)
    cut.add_argument("stage", type=Path, metavar="STAGE", help="folder of photos/, sounds/ and backgrounds/")
    cut.add_argument("-o", "--output", type=Path, required=True, metavar="CUT", help="folder to be")
    add_run_options(cut, engine=False)
    cut.set_defaults(run=cut_out)


def run(options: argparse.Namespace, parser: Parser) -> int:
    """Read the files, make the clips, report, and show some."""
    missing = [name for name in ("photos", "sounds", "output") if getattr(options, name) is None]
    if missing:  # which argparse cannot say, as other commands stand under this one
        parser.error(f"the following arguments are required: {', '.join(f'--{name}' for name in missing)}")
    if options.seed < 0 or options.fps > 10 or options.seconds < 1:
        parser.error("--seed must be at least 0, --fps at most 10 and --seconds at least 1")
    from ccstereo.datasets.prepared.reader import PreparedSet
    from ccstereo.datasets.sources.simulated import simulated_folds, simulated_set, survey
    from ccstereo.datasets.sources.simulated.build import split_notes
    from ccstereo.datasets.sources.simulated.show import write_contact_sheet, write_preview

    with progress_bar("file", "read files", quiet=options.quiet) as progress:
        inputs, unused = survey(
            options.photos, options.sounds, options.backgrounds, jobs=options.jobs or cores(), progress=progress
        )
    for note in split_notes(inputs):
        say(options, f"note: {note}")
    sources, worker, info = simulated_set(inputs, _recipe(options), options.clips)
    run_prepare(options, sources, worker, info, simulated_folds, unused, unit="clip")
    prepared = PreparedSet(options.output)
    write_contact_sheet(prepared, options.output / "contact-sheet.png")
    write_preview(prepared, options.output / "preview.mp4")
    say(options, f"some clips: {options.output / 'contact-sheet.png'}, and with sound {options.output / 'preview.mp4'}")
    return 0


def cut_out(options: argparse.Namespace) -> int:
    """Cut the photos of a stage out of their backgrounds."""
    from ccstereo.scenes.cut_out import cut_out_stage

    with progress_bar("photo", "cut out", quiet=options.quiet) as progress:
        cut, whole = cut_out_stage(options.stage, options.output, jobs=options.jobs or cores(), progress=progress)
    say(options, f"{cut} of {cut + whole} photos cut out, {whole} left whole: {options.output}")
    return 0


def _recipe(options: argparse.Namespace) -> "Recipe":
    from ccstereo.datasets.sources.simulated import Recipe

    return Recipe(
        name=options.recipe,
        render=options.render,
        sofa=options.sofa,
        legacy_rate=options.legacy_hrir_rate,
        seconds=options.seconds,
        fps=options.fps,
        seed=options.seed,
    )
