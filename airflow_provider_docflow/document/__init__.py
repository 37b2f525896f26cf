"""The business words: document, reference, state, and what is material about a document.

Everything here is pure: no I/O, no Airflow. Amounts, prices and quantities are exact decimals and strings in
JSON; business dates are days without a time zone; instants are aware UTC.
"""

from __future__ import annotations

from airflow_provider_docflow.document.material import (
    MATERIAL_VERSION,
    Difference,
    content_hash,
    differences,
    material,
    material_hash,
)
from airflow_provider_docflow.document.model import (
    Address,
    AllowanceCharge,
    Attachment,
    CostObject,
    Delivery,
    Document,
    DocumentType,
    Line,
    Party,
    PayeeAccount,
    PaymentTerms,
    document_from_json,
    document_to_json,
)
from airflow_provider_docflow.document.money import (
    MINOR_UNITS,
    Apportionment,
    apportion,
    minor_units,
)
from airflow_provider_docflow.document.parts import split
from airflow_provider_docflow.document.ref import DocumentRef
from airflow_provider_docflow.document.state import (
    ApprovalState,
    DocumentState,
    FulfilmentState,
    InvoicingState,
    LifecycleState,
    PaymentState,
)

__all__ = [
    "MATERIAL_VERSION",
    "MINOR_UNITS",
    "Address",
    "AllowanceCharge",
    "Apportionment",
    "ApprovalState",
    "Attachment",
    "CostObject",
    "Delivery",
    "Difference",
    "Document",
    "DocumentRef",
    "DocumentState",
    "DocumentType",
    "FulfilmentState",
    "InvoicingState",
    "LifecycleState",
    "Line",
    "Party",
    "PayeeAccount",
    "PaymentState",
    "PaymentTerms",
    "apportion",
    "content_hash",
    "differences",
    "document_from_json",
    "document_to_json",
    "material",
    "material_hash",
    "minor_units",
    "split",
]
