"""Small help for the control planes: JSON in and out, Decimals as strings."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_docflow.sandbox.store import dumps, loads


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; an empty body is an empty object.

    :raises HTTPException: 400 for anything else.
    """
    content = await request.body()
    try:
        body = loads(content) if content else {}
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return body


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON reply."""
    return Response(dumps(body), status, headers, "application/json")
