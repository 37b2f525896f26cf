"""People of the OA: what they decide by hand, and by rule as soon as a form comes in.

A rule is a JSON object::

    {"name": "too dear", "processCode": "PROC-1", "field": "金额", "gt": "50000",
     "action": "refuse", "user": "cfo", "remark": "超预算", "after": 5}

Conditions (all given ones must hold): ``processCode``; ``field`` with ``equals``, ``in`` (a list), ``glob``,
``gt`` or ``lt`` (decimal strings); ``every`` with ``offset`` (each n-th instance, counted from 1).
``action`` is one of the decisions below or ``none`` (stays undecided). The first rule that holds decides,
``after`` seconds later; an instance that no rule wants waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.flow import RUNNING, Flow, Instance
from airflow_provider_docflow.sandbox.dingtalk.forms import filled_in
from airflow_provider_docflow.sandbox.dingtalk.instances import Instances
from airflow_provider_docflow.sandbox.store import Store

ACTIONS = ("agree", "refuse", "terminate", "return", "resubmit", "redirect", "comment", "none")
_JOB = "dingtalk_decision"
_RULE = {
    "name", "processCode", "field", "equals", "in", "glob", "gt", "lt", "every", "offset",
    "action", "user", "to_user", "remark", "values", "after",
}  # fmt: skip


class Deciding:
    """Carries out decisions, at once or when a rule says so."""

    def __init__(self, store: Store, clock: Clock, jobs: Jobs) -> None:
        self._store, self._clock, self._jobs = store, clock, jobs
        self._instances: Instances
        self._rules: list[dict[str, Any]] = store.setting("dingtalk_rules", [])
        jobs.on(_JOB, self._due)

    def bind(self, instances: Instances) -> None:
        """Tell whose instances are decided; both sides need each other."""
        self._instances = instances

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules in force, in order."""
        return self._rules

    def set_rules(self, rules: list[dict[str, Any]]) -> None:
        """Replace the rules.

        :raises ApiError: when one has an unknown action or condition.
        """
        for rule in rules:
            if rule.get("action") not in ACTIONS:
                raise ApiError("invalidParameter", f"action is one of {', '.join(ACTIONS)}")
            if unknown := sorted(set(rule) - _RULE):
                raise ApiError("invalidParameter", f"a rule has no {unknown[0]!r}")
        self._store.set("dingtalk_rules", rules)
        self._rules = rules

    def on_created(self, instance: Instance, seq: int) -> None:
        """Let the rules look at a new instance."""
        for rule in self._rules:
            if _holds(rule, instance, seq):
                if rule["action"] != "none":
                    at = self._clock.now() + int(float(rule.get("after", 0)) * 1000)
                    self._jobs.add(_JOB, {**rule, "instance": instance["id"]}, at)
                return

    def _due(self, job: dict[str, Any]) -> None:
        # A person may have been quicker.
        if self._instances.get(job["instance"])["status"] == RUNNING:
            self.decide(job["instance"], job)

    def decide(self, instance_id: str, decision: dict[str, Any]) -> Instance:
        """Carry out one decision and return the instance.

        :param decision: ``action``, optional ``user``, ``remark``, ``values`` (a correction) and ``to_user``.
            Without ``user``, ``agree`` goes through all nodes; with it, only that user's task is done.
        :raises ApiError: when the instance is not in a state for it.
        """
        instance = self._instances.get(instance_id)
        action = decision.get("action")
        if action not in _STEPS:
            raise ApiError("invalidParameter", f"action is one of {', '.join(ACTIONS)}")
        if instance["status"] != RUNNING and action != "comment":
            raise ApiError("aflowProcessInstStatusException", "审批单已结束")
        flow = self._instances.flow(instance)
        values = None
        if decision.get("values"):
            values = self._corrected(instance, decision["values"])
        _STEPS[action](flow, decision, values)
        self._instances.keep(flow)
        return instance

    def _corrected(self, instance: Instance, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        merged = {item["name"]: item for item in instance["formComponentValues"]}
        for item in values:
            merged[item["name"]] = {**merged.get(item["name"], {}), **item}
        return filled_in(self._instances.components(instance), list(merged.values()))


Values = list[dict[str, Any]] | None


def _waiting(flow: Flow, user: str) -> dict[str, Any]:
    for task in flow.running():
        if task["activityId"] != "originator" and user in ("", task["userId"]):
            return task
    raise ApiError("aflowProcessInstStatusException", "没有待处理的任务")


def _agree(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    user, remark = decision.get("user") or "", decision.get("remark") or ""
    flow.execute(_waiting(flow, user), "agree", remark)
    while not user and flow.instance["status"] == RUNNING:
        flow.execute(_waiting(flow, ""), "agree", remark)


def _refuse(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    flow.execute(_waiting(flow, decision.get("user") or ""), "refuse", decision.get("remark") or "")


def _terminate(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    flow.terminate(decision.get("user") or flow.instance["originatorUserId"], decision.get("remark") or "")


def _return(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    task = _waiting(flow, decision.get("user") or "")
    flow.send_back(task["userId"], decision.get("remark") or "")
    if values is not None:
        flow.submit_again(values)


def _resubmit(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    if not any(task["activityId"] == "originator" for task in flow.running()):
        raise ApiError("aflowProcessInstStatusException", "审批单未被退回")
    flow.submit_again(flow.instance["formComponentValues"] if values is None else values)


def _redirect(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    flow.redirect(
        _waiting(flow, decision.get("user") or ""), decision["to_user"], decision.get("remark") or ""
    )


def _comment(flow: Flow, decision: dict[str, Any], values: Values) -> None:
    flow.comment(decision.get("user") or "", decision.get("remark") or "")


_STEPS: dict[str, Callable[[Flow, dict[str, Any], Values], None]] = {
    "agree": _agree,
    "refuse": _refuse,
    "terminate": _terminate,
    "return": _return,
    "resubmit": _resubmit,
    "redirect": _redirect,
    "comment": _comment,
}


def _holds(rule: dict[str, Any], instance: Instance, seq: int) -> bool:
    if rule.get("processCode") not in (None, instance["processCode"]):
        return False
    if rule.get("every") and seq % int(rule["every"]) != int(rule.get("offset", 0)) % int(rule["every"]):
        return False
    if not rule.get("field"):
        return True
    values = {item["name"]: item["value"] for item in instance["formComponentValues"]}
    return _fits(rule, values.get(rule["field"], ""))


def _fits(rule: dict[str, Any], value: str) -> bool:
    tests: dict[str, Callable[[Any], bool]] = {
        "equals": lambda wanted: value == wanted,
        "in": lambda wanted: value in wanted,
        "glob": lambda wanted: fnmatchcase(value, wanted),
        "gt": lambda wanted: _number(value) > _number(wanted),
        "lt": lambda wanted: _number(value) < _number(wanted),
    }
    return all(test(rule[name]) for name, test in tests.items() if name in rule)


def _number(text: str) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return Decimal("NaN")
