"""Hooks of the documentation site: pages that live elsewhere, links that lead out of docs/, and sound to listen to."""

import posixpath
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from ccstereo import DEFAULT_WEIGHTS

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = {
    "findings.md": "research/README.md",
    "weights.md": f"src/ccstereo/weights/{DEFAULT_WEIGHTS}/README.md",
    "changes.md": "CHANGELOG.md",
}
"""Pages of the site that are kept where their subject is."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|`[^`]*`|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def on_config(config: Any) -> Any:
    """Put guides that the navigation does not name at the end of its guides."""
    named = str(config["nav"])
    docs = ROOT / "docs"
    missing = [page for page in sorted(docs.rglob("*.md")) if page.relative_to(docs).as_posix() not in named]
    (guides,) = [section["Guides"] for section in config["nav"] if "Guides" in section]
    guides.extend(page.relative_to(docs).as_posix() for page in missing)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are kept elsewhere, and what docs/listen.md plays."""
    for name, source in ELSEWHERE.items():
        text = re.sub(r"\A---\n.*?\n---\n", "", (ROOT / source).read_text(encoding="utf-8"), flags=re.DOTALL)
        files.append(File.generated(config, name, content=site_links(text, source)))
    for name, content in demo_files().items():
        files.append(File.generated(config, f"listen/{name}", content=content))
    return files


@cache
def demo_files() -> dict[str, bytes]:
    """The video and the three sounds of `ccstereo demo --seconds 6`, made once, the sounds as FLAC for any browser."""
    import soundfile

    from ccstereo import Binauralizer
    from ccstereo.demo import run_demo

    with tempfile.TemporaryDirectory(prefix="ccstereo-listen-") as name:
        folder = Path(name)
        for _ in run_demo(Binauralizer.from_pretrained(backend="torch"), folder, seed=4, seconds=6.0):
            pass
        for sound in ("mono", "predicted", "truth"):
            soundfile.write(folder / f"{sound}.flac", *soundfile.read(folder / f"{sound}.wav"), subtype="PCM_16")
        return {path.name: path.read_bytes() for path in (folder / "scene.mp4", *folder.glob("*.flac"))}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Bring the links of a page to the site, and the players to the one that has some."""
    name = page.file.src_uri
    markdown = markdown.replace("<!-- players -->", (ROOT / "tools" / "listen.html").read_text(encoding="utf-8"))
    return markdown if name in ELSEWHERE else site_links(markdown, f"docs/{name}")


def site_links(text: str, source: str) -> str:
    """Links of a page, given by its path in the repository, as the site has them.

    Links to what is a page of the site lead there; those to other files of the repository become their text and path.

    >>> site_links("[the layout](../docs/data/layout.md#files), [task](../src/x.py), [`y`](y/)", "research/README.md")
    '[the layout](data/layout.md#files), task (`src/x.py`), `y`'
    """
    pages = {path: name for name, path in ELSEWHERE.items()}
    here = source.removeprefix("docs/") if source.startswith("docs/") else pages[source]

    def link(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        path, hash_sign, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        page = path.removeprefix("docs/") if path.startswith("docs/") else pages.get(path)
        if page is not None:
            return f"{image}[{words}]({posixpath.relpath(page, posixpath.dirname(here) or '.')}{hash_sign}{anchor})"
        plain = words.strip("`")
        return words if plain.rstrip("/") and path.endswith(plain.rstrip("/")) else f"{words} (`{path}`)"

    parts = re.split(r"(^```.*?^```)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)
