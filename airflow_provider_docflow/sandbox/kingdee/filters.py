"""The SQL-like text of ``FilterString``: comparisons, ``in``, ``like``, ``and``, ``or`` and brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<op><>|>=|<=|=|<|>|\(|\)|,)"
    r"|(?P<word>[A-Za-z_][\w.]*))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
Look = Callable[[str], Any]
Test = Callable[[Look], bool]


class BadFilter(Exception):
    """The text is no condition."""


def parse(text: str) -> Test:
    """Return the test of a condition; an empty text lets everything through.

    :raises BadFilter: it is none.
    """
    if not text.strip():
        return lambda look: True
    reader = _Reader(_tokens(text))
    test = reader.either()
    if reader.left:
        raise BadFilter(f"near {reader.left[0][1]!r}")
    return test


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFilter(f"near {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def _is(self, word: str) -> bool:
        if self.left and self.left[0][0] in ("word", "op") and self.left[0][1].lower() == word:
            self.left.pop(0)
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._is(word):
            raise BadFilter(f"{word!r} is missing")

    def either(self) -> Test:
        tests = [self.both()]
        while self._is("or"):
            tests.append(self.both())
        return lambda look: any(test(look) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self._is("and"):
            tests.append(self.one())
        return lambda look: all(test(look) for test in tests)

    def one(self) -> Test:
        if self._is("("):
            inner = self.either()
            self._need(")")
            return inner
        left = self._value()
        if self._is("in"):
            return self._among(left)
        if self._is("like"):
            return self._like(left)
        if not self.left or self.left[0][1] not in _COMPARE:
            raise BadFilter("a comparison is missing")
        compare, right = _COMPARE[self.left.pop(0)[1]], self._value()
        return lambda look: _compared(compare, left(look), right(look))

    def _among(self, left: Callable[[Look], Any]) -> Test:
        self._need("(")
        values = [self._value()]
        while self._is(","):
            values.append(self._value())
        self._need(")")
        return lambda look: any(_compared(_COMPARE["="], left(look), value(look)) for value in values)

    def _like(self, left: Callable[[Look], Any]) -> Test:
        wanted = self._value()

        def test(look: Look) -> bool:
            parts = [re.escape(part) for part in str(wanted(look)).split("%")]
            return re.fullmatch(".*".join(parts), str(left(look) or "")) is not None

        return test

    def _value(self) -> Callable[[Look], Any]:
        if not self.left:
            raise BadFilter("it ends too early")
        kind, token = self.left.pop(0)
        if kind == "text":
            plain = token[1:-1].replace("''", "'")
            return lambda look: plain
        if kind == "number":
            number = Decimal(token)
            return lambda look: number
        if kind == "word":
            return lambda look: look(token)
        raise BadFilter(f"near {token!r}")


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Compare as a database does: numbers as numbers, nothing with anything is never true."""
    if left is None or right is None:
        return False
    if isinstance(left, int | Decimal) or isinstance(right, int | Decimal):
        try:
            return compare(Decimal(str(left)), Decimal(str(right)))
        except InvalidOperation:
            return False
    return compare(str(left), str(right))
