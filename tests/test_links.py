"""Every relative link in the documents leads to a file, and to a heading that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "research", "examples", "src") for page in (ROOT / folder).rglob("*.md")),
    }
)


def links(page: Path) -> list[str]:
    """Targets of a page's links and images, without those in code and those to other places."""
    prose = re.sub(r"```.*?```|`[^`\n]*`(?!\])", "", page.read_text(), flags=re.DOTALL)
    return [to for to in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", to)]


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_links_are_found() -> None:
    assert "docs/results.md" in links(ROOT / "README.md")
    assert "honest-splits" in anchors(ROOT / "research" / "README.md")


def test_the_architecture_names_what_there_is() -> None:
    """Files and folders in backticks, below the package or at the top."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([a-z_0-9./]+(?:/|\.py))`", text))
    assert {"cli/", "models/base.py", "inference/windows.py"} <= named
    assert [
        name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "src" / "ccstereo"))
    ] == []


def test_scripts_that_are_named_exist() -> None:
    """In documents and in code; the notebook's entries and the changelog are history."""
    pages = [page for page in PAGES if page.name != "CHANGELOG.md" and page.parent.name != "notebook"]
    texts = {*pages, *(path for end in ("py", "yaml") for path in (ROOT / "src").rglob(f"*.{end}"))}
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in texts
        for name in re.findall(r"\b(?:tools|research/scripts)/\w+\.py", path.read_text())
    }
    assert ("README.md", "tools/check.py") in named
    assert sorted(found for found in named if not (ROOT / found[1]).is_file()) == []
