"""The calls of open.feishu.cn: token, tenant, definitions, approval instances, tasks.

Each method names the vendor page whose table it follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.definitions import Definitions, filled_in
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.feishu.flow import Flow
from airflow_provider_docflow.sandbox.feishu.identity import Identity
from airflow_provider_docflow.sandbox.feishu.instances import Instances
from airflow_provider_docflow.sandbox.feishu.shapes import nameless, shown
from airflow_provider_docflow.sandbox.store import Store

SEE_USER_IDS = "contact:user.employee_id:readonly"


@dataclass(frozen=True)
class Call:
    """One checked call.

    :param query: the query parameters, and those that stand in the path.
    :param app: the calling application; empty for the token call and robots.
    :param user: whose token it was; empty for an application's.
    :param as_of: moment whose state a read shall show, or None for now.
    """

    body: dict[str, Any]
    query: dict[str, str]
    app: dict[str, Any]
    user: str
    as_of: int | None

    def need(self, name: str) -> Any:
        """Return a field of the body.

        :raises ApiError: 1390001 when it is missing or empty.
        """
        value = self.body.get(name)
        if value in (None, "", []):
            raise ApiError(errors.INVALID, name)
        return value


Handler = Callable[[Call], Any]


class ApprovalApi:
    """Handlers of the approval calls."""

    def __init__(
        self, store: Store, identity: Identity, definitions: Definitions, instances: Instances
    ) -> None:
        self._store, self._identity = store, identity
        self._definitions, self._instances = definitions, instances

    def tenant(self, call: Call) -> dict[str, Any]:
        """Page "Query tenant"."""
        return self._identity.tenant(call.app)

    def definition(self, call: Call) -> dict[str, Any]:
        """Page "View a specified approval definition"."""
        return self._definitions.shown(call.query["code"])

    def subscribe(self, call: Call) -> dict[str, Any]:
        """Page "Subscribe to approval events": once per application and definition."""
        code = self._definitions.get(call.query["code"])["code"]
        held = self._store.setting("feishu_subscriptions", [])
        if code in held:
            raise ApiError(errors.SUBSCRIBED)
        self._store.set("feishu_subscriptions", [*held, code])
        return {}

    def create(self, call: Call) -> dict[str, Any]:
        """Page "Create an approval instance"."""
        return {"instance_code": self._instances.create(call.body)["code"]}

    def get(self, call: Call) -> dict[str, Any]:
        """Page "Get a single approval instance"."""
        bare = bool(self._store.setting("feishu_bare_rows", False))
        found = shown(self._instances.get(call.query["code"], call.as_of), bare_rows=bare)
        scopes = call.app["scopes"]
        return found if scopes is None or SEE_USER_IDS in scopes else nameless(found)

    def listing(self, call: Call) -> dict[str, Any]:
        """Page "Batch get approval instance ids"."""
        return self._instances.listing(call.query, call.as_of)

    def query(self, call: Call) -> dict[str, Any]:
        """Page "Query the instance list"."""
        return self._instances.query(call.body, call.query, call.as_of)

    def cancel(self, call: Call) -> dict[str, Any]:
        """Page "Recall an approval instance": by its requester and nobody else."""
        flow, user = self._flow(call)
        if user != flow.instance["user_id"]:
            raise ApiError(errors.NO_PERMISSION)
        if flow.instance["status"] == "APPROVED":
            self._instances.revoke(flow.instance["code"])
            return {}
        if flow.instance["status"] != "PENDING":
            raise ApiError(errors.INVALID, "the instance has ended")
        flow.cancel(user)
        self._instances.keep(flow)
        return {}

    def copy(self, call: Call) -> dict[str, Any]:
        """Page "Copy an approval instance"."""
        flow, user = self._flow(call)
        people = [self._identity.known(one) for one in call.need("cc_user_ids")]
        flow.copy(user, people, str(call.body.get("comment") or ""))
        self._instances.keep(flow)
        return {}

    def comment(self, call: Call) -> dict[str, Any]:
        """Page "Create a comment": ``content`` is JSON in text."""
        user = self._identity.known(call.query.get("user_id"))
        try:
            text = json.loads(call.need("content"))["text"]
        except (ValueError, KeyError, TypeError):
            raise ApiError(errors.INVALID, "content") from None
        flow = self._instances.flow(self._instances.get(call.query["code"]))
        comment_id = flow.comment(user, str(text))
        self._instances.keep(flow)
        return {"comment_id": comment_id}

    def approve(self, call: Call) -> dict[str, Any]:
        """Page "Approve an approval task"."""
        flow, user = self._flow(call)
        task = flow.task(call.need("task_id"), user)
        if flow.instance["nodes"][flow.instance["node"]].get("signature"):
            raise ApiError(errors.SIGNATURE)
        flow.approve(task, str(call.body.get("comment") or ""))
        self._instances.keep(flow)
        self._instances.settle_revocation(flow)
        return {}

    def reject(self, call: Call) -> dict[str, Any]:
        """Page "Reject an approval task"."""
        flow, user = self._flow(call)
        flow.reject(flow.task(call.need("task_id"), user), str(call.body.get("comment") or ""))
        self._instances.keep(flow)
        return {}

    def transfer(self, call: Call) -> dict[str, Any]:
        """Page "Transfer an approval task"."""
        flow, user = self._flow(call)
        to_user = self._identity.known(call.need("transfer_user_id"))
        task = flow.task(call.need("task_id"), user)
        flow.transfer(task, to_user, str(call.body.get("comment") or ""))
        self._instances.keep(flow)
        return {}

    def resubmit(self, call: Call) -> dict[str, Any]:
        """Page "Resubmit an approval task", after it was returned."""
        flow, user = self._flow(call)
        task = flow.task(call.need("task_id"), user)
        if task["node_id"] != "START":
            raise ApiError(errors.NO_TASK)
        definition = self._definitions.get(flow.instance["approval_code"])
        flow.resubmit(filled_in(definition, call.need("form")))
        self._instances.keep(flow)
        return {}

    def roll_back(self, call: Call) -> dict[str, Any]:
        """Page "Roll an approval task back"."""
        user = self._identity.known(call.need("user_id"))
        flow = self._instances.flow(self._instances.with_task(call.need("task_id")))
        keys = call.need("task_def_key_list")
        task = flow.task(call.need("task_id"), user)
        flow.roll_back(task, str(call.body.get("reason") or ""), to_start="START" in keys)
        self._instances.keep(flow)
        return {}

    def remind(self, call: Call) -> dict[str, Any]:
        """Remind approvers, with a person's token: only the requester's own approval."""
        instance = self._instances.get(call.need("instance_code"))
        if instance["user_id"] != call.user:
            raise ApiError(errors.NO_PERMISSION)
        wanted = {str(one) for one in call.need("task_ids")}
        flow = self._instances.flow(instance)
        people = [task["user_id"] for task in flow.open_tasks() if task["id"] in wanted]
        if len(people) != len(wanted):
            raise ApiError(errors.NO_TASK)
        reminders = self._store.setting("feishu_reminders", [])
        comment = str(call.body.get("comment") or "")
        told = [{"instance": instance["code"], "user": user, "comment": comment} for user in people]
        self._store.set("feishu_reminders", [*reminders, *told])
        return {}

    def _flow(self, call: Call) -> tuple[Flow, str]:
        instance = self._instances.of(call.need("approval_code"), call.need("instance_code"))
        return self._instances.flow(instance), self._identity.known(call.need("user_id"))
