"""What several subcommands share: options that were renamed."""

import pytest

from ccstereo.cli.options import Parser, positive, renamed


@pytest.mark.parametrize("given", [["--width", "2"], ["--width=2"]])
def test_an_old_name_still_works_with_one_line_of_warning(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser()
    parser.add_argument("--side-gain", type=positive, required=True)
    parser.add_argument("rest", nargs="*")
    renamed(parser, "--width", "--side-gain")
    options = parser.parse_args([*given, "--", "--width"])
    assert (options.side_gain, options.rest) == (2, ["--width"])
    warning = "warning: --width is now called --side-gain; the old name goes in the next release\n"
    assert capsys.readouterr().err == warning
    assert "--width" not in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["--width", "-1"])
    assert "--side-gain: must be more than 0" in capsys.readouterr().err
