"""
Writing documents: Save, BatchSave or Draft, and the change of what is there.

A refused document of ours is looked for by its number: Kingdee has no code for "this number exists", and a
number that carries our mark can only be ours. In a batch every document's fate is matched by ``DIndex``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange, Pause
from airflow_provider_docflow.core.paging import WriteResult, one_by_one
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.errors import refusal, status_of
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.model import document_in, model_of
from airflow_provider_docflow.systems.kingdee.numbers import number_for, put_marks
from airflow_provider_docflow.systems.kingdee.wire import number_of, post

_COMPLETE = 2
_POLL_SECONDS = 1.0
_MOST_POLLS = 120
_REFUSED = (exc.Rejected, exc.NotFound)
Model = dict[str, Any]


def create(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
    """Create documents; one refusal does not stop the others."""
    if not items:
        return []
    form = form_of(site, document_in(items[0]).document_type)
    results: dict[int, WriteResult] = {}
    models: dict[int, Model] = {}
    for position, item in enumerate(items):
        try:
            model = model_of(site, form, item)
            put_marks(site, form, item, model)
            models[position] = model
        except exc.PermanentError as error:
            error.document, error.system = error.document or item.reference, site.conn_id
            results[position] = error
    sent = list(models)
    answers = yield from _send(site, form, [items[n] for n in sent], [models[n] for n in sent])
    results.update(zip(sent, answers, strict=True))
    return [results[position] for position in range(len(items))]


def _send(
    site: Site, form: Form, items: Sequence[WriteItem], models: Sequence[Model]
) -> Exchange[list[WriteResult]]:
    if not items:
        return []
    if len(items) == 1 or site.setting("save_as", "save") == "draft":
        found = {id(item): model for item, model in zip(items, models, strict=True)}
        run = one_by_one(lambda site, item: _save(site, form, item, found[id(item)]))
        results = yield from run(site, items)
    else:
        threads = int(site.setting("batch_threads", 1))
        data = {"Model": list(models), "BatchCount": threads, **options()}
        answer = yield from _batch(site, {"formid": form.form_id, "data": data})
        results = [_result(site, form, item, answer, n) for n, item in enumerate(items)]
    return (yield from _with_existing(site, form, items, results))


def options() -> dict[str, Any]:
    """Return how strictly a model is looked at.

    By its defaults Kingdee leaves a field empty whose master data it does not know, rounds what has too many
    decimals, and goes on where it would ask a person; here each of these is a refusal.
    """
    return {
        "ValidateFlag": True,
        "NumberSearch": True,
        "IsVerifyBaseDataField": True,
        "IsControlPrecision": True,
        "InterationFlags": "",
        "IgnoreInterationFlag": False,
    }


def _save(site: Site, form: Form, item: WriteItem, model: Model) -> Exchange[Written]:
    method = "Draft" if site.setting("save_as", "save") == "draft" else "Save"
    body = {"formid": form.form_id, "data": {"Model": model, **options()}}
    try:
        answer = yield from post(site, method, body, writes=True)
    except exc.DocflowError as error:
        error.document = error.document or item.reference
        raise
    result = _result(site, form, item, answer, 0)
    if isinstance(result, exc.DocflowError):
        raise result
    return result


def _batch(site: Site, body: Mapping[str, Any]) -> Exchange[Any]:
    """Save a batch, and where the connection says so wait for the server to have done it."""
    if not site.setting("batch_async", False):
        return (yield from post(site, "BatchSave", body, writes=True))
    asked = {**body, "beginmethod": "BeginQueryImpl", "querymethod": "QueryAsyncResult"}
    told = yield from post(site, "BatchSave", asked, writes=True)
    for _ in range(_MOST_POLLS):
        if status_of(told) is not None or not isinstance(told, Mapping):
            return told
        if told.get("Status") == _COMPLETE:
            return told.get("Result")
        yield Pause(_POLL_SECONDS)
        told = yield from _polled(site, str(told.get("TaskId") or ""))
    raise _lost(site, "the batch was taken and is not done.")


def _polled(site: Site, task: str) -> Exchange[Any]:
    query = f'{{"TaskId":"{task}","Cancelled":false}}'
    try:
        return (yield from post(site, "QueryAsyncResult", {"queryInfo": query}))
    except exc.DocflowError as error:
        raise _lost(site, f"the batch was taken, and its end is not known: {error.message}") from error


def _lost(site: Site, why: str) -> exc.UnknownOutcome:
    return exc.UnknownOutcome(
        why, system=site.conn_id, remedy="Nothing: the next try looks for its documents."
    )


def _result(site: Site, form: Form, item: WriteItem, answer: Any, place: int) -> WriteResult:
    """Return what an answer says of the document at a place of the batch."""
    status = status_of(answer) or {}
    for entity in status.get("SuccessEntitys") or ():
        if int(entity.get("DIndex") or 0) == place and entity.get("Id"):
            return _written(site, form, item, number_of(entity["Id"]), str(entity.get("Number") or ""))
    told = [one for one in status.get("Errors") or () if int(one.get("DIndex") or 0) == place]
    if told:
        return refusal(site, status, told, item.reference)
    record = number_of(dig(answer, "Result.Id"))
    if status.get("IsSuccess") and place == 0 and record not in ("", "0"):
        return _written(site, form, item, record, str(dig(answer, "Result.Number") or ""))
    return exc.UnknownOutcome(
        "the answer does not say what became of the document.",
        system=site.conn_id,
        document=item.reference,
        http_status=200,
        remedy="Nothing: the next try looks for it.",
    )


def _written(site: Site, form: Form, item: WriteItem, record: str, number: str) -> Written:
    document = document_in(item)
    ref = DocumentRef(site.known_instance, document.company_code, document.document_type, record, number)
    wanted = number_for(site, item)
    detail = {"number_ignored": wanted} if wanted and number and number != wanted else {}
    return Written(ref=ref, detail=detail)


def _with_existing(
    site: Site, form: Form, items: Sequence[WriteItem], results: Sequence[WriteResult]
) -> Exchange[list[WriteResult]]:
    """Take a refused document that is there under its number for what it is: written before."""
    found = list(results)
    for place, result in enumerate(found):
        number = number_for(site, items[place])
        if isinstance(result, _REFUSED) and not isinstance(result, exc.InvalidDocument) and number:
            record = yield from view(site, form.form_id, number)
            if record is not None:
                found[place] = _written(site, form, items[place], record, number)
    return found


def view(site: Site, form_id: str, number: str) -> Exchange[str | None]:
    """Return the id of the document of a number, as View shows it; None where there is none.

    :raises UnknownOutcome: nobody could tell.
    """
    asked = {"formid": form_id, "data": {"Number": number, "CreateOrgId": 0, "Id": ""}}
    try:
        body = yield from post(site, "View", asked)
    except (exc.NotFound, exc.Rejected):
        return None
    except exc.DocflowError as error:
        raise _lost(site, f"refused, and whether {number} is there is not known: {error.message}") from error
    if (status_of(body) or {"IsSuccess": True}).get("IsSuccess") is not True:
        return None
    record = number_of(dig(body, "Result.Result.Id"))
    return record if record not in ("", "0") else None
