"""
Documents of systems that nobody has confirmed a whole API of: a form is read, its state is read, a note is
written onto it. Every address and body is a template of the connection's, see
:mod:`~airflow_provider_docflow.systems.rest.templates`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, about, fetch
from airflow_provider_docflow.core.exchange import Exchange, TokenWanted
from airflow_provider_docflow.core.oa.writing import numbers_text
from airflow_provider_docflow.core.paging import one_by_one, read_one_by_one
from airflow_provider_docflow.core.profile import (
    ApprovalEntry,
    DocumentProfile,
    Probe,
    Reading,
    SystemProfile,
    Write,
    WriteItem,
    Written,
)
from airflow_provider_docflow.core.rest.values import reading_of
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.rest.templates import Ask, Form, entries, form_of

Raw = Mapping[str, Any]
TOLD = "told"
"""Where a flattened document keeps the notes on it."""


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


def instance(site: Site) -> Exchange[str]:
    """Return the name that the connection gives the tenant, after the system has let the connection in.

    :raises Misconfigured: it gives none; an address may come to lead to another tenant.
    """
    name = str(site.required("instance"))
    yield TokenWanted()
    return name


def experimental(profile: SystemProfile, product: Product, *, login_by: tuple[str, ...]) -> SystemProfile:
    """Return the profile of a product that nobody has confirmed: its documents are what a connection says."""

    def resolve(settings: Mapping[str, Any]) -> SystemProfile:
        return replace(made, documents=documents(product, settings), resolve=None)

    made = replace(profile, login_by=login_by, experimental=True, resolve=resolve)
    return made


def documents(product: Product, settings: Mapping[str, Any]) -> dict[str, DocumentProfile]:
    """Return the document types that a connection's forms name.

    :raises Misconfigured: the forms are wrong.
    """
    given = settings.get("forms") or "{}"
    text = given if isinstance(given, str) else json.dumps(given)
    states = product.words(settings)
    named = entries(text, json.dumps(dict(product.defaults)))
    return {name: _document(product, name, entry, states) for name, entry in named.items()}


def _document(product: Product, name: str, entry: Raw, states: Mapping[str, Words]) -> DocumentProfile:
    runs = _Runs(product, form_of(name, entry, states))
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
        return (yield from read_one_by_one(self._read_one)(site, refs))

    def _read_one(self, site: Site, ref: DocumentRef) -> Exchange[Reading]:
        with about(str(ref)):
            return (yield from self._shown(site, ref))

    def _shown(self, site: Site, ref: DocumentRef) -> Exchange[Reading]:
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
        with about(str(item.ref)):
            yield from fetch(site, request, writes=True, want_json=self.product.want_json)
        return Written(ref=item.ref)


def note(item: WriteItem) -> str:
    """Return what is written back: ``text``, or the numbers of ``links``."""
    return str(item.arguments.get("text") or "") or numbers_text(item)


def _noted(reading: Reading, item: WriteItem) -> bool:
    return any(item.mark in str(text) for text in reading.raw.get(TOLD) or ())


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


__all__ = ["TOLD", "Ask", "Form", "Product", "experimental", "instance", "meanings", "note"]
