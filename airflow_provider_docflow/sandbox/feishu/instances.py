"""Approval instances: created once per uuid, read, listed, moved on.

Vendor pages: "Create an approval instance", "Get a single approval instance", "Batch get approval instance
ids" (windows of ten hours), "Query the instance list" (windows of 30 days, without revoked ones).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.definitions import Definitions, filled_in
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.feishu.flow import Flow, Instance
from airflow_provider_docflow.sandbox.feishu.identity import Identity, open_id
from airflow_provider_docflow.sandbox.feishu.shapes import listed
from airflow_provider_docflow.sandbox.store import Records, Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS feishu_instance (
    seq INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, uuid TEXT UNIQUE, approval TEXT NOT NULL,
    created INTEGER NOT NULL, entered INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS feishu_instance_approval ON feishu_instance (approval, created, seq);
CREATE TABLE IF NOT EXISTS feishu_id (id INTEGER PRIMARY KEY);
"""
_HOUR = 3_600_000
_QUERY_STATUS = {"RECALL": "CANCELED", "REJECT": "REJECTED"}


class Instances:
    """All approval instances.

    :param on_events: what takes the events of a change, in the same transaction.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        definitions: Definitions,
        on_events: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        self._store, self._clock, self._identity = store, clock, identity
        self._definitions, self._on_events = definitions, on_events
        self._records = Records(store, "feishu_instance")
        store.create(SCHEMA)

    def create(self, body: dict[str, Any], **more: Any) -> Instance:
        """Enter a new instance and open its first node.

        :param body: the vendor's create call.
        :raises ApiError: 60012 for a uuid that is taken, in whatever case.
        """
        definition = self._definitions.active(body.get("approval_code"))
        user = self._identity.known(body.get("user_id") or body.get("open_id"))
        key = body.get("uuid")
        if key is not None and (not isinstance(key, str) or not 1 <= len(key) <= 64):
            raise ApiError(errors.INVALID, "uuid")
        form = filled_in(definition, body.get("form"))
        if key and self._store.value("SELECT 1 FROM feishu_instance WHERE uuid = ?", (key.upper(),)):
            raise ApiError(errors.SAME_UUID)
        nodes = [{**node, "users": self._approvers(node, body)} for node in definition["nodes"]]
        return self._enter(definition, user, key, form, nodes, more)

    def _approvers(self, node: dict[str, Any], body: dict[str, Any]) -> list[str]:
        given = [
            str(user)
            for kind in ("user", "open")
            for chosen in body.get(f"node_approver_{kind}_id_list") or ()
            if chosen.get("key") == node["id"]
            for user in chosen.get("value") or ()
        ]
        if node["chosen"] and not given:
            raise ApiError(errors.INVALID, f"node {node['id']} needs approvers")
        return [self._identity.known(user) for user in given] if node["chosen"] else node["users"]

    def _enter(
        self,
        definition: dict[str, Any],
        user: str,
        key: str | None,
        form: str,
        nodes: list[dict[str, Any]],
        more: dict[str, Any],
    ) -> Instance:
        moment = int(more.pop("created", None) or self._clock.now())
        with self._store.write():
            seq = (self._store.value("SELECT max(seq) FROM feishu_instance") or 0) + 1
            instance = {**_blank(definition, user, moment, seq), "uuid": key or "", "form": form}
            instance |= {"nodes": nodes, **more}
            self._store.execute(
                "INSERT INTO feishu_instance VALUES (?, ?, ?, ?, ?, ?)",
                (
                    seq,
                    instance["code"],
                    key.upper() if key else None,
                    definition["code"],
                    moment,
                    self._clock.now(),
                ),
            )
            flow = self.flow(instance, moment)
            flow.start()
            self.keep(flow)
        return instance

    def flow(self, instance: Instance, now: int | None = None) -> Flow:
        """Return a flow that moves ``instance``."""

        def next_id() -> str:
            return str(7_000_000_000_000_000_000 + int(self._store.execute(
                "INSERT INTO feishu_id DEFAULT VALUES").lastrowid or 0))  # fmt: skip

        return Flow(instance, self._clock.now() if now is None else now, next_id)

    def keep(self, flow: Flow) -> None:
        """Store what a flow did and hand its events on."""
        with self._store.write():
            self._records.put(flow.instance["code"], flow.instance, self._clock.now())
            self._on_events(flow.events)

    def get(self, wanted: Any, as_of: int | None = None) -> Instance:
        """Return an instance by its code, or by the uuid of its create.

        :raises ApiError: 1390003.
        """
        code = self._store.value(
            "SELECT code FROM feishu_instance WHERE code = ?1 OR uuid = ?1", (str(wanted).upper(),)
        )
        found = self._records.get(code, as_of) if code else None
        if found is None:
            raise ApiError(errors.NO_INSTANCE)
        return found

    def of(self, approval_code: Any, wanted: Any) -> Instance:
        """Return an instance of a definition.

        :raises ApiError: 1390002 or 1390003.
        """
        definition = self._definitions.get(approval_code)
        found = self.get(wanted)
        if found["approval_code"] != definition["code"]:
            raise ApiError(errors.NO_INSTANCE)
        return found

    def with_task(self, task_id: Any) -> Instance:
        """Return the instance to which a task belongs.

        :raises ApiError: 1390010.
        """
        for instance in self._records.all():
            if any(task["id"] == str(task_id) for task in instance["tasks"]):
                return instance
        raise ApiError(errors.NO_TASK)

    def all(self) -> list[Instance]:
        """Return all instances, oldest entry first."""
        return self._records.all()

    def revoke(self, wanted: str) -> Instance:
        """Open the instance by which an approved one is revoked; when it is approved, the first is."""
        main = self.get(wanted)
        if main["status"] != "APPROVED" or main["reverted"]:
            raise ApiError(errors.INVALID, "only an approved instance is revoked")
        definition = self._definitions.get(main["approval_code"])
        more = {"reverted_instance_code": main["code"]}
        return self._enter(definition, main["user_id"], None, main["form"], main["nodes"], more)

    def settle_revocation(self, flow: Flow) -> None:
        """Mark what an approved revocation revokes."""
        wanted = flow.instance.get("reverted_instance_code")
        if wanted and flow.instance["status"] == "APPROVED":
            main = self.flow(self.get(wanted))
            main.revert(flow.instance["user_id"])
            self.keep(main)

    def listing(self, query: dict[str, str], as_of: int | None) -> dict[str, Any]:
        """Page "Batch get approval instance ids"."""
        definition = self._definitions.get(query.get("approval_code"))
        start, end = _window(query.get("start_time"), query.get("end_time"), 10 * _HOUR)
        size, offset = _paging(query, 1, 100, 100)
        codes = self._codes(definition["code"], start, end, as_of)
        return {
            "instance_code_list": codes[offset : offset + size],
            **_following(offset, size, len(codes)),
        }

    def query(self, body: dict[str, Any], query: dict[str, str], as_of: int | None) -> dict[str, Any]:
        """Page "Query the instance list"."""
        if not any(body.get(name) for name in ("user_id", "approval_code", "instance_code")):
            raise ApiError(errors.INVALID, "approval_code")
        definition = self._definitions.get(body.get("approval_code"))
        start, end = _window(
            body.get("instance_start_time_from"), body.get("instance_start_time_to"), 30 * 24 * _HOUR
        )
        size, offset = _paging(query, 5, 200, 10)
        codes = self._codes(definition["code"], start, end, as_of)
        found = [self.get(code, as_of) for code in codes[offset : offset + size]]
        shown = [listed(one) for one in found if _wanted(one, body)]
        return {"count": len(codes), "instance_list": shown, **_following(offset, size, len(codes))}

    def _codes(self, approval: str, start: int, end: int, as_of: int | None) -> list[str]:
        rows = self._store.all(
            "SELECT code FROM feishu_instance WHERE approval = ? AND created BETWEEN ? AND ? AND entered <= ?"
            " ORDER BY created, seq",
            (approval, start, end, 1 << 62 if as_of is None else as_of),
        )
        return [row["code"] for row in rows]


def _blank(definition: dict[str, Any], user: str, moment: int, seq: int) -> Instance:
    return {
        "code": str(uuid.uuid4()).upper(),
        "approval_code": definition["code"],
        "approval_name": definition["name"],
        "serial_number": f"{datetime.fromtimestamp(moment / 1000, UTC):%Y%m%d}{seq:04d}",
        "user_id": user,
        "department_id": "od-sandbox",
        "status": "PENDING",
        "start_time": moment,
        "end_time": 0,
        "node": 0,
        "tasks": [],
        "timeline": [],
        "comments": [],
        "reverted": False,
    }


def _window(start: Any, end: Any, longest: int) -> tuple[int, int]:
    try:
        first, last = int(start), int(end)
    except (TypeError, ValueError):
        raise ApiError(errors.INVALID, "start_time, end_time") from None
    if not first <= last <= first + longest:
        raise ApiError(errors.INVALID, "the time range is too long")
    return first, last


def _paging(query: dict[str, str], least: int, most: int, default: int) -> tuple[int, int]:
    try:
        size, offset = int(query.get("page_size", default)), int(query.get("page_token") or 0)
    except ValueError:
        raise ApiError(errors.INVALID, "page_token") from None
    if not least <= size <= most:
        raise ApiError(errors.INVALID, "page_size")
    return size, offset


def _following(offset: int, size: int, count: int) -> dict[str, Any]:
    more = offset + size < count
    return {"has_more": more, "page_token": str(offset + size)} if more else {"has_more": False}


def _wanted(instance: Instance, body: dict[str, Any]) -> bool:
    status = str(body.get("instance_status") or "ALL")
    if status != "ALL" and instance["status"] != _QUERY_STATUS.get(status, status):
        return False
    if body.get("user_id") and body["user_id"] not in (instance["user_id"], open_id(instance["user_id"])):
        return False
    return not instance["reverted"] or body.get("with_revoked_instance") is True
