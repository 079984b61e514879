"""Options that several subcommands share, and the types of their values."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.jobs import ENGINES

if TYPE_CHECKING:
    from ccstereo.binauralizer import Binauralizer

Value = TypeVar("Value")
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, which names the subcommand that they are about.

    Attributes:
        old_names: options that were renamed, old name to new; see `renamed`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        # Examples stand below the options as they are written.
        super().__init__(*arguments, **{"formatter_class": argparse.RawDescriptionHelpFormatter} | named)
        self.register("type", Path, file_name)
        self.old_names: dict[str, str] = {}
        # What begins as a number below 0 is a value, if a wrong one: "-3dB" is no option.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Refuse what is unknown here: the parser of all subcommands would report it without its place."""
        given = current_names(sys.argv[1:] if args is None else list(args), self.old_names)
        options, unknown = super().parse_known_args(given, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def renamed(parser: Parser, old: str, new: str) -> None:
    """Have a parser take an option's old name too, for one release, with a warning; dashes included."""
    parser.old_names[old] = new


def current_names(arguments: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Replace the old names of options by the new ones, with a warning on stderr for each.

    Args:
        arguments: as given; what follows "--" stays as it is.
        names: old name to new, dashes included.

    >>> current_names(["--side-gain=2", "--", "--width"], {"--width": "--side-gain"})
    ['--side-gain=2', '--', '--width']
    """
    result = list(arguments)
    end = result.index("--") if "--" in result else len(result)
    for place, argument in enumerate(result[:end]):
        name, equals, value = argument.partition("=")
        if name in names:
            print(
                f"warning: {name} is now called {names[name]}; the old name goes in the next release", file=sys.stderr
            )
            result[place] = names[name] + equals + value
    return result


def between(least: float, most: float) -> Callable[[str], float]:
    """Return a reader of numbers from `least` to `most`."""

    def number(text: str) -> float:
        return read_value(text, float, lambda value: least <= value <= most, f"a number from {least:g} to {most:g}")

    return number


def positive(text: str) -> float:
    """Read a number above 0; argparse names the option when it is not."""
    return read_value(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    return read_value(text, int, lambda value: value >= 1, "a whole number of at least 1")


def file_name(text: str) -> Path:
    """Read the name of a file or folder; an empty one, of a script's unset variable, would be the current folder.

    Every `type=Path` of a `Parser` is read so.
    """
    return read_value(text, Path, lambda _: text != "" and "\0" not in text, "the name of a file or folder")


def source_name(text: str) -> str:
    """Read what names an input or an output: a file, a folder, a pattern, an address, or "-"."""
    return str(read_value(text, str, lambda _: text != "" and "\0" not in text, "the name of a file"))


def read_value(text: str, read: Callable[[str], Value], good: Callable[[Value], bool], wanted: str) -> Value:
    """Read a value; argparse puts the option's name before the message."""
    with suppress(ValueError):
        value = read(text)
        if good(value):
            return value
    raise argparse.ArgumentTypeError(f"must be {wanted}, got {text!r}")


def add_model_options(parser: argparse.ArgumentParser, *, several: bool = False, scores: bool = False) -> None:
    """Add the options that choose weights, one or a list of several, and how they are run.

    Where `scores` are made the defaults are PyTorch in float32 on the CPU: they must not depend on the machine.
    """
    parser.add_argument(
        "--weights",
        nargs="+" if several else None,
        default=[DEFAULT_WEIGHTS] if several else DEFAULT_WEIGHTS,
        metavar="W",
        help="embedded name, folder, .safetensors file, hf-hub:owner/name, or a folder of ccstereo export "
        f"(default: {DEFAULT_WEIGHTS})",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="windows 0.3 s apart: less than half the work, and less exact (docs/speed.md)",
    )
    parser.add_argument(
        "--hop", type=positive, metavar="S", help="seconds between windows (default: 0.1 for windows of 0.63 s)"
    )
    parser.add_argument(
        "--no-tdss", dest="tdss", action="store_false", help="use whole frames, not five crops of them in turn"
    )
    parser.add_argument(
        "--adaptive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do not encode frames again that hardly differ from the last one (default: on)",
    )
    device, backend, precision = ("cpu", "torch", "float32") if scores else ("auto", "auto", None)
    parser.add_argument(
        "--device",
        default=device,
        metavar="D",
        help=f"auto, cpu, cuda, cuda:1, mps; auto takes a GPU if there is one (default: {device})",
    )
    parser.add_argument(
        "--backend",
        choices=("auto", "torch", "openvino", "onnx"),
        default=backend,
        help="what runs the network on a CPU; auto takes the fastest that is installed "
        f"(pip install 'ccstereo[fast]') (default: {backend})",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default=precision,
        help="(default: float32)" if scores else "(default: float16 on CUDA, else float32)",
    )
    parser.add_argument("--batch-size", type=count, default=16, metavar="N", help="windows at once (default: 16)")


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Add --engine: what runs the work on many items."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="processes of this machine, or a Ray cluster: pip install 'ccstereo[ray]' (default: processes)",
    )


def model_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_model_options` chose, as `Binauralizer.from_pretrained` takes it."""
    names = ("weights", "device", "backend", "fast", "hop", "tdss", "adaptive", "batch_size", "precision")
    return {name: getattr(options, name) for name in names}


def make_binauralizer(options: argparse.Namespace, parser: argparse.ArgumentParser) -> "Binauralizer":
    """Load what `add_model_options` chose; a value out of the model's range is wrong usage of `parser`.

    Raises:
        CCStereoError: the device or backend is not there, or the weights cannot be read.
    """
    from ccstereo.binauralizer import Binauralizer

    quiet = getattr(options, "quiet", False)
    tell = None if quiet else lambda line: print(f"note: {line}", file=sys.stderr)
    try:
        return Binauralizer.from_pretrained(**model_arguments(options), tell=tell)
    except ValueError as error:
        parser.error(str(error))
