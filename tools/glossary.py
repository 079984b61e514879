"""Keep words of our own out of code, messages and documents: `python tools/glossary.py [--counts] [FILE ...]`.

Prints file, line, word and what to say, and exits with 1 where there is one. Words end where letters end: one
is found in `old_word` and `OldWord`, not in `oldwords`. `--counts` prints numbers by folder only.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CHECKED = (
    *("src/**/*.py", "src/**/*.yaml", "src/**/*.md", "examples/**/*.py", "examples/**/*.md", "docs/**/*.md"),
    *("README.md", "CONTRIBUTING.md"),
)


class Word(NamedTuple):
    """A word not to be used, as a regular expression, and what to say."""

    pattern: str
    say: str


class Allowed(NamedTuple):
    """Where a word may stand: files (a glob), a regular expression that a line holds, and why."""

    files: str
    line: str
    reason: str


class Found(NamedTuple):
    """A word that should not be there."""

    path: Path
    number: int
    text: str
    say: str


WORDS = (
    Word(r"pictures?|pictured", "frame (of a video), photo (a still), figure"),
    Word(r"heard|hears", "input, processes, is rendered through"),
    Word(r"sees|seen", "visual features, is given, is shown"),
    Word(r"listeners?|listens|listened", "context encoder, context"),
    Word(r"told|tells", "conditioning; is reported, says"),
    Word(r"footage|variety", "augmentation"),
    Word(r"class Look|played\(|playing\.", "augmentation, effect"),
    Word(r"treble", "high band, high-band panning"),
    Word(r"drawn (?:scenes?|material|sounds?|clips?|ones?|set|benchmark)|drawn[_-](?!shares?)\w+", "synthetic"),
    Word(r"level_gain|config\.level|levelled", "RMS normalisation, rms_gain, config.rms"),
    Word(r"--width", "--side-gain; side gain, side-to-mid ratio"),
    Word(r"(?:a|the|this|their|equal) share|(?:the|these|their|equal) shares|\w+_shares?|shares? of", "fraction"),
    Word(r"(?:--data\.|\.|_)spread|spread=", "random_offset"),
    Word(r"(?:--data\.|\.|_)lead|lead=", "pre_roll"),
    Word(r"--data\.sounds|sounds=\d", "windows_per_frame"),
    Word(r"(?:train|val|test)_parts?|parts? of (?:a|the) (?:data )?set", "split (train, val, test), fold"),
    Word(
        r"simulation's truth|truth (?:terms?|loss(?:es)?|heads?|weights?)|TRUTH_TERMS|TRUTH_WEIGHTS|TruthHeads",
        "auxiliary losses",
    ),
    Word(r"mak(?:es?|ing) do with|made do with", "uses"),
    Word(r"go(?:es)? on with|went on with|going on with", "resumes, continues"),
    Word(r"(?:is|are|was|were) left out", "is skipped"),
)

ALLOWED = (
    Allowed("src/ccstereo/scenes/acoustics/*.py", r"listener", "a person who stands in a simulated room"),
    Allowed("src/ccstereo/audio/ambisonics.py", r"listener", "a person in the middle of a sound field"),
    Allowed("src/ccstereo/evaluation/facts.py", r"listener", "a person who stands in a simulated room"),
    Allowed("src/ccstereo/media/damage.py", r"listener or viewer", "a person who plays a file"),
    Allowed("src/ccstereo/training/configs.py", r'^    "(?:data|model)\.', "old option names work for one release"),
    Allowed("src/ccstereo/scenes/synthetic/material.py", r'PHOTO = "picture"', "a part of synthetic seeds"),
    Allowed("docs/benchmark.md", r"listener", "a person who stands in a simulated room"),
    Allowed("src/ccstereo/models/lite.py", r'"[a-z.]*(?:listener|told)', "names in weights of earlier releases"),
    Allowed("src/ccstereo/cli/*.py", r"renamed\(|old_names|--side-gain", "old option names work for one release"),
)


def find_words(text: str, path: Path) -> Iterator[Found]:
    """Go through a text line by line; `path` is relative to the repository and says what is allowed.

    >>> [(found.number, found.text) for found in find_words("fine\\nwhat is heard here", Path("docs/x.md"))]
    [(2, 'heard')]
    """
    rules = [(re.compile(rf"(?<![A-Za-z])(?:{word.pattern})(?![A-Za-z])", re.IGNORECASE), word.say) for word in WORDS]
    allowed = [re.compile(rule.line) for rule in ALLOWED if path.match(rule.files)]
    for number, line in enumerate(text.splitlines(), start=1):
        if any(rule.search(line) for rule in allowed):
            continue
        parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", line)
        yield from (Found(path, number, hit.group(), say) for rule, say in rules for hit in rule.finditer(parted))


def checked_files(root: Path = ROOT) -> list[Path]:
    """Files whose words are checked, sorted."""
    return sorted({path for pattern in CHECKED for path in root.glob(pattern) if path.is_file()})


def find_in_files(files: Iterable[Path], root: Path = ROOT) -> list[Found]:
    """All words in some files that should not be there."""
    return [found for file in files for found in find_words(file.read_text(), within(file.resolve(), root))]


def within(path: Path, root: Path) -> Path:
    """A path from a root on, or as it is where it lies elsewhere."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def room_of(path: Path) -> str:
    """Folder that a count belongs to: `src/ccstereo/ROOM`, or what stands at the top."""
    return "/".join(path.parts[: 3 if path.parts[0] == "src" else 1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", help="(default: all that are checked)")
    parser.add_argument("--counts", action="store_true", help="numbers by folder only")
    options = parser.parse_args()
    found = find_in_files(options.files or checked_files())
    if options.counts:
        for room, count in sorted(Counter(room_of(word.path) for word in found).items()):
            print(f"{room}: {count}")
    else:
        for word in found:
            print(f'{word.path}:{word.number}: "{word.text}": say {word.say}')
    if found:
        print(f"{len(found)} words that the glossary of this project does not use", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
