"""ExecuteBillQuery and View: rows as SQL gives them, joined with the entries, without names and totals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.sandbox.kingdee.bills import Bill, Bills
from airflow_provider_docflow.sandbox.kingdee.filters import BadFilter, parse
from airflow_provider_docflow.sandbox.kingdee.forms import FormSpec
from airflow_provider_docflow.sandbox.kingdee.wire import Call, Refused
from airflow_provider_docflow.sandbox.kingdee.workflow import Workflow
from airflow_provider_docflow.sandbox.store import Store

Row = dict[str, Any]
_LIMIT = 2000
_MASTERS = {"BD_Currency": [{"FNumber": "PRE001", "FName": "人民币"}, {"FNumber": "PRE007", "FName": "美元"}]}


class Queries:
    """Answers what is asked of forms."""

    def __init__(
        self, store: Store, bills: Bills, workflow: Workflow, files: Callable[[], list[Row]]
    ) -> None:
        self._store, self._bills, self._workflow, self._files = store, bills, workflow, files

    def rows(self, call: Call) -> list[list[Any]]:
        """Return the rows of a query.

        :raises Refused: a key does not exist, the condition is none, or too many rows are asked for.
        """
        data = call.data
        keys = [key.strip() for key in str(data.get("FieldKeys") or "").split(",") if key.strip()]
        limit = int(data.get("Limit") or _LIMIT)
        if limit > int(self._store.setting("kingdee_query_limit", _LIMIT)):
            raise Refused(8, f"查询行数{limit}超过系统限制")
        try:
            test = parse(str(data.get("FilterString") or ""))
        except BadFilter as error:
            raise Refused(4, f"过滤条件不正确 {error}") from None
        form_id = str(data.get("FormId") or "")
        look, sources = self._source(form_id, keys, call.as_of)
        # A key that does not exist is refused even where there is no row.
        for key in keys:
            look({}, key)
        kept = [row for row in sources if test(lambda key, row=row: look(row, key))]  # type: ignore[misc]
        kept = _ordered(kept, str(data.get("OrderString") or ""), look)
        start = int(data.get("StartRow") or 0)
        return [[look(row, key) for key in keys] for row in kept[start : start + limit]]

    def _source(
        self, form_id: str, keys: list[str], as_of: int | None
    ) -> tuple[Callable[[Row, str], Any], list[Row]]:
        plain = {
            "WF_AssignmentBill_ProcManage": lambda: self._workflow.rows(archived=False),
            "WF_AssignmentHisBill_ProcManage": lambda: self._workflow.rows(archived=True),
            "BOS_Attachment": self._files,
        }
        if form_id in _MASTERS:
            return _plain, _MASTERS[form_id]
        if form_id in plain:
            return _plain, plain[form_id]()
        spec = self._bills.spec(form_id)
        tenant = self._bills.tenant_keys(form_id)
        entries = any(_is_of_entries(spec, key) for key in keys)
        found = self._bills.all(form_id, as_of)
        rows = [row for bill in found for row in _joined(bill, entries=entries)]
        return lambda row, key: _value(spec, tenant, row, key), rows


def _plain(row: Row, key: str) -> Any:
    if not row:
        return None
    name = key.split(".")[0].lower()
    known = {one.lower(): value for one, value in row.items()}
    if name not in known:
        raise Refused(9, f"字段{key}不存在", key)
    return known[name]


def _joined(bill: Bill, *, entries: bool) -> list[Row]:
    if not entries or not bill["entries"]:
        return [{"bill": bill, "entry": {}}]
    return [{"bill": bill, "entry": entry} for entry in bill["entries"]]


def _entry_key(spec: FormSpec, key: str) -> str:
    prefix = f"{spec.entry}_"
    return key[len(prefix) :] if key.lower().startswith(prefix.lower()) else key


def _is_of_entries(spec: FormSpec, key: str) -> bool:
    name = _entry_key(spec, key).split(".")[0].lower()
    own = {one.lower() for one in (*spec.lines, spec.entry_id, spec.amount, "FBaseJoinQty", "FSeq") if one}
    return name in own


def _value(spec: FormSpec, tenant: dict[str, str], row: Row, key: str) -> Any:
    """Return what a key shows in a row; with an empty row only whether it exists is looked at."""
    bill, entry = row.get("bill"), row.get("entry") or {}
    name = _entry_key(spec, key).partition(".")[0]
    own = _own(spec, bill)
    for source, keys in ((own, own), (bill and bill["head"], _head_keys(spec, tenant))):
        found = next((one for one in keys if one.lower() == name.lower()), None)
        if found is not None and not (key.lower().startswith(f"{spec.entry}_".lower())):
            shown = (source or {}).get(found)
            return Decimal(shown) if shown and found in _amounts(spec) else shown
    if _is_of_entries(spec, key) or name in tenant:
        return _entry_value(spec, bill, entry, name) if bill else None
    raise Refused(9, f"字段{key}不存在", key)


def _head_keys(spec: FormSpec, tenant: dict[str, str]) -> list[str]:
    return [*spec.heads, *tenant, *((spec.total,) if spec.total else ())]


def _amounts(spec: FormSpec) -> set[str]:
    return {spec.total, *(key for key, sort in spec.heads.items() if sort == "number")}


def _own(spec: FormSpec, bill: Bill | None) -> Row:
    shown: Row = {
        "FID": "fid",
        "FBillNo": "number",
        "FDocumentStatus": "status",
        "FCancelStatus": "cancel",
        "FModifyDate": "modified",
        "FCreateDate": "created",
        "FApproveDate": "approved",
        "FApproverId": "approver",
        "FCreatorId": "creator",
        "FTerminateStatus": "terminate",
        **({spec.closes: "close"} if spec.closes else {}),
    }
    return {key: bill.get(name) if bill else None for key, name in shown.items()}


def _entry_value(spec: FormSpec, bill: Bill, entry: Row, name: str) -> Any:
    lower = name.lower()
    if lower == spec.entry_id.lower():
        return entry.get("id", 0)
    if lower == "fseq":
        return bill["entries"].index(entry) + 1
    if lower == "fbasejoinqty":
        return Decimal(bill["joined"].get(str(entry.get("id")), "0"))
    value = next((entry[key] for key in entry if key.lower() == lower), None)
    sort = next((sort for key, sort in spec.lines.items() if key.lower() == lower), "")
    number = sort == "number" or lower == spec.amount.lower()
    return Decimal(str(value or 0)) if number else value


def _ordered(rows: list[Row], order: str, look: Callable[[Row, str], Any]) -> list[Row]:
    for part in reversed([one.strip() for one in order.split(",") if one.strip()]):
        key, _, way = part.partition(" ")
        places = sorted(range(len(rows)), key=[_comparable(look(row, key)) for row in rows].__getitem__)
        rows = [rows[place] for place in (reversed(places) if way.strip().upper() == "DESC" else places)]
    return rows


def _comparable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    return (1, Decimal(value)) if isinstance(value, int | Decimal) else (2, str(value))


def viewed(spec: FormSpec, bill: Bill) -> Row:
    """Return a document as View shows it: under the names of its class, without the F in front."""

    def own(source: Row) -> Row:
        return {key.removeprefix("F"): value for key, value in source.items() if key != "id"}

    entries = [
        {"Id": entry["id"], "Seq": place, **own(entry)} for place, entry in enumerate(bill["entries"], 1)
    ]
    states = {"DocumentStatus": bill["status"], "CancelStatus": bill["cancel"]}
    return {
        **{"Id": bill["fid"], "BillNo": bill["number"], **states, **own(bill["head"])},
        **{"ModifyDate": bill["modified"], spec.entry.removeprefix("F"): entries},
    }
