"""`ccstereo bench`: the stage benchmark."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ccstereo.cli.options import Subparsers, add_model_options, check_device, count

EXAMPLES = """examples:
  ccstereo bench                                           drawn scenes, a spherical head
  ccstereo bench --folder STAGE --sofa KEMAR.sofa          photos and recordings held out of training
  ccstereo bench --rows one --scenes 50 --json one.json
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench",
        help="score weights on simulated scenes",
        description="Score weights next to mono on held-out simulated scenes and print a Markdown table.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="photos/, sounds/ and backgrounds/ (default: drawn)")
    parser.add_argument("--sofa", type=Path, metavar="FILE", help="measured head (default: a spherical one)")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="(default: test)")
    parser.add_argument("--rows", metavar="A;B", help="rows to score, separated by semicolons (default: all)")
    parser.add_argument("--scenes", type=count, default=200, metavar="N", help="scenes a row (default: 200)")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="length of a scene (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first scene (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there, too")
    add_model_options(parser)
    parser.set_defaults(run=lambda options: run(options, parser))


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Score all rows and print their table."""
    from tqdm import tqdm

    from ccstereo.benchmark import ROWS, score_row, table
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.models import load_model
    from ccstereo.scenes import drawn_material, load_material, load_sofa, spherical_head

    rows = [row.strip() for row in options.rows.split(";")] if options.rows else list(ROWS)
    unknown = sorted(set(rows) - set(ROWS))
    if unknown or options.seconds < 0.1 or options.seed < 0:
        parser.error(f"rows are {'; '.join(ROWS)}; --seconds is at least 0.1 and --seed at least 0")
    model = load_model(options.weights, device=check_device(options.device))
    try:
        binauralizer = Binauralizer(
            model, hop=options.hop, tdss=options.tdss, batch_size=options.batch_size, precision=options.precision
        )
    except ValueError as error:
        parser.error(str(error))
    rate = model.config.sample_rate
    material = (
        load_material(options.folder, options.split, rate) if options.folder else drawn_material(options.split, rate)
    )
    head = load_sofa(options.sofa).resampled(rate) if options.sofa else spherical_head(rate)
    scores = []
    with tqdm(total=len(rows) * options.scenes, unit="scene", disable=None, leave=False) as bar:
        for row in rows:
            bar.set_description(row)
            shape = (options.scenes, options.seconds, options.seed)
            scores.append(score_row(binauralizer, material, head, row, *shape, progress=bar.update))
    print(f"{options.weights} on {material.name} ({options.split} files), {head.name}, {options.seconds:g} s a scene")
    print(table(scores))
    if options.json:
        record = {
            "weights": str(options.weights),
            "material": material.name,
            "split": options.split,
            "head": head.name,
            "seconds": options.seconds,
            "seed": options.seed,
            "hop": options.hop,
            "tdss": options.tdss,
            "rows": [asdict(score) for score in scores],
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0
