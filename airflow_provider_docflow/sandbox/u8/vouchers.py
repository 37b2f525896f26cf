"""The vouchers of the stand-in: added once per ``biz_id``, verified, or decided in a workflow.

An asynchronous add answers at once with the address of its result, which tells the number or the refusal once
``delay`` seconds have passed.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Records, Store, dumps, loads
from airflow_provider_docflow.sandbox.u8.identity import BAD_TRADE, Identity, Refused
from airflow_provider_docflow.sandbox.u8.shapes import SHAPES, Shape, Voucher, entered

SCHEMA = """
CREATE TABLE IF NOT EXISTS u8_voucher (seq INTEGER PRIMARY KEY, object TEXT NOT NULL, code TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS u8_biz (
    object TEXT NOT NULL, biz TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (object, biz));
CREATE TABLE IF NOT EXISTS u8_request (id TEXT PRIMARY KEY, ready INTEGER NOT NULL, reply TEXT NOT NULL);
"""
ZONE = ZoneInfo("Asia/Shanghai")
STATE_REFUSES, NO_FLOW, GONE = "30100", "30101", "10404"
_PAGED = ("page_index", "rows_per_page")


class Vouchers:
    """All vouchers of one account set."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        self._store, self._clock, self._identity = store, clock, identity
        self._records = {name: Records(store, f"u8_{name}") for name in SHAPES}
        store.create(SCHEMA)

    def stamp(self) -> str:
        """Return the time as U8 writes it."""
        moment = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")

    def add(self, shape: Shape, query: dict[str, str], body: Any, base: str) -> dict[str, Any]:
        """Add a voucher, now or a little later."""
        trade, biz = query.get("tradeid", ""), query.get("biz_id", "")
        if not shape.can_add:
            raise Refused("404", f"api {shape.name}/add 不存在")
        if bool(trade) == bool(biz):
            raise Refused(BAD_TRADE, "tradeid与biz_id只能传入一个")
        if trade:
            self._identity.use_trade(trade)
        trade = trade or secrets.token_hex(16)
        try:
            reply = {"errcode": "0", "errmsg": "", "id": self._added(shape, biz, body), "tradeid": trade}
        except Refused as refused:
            if query.get("sync") == "1":
                raise
            reply = {**refused.body, "tradeid": trade}
        if query.get("sync") == "1":
            return reply
        ready = self._clock.now() + int(float(self._store.setting("u8_delay", 0)) * 1000)
        self._store.execute("INSERT INTO u8_request VALUES (?, ?, ?)", (trade, ready, dumps(reply)))
        return self._pending(trade, base)

    def _pending(self, request: str, base: str) -> dict[str, Any]:
        after = str(self._store.setting("u8_ping_after", "3"))
        return {"tradeid": request, "ping_after": after, "url": f"{base}/result?requestid={request}"}

    def result(self, request: str, base: str) -> dict[str, Any]:
        """Return what has become of an asynchronous add."""
        row = self._store.execute("SELECT * FROM u8_request WHERE id = ?", (request,)).fetchone()
        if row is None:
            raise Refused(GONE, "requestid 不存在")
        if row["ready"] > self._clock.now():
            return self._pending(request, base)
        found: dict[str, Any] = loads(row["reply"])
        return found

    def _added(self, shape: Shape, biz: str, body: Any) -> str:
        known = self._store.value(
            "SELECT code FROM u8_biz WHERE object = ? AND biz = ? AND biz != ''", (shape.name, biz)
        )
        if known is not None:
            return str(known)
        voucher = entered(self._store, shape, body)
        code = str(voucher.get(shape.code) or self._next(shape))
        if self._records[shape.name].get(code) is not None:
            raise Refused(STATE_REFUSES, f"单据号{code}重复")
        self.enter(shape, code, voucher)
        if biz:
            self._store.execute("INSERT INTO u8_biz VALUES (?, ?, ?)", (shape.name, biz, code))
        return code

    def _next(self, shape: Shape) -> str:
        count = self._store.value("SELECT count(*) FROM u8_voucher WHERE object = ?", (shape.name,))
        return f"{shape.prefix}{int(count) + 1:08d}"

    def enter(self, shape: Shape, code: str, voucher: Voucher) -> Voucher:
        """Keep a new voucher as it is."""
        self._store.execute("INSERT INTO u8_voucher (object, code) VALUES (?, ?)", (shape.name, code))
        fresh = {"state": "Opening", "maker": "demo", shape.date: self.stamp()[:10], "history": []}
        return self.keep(shape, {**fresh, **voucher, shape.code: code})

    def keep(self, shape: Shape, voucher: Voucher) -> Voucher:
        """Keep a changed voucher."""
        self._records[shape.name].put(str(voucher[shape.code]), voucher, self._clock.now())
        return voucher

    def get(self, shape: Shape, code: str, as_of: int | None = None) -> Voucher | None:
        """Return a voucher."""
        return self._records[shape.name].get(code, as_of)

    def all(self, shape: Shape, as_of: int | None = None) -> list[Voucher]:
        """Return all vouchers of an object, oldest first."""
        return self._records[shape.name].all(as_of)

    def act(self, shape: Shape, step: str, query: dict[str, str], body: Any) -> dict[str, Any]:
        """Verify, un-verify, close, open, or decide in a workflow."""
        if query.get("tradeid"):
            self._identity.use_trade(query["tradeid"])
        data = body.get(shape.name) if isinstance(body, dict) else None
        voucher = self.get(shape, str((data or {}).get("voucher_code") or ""))
        if data is None or voucher is None:
            raise Refused(GONE, "单据不存在")
        if shape.name == "pay" and data.get("voucher_type") != "49":
            raise Refused("10020", "缺少必填项voucher_type")
        actor = str(data.get("user_id") or data.get("person_code") or "")
        changed = self._changed(shape, step, voucher, actor, data)
        self.keep(shape, changed)
        return {"errcode": "0", "errmsg": ""}

    def _changed(self, shape: Shape, step: str, voucher: Voucher, actor: str, data: Voucher) -> Voucher:
        state = voucher["state"]
        moves = {
            ("verify", "Opening"): {"state": "Approved", shape.verifier: actor or "demo"},
            ("unverify", "Approved"): {"state": "Opening", shape.verifier: ""},
            ("close", "Approved"): {"state": "Closed", "closer": actor or "demo"},
            ("open", "Closed"): {"state": "Approved", "closer": ""},
        }
        if (step, state) in moves:
            return {**voucher, **moves[step, state]}
        if step in ("audit", "abandon"):
            if not shape.flow:
                raise Refused(NO_FLOW, "未启用工作流")
            return self._decided(shape, step, voucher, actor, data)
        raise Refused(STATE_REFUSES, f"单据状态{state}不允许{step}")

    def _decided(self, shape: Shape, step: str, voucher: Voucher, actor: str, data: Voucher) -> Voucher:
        agree = str(data.get("agree", ""))
        fits = voucher["state"] == ("Opening" if step == "audit" else "Approved")
        if not actor or not fits or (step == "audit" and agree not in ("0", "1")):
            raise Refused(STATE_REFUSES, "没有待办任务")
        entry = {
            "personcode": actor,
            "auditdate": self.stamp(),
            "opinion": str(data.get("opinion") or ""),
            "agree": agree if step == "audit" else "弃审",
        }
        told = {**voucher, "history": [*voucher["history"], entry]}
        if step == "abandon":
            return {**told, "state": "Opening", shape.verifier: ""}
        signed = {each["personcode"] for each in told["history"] if each["agree"] == "1"}
        needed = set(self._store.setting("u8_approvers", [])) or {actor}
        if agree == "1" and needed <= signed:
            return {**told, "state": "Approved", shape.verifier: actor}
        return told

    def tasks(self, shape: Shape, query: dict[str, str]) -> dict[str, Any]:
        """Return what waits for a person: open vouchers that they have not decided."""
        person = query.get("user_id") or query.get("person_code", "")
        if not shape.flow:
            raise Refused(NO_FLOW, "未启用工作流")
        if not person or query.get("state") != "0":
            raise Refused("10020", "缺少必填项user_id")
        needed = person in self._store.setting("u8_approvers", [])
        waiting = [
            {"voucher_code": voucher[shape.code], "submitter_name": voucher["maker"], "state": "0"}
            for voucher in self.all(shape)
            if voucher["state"] == "Opening" and _undecided(voucher, person)
        ]
        return _paged("tasks", waiting if needed else [], query)

    def page(self, shape: Shape, query: dict[str, str], as_of: int | None) -> dict[str, Any]:
        """Return one page of a list: heads, counted in texts."""
        found = [self._head(voucher) for voucher in self.all(shape, as_of) if _fits(shape, voucher, query)]
        return _paged(f"{shape.name}list", found, query)

    def _head(self, voucher: Voucher) -> Voucher:
        return {name: value for name, value in voucher.items() if name not in ("entry", "history")}


def _paged(name: str, found: list[Any], query: dict[str, str]) -> dict[str, Any]:
    index, size = int(query.get("page_index", 1)), int(query.get("rows_per_page", 20))
    start = (index - 1) * size
    return {
        "errcode": "0",
        "errmsg": "",
        "page_index": str(index),
        "rows_per_page": str(size),
        "row_count": str(len(found)),
        "page_count": str(-(-len(found) // size)),
        name: found[start : start + size],
    }


def _undecided(voucher: Voucher, person: str) -> bool:
    """Tell whether a person has not decided since a voucher was last taken back."""
    own = [entry["agree"] for entry in voucher["history"] if entry["personcode"] == person]
    return not own or own[-1] not in ("0", "1")


def _fits(shape: Shape, voucher: Voucher, query: dict[str, str]) -> bool:
    """Tell whether a voucher is asked for; a parameter that U8 does not know is ignored."""
    prefix = {"code": "vouchcode", "date": "vouchdate"} if shape.name == "pay" else {}
    code, date = prefix.get("code", "code"), prefix.get("date", "date")
    spans = ((code, str(voucher[shape.code])), (date, str(voucher.get(shape.date, ""))))
    for name, value in spans:
        if value < query.get(f"{name}_begin", "") or value > query.get(f"{name}_end", "\uffff"):
            return False
    party = "vendorcode" if shape.name == "pay" else ""
    for name in ("vendorcode", "custcode", "cust_vendor_code", "state"):
        held = voucher.get("customercode" if name == party else name)
        if query.get(name) and str(held) != query[name]:
            return False
    word, remark = query.get(shape.keyword, "") if shape.keyword else "", str(voucher.get(shape.remark, ""))
    return remark == word if word and shape.whole else word in remark
