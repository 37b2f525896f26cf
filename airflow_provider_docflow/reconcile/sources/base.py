"""What every source says of its side, and the one way in which its rows come in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sides import Side

POPULATIONS = ("all", "period", "open or changed")
PART = 10_000
#: The engine's number of a row.
OWN = "rid"
FLOAT_DIGITS = 15


@dataclass(frozen=True)
class Reading:
    """What a source is asked for.

    :param fields: columns that the plan needs.
    :param since: when the last run read it; None where there was none.
    :param progress: told how many rows have been read.
    :param ledger_conn_id: connection of the ledger.
    :param source: what people call the source.
    """

    fields: Sequence[str]
    since: datetime | None = None
    progress: Callable[[int], None] = lambda rows: None
    ledger_conn_id: str = "docflow_ledger"
    source: str = ""


@dataclass(kw_only=True)
class Source:
    """One side of a reconciliation.

    :param name: what people call it; made of where it comes from when empty.
    :param population: which documents it holds: ``all``, those of a ``period``, or ``open or changed``:
        changed since the last run, while what was open then is carried forward.
    :param cut_off: documents later than this do not belong to it: an ISO date, included, or an ISO instant,
        whose day counts up to that moment in ``zone``. Empty for none.
    :param date: field of the business date that the cut-off looks at.
    :param columns: field to column of the source, where they are not called the same.
    :param zone: time zone in which instants become business dates.
    :param may_be_empty: without it a side without documents is refused.
    """

    name: str = ""
    population: str = "all"
    cut_off: str | dt.date = ""
    date: str = "issue_date"
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    may_be_empty: bool = False

    template_fields: ClassVar[Sequence[str]] = ("name", "cut_off")

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the source, whole or not at all.

        :raises DocflowError: the source cannot be read to its end.
        """
        raise NotImplementedError

    def title(self) -> str:
        """Return what people call it."""
        return self.name or type(self).__name__

    def dataset(self) -> tuple[str, str]:
        """Return namespace and name by which lineage knows it."""
        return "docflow", self.title()

    def side(self) -> Side:
        """Return what the plan has to know of it.

        :raises Misconfigured: the population, the cut-off or the zone is none.
        """
        if self.population not in POPULATIONS:
            raise exc.Misconfigured(
                f"{self.title()}: {self.population!r} is no population.",
                field="population",
                remedy=f"One of {', '.join(POPULATIONS)}.",
            )
        return Side(
            name=self.title(),
            columns=dict(self.columns),
            population=self.population,
            cut_off=self.last_day(),
            first_day=self.first_day(),
            date=self.date,
            zone=self.zone,
            may_be_empty=self.may_be_empty or self.population == "open or changed",
        )

    def first_day(self) -> dt.date | None:
        """Return the first day of which the side tells all; None where nobody knows."""
        return None

    def last_day(self) -> dt.date | None:
        """Return the last business day that belongs to the side."""
        if not self.cut_off:
            return None
        try:
            zone = ZoneInfo(self.zone)
            return _last_day(self.cut_off, zone)
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise exc.Misconfigured(
                f"{self.title()}: {self.cut_off!r} in {self.zone!r} is no cut-off: {error}.",
                field="cut_off",
                remedy="Give an ISO date or an ISO instant with its offset, and a zone: Asia/Shanghai.",
            ) from error


def _last_day(given: str | dt.date, zone: ZoneInfo) -> dt.date:
    if isinstance(given, str):
        text = given.strip()
        given = dt.date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    if not isinstance(given, datetime):
        return given
    if given.tzinfo is None:
        raise ValueError("an instant without an offset says nothing")
    # An interval's end does not belong to it: midnight is the end of the day before.
    return (given.astimezone(UTC) - timedelta(microseconds=1)).astimezone(zone).date()


def parts(rows: Iterable[Sequence[Any]], size: int = PART) -> Iterator[list[Sequence[Any]]]:
    """Yield rows in parts."""
    some: list[Sequence[Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def as_text(value: Any) -> str | None:
    """Return a value as the text that is read back exactly; None stays None.

    A binary fraction becomes the shortest text that names it, as people wrote it.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else None
    if isinstance(value, float):
        return None if value != value else _float_text(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _float_text(value: float) -> str:
    plain = Decimal(repr(value))
    # Beyond fifteen digits it is not what somebody wrote: told in a way in which it is refused as an amount.
    exact = len(plain.normalize().as_tuple().digits) <= FLOAT_DIGITS or not plain.is_finite()
    return format(plain, "f") if exact else format(value, ".16e")


def load_rows(
    engine: Engine, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], reading: Reading
) -> None:
    """Keep rows as texts; the plan reads them as what they are."""

    def texts() -> Iterator[list[tuple[str | None, ...]]]:
        read = 0
        for part in parts(rows):
            read += len(part)
            yield [tuple(as_text(row[at]) for at in kept) for row in part]
            reading.progress(read)

    kept = chosen(columns, reading)
    engine.load(table, [columns[at] for at in kept], texts())


def chosen(columns: Sequence[str], reading: Reading) -> list[int]:
    """Return which columns are kept: no two of one name, whatever its case, and none that the engine numbers.

    :raises InvalidDocument: a column that is needed comes up twice, or is called as the engine's own.
    """
    for name in reading.fields:
        if columns.count(name) > 1 or name.casefold() == OWN:
            raise exc.InvalidDocument(
                f"{reading.source}: two columns are called {name}.",
                system=reading.source,
                field=name,
                remedy=f"Give each a name of its own, and none {OWN}.",
            )
    kept = {name.casefold(): at for at, name in reversed(list(enumerate(columns)))}
    kept |= {name.casefold(): columns.index(name) for name in reading.fields if name in columns}
    kept.pop(OWN, None)
    return sorted(kept.values())
