"""Templates of the approval application.

Vendor pages: "获取审批模板详情" (91982), "创建审批模板" (97437). Every control gets a new id whenever
its template is edited.
"""

from __future__ import annotations

import secrets
from typing import Any

from airflow_provider_docflow.sandbox.store import Store, dumps, loads
from airflow_provider_docflow.sandbox.wecom.wire import Call, WecomError

SCHEMA = """
CREATE TABLE IF NOT EXISTS wecom_template (id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
CONTROLS = frozenset(
    (
        *("Text", "Textarea", "Number", "Money", "Date", "Selector", "Contact", "Tips", "File", "Table"),
        *("Location", "RelatedApproval", "DateRange", "PhoneNumber", "BankAccount", "Formula"),
    )
)


class Templates:
    """All templates with their flows.

    A template's ``flow`` is what the back office has set up: nodes as they stand in a submission.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create(SCHEMA)

    def save(self, body: dict[str, Any]) -> str:
        """Create or change a template and return its id.

        :param body: ``name``, ``controls`` as the vendor's page writes them (ids are given here), ``flow``
        and,
            for a change, ``template_id``.
        """
        template_id = body.get("template_id") or secrets.token_hex(20)
        revision = int(self._store.setting("wecom_template_revision", 0)) + 1
        self._store.set("wecom_template_revision", revision)
        names = body["name"] if isinstance(body.get("name"), list) else [_zh(str(body.get("name")))]
        template = {
            "id": template_id,
            "names": names,
            "controls": [
                _control(item, f"{revision:06d}{index:03d}") for index, item in enumerate(body["controls"])
            ],
            "flow": body.get("flow") or [],
        }
        self._store.execute(
            "INSERT OR REPLACE INTO wecom_template VALUES (?, ?)", (template_id, dumps(template))
        )
        return str(template_id)

    def get(self, template_id: Any) -> dict[str, Any]:
        """Return a template.

        :raises WecomError: 301026.
        """
        text = self._store.value("SELECT body FROM wecom_template WHERE id = ?", (str(template_id),))
        if text is None:
            raise WecomError(301026, "template not exist")
        found: dict[str, Any] = loads(text)
        return found

    def all(self) -> list[dict[str, Any]]:
        """Return all templates."""
        return [loads(row[0]) for row in self._store.all("SELECT body FROM wecom_template ORDER BY id")]

    def detail(self, call: Call) -> dict[str, Any]:
        """Page 91982."""
        template = self.get(call.need("template_id"))
        may_use(call.app, template["id"])
        return {
            "template_names": template["names"],
            "template_content": {"controls": template["controls"]},
        }

    def create(self, call: Call) -> dict[str, Any]:
        """Page 97437: a template of the application's own."""
        content = call.need("template_content")
        return {"template_id": self.save({"name": call.need("template_name"), **content})}

    def update(self, call: Call) -> dict[str, Any]:
        """Page 97438."""
        template = self.get(call.need("template_id"))
        content = call.need("template_content")
        self.save(
            {
                "template_id": template["id"],
                "name": call.body.get("template_name") or template["names"],
                "flow": template["flow"],
                **content,
            }
        )
        return {}


def may_use(app: dict[str, Any], template_id: str) -> None:
    """Refuse an application that is not listed for approvals or for a template.

    :raises WecomError: 301055 or 301056.
    """
    if app["approvals"] is None:
        raise WecomError(301056)
    granted = app["templates"]
    if not app["approvals"] or (granted is not None and template_id not in granted):
        raise WecomError(301055)


def _zh(text: str) -> dict[str, str]:
    return {"text": text, "lang": "zh_CN"}


def _control(item: dict[str, Any], serial: str) -> dict[str, Any]:
    own = item.get("property") or {}
    kind = own.get("control")
    if kind not in CONTROLS:
        raise WecomError(301026, f"control {kind} not support")
    title = own.get("title")
    config = dict(item.get("config") or {})
    if kind == "Table":
        children = config.get("table", {}).get("children", [])
        nested = [_control(child, f"{serial}{index:02d}") for index, child in enumerate(children)]
        config = {"table": {"children": nested, "stat_field": []}}
    if kind == "Selector":
        options = [_option(one, index) for index, one in enumerate(config["selector"]["options"])]
        config = {"selector": {"type": config["selector"].get("type", "single"), "options": options}}
    return {
        "property": {
            "control": kind,
            "id": f"{kind}-{serial}",
            "title": [_zh(title)] if isinstance(title, str) else title,
            "placeholder": own.get("placeholder") or [],
            "require": int(own.get("require", 0)),
            "un_print": int(own.get("un_print", 0)),
        },
        "config": config,
    }


def _option(option: Any, index: int) -> dict[str, Any]:
    if isinstance(option, str):
        return {"key": f"option-{index + 1}", "value": [_zh(option)]}
    value = option["value"]
    return {"key": option["key"], "value": [value] if isinstance(value, dict) else value}
