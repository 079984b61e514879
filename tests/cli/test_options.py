"""What several subcommands share: options that were renamed."""

from pathlib import Path

import pytest

from ccstereo.cli.options import Parser, between, count, positive, renamed


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
    assert "--side-gain: must be a number above 0, got '-1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--hop", "fast", "must be a number above 0, got 'fast'"),
        ("--hop", "nan", "must be a number above 0, got 'nan'"),
        ("--jobs", "2.5", "must be a whole number of at least 1, got '2.5'"),
        ("--gain", "inf", "must be a number from -60 to 60, got 'inf'"),
        ("--gain", "-3dB", "must be a number from -60 to 60, got '-3dB'"),
        ("--output", "", "must be the name of a file or folder, got ''"),
        ("--output", "a\0b", "must be the name of a file or folder, got 'a\\x00b'"),
    ],
)
def test_a_value_of_another_kind_is_one_line_that_says_what_is_wanted(
    option: str, value: str, said: str, capsys
) -> None:
    parser = Parser(prog="ccstereo binauralize")
    parser.add_argument("--hop", type=positive)
    parser.add_argument("--jobs", type=count)
    parser.add_argument("--gain", type=between(-60, 60))
    parser.add_argument("--output", type=Path)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args([f"{option}={value}"])
    assert stop.value.code == 2
    help_ = "(see ccstereo binauralize --help)"
    assert capsys.readouterr().err == f"ccstereo binauralize: error: argument {option}: {said} {help_}\n"
