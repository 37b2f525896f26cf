"""The methods of the document service. What one of a batch is refused for does not stop the others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.kingdee.bills import Bill, Bills
from airflow_provider_docflow.sandbox.kingdee.files import Files
from airflow_provider_docflow.sandbox.kingdee.forms import RULES
from airflow_provider_docflow.sandbox.kingdee.queries import Queries, viewed
from airflow_provider_docflow.sandbox.kingdee.wire import Call, Refused, entity, fault, status
from airflow_provider_docflow.sandbox.kingdee.workflow import Workflow
from airflow_provider_docflow.sandbox.store import Store

_COMPLETE = 2


class Api:
    """Handlers by method name."""

    def __init__(
        self, store: Store, bills: Bills, workflow: Workflow, queries: Queries, files: Files
    ) -> None:
        self._store, self._bills, self._workflow = store, bills, workflow
        self._queries, self._files = queries, files
        self.methods: dict[str, Callable[[Call], Any]] = {
            "Save": lambda call: self._save(call, kept=False),
            "Draft": lambda call: self._save(call, kept=True),
            "BatchSave": self._batch_save,
            "QueryAsyncResult": self._task,
            "View": self._view,
            "ExecuteBillQuery": self._queries.rows,
            "Submit": lambda call: self._each(call, self._workflow.submit),
            "Audit": self._audit,
            "UnAudit": lambda call: self._each(call, self._workflow.unaudit),
            "CancelAssign": lambda call: self._each(call, self._workflow.withdraw),
            "Delete": lambda call: self._each(call, self._bills.delete),
            "ExcuteOperation": self._operate,
            "ExecuteOperation": self._operate,
            "WorkflowAudit": self._decide,
            "Push": self._push,
            "AttachmentUpload": lambda call: _good(self._files.upload(call)),
            "AttachmentUpLoad": lambda call: _good(self._files.upload(call)),
            "AttachmentDownLoad": lambda call: _good(self._files.download(call)),
        }

    def _save(self, call: Call, *, kept: bool) -> Any:
        model = call.data.get("Model")
        if not isinstance(model, dict):
            raise Refused(8, "参数Model不正确")
        bill = self._saved(call, model, kept=kept)
        named = {"Id": bill["fid"], "Number": bill["number"], "NeedReturnData": [{}]}
        return {"Result": {**named, "ResponseStatus": status([], [entity(bill, 0)])}}

    def _saved(self, call: Call, model: dict[str, Any], *, kept: bool = False) -> Bill:
        """Save one model whole or not at all."""
        self._check_edited(int(model.get("FID") or 0))
        self._store.execute("SAVEPOINT bill")
        try:
            bill = self._bills.save(call.form_id, call.data, model, call.user, kept=kept)
        except Refused:
            self._store.execute("ROLLBACK TO bill")
            raise
        finally:
            self._store.execute("RELEASE bill")
        return bill

    def _batch_save(self, call: Call) -> Any:
        models = call.data.get("Model")
        if not isinstance(models, list):
            raise Refused(8, "参数Model应为数组")
        if not 1 <= int(call.data.get("BatchCount") or 1) <= 10:
            raise Refused(8, "BatchCount应在1到10之间")
        self._bills.spec(call.form_id)
        errors, done, code = [], [], 0
        for place, model in enumerate(models):
            try:
                done.append(entity(self._saved(call, model), place))
            except Refused as error:
                errors.append(fault(error, place))
                code = error.code
        answer = {"Result": {"ResponseStatus": status(errors, done, code)}}
        return self._begun(answer) if call.more.get("beginmethod") == "BeginQueryImpl" else answer

    def _begun(self, answer: Any) -> Any:
        task = uuid.uuid4().hex
        self._store.set(f"kingdee_task_{task}", {"left": 1, "answer": answer})
        return {"Status": 0, "TaskId": task, "Result": None}

    def _task(self, call: Call) -> Any:
        asked = json.loads(str(call.more.get("queryInfo") or "{}"))
        name = f"kingdee_task_{asked.get('TaskId')}"
        task = self._store.setting(name)
        if task is None:
            raise Refused(10, "任务不存在")
        if task["left"]:
            self._store.set(name, {**task, "left": task["left"] - 1})
            return {"Status": 1, "TaskId": asked["TaskId"], "Result": None}
        return {"Status": _COMPLETE, "TaskId": asked["TaskId"], "Result": task["answer"]}

    def _view(self, call: Call) -> Any:
        spec = self._bills.spec(call.form_id)
        if call.data.get("Id"):
            bill = self._bills.get(call.data["Id"], call.as_of)
        else:
            bill = self._bills.by_number(call.form_id, str(call.data.get("Number") or ""), call.as_of)
        if bill is None or bill["form"] != call.form_id:
            raise Refused(10, "传递的编码值不存在")
        return {"Result": {"ResponseStatus": None, "Result": viewed(spec, bill)}}

    def _each(self, call: Call, work: Callable[[Bill], None]) -> Any:
        self._bills.spec(call.form_id)
        found = self._bills.named(call.form_id, call.data)
        errors, done, code = [], [], 0
        silent = call.method in self._store.setting("kingdee_silent", [])
        for place, bill in enumerate(found):
            try:
                self._check_edited(bill["fid"])
                if not silent:
                    work(bill)
                done.append(entity(bill, place))
            except Refused as error:
                errors.append(fault(error, place))
                code = error.code
        return {"Result": {"ResponseStatus": status(errors, done, code)}}

    def _check_edited(self, fid: int) -> None:
        if fid and fid in self._store.setting("kingdee_edited", []):
            raise Refused(13, "单据正在被其他用户编辑，网络控制冲突")

    def _audit(self, call: Call) -> Any:
        verify = bool(call.data.get("IsVerifyProcInst"))
        return self._each(call, lambda bill: self._workflow.audit(bill, call.user, verify=verify))

    def _operate(self, call: Call) -> Any:
        if call.method != self._store.setting("kingdee_operation_method", "ExcuteOperation"):
            return None
        number = str(call.more.get("opNumber") or "")
        if not number:
            raise Refused(3, "操作编码不能为空")
        action = self._bills.spec(call.form_id).operations.get(number)
        if action is None:
            raise Refused(12, f"操作{number}不存在")
        return self._each(call, lambda bill: self._end(bill, action))

    def _end(self, bill: Bill, action: str) -> None:
        field, word = {
            "cancel": ("cancel", "B"),
            "uncancel": ("cancel", "A"),
            "close": ("close", "B"),
            "reopen": ("close", "A"),
            "terminate": ("terminate", "B"),
            "unterminate": ("terminate", "A"),
        }[action]
        # What is void was never audited; what is closed was.
        wanted = ("A", "D", "Z") if field == "cancel" else ("C",)
        if bill["status"] not in wanted or bill[field] == word:
            raise Refused(12, f"单据{bill['number']}的状态不允许该操作", "FDocumentStatus")
        self._bills.put({**bill, field: word})

    def _decide(self, call: Call) -> Any:
        ids = call.data.get("Ids") or ""
        joined = ids if isinstance(ids, str) else ",".join(str(one) for one in ids)
        data = {"Ids": joined, **_numbers(call.data)}
        (bill,) = self._bills.named(str(call.data.get("FormId") or ""), data)
        user, kind = str(call.data.get("UserName") or ""), int(call.data.get("ApprovalType") or 0)
        self._workflow.decide(bill, user, kind, str(call.data.get("Disposition") or ""))
        return {"Result": {"ResponseStatus": status([], [entity(bill, 0)])}}

    def _push(self, call: Call) -> Any:
        name = call.data.get("RuleId") or f"{call.form_id}-{call.data.get('TargetFormId')}"
        sources = self._bills.named(call.form_id, call.data)
        try:
            if name not in RULES or RULES[name][0] != call.form_id:
                raise Refused(10, f"转换规则{name}不存在")
            models = [self._converted(source, name) for source in sources]
        except Refused as error:
            failed = status([fault(error)], [], error.code)
            return {"Result": {"ResponseStatus": status([], []), "ConvertResponseStatus": failed}}
        target = Call("Save", call.user, RULES[name][1], {})
        try:
            made = [self._saved(target, model) for model in models]
        except Refused as error:
            failed = status([fault(error)], [], error.code)
            return {"Result": {"ResponseStatus": failed, "ConvertResponseStatus": status([], [])}}
        for source in sources:
            self._join(source, name)
        done = [entity(bill, place) for place, bill in enumerate(made)]
        return {"Result": {"ResponseStatus": status([], done), "ConvertResponseStatus": status([], [])}}

    def _converted(self, source: Bill, rule: str) -> dict[str, Any]:
        _, target, head, lines = RULES[rule]
        left = [entry for entry in source["entries"] if str(entry["id"]) not in source["joined"]]
        if source["status"] != "C" or source["close"] == "B" or not left:
            raise Refused(12, f"单据{source['number']}没有符合转换条件的分录")
        model: dict[str, Any] = {new: source["head"].get(old) for old, new in head.items()}
        rows = [{new: entry.get(old) for old, new in lines.items()} for entry in left]
        return {**model, self._bills.spec(target).entry: rows}

    def _join(self, source: Bill, rule: str) -> None:
        quantity = next(old for old in RULES[rule][3] if "Qty" in old)
        source["joined"] = {str(entry["id"]): str(entry.get(quantity)) for entry in source["entries"]}
        self._bills.put(source)


def _good(result: dict[str, Any]) -> dict[str, Any]:
    return {"Result": {**result, "ResponseStatus": status([], [])}}


def _numbers(data: dict[str, Any]) -> dict[str, Any]:
    return {"Numbers": data.get("Numbers") or []}
