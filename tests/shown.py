"""What the documentation shows: commands and Python, page by page, in the order in which a reader meets them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", *(ROOT / "src").rglob("README.md")])
_BLOCK = re.compile(
    r"^```(?P<language>\w*)\n(?P<fenced>.*?)^```|(?P<indented>(?:^    [^\n]+\n)+)|(?<!`)`(?P<inline>[^`]+)`",
    re.DOTALL | re.MULTILINE,
)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Every `("sh", command)` and `("python", code)` of a page.

    Commands are those of `ccstereo` in shell blocks, in indented blocks, and within lines where they say what they
    write (`-o`); what else stands within a line is a name.
    """
    for found in _BLOCK.finditer(text):
        language, block = found["language"], found["fenced"] or found["indented"] or ""
        if language == "python" or re.match(r"    (from|import) ", block):
            yield "python", block if language else re.sub(r"^    ", "", block, flags=re.MULTILINE)
        elif language in ("sh", None):
            inline = " ".join((found["inline"] or "").split())
            for command in _commands(block or (inline if " -o " in inline and "..." not in inline else "")):
                yield "sh", command


def commands(text: str) -> list[str]:
    """The commands alone."""
    return [step for kind, step in steps(text) if kind == "sh"]


def _commands(block: str) -> Iterator[str]:
    for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
        for part in re.split(r"&&|\|", re.sub(r"(^|\s)#.*", "", line)):
            command = re.sub(r"^(?:[A-Z_]+=\S+ |\.venv/bin/)*", "", part.strip())
            if command.startswith("ccstereo "):
                yield re.sub(r"\s{2,}\S.*", "", command)  # words that explain it, set apart by spaces
