"""The fields of a connection to Kingdee, each with its default; what nobody could confirm is called so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.systems.kingdee.values import DEFAULT_CURRENCIES
from airflow_provider_docflow.systems.kingdee.workflow import DEFAULT_WORDS

_UNVERIFIED = " UNVERIFIED: no published figure or word; compare with the tenant."

CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "acct_id": text("Data centre id", "The id of the data centre (账套); every call names it."),
    "app_id": text("Application id", "Of the third-party login, with the part after the underscore."),
    "app_secret": text("Application secret", "Of the third-party login.", format="password"),
    "auth": text(
        "Login",
        "signed (no login; needs application id and secret), password, app_secret or sign. Empty: signed"
        " where an application is given, else password.",
    ),
    "keep_session": flag(
        "Keep the session of signed calls",
        "As the vendor's client does; whether calls without it leave sessions behind is UNVERIFIED.",
        default=False,
    ),
    "org_num": text("Organisation", "Number of the organisation to act in; 0 leaves it to the user."),
    "lcid": number("Language", "2052 is Chinese, 1033 English.", default=2052),
    "forms": text("Forms", "JSON: document type → changes of its form, fields and entries."),
    "currencies": text(
        "Currencies", "JSON: ISO code → number of the currency." + _UNVERIFIED, default=DEFAULT_CURRENCIES
    ),
    "units": text("Units", 'JSON: unit code → number of the unit, such as {"C62": "Pcs"}; others stay.'),
    "numbering": text(
        "Document numbers",
        "own: docflow's mark is the number, which the form's numbering rule must allow. kingdee: it"
        " numbers by itself, and forms name a mark_field.",
        default="own",
    ),
    "number_prefix": text("Number prefix", "Stands before the mark in numbers of docflow's."),
    "save_as": text("Save as", "save, or draft (kept without a number and without checks).", default="save"),
    "batch_size": number(
        "Documents per save", "At most so many in one call." + _UNVERIFIED, default=20, minimum=1
    ),
    "batch_threads": number("Threads of a batch", "BatchCount, 1 to 10.", default=1, minimum=1, maximum=10),
    "batch_async": flag("Save batches in the background", "The server is asked every second.", default=False),
    "price_decimals": number("Decimals of a price", "That the tenant keeps." + _UNVERIFIED, default=6),
    "query_limit": number(
        "Rows of a query", "2000, or WebAPIMaxQueryLimit of newer servers.", default=2000, minimum=1
    ),
    "operation_method": text(
        "Method of operations",
        "ExcuteOperation as the vendor's client spells it; some servers want ExecuteOperation." + _UNVERIFIED,
        default="ExcuteOperation",
    ),
    "workflow_history": flag(
        "Read decisions", "The user may query the workflow's assignments.", default=True
    ),
    "result_words": text(
        "Result words", "JSON: FResultName → decision." + _UNVERIFIED, default=DEFAULT_WORDS
    ),
    "approver_field": text("Approver", "Key that names an approver.", default="FReceiverId.FName"),
    "attachment_form": text(
        "Form of files", "Lists attached files; others found BOS_Attachment." + _UNVERIFIED
    ),
    "attachment_chunk_bytes": number(
        "Bytes per piece", "Of an attached file." + _UNVERIFIED, default=1 << 20, minimum=1
    ),
    "upload_method": text(
        "Method of uploads",
        "AttachmentUpload as the vendor's client spells it; others write AttachmentUpLoad." + _UNVERIFIED,
        default="AttachmentUpload",
    ),
    "calls_per_minute": number(
        "Calls per minute", "What the licence allows; empty: no limit is known." + _UNVERIFIED, minimum=1
    ),
    "overlap_seconds": number("Overlap (s)", "How far the change feed looks back again.", default=120),
    "probe_form": text("Form that everybody may read", "Confirms the data centre.", default="BD_Currency"),
    "time_zone": text("Time zone", "Of the server's clock.", default="Asia/Shanghai"),
    "verify_tls": flag("Verify TLS", default=True),
}
_WORDS = {
    "auth": ("signed", "password", "app_secret", "sign"),
    "numbering": ("own", "kingdee"),
    "save_as": ("save", "draft"),
}


def check_words(settings: Mapping[str, Any]) -> None:
    """Refuse a word that a setting does not know: it would choose another promise than was meant.

    :raises Misconfigured: names the field and its words.
    """
    for name, words in _WORDS.items():
        given = settings.get(name)
        if given not in (None, "", *words):
            raise Misconfigured(
                f"{given!r} is none of its words.",
                system="kingdee",
                field=name,
                remedy=f"Use one of: {', '.join(words)}.",
            )
