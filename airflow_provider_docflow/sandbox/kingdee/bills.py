"""The documents: how they are saved, numbered, added up and moved from state to state."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.kingdee.forms import FORMS, FormSpec
from airflow_provider_docflow.sandbox.kingdee.wire import Refused
from airflow_provider_docflow.sandbox.store import Records, Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kingdee_bill (
    fid INTEGER PRIMARY KEY, form TEXT NOT NULL, number TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS kingdee_bill_number ON kingdee_bill (form, number) WHERE number <> '';
"""
_FIRST_FID, _ENTRY_STEP = 100_001, 1000
_CHINA = timedelta(hours=8)
_OPEN = ("A", "D", "Z")
_CENT = Decimal("0.01")
PRICE_DECIMALS = 6
Bill = dict[str, Any]


class Bills:
    """All documents of the data centre.

    A document is ``fid``, ``form``, ``number``, ``status``, ``head`` and ``entries`` by the keys of its
    form, each reference as its number.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._records = Records(store, "kingdee")
        store.create(_SCHEMA)

    def now(self) -> str:
        """Return the server's clock, which is China's, as it is shown."""
        at = datetime.fromtimestamp(self._clock.now() / 1000, UTC) + _CHINA
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}"

    def spec(self, form_id: str) -> FormSpec:
        """Return a form.

        :raises Refused: there is none of that name.
        """
        if not form_id:
            raise Refused(5, "表单Id不能为空")
        if form_id not in FORMS:
            raise Refused(4, f"业务对象不存在：{form_id}")
        return FORMS[form_id]

    def tenant_keys(self, form_id: str) -> dict[str, str]:
        """Return the text fields that the tenant added, of head and entries."""
        found: dict[str, str] = self._store.setting("kingdee_fields", {}).get(form_id, {})
        return found

    def get(self, fid: Any, as_of: int | None = None) -> Bill | None:
        """Return a document; None where there is none, or none any more."""
        found = self._records.get(str(fid), as_of)
        return None if found is None or found.get("deleted") else found

    def all(self, form_id: str, as_of: int | None = None) -> list[Bill]:
        """Return the documents of a form."""
        found = [bill for bill in self._records.all(as_of) if bill["form"] == form_id]
        return [bill for bill in found if not bill.get("deleted")]

    def named(self, form_id: str, data: dict[str, Any]) -> list[Bill]:
        """Return the documents that a call names by ``Ids`` or ``Numbers``.

        :raises Refused: none is named, ``Ids`` is no comma string, or one does not exist.
        """
        ids, numbers = data.get("Ids") or "", data.get("Numbers") or []
        if not isinstance(ids, str):
            raise Refused(8, "参数Ids的类型不正确，应为字符串")
        wanted = [one.strip() for one in ids.split(",") if one.strip()]
        if not wanted and not numbers:
            raise Refused(8, "Ids和Numbers不能同时为空")
        found = [self.get(one) for one in wanted] or [self.by_number(form_id, str(one)) for one in numbers]
        for bill in found:
            if bill is None or bill["form"] != form_id:
                raise Refused(10, "数据不存在")
        return [bill for bill in found if bill is not None]

    def by_number(self, form_id: str, number: str, as_of: int | None = None) -> Bill | None:
        """Return the document of a number."""
        sql = "SELECT fid FROM kingdee_bill WHERE form = ? AND number = ?"
        fid = self._store.value(sql, (form_id, number))
        return None if fid is None else self.get(fid, as_of)

    def save(
        self, form_id: str, data: dict[str, Any], model: dict[str, Any], user: str, *, kept: bool
    ) -> Bill:
        """Save a model, or keep it as a draft (``kept``), which has no number and is not checked.

        :raises Refused: a field is missing, a number is taken, or the document is in approval.
        """
        spec = self.spec(form_id)
        fid = int(model.get("FID") or 0)
        old = self.get(fid) if fid else None
        if fid and old is None:
            raise Refused(10, "数据不存在", "FID")
        if old is not None and old["status"] not in _OPEN:
            raise Refused(12, "单据已提交或已审核，不允许修改", "FDocumentStatus")
        bill = old or self._new(spec, model, user, kept=kept)
        model = self._looked_up(spec, model, data)
        self._take(spec, bill, model, delete=data.get("IsDeleteEntry", True))
        if not kept:
            self._check(spec, bill)
            bill["status"] = "A" if bill["status"] == "Z" else bill["status"]
        self._add_up(spec, bill)
        return self.put(bill)

    def _looked_up(self, spec: FormSpec, model: Any, data: dict[str, Any]) -> Any:
        """Empty references that nobody knows, and round prices, unless the call wants a refusal."""
        unknown = set(self._store.setting("kingdee_unknown", []))

        def walk(value: Any, key: str) -> Any:
            if isinstance(value, list):
                return [walk(one, key) for one in value]
            if isinstance(value, dict) and (number := _member(value, "FNumber")) is not None:
                if number not in unknown:
                    return value
                if data.get("IsVerifyBaseDataField"):
                    raise Refused(9, f"字段{key}的基础资料{number}不存在", key)
                return {"FNumber": ""}
            if isinstance(value, dict):
                return {name: walk(one, name) for name, one in value.items()}
            return _precise(key, value, refuse=bool(data.get("IsControlPrecision")))

        return walk(model, spec.form_id)

    def _new(self, spec: FormSpec, model: dict[str, Any], user: str, *, kept: bool) -> Bill:
        fid = (self._store.value("SELECT max(fid) FROM kingdee_bill") or _FIRST_FID - 1) + 1
        given = "" if kept else str(model.get("FBillNo") or "").strip()
        own = given and self._store.setting("kingdee_numbering", "manual") == "manual"
        number = given if own else "" if kept else f"{spec.form_id[:3]}{fid:08d}"
        try:
            self._store.execute("INSERT INTO kingdee_bill VALUES (?, ?, ?)", (fid, spec.form_id, number))
        except sqlite3.IntegrityError:
            raise Refused(
                11, f"违反字段唯一性要求：编码唯一。[{number}]在当前系统中已经被使用。", "FBillNo"
            ) from None
        made = {"created": self.now(), "creator": user, "approved": None, "approver": "", "cancel": "A"}
        ends = {"close": "A", "terminate": "A", "head": {}, "entries": [], "joined": {}}
        return {
            "fid": fid,
            "form": spec.form_id,
            "number": number,
            "status": "Z" if kept else "A",
            **made,
            **ends,
        }

    def _take(self, spec: FormSpec, bill: Bill, model: dict[str, Any], *, delete: bool) -> None:
        tenant = self.tenant_keys(spec.form_id)
        bill["head"].update(_values({**spec.head, **tenant}, model))
        for part, keys in spec.parts.items():
            bill["head"].update(_values(keys, _member(model, part) or {}))
        given = _member(model, spec.entry)
        if given is None:
            return
        old = {entry["id"]: entry for entry in bill["entries"]}
        kept: list[dict[str, Any]] = []
        for row in given:
            entry_id = int(_member(row, spec.entry_id) or 0)
            if entry_id and entry_id not in old:
                raise Refused(10, f"分录内码{entry_id}不存在", spec.entry)
            entry = old.pop(entry_id, None) or {"id": self._entry_id(bill, kept)}
            kept.append({**entry, **_values({**spec.lines, **tenant}, row)})
        left = [] if delete else list(old.values())
        bill["entries"] = sorted([*left, *kept], key=lambda entry: int(entry["id"]))

    def _entry_id(self, bill: Bill, kept: list[dict[str, Any]]) -> int:
        used = [entry["id"] for entry in (*bill["entries"], *kept)]
        return int(max(used, default=bill["fid"] * _ENTRY_STEP) + 1)

    def _check(self, spec: FormSpec, bill: Bill) -> None:
        for key in spec.needs:
            if bill["head"].get(key) in (None, ""):
                raise Refused(11, f"{spec.title}的字段{key}是必填项", key)
        if not bill["entries"]:
            raise Refused(11, "单据体至少要有一行", spec.entry)
        for entry in bill["entries"]:
            for key in spec.entry_needs:
                if entry.get(key) in (None, ""):
                    raise Refused(11, f"单据体的字段{key}是必填项", key)
        disabled = set(self._store.setting("kingdee_disabled", []))
        for source in (bill["head"], *bill["entries"]):
            for key, value in source.items():
                if value in disabled:
                    raise Refused(11, f"字段{key}的基础资料{value}不存在或已被禁用", key)

    def _add_up(self, spec: FormSpec, bill: Bill) -> None:
        total = Decimal(0)
        for entry in bill["entries"]:
            if spec.quantity and spec.amount:
                quantity = Decimal(str(entry.get(spec.quantity) or 0))
                net = quantity * Decimal(str(entry.get(spec.price) or 0))
                rate = Decimal(str(entry.get("FEntryTaxRate") or 0))
                net = net.quantize(_CENT, ROUND_HALF_UP)
                entry[spec.amount] = str(net + (net * rate / 100).quantize(_CENT, ROUND_HALF_UP))
            total += Decimal(str(entry.get(spec.amount) or 0)) if spec.amount else 0
        if spec.total:
            bill["head"][spec.total] = str(total)

    def put(self, bill: Bill, *, touch: bool = True) -> Bill:
        """Keep a document; ``touch`` moves its time of change."""
        if touch or not bill.get("modified"):
            bill["modified"] = self.now()
        self._records.put(str(bill["fid"]), bill, self._clock.now())
        return bill

    def delete(self, bill: Bill) -> None:
        """Delete a document that never left its author.

        :raises Refused: it did.
        """
        if bill["status"] not in _OPEN:
            raise Refused(12, "单据已提交或已审核，不允许删除", "FDocumentStatus")
        self._store.execute("DELETE FROM kingdee_bill WHERE fid = ?", (bill["fid"],))
        self.put({**bill, "deleted": True})


def _member(model: dict[str, Any], key: str) -> Any:
    """Return a member by its name; Kingdee does not look at capitals."""
    return next((value for name, value in model.items() if name.lower() == key.lower()), None)


def _values(keys: dict[str, str], model: dict[str, Any]) -> dict[str, Any]:
    """Return what a model says in these keys; what it does not know, Kingdee passes over in silence."""
    found: dict[str, Any] = {}
    for key, sort in keys.items():
        value = _member(model, key)
        if value is None:
            continue
        if sort == "ref":
            value = _member(value, "FNumber") if isinstance(value, dict) else value
        if sort == "number":
            value = _number(key, value)
        if sort == "day" and value:
            value = _day(key, str(value))
        found[key] = value
    return found


def _number(key: str, value: Any) -> str:
    try:
        return str(Decimal(str(value)))
    except ArithmeticError:
        raise Refused(11, f"字段{key}的值{value}不是数字", key) from None


def _precise(key: str, value: Any, *, refuse: bool) -> Any:
    if not isinstance(value, Decimal) or value == round(value, PRICE_DECIMALS):
        return value
    if refuse:
        raise Refused(11, f"字段{key}的值{value}超出精度", key)
    return round(value, PRICE_DECIMALS)


def _day(key: str, value: str) -> str:
    try:
        return datetime.fromisoformat(value).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise Refused(11, f"字段{key}的值{value}不是日期", key) from None
