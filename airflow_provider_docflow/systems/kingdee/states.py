"""
What Kingdee's words for a state mean.

``FDocumentStatus`` is A (created), Z (kept as a draft), B (in approval), C (audited) or D (to be audited
again). D is one word for three ways back: a rejection and a withdrawal are known by the workflow's history;
without one it was UnAudit, and what was approved is ``revoked``. Some sources say that UnAudit leads to B:
that reads ``pending``, and does not count as approved either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import DocumentState
from airflow_provider_docflow.systems.kingdee.forms import Form

SAVED, KEPT, SUBMITTED, AUDITED, AGAIN = "A", "Z", "B", "C", "D"
NORMAL, ENDED = "A", "B"

_LIFECYCLE = {
    KEPT: "draft",
    SAVED: "draft",
    SUBMITTED: "submitted",
    AUDITED: "active",
    AGAIN: "draft",
    "cancelled": "cancelled",
    "closed": "closed",
    "terminated": "closed",
}
_APPROVAL = {
    KEPT: "none",
    SAVED: "none",
    SUBMITTED: "pending",
    AUDITED: "approved",
    AGAIN: "revoked",
    f"{AGAIN} rejected": "rejected",
    f"{AGAIN} returned": "returned",
    f"{AGAIN} withdrawn": "withdrawn",
}
_BACK = ("rejected", "returned", "withdrawn")


def state(
    form: Form, head: Mapping[str, Any], history: Sequence[ApprovalEntry], read_at: datetime
) -> DocumentState:
    """Return the state on the axes that Kingdee tells: lifecycle and approval."""
    axes = {
        "lifecycle": Words(lambda raw: lifecycle_word(form, raw), _LIFECYCLE),
        "approval": Words(lambda raw: approval_word(form, raw, history), _APPROVAL),
    }
    return state_of(head, axes, read_at)


def lifecycle_word(form: Form, head: Mapping[str, Any]) -> str:
    """Return Kingdee's word, or which end the document has come to."""
    ends = (
        (form.cancel_field, "cancelled"),
        (form.terminate_field, "terminated"),
        (form.close_field, "closed"),
    )
    for key, end in ends:
        word = str(head.get(key) or NORMAL) if key else NORMAL
        if word != NORMAL:
            return end if word == ENDED else f"{key} {word}"
    return str(head.get(form.status_field) or "")


def approval_word(form: Form, head: Mapping[str, Any], history: Sequence[ApprovalEntry]) -> str:
    """Return Kingdee's word, and for its ambiguous one how the last round ended."""
    word = str(head.get(form.status_field) or "")
    if word != AGAIN:
        return word
    decided = [entry.decision for entry in history if entry.decision in (*_BACK, "approved")]
    return f"{word} {decided[-1]}" if decided and decided[-1] in _BACK else word
