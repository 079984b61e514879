"""Tables of a page that scripts write anew: what stands between <!-- NAME --> and <!-- end of NAME -->."""

from collections.abc import Mapping
from pathlib import Path

from ccstereo.files import write_atomic


def fill_page(page: Path, tables: Mapping[str, str]) -> None:
    """Write those tables that a page has marks of into it, by name.

    It ends the script where the page has marks of none, before anything is written.
    """
    text, found = page.read_text(encoding="utf-8"), False
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, mark, rest = text.partition(begin)
        _, last, after = rest.partition(end)
        if mark and last:
            text, found = f"{before}{begin}\n\n{table.strip()}\n\n{end}{after}", True
    if not found:
        names = ", ".join(tables)
        raise SystemExit(
            f"{page}: has no marks of {names}; a table stands between <!-- NAME --> and <!-- end of NAME -->"
        )
    write_atomic(page, text)
