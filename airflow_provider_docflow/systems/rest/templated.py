"""
Documents of systems that nobody has confirmed a whole API of: a form is read, its state is read, a note is
written onto it. Every address and body is a template of the connection's.

The setting ``forms`` says per document type what a form holds and, where the product's defaults do not fit,
how it is asked for:

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, fetch
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import (
    ApprovalEntry,
    DocumentProfile,
    Probe,
    Reading,
    Write,
    WriteItem,
    Written,
)
from airflow_provider_docflow.core.rest.declare import Call, Field, RestDocument
from airflow_provider_docflow.core.rest.values import reading_of
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentRef, DocumentType

Raw = Mapping[str, Any]
_ASKS = ("read", "state", "write_back")
_NAMES = ("at", "head", "lines", "id", "number", "status")
_ENTRIES = frozenset({"fields", "line_fields", *_NAMES, *_ASKS})
_ASK = frozenset({"method", "path", "params", "body", "form"})
TOLD = "told"
"""Where a flattened document keeps the notes on it."""


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


@dataclass(frozen=True, kw_only=True)
class Product:
    """What a product's replies look like.

    :param defaults: how forms are asked for unless the connection says otherwise.
    :param flatten: the reply to ``read`` as ``{"id", "number", "fields", "lines", "told"}``; None where there
        is no form in it.
    :param state: the word of the state in the reply to ``state``.
    :param words: what the words mean, by the connection.
    :param history: the decisions in a flattened document.
    """

    defaults: Mapping[str, Any]
    flatten: Callable[[Form, DocumentRef, Any], dict[str, Any] | None]
    words: Callable[[Mapping[str, Any]], Mapping[str, Words]]
    state: Callable[[Any], Any] = lambda body: None
    history: Callable[[Site, Raw], tuple[ApprovalEntry, ...]] = lambda site, raw: ()
    want_json: bool = True


def documents(product: Product, settings: Mapping[str, Any]) -> dict[str, DocumentProfile]:
    """Return the document types that a connection's forms name.

    :raises Misconfigured: the forms are wrong.
    """
    given = settings.get("forms") or "{}"
    text = given if isinstance(given, str) else json.dumps(given)
    states = product.words(settings)
    entries = _entries(text, json.dumps(dict(product.defaults)))
    return {name: _document(product, name, entry, states) for name, entry in entries.items()}


def _document(product: Product, name: str, entry: Raw, states: Mapping[str, Words]) -> DocumentProfile:
    runs = _Runs(product, _form(name, entry, states))
    actions = {}
    if "write_back" in runs.form.asks:
        actions["write_back"] = Write(
            run=one_by_one(runs.write_back),
            landed=_noted,
            # Whether a note shows at once, and to whom, nobody has confirmed.
            probe=Probe(quality="best_effort", settle_seconds=30.0),
        )
    return DocumentProfile(
        read=runs.read,
        actions=actions,
        stages={},
        page_size=1,
        axes=tuple(states),
        approves="approval" in states,
    )


class _Runs:
    def __init__(self, product: Product, form: Form) -> None:
        self.product, self.form = product, form

    def read(self, site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        found: list[Reading | exc.DocflowError] = []
        for ref in refs:
            try:
                found.append((yield from self._read_one(site, ref)))
            except exc.DocflowError as error:
                error.document = error.document or str(ref)
                found.append(error)
        return found

    def _read_one(self, site: Site, ref: DocumentRef) -> Exchange[Reading]:
        answer = yield from self._ask(site, "read", ref)
        raw = self.product.flatten(self.form, ref, answer.body)
        if raw is None:
            raise exc.NotFound(
                "the system shows no such form.",
                system=site.conn_id,
                http_status=answer.status,
                remedy="Look whether it was deleted, and whether the user of the connection may see it.",
            )
        if str(raw["id"]) != ref.internal_id:
            raise exc.Rejected(
                f"the system answered with another form, {raw['id']}.", system=site.conn_id, field="id"
            )
        if "state" in self.form.asks:
            told = yield from self._ask(site, "state", ref)
            raw["state"] = self.product.state(told.body)
        reading = reading_of(site, self.form.kind, self.form.document_type, raw)
        return replace(reading, history=self.product.history(site, raw))

    def _ask(self, site: Site, name: str, ref: DocumentRef) -> Exchange[Answer]:
        request = self.form.asks[name].request(site, ref)
        return (yield from fetch(site, request, want_json=self.product.want_json))

    def write_back(self, site: Site, item: WriteItem) -> Exchange[Written]:
        if item.ref is None:
            raise exc.InvalidDocument("there is no form to write to.", remedy="Give the write its reference.")
        text = f"{note(item)} [{item.mark}]"
        request = self.form.asks["write_back"].request(site, item.ref, text=text, mark=item.mark)
        try:
            yield from fetch(site, request, writes=True, want_json=self.product.want_json)
        except exc.DocflowError as error:
            error.document = error.document or str(item.ref)
            raise
        return Written(ref=item.ref)


def note(item: WriteItem) -> str:
    """Return what is written back: ``text``, or the numbers of ``links``."""
    told: dict[str, list[str]] = {}
    for link in item.arguments.get("links") or ():
        where = f" ({link['system']})" if link.get("system") else ""
        kind = str(link.get("document_type") or "").replace("_", " ")
        told.setdefault(f"{kind}{where}", []).append(str(link.get("number") or link.get("internal_id") or ""))
    listed = "; ".join(f"{kind}: {', '.join(numbers)}" for kind, numbers in told.items())
    return str(item.arguments.get("text") or "") or listed


def _noted(reading: Reading, item: WriteItem) -> bool:
    return any(item.mark in str(text) for text in reading.raw.get(TOLD) or ())


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
def _entries(text: str, defaults: str) -> Mapping[str, Raw]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise _wrong("forms", "it is no JSON object of objects")
    return MappingProxyType({name: {**json.loads(defaults), **entry} for name, entry in given.items()})


def _form(name: str, entry: Raw, states: Mapping[str, Words]) -> Form:
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


def meanings(settings: Mapping[str, Any], name: str, default: Mapping[str, str]) -> dict[str, str]:
    """Return what words mean: a product's default, changed by a setting of JSON.

    :raises Misconfigured: the setting is no JSON object.
    """
    given = settings.get(name) or {}
    try:
        read = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        read = None
    if not isinstance(read, Mapping):
        raise exc.Misconfigured(f"{name} is no JSON object.", system="rest", field=name)
    return {**default, **{str(word): str(meaning) for word, meaning in read.items()}}


__all__ = ["TOLD", "Ask", "Form", "Product", "documents", "meanings", "note"]
