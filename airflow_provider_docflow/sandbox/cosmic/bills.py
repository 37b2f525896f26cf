"""The bills: what a save takes and refuses, how they move on, and what a query shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import partial
from typing import Any

from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.store import Records

SCHEMA = """
CREATE TABLE IF NOT EXISTS cosmic_bill (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, entity TEXT NOT NULL, billno TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cosmic_bill_no ON cosmic_bill (entity, billno);
"""
PUBLISHED = ("sm/sm_salorder", "basedata/bd_supplier")
FIRST_ID = 2_190_000_000_000_000_000
LARGEST_PAGE = 1000
CHINA = timezone(timedelta(hours=8))
MOVES = {
    "submit": ("A", "B", "只有暂存或保存状态的单据才能提交"),
    "audit": ("B", "C", "只有已提交的单据才能审核"),
}
_CENT = Decimal("0.01")
_LISTS = ("id", "billno", "billstatus", "org_number", "customer_number", "supplier_number", "number")
_FROM = {"start_bizdate": "bizdate", "start_createtime": "createtime", "start_modifytime": "modifytime"}
_TO = {"end_bizdate": "bizdate", "end_createtime": "createtime", "end_modifytime": "modifytime"}
_FIGURES = frozenset(
    {"qty", "price", "taxrate", "amount", "taxamount", "totalamount", "totaltaxamount", "totalallamount"}
)
_OWN = ("billstatus", "createtime", "modifytime", "totalamount", "totaltaxamount", "totalallamount")


class CosmicError(Exception):
    """A refusal of a whole request."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Bills:
    """All bills of one data centre."""

    def __init__(self, parts: Parts) -> None:
        self._store, self._clock = parts.store, parts.clock
        self._records = Records(parts.store, "cosmic")
        parts.store.create(SCHEMA)

    def check_published(self, app: str, entity: str, operation: str) -> None:
        """Refuse what is not published.

        :raises CosmicError: 404.
        """
        published = self._store.setting("cosmic_published", list(PUBLISHED))
        if f"{app}/{entity}" not in published or not operation:
            raise CosmicError("404", "Cannot found OpenAPI(or disabled)")

    def query(self, entity: str, body: Mapping[str, Any], as_of: int | None) -> dict[str, Any]:
        """Return one page; parameters that it does not know are passed over in silence."""
        if body.get("pageSize") is None:
            raise CosmicError("400", "页大小pageSize不能为空。")
        size, number = int(body["pageSize"]), int(body.get("pageNo") or 1)
        if not 1 <= size <= LARGEST_PAGE:
            raise CosmicError("400", f"页大小pageSize不能超过{LARGEST_PAGE}。")
        asked = body["data"] if isinstance(body["data"], dict) else {}
        found = [row for row in self._candidates(entity, asked, as_of) if _fits(row, asked)]
        start = (number - 1) * size
        return {
            "rows": [_shown(row) for row in found[start : start + size]],
            "pageNo": number,
            "pageSize": size,
            "totalCount": len(found),
            "lastPage": len(found) <= start + size,
            "filter": "[1 = 1]",
        }

    def _candidates(self, entity: str, asked: Mapping[str, Any], as_of: int | None) -> list[dict[str, Any]]:
        column = next((name for name in ("id", "billno") if asked.get(name)), "")
        where, values = "", []
        if column:
            values = [str(one) for one in _listed(asked[column])]
            where = f" AND {column} IN ({', '.join('?' * len(values))})"
        sql = f"SELECT id FROM cosmic_bill WHERE entity = ?{where} ORDER BY seq"
        rows = (self._records.get(row["id"], as_of) for row in self._store.all(sql, (entity, *values)))
        return [row for row in rows if row is not None]

    def save(self, entity: str, data: Any) -> dict[str, Any]:
        """Save each bill by itself; those that were refused come first in the reply."""
        given = data if isinstance(data, list) else [data]
        entries = []
        for index, bill in enumerate(given):
            entries.append(self._attempt(index, entity, partial(self._save_one, entity, bill)))
        return _counted(entries)

    def _attempt(
        self, index: int, entity: str, do: Callable[[], tuple[dict[str, Any], str]]
    ) -> dict[str, Any]:
        try:
            row, kind = do()
        except CosmicError as error:
            told = [{"entityKey": entity.partition("/")[2], "keys": {}, "rowMsg": [error.message]}]
            return _entry(index, False, errors=told)
        return _entry(index, True, id=row["id"], number=row.get("billno", ""), type=kind)

    def _save_one(self, entity: str, bill: Any) -> tuple[dict[str, Any], str]:
        if not isinstance(bill, dict):
            raise CosmicError("603", "单据数据不是对象")
        row = {name: value for name, value in bill.items() if name not in _OWN}
        self._check(entity, row)
        if bill.get("id"):
            return self._change(self._one(entity, str(bill["id"])), row), "Update"
        seq = (self._store.value("SELECT max(seq) FROM cosmic_bill") or 0) + 1
        if not row.get("billno") or self._store.setting("cosmic_renumber"):
            row["billno"] = f"SO-{seq:08d}"
        row |= {"id": str(FIRST_ID + seq), "billstatus": "A", "createtime": self._now()}
        self._store.execute(
            "INSERT INTO cosmic_bill VALUES (?, ?, ?, ?)", (seq, row["id"], entity, row["billno"])
        )
        return self._keep(row), "Add"

    def _check(self, entity: str, row: dict[str, Any]) -> None:
        if entity != PUBLISHED[0]:
            return
        orgs = self._store.setting("cosmic_orgs")
        if not row.get("org_number") or (orgs is not None and row["org_number"] not in orgs):
            raise CosmicError("603", f"“销售组织”不存在：{row.get('org_number')}")
        if not row.get("customer_number"):
            raise CosmicError("603", "请填写“订货客户”")
        lines = row.get("billentry")
        if not isinstance(lines, list) or not lines:
            raise CosmicError("603", "请填写“物料明细”")
        row["billentry"] = [_line(line) for line in lines]
        for total, part in (("totalamount", "amount"), ("totaltaxamount", "taxamount")):
            row[total] = sum((line[part] for line in row["billentry"]), Decimal(0))
        row["totalallamount"] = row["totalamount"] + row["totaltaxamount"]
        row.setdefault("customer_name", f"客户 {row['customer_number']}")

    def _change(self, row: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        if row["billstatus"] != "A":
            raise CosmicError("603", "只有保存状态的单据才能修改")
        return self._keep({**row, **given})

    def act(self, entity: str, operation: str, data: Any) -> dict[str, Any]:
        """Move bills on, each by itself; both shapes of the body are taken."""
        ids = data.get("id") if isinstance(data, dict) else [row.get("id") for row in data]
        if not ids:
            raise CosmicError("603", "参数【id】必填")
        before, after, why = MOVES[operation]

        def move(internal: str) -> tuple[dict[str, Any], str]:
            row = self._one(entity, internal)
            if row["billstatus"] != before:
                raise CosmicError("603", why)
            return self._keep({**row, "billstatus": after}), operation

        listed = enumerate(_listed(ids))
        return _counted([self._attempt(at, entity, partial(move, str(one))) for at, one in listed])

    def _one(self, entity: str, internal: str) -> dict[str, Any]:
        row = self._records.get(internal)
        if row is None:
            raise CosmicError("603", f"单据不存在：{internal}")
        return row

    def _keep(self, row: dict[str, Any]) -> dict[str, Any]:
        row = {**row, "modifytime": self._now()}
        self._records.put(row["id"], row, self._clock.now())
        return row

    def _now(self) -> str:
        return f"{datetime.fromtimestamp(self._clock.now() / 1000, CHINA):%Y-%m-%d %H:%M:%S}"

    def all(self, entity: str) -> list[dict[str, Any]]:
        """Return every bill of an object."""
        return self._candidates(entity, {}, None)

    def overwrite(self, internal: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change anything of a bill, its status too."""
        return self._keep({**self._one("", internal), **body})


def _line(line: Any) -> dict[str, Any]:
    if not isinstance(line, dict) or not line.get("material_number"):
        raise CosmicError("603", "请填写“物料编码”")
    try:
        quantity, price = Decimal(str(line.get("qty"))), Decimal(str(line.get("price", 0)))
        rate = Decimal(str(line.get("taxrate") or 0))
    except InvalidOperation:
        raise CosmicError("603", "“数量”或“单价”不是数字") from None
    if quantity <= 0:
        raise CosmicError("603", "“数量”必须大于0")
    amount = (quantity * price).quantize(_CENT, ROUND_HALF_UP)
    return {**line, "amount": amount, "taxamount": (amount * rate / 100).quantize(_CENT, ROUND_HALF_UP)}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures as numbers; the store keeps them as text."""
    shown = {name: Decimal(str(value)) if name in _FIGURES else value for name, value in row.items()}
    if "billentry" in row:
        shown["billentry"] = [_shown(line) for line in row["billentry"]]
    return shown


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fits(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    for name, value in asked.items():
        if name in _LISTS and str(row.get(name)) not in {str(one) for one in _listed(value)}:
            return False
        if name in _FROM and str(row.get(_FROM[name], "")) < str(value):
            return False
        if name in _TO and str(row.get(_TO[name], "")) > str(value):
            return False
    return True


def _entry(index: int, good: bool, **more: Any) -> dict[str, Any]:
    entry = {"billIndex": index, "billStatus": good, "errors": [], "id": "", "number": "", "keys": {}}
    return {**entry, "type": "", **more}


def _counted(entries: list[dict[str, Any]]) -> dict[str, Any]:
    good = sum(entry["billStatus"] for entry in entries)
    ordered = sorted(entries, key=lambda entry: bool(entry["billStatus"]))
    return {"failCount": len(entries) - good, "successCount": good, "result": ordered}
