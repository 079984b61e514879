"""`ccstereo app`: the web page."""

import argparse
from importlib.util import find_spec

from ccstereo.cli.options import Subparsers, count, positive
from ccstereo.errors import CCStereoError

EXAMPLES = """examples:
  ccstereo app                                          a page at http://127.0.0.1:7860/ for this machine alone
  ccstereo app --port 8000 --max-seconds 1800
  ccstereo app --host 0.0.0.0 --auth anna:a-long-password    for the machines around, who must know it

Stop it with Ctrl-C. All that was uploaded and made is removed then; each visitor's files go when the page is closed.
"""


def add_parser(commands: Subparsers) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "app",
        description="Serve a web page that makes videos binaural. It runs on this machine, and nothing leaves it.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="A", help="address to serve at (default: 127.0.0.1)")
    parser.add_argument("--port", type=port, default=7860, metavar="N", help="0 takes a free one (default: 7860)")
    parser.add_argument("--auth", default="", metavar="USER:PASSWORD", help="ask for these; needed for another --host")
    parser.add_argument("--max-megabytes", type=count, default=500, metavar="N", help="of a file (default: 500)")
    parser.add_argument("--max-seconds", type=positive, default=600.0, metavar="S", help="of a video (default: 600)")
    parser.add_argument("--max-files", type=count, default=10, metavar="N", help="at once (default: 10)")
    parser.add_argument("--weights", nargs="+", default=[], metavar="W", help="to choose from (default: the package's)")
    parser.add_argument(
        "--device",
        default="auto",
        metavar="D",
        help="auto, cpu, cuda, cuda:1, mps; auto takes a GPU if there is one (default: auto)",
    )
    parser.set_defaults(run=lambda options: run(options, parser))


def port(text: str) -> int:
    """Read a port's number."""
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, got {text!r}")
    return int(text)


def run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Serve until interrupted."""
    if options.auth and not all(options.auth.partition(":")):
        parser.error("--auth is USER:PASSWORD")
    if options.host not in ("127.0.0.1", "localhost", "::1") and not options.auth:
        parser.error(f"--host {options.host} lets other machines in: give --auth USER:PASSWORD, too")
    missing = [name for name in ("gradio", "matplotlib") if find_spec(name) is None]
    if missing:
        raise CCStereoError(f"the page needs {missing[0]}: pip install 'ccstereo[app]'")
    from ccstereo.app.server import run as serve
    from ccstereo.app.service import Limits
    from ccstereo.binauralizer import Binauralizer
    from ccstereo.inference.device import choose_device

    device = choose_device(options.device)
    for weights in options.weights:  # what is wrong with them is said at once
        Binauralizer.from_pretrained(weights, device=device)
    limits = Limits(options.max_megabytes, options.max_seconds, options.max_files)
    try:
        serve(
            options.host,
            options.port,
            limits,
            auth=options.auth,
            weights=options.weights,
            device=device,
            announce=lambda address: print(f"{address}  (Ctrl-C stops it)", flush=True),
        )
    except OSError as error:
        raise CCStereoError(
            f"--host {options.host} --port {options.port}: cannot be served at ({error.strerror}); --port 0 takes a "
            "free one"
        ) from error
    return 0
