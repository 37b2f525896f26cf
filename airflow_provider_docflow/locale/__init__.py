"""Every text that a business user reads, by message code, in English and Chinese."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "zh")


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> dict[str, str]:
    """Return the texts of a language by message code."""
    path = Path(__file__).with_name(f"{language}.json")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def text(code: str, language: str = "en", **names: object) -> str:
    """Return the text of a message code with its names filled in; the code itself where there is none.

    :param language: ``en`` or ``zh``; another one reads English.
    """
    found = catalogue(language if language in LANGUAGES else "en").get(code)
    return code if found is None else found.format(**names)
