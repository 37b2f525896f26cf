"""Every source gives the plan the same documents, exactly, and a source that breaks off gives none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import Workbook

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.comparisons import days, within
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.items import items
from airflow_provider_docflow.reconcile.plan.run import compute
from airflow_provider_docflow.reconcile.rules import Key
from airflow_provider_docflow.reconcile.sources import FileSource, FrameSource, Source, SqlSource
from airflow_provider_docflow.reconcile.sources.base import Reading, as_text
from tests.reconcile.cases import plan

COLUMNS = ("id", "amount", "currency", "day")
DOCUMENTS: tuple[tuple[str, Decimal | None, str, date], ...] = (
    ("00123", Decimal("123456789012345678.91"), "CNY", date(2026, 11, 2)),
    ("采购-1", Decimal("0.30"), "USD", date(2026, 11, 3)),
    ('é\'s "x"', None, "EUR", date(2026, 11, 4)),
)
PLAN = plan(Key("id"), show=("day",))


@pytest.fixture
def engine() -> Iterator[DuckEngine]:
    made = DuckEngine(threads=1)
    yield made
    made.close()


def texts() -> list[list[str]]:
    return [[as_text(value) or "" for value in row] for row in DOCUMENTS]


def csv(folder: Path) -> Source:
    path = folder / "documents.csv"
    quote = chr(34)
    lines = [",".join(COLUMNS)] + [
        ",".join(quote + cell.replace(quote, quote * 2) + quote if cell else "" for cell in row)
        for row in texts()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return FileSource(path=str(path))


def parquet(folder: Path) -> Source:
    path = folder / "documents.parquet"
    made = DuckEngine()
    made.load("d", COLUMNS, [[[cell or None for cell in row] for row in texts()]])
    made.connection.execute(
        "COPY (SELECT id, cast(amount AS DECIMAL(38, 2)) AS amount, currency, cast(day AS DATE) AS day"
        " FROM d)"
        f" TO '{path}' (FORMAT parquet)"
    )
    made.close()
    return FileSource(path=path.as_uri())


def workbook(folder: Path) -> Source:
    path = folder / "documents.xlsx"
    book = Workbook()
    book.create_sheet("other")
    sheet = book.create_sheet("documents")
    sheet.append(COLUMNS)
    for identity, amount, currency, day in DOCUMENTS:
        # Excel itself keeps 15 digits; what has more stands there as text.
        sheet.append([identity, None if amount is None else str(amount), currency, day])
    book.save(path)
    return FileSource(path=str(path), sheet="documents")


def query(folder: Path) -> Source:
    path = folder / "documents.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE d (id TEXT, amount TEXT, currency TEXT, day TEXT)")
        rows = [[cell or None for cell in row] for row in texts()]
        connection.executemany("INSERT INTO d VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return SqlSource(
        conn_id=f"sqlite:///{path}", sql="SELECT * FROM d WHERE day >= :day", parameters={"day": "2026-11-01"}
    )


def frame(folder: Path) -> Source:
    return FrameSource(frame=pd.DataFrame(DOCUMENTS, columns=COLUMNS))


SOURCES = (csv, parquet, workbook, query, frame)


@pytest.mark.parametrize("other", SOURCES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("one", SOURCES, ids=lambda make: make.__name__)
def test_two_sources_of_the_same_documents_agree(
    engine: DuckEngine, tmp_path: Path, one: Any, other: Any
) -> None:
    sources = {}
    for key, make in (("l", one), ("r", other)):
        folder = tmp_path / key
        folder.mkdir()
        sources[key] = make(folder)
        sources[key].load(engine, f"raw_{key}", Reading(COLUMNS))
    computed = compute(engine, PLAN, {key: source.side() for key, source in sources.items()})
    assert {key: counted.rows for key, counted in computed.counted.items()} == {"l": 3, "r": 3}
    assert list(items(computed.ground)) == []


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"amount": "1,234.50"}, "amount", "'1,234.50'"),
        ({"amount": "12.12345678901"}, "amount", "ten decimals"),
        ({"amount": "NaN"}, "amount", "'NaN'"),
        ({"day": "02.11.2026"}, "day", "'02.11.2026'"),
    ],
)
def test_what_cannot_be_read_names_source_row_and_field(
    engine: DuckEngine, changed: dict[str, str], field: str, told: str
) -> None:
    good = {"id": "A", "amount": "1.00", "currency": "CNY", "day": "2026-11-02"}
    rows = [good, {**good, "id": "B", **changed}]
    for key in ("l", "r"):
        source = FrameSource(name="ERP", frame=pd.DataFrame(rows if key == "l" else [good]))
        source.load(engine, f"raw_{key}", Reading(COLUMNS))
    dated = plan(Key("id", "day", within={"day": days(1)}), identity=("id",))
    with pytest.raises(exc.InvalidDocument) as refused:
        compute(engine, dated, {"l": source.side(), "r": source.side()})
    assert refused.value.field == field
    assert "ERP, row 2" in str(refused.value)
    assert told in str(refused.value)


def test_a_missing_column_is_named_with_those_that_are_there(engine: DuckEngine) -> None:
    source = FrameSource(name="ERP", frame=pd.DataFrame([{"number": "A", "amount": "1", "currency": "CNY"}]))
    for key in ("l", "r"):
        source.load(engine, f"raw_{key}", Reading(COLUMNS))
    with pytest.raises(exc.InvalidDocument, match=r"ERP has no column id.*amount, currency, number"):
        compute(engine, plan(Key("id")), {"l": source.side(), "r": source.side()})
    renamed = FrameSource(frame=source.frame, columns={"id": "number"})
    assert compute(engine, plan(Key("id")), {"l": renamed.side(), "r": renamed.side()}).counted["l"].rows == 1


def test_an_empty_side_is_refused_unless_it_may_be(engine: DuckEngine) -> None:
    empty = FrameSource(name="ERP", frame=pd.DataFrame({name: [] for name in COLUMNS}))
    full = FrameSource(name="OA", frame=pd.DataFrame(DOCUMENTS, columns=COLUMNS))
    full.load(engine, "raw_l", Reading(COLUMNS))
    empty.load(engine, "raw_r", Reading(COLUMNS))
    with pytest.raises(exc.InvalidDocument, match="ERP has no documents at all"):
        compute(engine, PLAN, {"l": full.side(), "r": empty.side()})
    empty.may_be_empty = True
    assert len(list(items(compute(engine, PLAN, {"l": full.side(), "r": empty.side()}).ground))) == 3


def read(engine: DuckEngine, source: Source) -> list[dict[str, Any]]:
    """Return the documents of a source, as the plan reads them."""
    layout = PLAN.layout()
    source.load(engine, "raw_l", Reading(layout.read))
    engine.make("raw_r", "SELECT * FROM raw_l WHERE 1 = 0")
    other = replace(source.side(), may_be_empty=True)
    computed = compute(engine, PLAN, {"l": source.side(), "r": other})
    return [dict(one.left[0]) for one in items(computed.ground)]


def text_file(folder: Path, text: str, encoding: str = "utf-8", **more: Any) -> FileSource:
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    return FileSource(path=str(path), **more)


@pytest.mark.parametrize("make", [csv, parquet, workbook], ids=lambda make: make.__name__)
def test_a_file_of_an_object_storage_is_read(engine: DuckEngine, tmp_path: Path, make: Any) -> None:
    here = make(tmp_path)
    there = replace(here, path=f"local://{here.path.removeprefix('file://')}")
    assert read(engine, there) == read(engine, here) != []


A = {"id": "A", "amount": Decimal(10), "currency": "CNY", "day": None}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("id,amount,currency,day\nA,10,CNY,\n", {}),
        ("id;amount;currency;day\nA;10;CNY;\n", {}),
        ("id\tamount\tcurrency\tday\r\nA\t10\tCNY\t\r\n", {}),
        ('\ufeff"id","amount","currency","day"\n"A","10","CNY",\n\n', {}),
        ("id,amount,currency,day,备注,rid,ID,x,x,\nA,10,CNY,,采购,7,B,1,2,3\n", {"encoding": "gbk"}),
        ("id,amount,currency,day,备注\nA,10,CNY,,采购\n", {"encoding": "utf-16"}),
    ],
)
def test_a_csv_is_read_as_it_is_written(
    engine: DuckEngine, tmp_path: Path, text: str, more: dict[str, str]
) -> None:
    path = text_file(tmp_path, text, more.get("encoding", "utf-8")).path
    assert read(engine, FileSource(path=path, **more)) == [A]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,amount,currency,day\nA,10,CNY,\nB,1", "Line: 3"),
        ("id,amount,currency,day\nA,10\nB,11,CNY,\n", "Line: 2"),
        ('id,amount,currency,day\nA,10,CNY,\n"B,1,CNY,\nC,1,CNY,\n', "Line: 3"),
        ("orders of today\nid,amount,currency,day\nA,10,CNY,\n", "Line: 2"),
        ("id,amount,amount,currency,day\nA,10,11,CNY,\n", "two columns"),
        ("", "has no column"),
    ],
)
def test_half_a_file_gives_nothing(engine: DuckEngine, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(exc.InvalidDocument, match=words) as raised:
        read(engine, text_file(tmp_path, text))
    assert "B,1" not in str(raised.value), "what stands in it is not for the log"


def test_a_csv_of_another_encoding_is_refused(engine: DuckEngine, tmp_path: Path) -> None:
    with pytest.raises(exc.InvalidDocument, match="encoding"):
        read(engine, text_file(tmp_path, "id,amount,currency,day,备注\nA,10,CNY,,采购\n", "gbk"))
    with pytest.raises(exc.Misconfigured, match="encoding"):
        read(engine, FileSource(path=str(tmp_path / "a.csv"), encoding="klingon"))


def test_a_workbook_is_read_by_its_headings(engine: DuckEngine, tmp_path: Path) -> None:
    def sheet(*rows: Any) -> FileSource:
        book = Workbook()
        assert book.active is not None
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / "a.xlsx")
        return FileSource(path=str(tmp_path / "a.xlsx"))

    head = ["id", None, "amount", "currency", "rid", "note", "note", "day"]
    assert read(engine, sheet(head, ["A", "99", 10, "CNY", 5, "x", "y", None])) == [A]
    with pytest.raises(exc.InvalidDocument, match="two columns"):
        read(engine, sheet(["id", "amount", "amount", "currency", "day"], ["A", 10, 11, "CNY", None]))
    with pytest.raises(exc.InvalidDocument, match=r"row 1: '1\.23456789012345"):
        read(engine, sheet(["id", "amount", "currency", "day"], ["A", 123456789012345678.91, "CNY", None]))


def test_a_column_called_as_the_engine_calls_its_own(engine: DuckEngine, tmp_path: Path) -> None:
    names = ("rid", *A)
    frame = pd.DataFrame([(7, *A.values()), (7, "B", *list(A.values())[1:])], columns=names)
    engine.load("d", names, [[["7", "A", "10", "CNY", None], ["7", "B", "10", "CNY", None]]])
    engine.connection.execute(f"COPY d TO '{tmp_path}/a.parquet' (FORMAT parquet)")
    assert len(read(engine, FileSource(path=f"{tmp_path}/a.parquet"))) == 2
    engine.connection.execute("DROP VIEW raw_l")
    assert len(read(engine, FrameSource(frame=frame))) == 2


def test_a_query_that_breaks_off_gives_nothing(engine: DuckEngine, tmp_path: Path) -> None:
    source = query(tmp_path)
    assert isinstance(source, SqlSource)
    source.sql = "SELECT id, amount FROM nowhere"
    with pytest.raises(exc.DocflowError, match="nowhere"):
        source.load(engine, "raw_l", Reading(COLUMNS))
    source.sql, source.parameters = "SELECT * FROM d WHERE day >= :other", {}
    with pytest.raises(exc.Misconfigured, match="other"):
        source.load(engine, "raw_l", Reading(COLUMNS))


def test_a_file_that_is_not_there_or_none(engine: DuckEngine, tmp_path: Path) -> None:
    with pytest.raises(exc.NotFound, match=r"gone\.csv"):
        FileSource(path=str(tmp_path / "gone.csv")).load(engine, "raw_l", Reading(COLUMNS))
    with pytest.raises(exc.Misconfigured, match="is none of"):
        FileSource(path=str(tmp_path / "x.docx")).load(engine, "raw_l", Reading(COLUMNS))
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(exc.InvalidDocument, match="cannot be read"):
        FileSource(path=str(tmp_path / "bad.parquet")).load(engine, "raw_l", Reading(COLUMNS))


@pytest.mark.parametrize(
    ("given", "zone", "day"),
    [
        ("2026-11-22", "UTC", date(2026, 11, 22)),
        ("2026-11-22T00:00:00+00:00", "UTC", date(2026, 11, 21)),
        ("2026-11-21T16:00:00+00:00", "Asia/Shanghai", date(2026, 11, 21)),
        ("2026-11-21T16:00:01+00:00", "Asia/Shanghai", date(2026, 11, 22)),
        (date(2026, 11, 22), "UTC", date(2026, 11, 22)),
        ("", "UTC", None),
    ],
)
def test_the_cut_off_is_a_day_of_the_side(given: Any, zone: str, day: date | None) -> None:
    assert FrameSource(frame=pd.DataFrame(), cut_off=given, zone=zone).last_day() == day


@pytest.mark.parametrize("given", ["yesterday", "2026-11-22T00:00:00"])
def test_a_cut_off_that_says_nothing_is_refused(given: str) -> None:
    with pytest.raises(exc.Misconfigured, match="no cut-off"):
        FrameSource(frame=pd.DataFrame(), cut_off=given).side()


def test_documents_after_the_cut_off_are_counted_and_left_out(engine: DuckEngine) -> None:
    for key, last in (("l", "2026-11-03"), ("r", "2026-11-02")):
        source = FrameSource(frame=pd.DataFrame(DOCUMENTS, columns=COLUMNS), cut_off=last, date="day")
        source.load(engine, f"raw_{key}", Reading(COLUMNS))
    left = FrameSource(frame=source.frame, cut_off="2026-11-03", date="day").side()
    dated = plan(Key("id"), Key("currency", "day", within=days(0)))
    computed = compute(engine, dated, {"l": left, "r": source.side()})
    assert {key: (one.rows, one.after_cut_off) for key, one in computed.counted.items()} == {
        "l": (2, 1),
        "r": (1, 2),
    }


def test_an_instant_becomes_the_day_of_the_sides_zone(engine: DuckEngine) -> None:
    good = {"id": "A", "amount": "1", "currency": "CNY"}
    oa = FrameSource(frame=pd.DataFrame([{**good, "day": "2026-11-01T17:00:00Z"}]), zone="Asia/Shanghai")
    erp = FrameSource(frame=pd.DataFrame([{**good, "day": "2026-11-02"}]))
    oa.load(engine, "raw_l", Reading(COLUMNS))
    erp.load(engine, "raw_r", Reading(COLUMNS))
    dated = plan(Key("id"), compare={"day": within(days(0))})
    assert list(items(compute(engine, dated, {"l": oa.side(), "r": erp.side()}).ground)) == []


def test_sources_serialise_alike_in_every_process() -> None:
    source = SqlSource(conn_id="finance", sql="SELECT 1", cut_off="{{ data_interval_end }}")
    assert str(source) == str(SqlSource(conn_id="finance", sql="SELECT 1", cut_off="{{ data_interval_end }}"))
    assert "0x" not in str(source)
    assert json.dumps(str(source))
