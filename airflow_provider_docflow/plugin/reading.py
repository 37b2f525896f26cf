"""What the pages read about documents: lists, one document with its chain, texts and the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query

from airflow_provider_docflow.locale import catalogue
from airflow_provider_docflow.plugin import shapes
from airflow_provider_docflow.plugin.access import OpenLedger, Reader, may_act, may_act_at_all
from airflow_provider_docflow.plugin.addresses import Addresses
from airflow_provider_docflow.plugin.filters import DocumentFilters
from airflow_provider_docflow.plugin.shapes import Json

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.documents import Found

router = APIRouter()


@router.get("/documents")
def documents(reader: Reader, ledger: OpenLedger, filters: Annotated[DocumentFilters, Query()]) -> Json:
    """Return a page of the documents that the user may see."""
    offset, limit = filters.offset, filters.limit
    wanted = filters.search(reader.dag_ids)
    with ledger.database.transaction(reading=True) as tx:
        page = ledger.documents.page(wanted, sort=filters.sort, offset=offset, limit=limit, tx=tx)
        around = Surroundings.of(ledger, page.documents, tx=tx)
    return {
        "items": [around.row(one) for one in page.documents],
        "total": page.total,
        "total_is_exact": page.total_is_exact,
        "next_offset": offset + limit if page.more else None,
    }


@dataclass(frozen=True)
class Surroundings:
    """What the rows of a page show beside the index."""

    open_incidents: Mapping[str, int]
    addresses: Addresses

    @classmethod
    def of(cls, ledger: Any, found: Sequence[Found], *, tx: Any) -> Surroundings:
        """Read it for all rows at once."""
        from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

        counts = SeenIncidents(ledger).open_counts([one.key for one in found], tx=tx)
        return cls(counts, Addresses.of(ledger, [one.entry.ref.instance for one in found], tx=tx))

    def row(self, one: Found) -> Json:
        """Return the row of a document; asks for its connection, so do it outside of a transaction."""
        ref = one.entry.ref
        return shapes.row_of(
            one,
            system=self.addresses.system(ref.instance),
            url=self.addresses.url(ref),
            open_incidents=self.open_incidents.get(one.key, 0),
        )


@router.get("/documents/{key}")
def document(key: str, reader: Reader, ledger: OpenLedger) -> Json:
    """Return a document with everything that is linked to it and that the user may see."""
    from airflow_provider_docflow.ledger.search_chain import Chains
    from airflow_provider_docflow.ledger.search_events import Histories
    from airflow_provider_docflow.ledger.search_incidents import SeenIncidents, Sight

    dag_ids = reader.dag_ids
    with ledger.database.transaction(reading=True) as tx:
        chain = Chains(ledger).around(key, dag_ids, tx=tx)
        keys = sorted(chain.documents, key=lambda one: (chain.documents[one].created_at, one))
        around = Surroundings.of(ledger, list(chain.documents.values()), tx=tx)
        touches = Chains(ledger).touches(keys, dag_ids, tx=tx)
        decided = ledger.decisions.by_keys(keys, tx=tx)
        events = Histories(ledger).events(chain.documents, decided, tx=tx)
        incidents = SeenIncidents(ledger).of(keys, Sight(dag_ids), tx=tx)
    told = [(one, touch) for one in keys for touch in touches[one]]
    actors = shapes.ActorNames([touch for _, touch in told])
    rows = {one: around.row(chain.documents[one]) for one in keys}
    acting = {one: may_act(reader, {touch.dag_id for touch in touches[one]}) for one in keys}
    return {
        "document": rows[key],
        "chain": [rows[one] for one in keys],
        "chain_is_complete": chain.complete,
        "links": [shapes.link_of(row) for row in chain.links],
        "events": [shapes.event_of(one, actors) for one in events],
        "decisions": [shapes.decision_of(one, decision) for one, decision in decided],
        "incidents": [
            shapes.incident_of(one, may_act=acting.get(one.document_key or "", False)) for one in incidents
        ],
        "touches": [shapes.touch_of(one, touch) for one, touch in told],
        "may_act": acting[key],
    }


@router.get("/texts")
def texts(lang: Literal["en", "zh"] = "en") -> dict[str, str]:
    """Return the texts of a language by message code."""
    return catalogue(lang)


@router.get("/me")
def me(reader: Reader) -> Json:
    """Return who asks."""
    return {"id": reader.user.get_id(), "name": reader.name, "may_act": may_act_at_all(reader)}
