"""
The few words in which DuckDB, PostgreSQL and Spark differ.

Everything else of the plan is SQL that the three read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Amounts are kept to ten decimals, as prices are; more of them are refused, never rounded.
AMOUNT = "DECIMAL(38, 10)"
FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000"
HALF_WIDTH = "".join(chr(code) for code in range(0x21, 0x7F)) + " "
#: Blanks, ASCII's punctuation, Latin-1's, general and CJK punctuation: the same in every engine, which
#: \\p{P} and [:punct:] are not.
PUNCTUATION = "[\x01-/:-@\\[-`{-\u00bf\u00d7\u00f7\u2000-\u206f\u3000-\u303f]+"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+)?$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_TIME = (
    r"^.{10}[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
    r" ?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$"
)
_FITS = r"^[+-]?0*[0-9]{0,28}([.]|$)"
_NUMBER = r"^[+-]?([0-9]+([.][0-9]{0,10}0*)?|[.][0-9]{1,10}0*)$"


def quoted(name: str) -> str:
    """Return an identifier as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Dialect:
    """How one engine says it.

    :param name: of the engine.
    :param again: flag of ``regexp_replace`` that replaces all; empty where it always does.
    :param group: how a replacement names the groups of its pattern, with ``{}`` for the number.
    """

    name: str
    again: str
    group: str

    def name_of(self, column: str) -> str:
        """Return an identifier."""
        return quoted(column)

    def replace_all(self, expression: str, pattern: str, by: str) -> str:
        """Replace every match of a pattern."""
        flag = f", {literal(self.again)}" if self.again else ""
        return f"regexp_replace({expression}, {self.pattern(pattern)}, {literal(by)}{flag})"

    def pattern(self, pattern: str) -> str:
        """Return a regular expression as SQL."""
        return literal(pattern)

    def matches(self, expression: str, pattern: str) -> str:
        """Tell whether a text matches a pattern."""
        return f"regexp_matches({expression}, {self.pattern(pattern)})"

    def days_apart(self, one: str, other: str) -> str:
        """Return the distance of two dates in days."""
        return f"abs({one} - {other})"

    def text(self, expression: str) -> str:
        """Return a value as text, without blanks around it; an empty text is no value."""
        return f"nullif(trim(cast({expression} AS {self.text_type})), '')"

    @property
    def text_type(self) -> str:
        """Return the type of texts."""
        return "VARCHAR"

    def amount(self, expression: str) -> str:
        """Return a text as an amount; NULL where it is none."""
        # An amount with more digits than there is room for is none either.
        return f"try_cast(CASE WHEN {self.matches(expression, _NUMBER)} THEN {expression} END AS {AMOUNT})"

    def text_day(self, expression: str, zone: str) -> str:
        """Return an ISO date as a date, and an ISO instant with its offset as its day in a zone.

        NULL where the text is neither.
        """
        plain = self.matches(expression, _DAY)
        aware = self.matches(expression, _INSTANT)
        date = self.day(expression)
        instant = self.instant(f"CASE WHEN {aware} THEN {expression} END")
        return f"CASE WHEN {plain} THEN {date} WHEN {aware} THEN {self.local_day(instant, zone)} END"

    def day(self, expression: str) -> str:
        """Return the ISO date with which a text begins, NULL where there is no such day."""
        return f"try_cast(substr({expression}, 1, 10) AS DATE)"

    def instant(self, expression: str) -> str:
        """Return an ISO instant, NULL where there is no such moment."""
        return f"try_cast({expression} AS TIMESTAMP WITH TIME ZONE)"

    def narrow(self, expression: str) -> str:
        """Return a text with its full-width signs made narrow."""
        return f"translate({expression}, {literal(FULL_WIDTH)}, {literal(HALF_WIDTH)})"

    def lower(self, expression: str) -> str:
        """Return a text in small letters."""
        return f"lower({expression})"

    def small(self, expression: str) -> str:
        """Return a text in small letters, the same ones in every engine.

        They differ on the Turkish capital that keeps its dot, and on the sigma at the end of a word.
        """
        dotted = f"replace({expression}, '\u0130', 'i\u0307')"
        return f"replace({self.lower(dotted)}, '\u03c2', '\u03c3')"

    def local_day(self, expression: str, zone: str) -> str:
        """Return the business date of an instant in a zone."""
        return f"cast(timezone({literal(zone)}, {expression}) AS DATE)"

    def normal(self, expression: str) -> str:
        """Return a text as :class:`TextKey` compares it."""
        narrow = self.small(self.narrow(expression))
        # Zeros first: once the punctuation is gone, 2026-001 cannot be told from 2026001.
        first, second = self.group.format(1), self.group.format(2)
        short = self.replace_all(narrow, "(^|[^0-9])0+([0-9])", first + second)
        return f"nullif({self.replace_all(short, PUNCTUATION, '')}, '')"

    def array(self, expressions: Sequence[str]) -> str:
        """Return texts as one value."""
        return f"ARRAY[{', '.join(expressions)}]"

    def element(self, array: str, place: int) -> str:
        """Return a text of an array, by its place from 1."""
        return f"{array}[{place}]"

    def words(self, expression: str) -> str:
        """Return the words of a text as rows, for the select list."""
        split = f"regexp_split_to_array({expression}, {literal('[^0-9A-Za-z_/.-]+')})"
        return f"unnest({split})"


class DuckDialect(Dialect):
    """DuckDB's words."""

    def text(self, expression: str) -> str:
        """Return a value as text, without blanks around it; an empty text is no value."""
        said = f"cast({expression} AS {self.text_type})"
        # Trimming knows of every script and is slow; most texts hold no blank at all.
        return (
            f"CASE WHEN contains({said}, ' ') OR {said} = '' THEN {super().text(expression)} ELSE {said} END"
        )


class PostgresDialect(Dialect):
    """PostgreSQL's words."""

    def matches(self, expression: str, pattern: str) -> str:
        """Tell whether a text matches a pattern."""
        return f"{expression} ~ {self.pattern(pattern)}"

    def amount(self, expression: str) -> str:
        """Return a text as an amount; NULL where it is none, or has more digits than there is room for."""
        fits = f"{self.matches(expression, _NUMBER)} AND {self.matches(expression, _FITS)}"
        return f"cast(CASE WHEN {fits} THEN {expression} END AS {AMOUNT})"

    def day(self, expression: str) -> str:
        """Return the ISO date with which a text begins, NULL where there is no such day."""
        # PostgreSQL 15 has no cast that gives NULL: the last day of the month is asked for first.
        year, month, day = (f"cast(substr({expression}, {part}) AS INT)" for part in ("1, 4", "6, 2", "9, 2"))
        last = f"extract(day FROM make_date({year}, {month}, 1) + interval '1 month - 1 day')"
        is_day = f"CASE WHEN {year} > 0 AND {month} BETWEEN 1 AND 12 THEN {day} BETWEEN 1 AND {last} END"
        return f"CASE WHEN {is_day} THEN make_date({year}, {month}, {day}) END"

    def instant(self, expression: str) -> str:
        """Return an ISO instant, NULL where there is no such moment."""
        is_time = f"CASE WHEN {self.matches(expression, _TIME)} THEN {self.day(expression)} END IS NOT NULL"
        return f"cast(CASE WHEN {is_time} THEN {expression} END AS TIMESTAMP WITH TIME ZONE)"

    def lower(self, expression: str) -> str:
        """Return a text in small letters of every script, whatever the database's own language is."""
        return f'lower({expression} COLLATE "und-x-icu")'


class SparkDialect(Dialect):
    """Spark's words."""

    def name_of(self, column: str) -> str:
        """Return an identifier."""
        return "`" + column.replace("`", "``") + "`"

    def pattern(self, pattern: str) -> str:
        """Return a regular expression as SQL, raw: a backslash is a backslash."""
        quote = "\\x27"
        return "r'" + pattern.replace("'", quote) + "'"

    def matches(self, expression: str, pattern: str) -> str:
        """Tell whether a text matches a pattern."""
        return f"{expression} RLIKE {self.pattern(pattern)}"

    def days_apart(self, one: str, other: str) -> str:
        """Return the distance of two dates in days."""
        return f"abs(datediff({one}, {other}))"

    @property
    def text_type(self) -> str:
        """Return the type of texts."""
        return "STRING"

    def local_day(self, expression: str, zone: str) -> str:
        """Return the business date of an instant in a zone."""
        return f"to_date(from_utc_timestamp({expression}, {literal(zone)}))"

    def instant(self, expression: str) -> str:
        """Return an ISO instant, NULL where there is no such moment."""
        return f"try_cast({expression} AS TIMESTAMP)"

    def narrow(self, expression: str) -> str:
        """Return a text with its full-width signs made narrow."""
        # A backslash begins an escape in Spark's literals; a lost one would shift all letters after it.
        before, after = HALF_WIDTH.replace("\\", "\\\\").split("'")
        return f"translate({expression}, '{FULL_WIDTH}', concat('{before}', char(39), '{after}'))"

    def array(self, expressions: Sequence[str]) -> str:
        """Return texts as one value."""
        return f"array({', '.join(expressions)})"

    def element(self, array: str, place: int) -> str:
        """Return a text of an array, by its place from 1."""
        return f"element_at({array}, {place})"

    def words(self, expression: str) -> str:
        """Return the words of a text as rows, for the select list."""
        return f"explode(split({expression}, '[^0-9A-Za-z_/.-]+'))"


DUCKDB = DuckDialect("duckdb", again="g", group="\\{}")
POSTGRES = PostgresDialect("postgresql", again="g", group="\\{}")
SPARK = SparkDialect("spark", again="", group="${}")
