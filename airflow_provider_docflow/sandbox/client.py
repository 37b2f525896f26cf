"""Talks to the control plane of a running sandbox, in this process or another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, cast

from airflow_provider_docflow.exceptions import Rejected, Unreachable
from airflow_provider_docflow.sandbox.faults import FaultRule


class SandboxClient:
    """The control plane as methods.

    :param base_url: address of the sandbox, such as ``http://127.0.0.1:8765``.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Call the control plane.

        :param path: below ``/_sandbox/``.
        :raises Rejected: when it refuses; the message says why.
        :raises Unreachable: when no sandbox answers.
        """
        import httpx2

        from airflow_provider_docflow.sandbox.store import dumps

        content = None if body is None else dumps(body).encode()
        address = f"{self.base_url}/_sandbox/{path}"
        try:
            # Loading certificates costs 20 ms and nothing here is encrypted.
            with httpx2.Client(timeout=60, trust_env=False, verify=False) as client:
                answer = client.request(method, address, content=content, params=query)
        except httpx2.TransportError as error:
            raise Unreachable(f"no sandbox answers at {self.base_url}", system="sandbox") from error
        if answer.status_code != 200:
            raise Rejected(answer.text, system="sandbox", http_status=answer.status_code)
        return cast("dict[str, Any]", answer.json())

    def fault(self, rule: FaultRule) -> int:
        """Put a fault rule in force; return its id."""
        body = {name: value for name, value in dataclasses.asdict(rule).items() if name != "id"}
        return int(self.call("POST", "faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the fault rules with ``seen`` and ``hits``."""
        return cast("list[dict[str, Any]]", self.call("GET", "faults")["faults"])

    def clear_faults(self) -> None:
        """Take all fault rules out of force."""
        self.call("DELETE", "faults")

    def requests(self, path: str = "*", **filters: Any) -> list[dict[str, Any]]:
        """Return the requests that came in, secrets masked: filters ``method``, ``body``, ``since``."""
        return cast(
            "list[dict[str, Any]]", self.call("GET", "requests", None, {"path": path, **filters})["requests"]
        )

    def count(self, path: str = "*", **filters: Any) -> int:
        """Return how many requests came in."""
        return int(self.call("GET", "requests", None, {"path": path, "count": 1, **filters})["count"])

    def forget_requests(self) -> None:
        """Begin counting anew."""
        self.call("DELETE", "requests")

    def advance(self, seconds: float) -> int:
        """Move the sandbox's time forward and do all that is then due; return its time in milliseconds."""
        return int(self.call("POST", "clock", {"advance": seconds})["now"])

    def freeze(self, at: int | None = None) -> int:
        """Stop the sandbox's time."""
        return int(self.call("POST", "clock", {"freeze": True if at is None else at})["now"])

    def thaw(self) -> int:
        """Let the sandbox's time run on."""
        return int(self.call("POST", "clock", {"thaw": True})["now"])

    def now(self) -> int:
        """Return the sandbox's time in epoch milliseconds."""
        return int(self.call("GET", "clock")["now"])

    def settle(self) -> None:
        """Do all that is due by now: decisions, late commits, events."""
        self.call("POST", "clock", {})

    def mails(self) -> list[dict[str, Any]]:
        """Return the mails that were taken."""
        return cast("list[dict[str, Any]]", self.call("GET", "mails")["mails"])

    def template(self, name: str, components: list[dict[str, Any]], **more: Any) -> str:
        """Create a DingTalk form template; ``approvers=`` is its flow. Return the process code."""
        body = {"name": name, "formComponents": components, **more}
        return str(self.call("POST", "dingtalk/templates", body)["processCode"])

    def submit(self, instances: Iterable[dict[str, Any]]) -> list[str]:
        """Enter DingTalk instances as if requesters had typed them; return their ids."""
        body = {"instances": list(instances)}
        return cast("list[str]", self.call("POST", "dingtalk/instances", body)["instanceIds"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        """Return everything that is kept of a DingTalk instance."""
        return self.call("GET", f"dingtalk/instances/{instance_id}")

    def instances(self, **filters: str) -> list[dict[str, Any]]:
        """Return DingTalk instances: filters ``processCode``, ``status``, ``originatorUserId``."""
        return cast(
            "list[dict[str, Any]]", self.call("GET", "dingtalk/instances", None, filters)["instances"]
        )

    def decide(self, instance_ids: str | Iterable[str], action: str, **more: Any) -> None:
        """Decide DingTalk instances: see :mod:`airflow_provider_docflow.sandbox.dingtalk.deciding`."""
        ids = [instance_ids] if isinstance(instance_ids, str) else list(instance_ids)
        self.call("POST", "dingtalk/decisions", {"instances": ids, "action": action, **more})

    def rules(self, rules: list[dict[str, Any]]) -> None:
        """Set the deciding rules."""
        self.call("PUT", "dingtalk/rules", {"rules": rules})

    def attach(self, instance_id: str, action: str, **more: Any) -> str:
        """Enter a ``REVOKE`` or ``MODIFY`` of an approved form; return the attached instance's id."""
        body = {"action": action, **more}
        return str(self.call("POST", f"dingtalk/instances/{instance_id}/attach", body)["instanceId"])
