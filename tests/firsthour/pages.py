"""The shell commands of a documentation page, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rigs.locks import CHECKOUT

PAGE = Path(CHECKOUT) / "docs" / "first-hour.md"
_BLOCK = re.compile(r"^## (?P<title>[^\n]*)$|^```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path = PAGE) -> dict[str, str]:
    """Return title → the commands under it, in order."""
    found: dict[str, str] = {}
    title = ""
    for part in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if part["title"]:
            title = part["title"]
        else:
            found[title] = found.get(title, "") + part["code"]
    return found
