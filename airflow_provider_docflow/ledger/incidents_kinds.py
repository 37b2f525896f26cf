"""What an incident is: what is told when it is opened, how it stands, what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.keys import digest_of

Category = Literal["data", "master data", "business rule", "permission", "quota", "technical", "control"]
CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True)
class NewIncident:
    """What went wrong.

    :param category: which kind of person can help.
    :param code: message code of the texts in ``locale``, or the system's own code.
    :param reason: in words, for the owner; encrypted, since a system's message may name people.
    :param intent_id: the intent that waits for it, if any.
    :param ref: the document concerned, if it is known as such; of a write that is the source document.
    :param document_number: its number as people know it.
    :param field: path of the field, as ``lines[2].quantity``.
    :param group_key: the same for everything that has the same root cause; made of instance, code and field
        when empty.
    :param owner_role: who has to act; by the rules when empty.
    :param due: until when somebody should have acted; by the rules when None.
    """

    category: Category
    code: str
    reason: str
    intent_id: int | None = None
    ref: DocumentRef | None = None
    instance_id: str = ""
    document_number: str = ""
    field: str = ""
    group_key: str = ""
    owner_role: str = ""
    due: datetime | None = None
    actor: str = ""

    @property
    def dedupe(self) -> str:
        """Return what is the same for the same trouble, however often it comes up."""
        if self.intent_id is not None:
            about: list[Any] = ["intent", self.intent_id]
        elif self.ref is not None:
            about = ["document", ref_key(self.ref)]
        else:
            about = ["named", self.instance_id, self.document_number]
        return digest_of("docflow incident 1", self.code, self.field, *about)


@dataclass(frozen=True)
class Incident:
    """An incident as it stands; the fields mean the same as in :class:`NewIncident`.

    :param ref_key: the document concerned, as the index knows it.
    :param assignee: who has taken it on; empty while nobody has.
    """

    id: int
    category: str
    code: str
    status: str
    reason: str
    intent_id: int | None
    ref_key: str | None
    instance_id: str
    document_number: str
    field: str
    group_key: str
    owner_role: str
    assignee: str
    due: datetime | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class IncidentEvent:
    """One entry of an incident's history: opened, again, assigned, retried, closed or noted."""

    event: str
    actor: str
    note: str
    at: datetime
