"""
The XML of WeCom's events, read without trusting it.

A document type is refused as such, whatever it declares, so that nothing can be defined, expanded or fetched.
An element with children becomes a mapping, one that repeats a list, any other its text.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

DEEPEST = 20


def parse(text: bytes | str) -> dict[str, Any]:
    """Return what the root element holds.

    :raises ValueError: it is no XML, has a document type, is nested too deep, or holds text alone.
    """
    builder = _Builder()
    parser = expat.ParserCreate(encoding="UTF-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is no XML: {error}") from None
    if not isinstance(builder.root, dict):
        raise ValueError("its root holds text alone")
    return builder.root


def _refuse(*_: Any) -> None:
    raise ValueError("it has a document type")


class _Builder:
    def __init__(self) -> None:
        self.root: Any = ""
        self._open: list[tuple[dict[str, Any], list[str]]] = []

    def start(self, name: str, attributes: Any) -> None:
        if len(self._open) == DEEPEST:
            raise ValueError("it is nested too deep")
        self._open.append(({}, []))

    def text(self, data: str) -> None:
        self._open[-1][1].append(data)

    def end(self, name: str) -> None:
        children, parts = self._open.pop()
        value: Any = children or "".join(parts).strip()
        if not self._open:
            self.root = value
            return
        parent = self._open[-1][0]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]
