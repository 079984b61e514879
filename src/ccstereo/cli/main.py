"""`ccstereo`: reads the subcommand and turns errors into one line and an exit status.

Exit status: 0 done, 1 the work failed (one line says why), 2 wrong usage, 130 interrupted, 143 terminated, 129 hung up.
"""

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TextIO

import ccstereo
from ccstereo.cli.options import Parser
from ccstereo.cli.signals import Signals, raised_signals
from ccstereo.errors import CCStereoError, UsageError
from ccstereo.plugins import load_plugins

# Each is a module of this package, imported when it is asked for: --version and --help stay quick.
COMMANDS = {
    "binauralize": "give a video binaural sound",
    "models": "list models and weights",
    "demo": "two moving sources, true and predicted",
    "prepare": "bring videos and data sets into the layout that is trained on",
    "simulate": "make a set of photos and mono sounds",
    "shard": "pack a prepared set into tar files, to train from afar",
    "train": "train a model",
    "evaluate": "score models on a prepared set",
    "app": "a web page that does it",
    "plot": "draw the figures of a scene, a video, a training or scores",
    "bench": "score models on scenes whose truth is known",
    "export": "turn weights into a folder that runs without PyTorch",
    "import-checkpoint": "turn released checkpoints into weights",
    "export-checkpoint": "turn a checkpoint of a training into weights",
}
EXAMPLES = """examples:
  ccstereo binauralize clip.mp4                 writes clip.binaural.mp4
  ccstereo binauralize clip.mkv -o out.flac     sound alone
  ccstereo models                               what can be run
  ccstereo demo                                 two moving sources, true and predicted
  ccstereo prepare folder videos/ -o prepared/  bring videos into the layout that is trained on
  ccstereo simulate --photos P --sounds S -o prepared/  make a set of photos and mono sounds
  ccstereo train --config lite-stage            train on simulated scenes
  ccstereo evaluate prepared/ -o runs/first     score a model on the test split of a prepared set
"""


def build_parser() -> Parser:
    """Return the parser of what stands before a subcommand's own arguments."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
    parser = Parser(
        prog="ccstereo",
        usage="ccstereo [-h] [--version] [--import MODULE] COMMAND ...",
        description="Binaural sound for video, guided by its frames.",
        epilog=f"commands, each with --help of its own:\n{commands}\n\n{EXAMPLES}",
    )
    parser.add_argument("--version", action="version", version=f"ccstereo {ccstereo.__version__}")
    parser.add_argument(
        "--import",
        metavar="MODULE",
        help="import a module of your own first: its models, metrics, losses and data sets; again for more; anywhere",
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # a file's name may hold what the terminal cannot show
            output.reconfigure(errors="backslashreplace")
    with raised_signals() as signals:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _one_line_warnings()
                status = _run(sys.argv[1:] if argv is None else argv)
            return signals.status if status == 128 + signal.SIGINT else status
        except CCStereoError as error:
            return _fail(str(error), 2 if isinstance(error, UsageError) else 1)
        except KeyboardInterrupt:
            return _stopped(signals)
        except BrokenPipeError:  # the reader of our output, such as `head`, has closed it
            _forget(sys.stdout)
            return 1
        except Exception as error:
            if os.environ.get("CCSTEREO_TRACEBACK"):
                raise
            if isinstance(error, OSError) and error.filename and error.strerror:
                return _fail(f"{os.fsdecode(error.filename)}: {error.strerror}")
            return _fail(f"{type(error).__name__}: {error} (CCSTEREO_TRACEBACK=1 shows where)")


def _run(argv: Sequence[str]) -> int:
    parser = build_parser()
    plugins, arguments = take_imports(argv, parser)
    end = 1 + next((place for place, argument in enumerate(arguments) if not argument.startswith("-")), len(arguments))
    command: str = parser.parse_args(arguments[:end]).command
    arguments = arguments[end:]
    # Threads of OpenMP that wait by spinning make a conversion beside one busy program four times as slow.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    load_plugins(plugins)
    module = import_module(f"ccstereo.cli.{command.replace('-', '_')}")
    if command == "train":  # Lightning's command line reads its own arguments
        status: int = module.run(arguments)
        return status
    commands = Parser(prog="ccstereo").add_subparsers(parser_class=Parser, prog="ccstereo")
    module.add_parser(commands)
    options = commands.choices[command].parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def take_imports(argv: Sequence[str], parser: Parser) -> tuple[list[str], list[str]]:
    """Part the modules of --import, wherever it stands before a "--", from the other arguments."""
    names: list[str] = []
    rest: list[str] = []
    given = iter(argv)
    for argument in given:
        option, equals, value = argument.partition("=")
        if argument == "--":
            return names, [*rest, argument, *given]
        if option != "--import":
            rest.append(argument)
            continue
        value = value if equals else next(given, "")
        if not value or value.startswith("-"):
            parser.error("argument --import: expected the name of a module")
        names.append(value)
    return names, rest


def _one_line_warnings() -> Callable[..., None]:
    """Return a `warnings.showwarning`: what is meant for users in one line, once, without the place in the code."""
    shown = set()

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        text = f"warning: {' '.join(str(message).split())}\n"
        if not issubclass(category, UserWarning):
            text = warnings.formatwarning(message, category, place[0], place[1])
        if text not in shown:
            sys.stderr.write(text)
        shown.add(text)

    return show


def _stopped(signals: Signals) -> int:
    """Say what has ended the command, where there still is a terminal."""
    how = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}.get(signal.Signals(signals.received), "hung up")
    try:
        print(f"\nccstereo: {how}; files that were not finished have been removed", file=sys.stderr)
        sys.stdout.flush()
    except OSError:  # else Python's own last flush fails, and makes the status 120
        _forget(sys.stdout, sys.stderr)
    return signals.status


def _forget(*outputs: TextIO) -> None:
    """Send to nowhere what is still to be written."""
    for output in outputs:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


def _fail(message: str, status: int = 1) -> int:
    print("ccstereo: error: " + " ".join(message.split()), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
