"""`ccstereo`: reads the subcommand and turns errors into one line and an exit status.

Exit status: 0 done, 1 the work failed (one line says why), 2 wrong usage, 130 interrupted, 143 a training terminated.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import ccstereo
from ccstereo.cli import bench, binauralize, demo, evaluate, import_checkpoint, models, prepare, shard, simulate, train
from ccstereo.cli.options import Parser
from ccstereo.errors import CCStereoError

EXAMPLES = """examples:
  ccstereo binauralize clip.mp4                 writes clip.binaural.mp4
  ccstereo binauralize clip.mkv -o out.flac     sound alone
  ccstereo models                               what can be run
  ccstereo demo                                 two moving sources, true and predicted
  ccstereo prepare folder videos/ -o prepared/  bring videos into the layout that is trained on
  ccstereo simulate --photos P --sounds S -o prepared/  make a set of photos and mono sounds
  ccstereo train --config lite-stage            train on simulated scenes
  ccstereo evaluate prepared/ -o runs/first     score a model on the test part of a prepared set
"""


def build_parser() -> Parser:
    """Return the parser of all subcommands."""
    parser = Parser(
        prog="ccstereo",
        description="Binaural sound for video, guided by what the pictures show.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ccstereo {ccstereo.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for command in (binauralize, models, demo, prepare, simulate, shard, train, evaluate, bench, import_checkpoint):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["train"]:  # Lightning's command line reads its own arguments
            return train.run(arguments[1:])
        options = build_parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except CCStereoError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("\nccstereo: interrupted; files that were not finished have been removed", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("CCSTEREO_TRACEBACK"):
            raise
        return _fail(f"{type(error).__name__}: {error} (CCSTEREO_TRACEBACK=1 shows where)")


def _fail(message: str) -> int:
    print("ccstereo: error: " + " ".join(message.split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
