"""Requests and replies of Kingdee's WebAPI as they look on the wire."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.sandbox.store import loads

_MARK = "\u0001"
_NUMBER = re.compile(r'"\\u0001([-0-9.]+)\\u0001"')
QUERIES = frozenset({"ExecuteBillQuery", "BillQuery"})


class Refused(Exception):
    """A call is refused as a whole.

    :param code: ``MsgCode``.
    """

    def __init__(self, code: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class PlainText(Exception):
    """The answer is a text that begins with ``response_error:``."""


@dataclass
class Call:
    """One call that was let in.

    :param data: the parameters; ``more`` is what stood beside them.
    :param as_of: moment whose state a read shall show, or None for now.
    """

    method: str
    user: str
    form_id: str
    data: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)
    as_of: int | None = None


def call_of(method: str, user: str, content: bytes, as_of: int | None) -> Call:
    """Read a request: an object or a text as ``data``, or the old form with ``parameters``.

    :raises PlainText: it is no JSON object.
    """
    try:
        body = loads(content) if content else {}
        if isinstance(body, dict) and isinstance(body.get("parameters"), list):
            given = [*body["parameters"], {}]
            body = {"formid": given[0], "data": given[1]} if len(given) > 2 else {"data": given[0]}
        data = body.get("data")
        if isinstance(data, str):
            data = loads(data)
    except (ValueError, AttributeError):
        raise PlainText("请求不是合法的JSON") from None
    if data is not None and not isinstance(data, dict):
        raise PlainText("参数data不正确")
    form_id = str(body.get("formid") or (data or {}).get("FormId") or "")
    return Call(method, user, form_id, data or {}, body, as_of)


def dumps(value: Any) -> bytes:
    """Return JSON whose Decimals are numbers with all the digits that a database column has."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_marked)
    return _NUMBER.sub(r"\1", text).encode()


def _marked(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value:.10f}{_MARK}"
    raise TypeError(f"{type(value).__name__} is no JSON")


def status(errors: list[dict[str, Any]], done: list[dict[str, Any]], code: int = 0) -> dict[str, Any]:
    """Return a ``ResponseStatus``."""
    found: dict[str, Any] = {
        "IsSuccess": not errors,
        "Errors": errors,
        "SuccessEntitys": done,
        "SuccessMessages": [],
        "MsgCode": code if errors else 0,
    }
    return {"ErrorCode": 500, **found} if errors else found


def entity(bill: dict[str, Any], place: int) -> dict[str, Any]:
    """Return a document as an answer names it."""
    return {"Id": bill["fid"], "Number": bill["number"], "DIndex": place}


def fault(error: Refused, place: int = 0) -> dict[str, Any]:
    """Return one entry of ``Errors``."""
    return {"FieldName": error.field or None, "Message": error.message, "DIndex": place}


def refusal(method: str, error: Refused) -> Any:
    """Return the answer to a call that is refused; that of a query has the shape of its rows."""
    body = {"Result": {"ResponseStatus": status([fault(error)], [], error.code)}}
    return [[body]] if method in QUERIES else body
