"""
The setting ``forms`` of the experimental products: what a form holds and how it is asked for.

By document type; where the product's own way to ask does not fit, the entry names another:

.. code-block:: json

    {"purchase_requisition": {"fields": {"djbh": "id", "sqrq": "issue_date", "hjje": "payable_amount"},
                              "lines": "formtable_main_266_dt1",
                              "line_fields": {"xh": "line_id", "sl": "quantity"},
                              "read": {"method": "GET", "path": "/api/form", "params": {"id": "{id}"}}}}

``{id}``, ``{number}``, ``{text}`` and ``{mark}`` are filled in. ``number`` names the field that holds the
form's number; the other names depend on the product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.rest.declare import Call, Field, RestDocument
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentRef, DocumentType

Raw = Mapping[str, Any]
_ASKS = ("read", "state", "write_back")
_NAMES = ("at", "head", "lines", "id", "number", "status")
_ENTRIES = frozenset({"fields", "line_fields", *_NAMES, *_ASKS})
_ASK = frozenset({"method", "path", "params", "body", "form"})


@dataclass(frozen=True)
class Ask:
    """One request as a template; ``form`` sends the body as a form's fields instead of JSON."""

    method: str
    path: str
    params: Mapping[str, Any]
    body: Any = None
    form: bool = False

    def request(self, site: Site, ref: DocumentRef, **more: str) -> httpx2.Request:
        """Fill the template in."""
        parts: dict[str, Any] = {"id": ref.internal_id, "number": ref.number, "text": "", "mark": "", **more}
        body = _filled(self.body, parts)
        return site.request(
            self.method,
            self.path,
            params=_filled(dict(self.params), parts) or None,
            json=None if self.form else body,
            data=body if self.form else None,
            **parts,
        )


@dataclass(frozen=True, kw_only=True)
class Form:
    """One document type of a connection.

    :param names: where a reply has its parts, by ``at``, ``head``, ``lines``, ``id``, ``number``, ``status``.
    """

    document_type: str
    kind: RestDocument
    asks: Mapping[str, Ask]
    names: Mapping[str, str]


def _filled(value: Any, parts: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(one, parts) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, parts) for one in value]
    if isinstance(value, str):
        for name, part in parts.items():
            value = value.replace(f"{{{name}}}", part)
    return value


@lru_cache(maxsize=64)
def entries(text: str, defaults: str) -> Mapping[str, Raw]:
    """Return the entries of the setting, each over the product's defaults; both are given as JSON.

    :raises Misconfigured: it is no JSON object of objects.
    """
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise _wrong("forms", "it is no JSON object of objects")
    return MappingProxyType({name: {**json.loads(defaults), **entry} for name, entry in given.items()})


def form_of(name: str, entry: Raw, states: Mapping[str, Words]) -> Form:
    """Return the form of an entry.

    :param states: what the words of its state mean.
    :raises Misconfigured: names the entry that is wrong.
    """
    if name not in set(DocumentType):
        raise _wrong(f"forms.{name}", f"{name!r} is no document type")
    if unknown := set(entry) - _ENTRIES:
        raise _wrong(f"forms.{name}", f"{sorted(unknown)[0]!r} is none of {', '.join(sorted(_ENTRIES))}")
    if "read" not in entry or not entry.get("fields"):
        raise _wrong(f"forms.{name}", "it needs read and fields")
    try:
        kind = RestDocument(
            read=Call(method="GET", path=""),
            fields=tuple(Field(path, f"fields.{native}") for native, path in entry["fields"].items()),
            lines_at="lines",
            line_fields=tuple(Field(path, native) for native, path in entry.get("line_fields", {}).items()),
            states=states,
        )
    except exc.Misconfigured as error:
        raise _wrong(f"forms.{name}", error.message) from None
    asks = {ask: _ask(name, ask, entry[ask]) for ask in _ASKS if entry.get(ask)}
    names = {one: str(entry.get(one) or "") for one in _NAMES}
    return Form(document_type=name, kind=kind, asks=asks, names=names)


def _ask(name: str, ask: str, given: Any) -> Ask:
    if not isinstance(given, Mapping) or set(given) - _ASK or not given.get("path"):
        raise _wrong(f"forms.{name}.{ask}", f"it has a path and {', '.join(sorted(_ASK))}")
    return Ask(
        method=str(given.get("method") or "POST"),
        path=str(given["path"]),
        params=given.get("params") or {},
        body=given.get("body"),
        form=given.get("form") is True,
    )


def _wrong(field: str, why: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        f"the forms of the connection cannot be used: {why}.",
        system="rest",
        field=field,
        remedy="Write forms as the page of this product shows.",
    )
