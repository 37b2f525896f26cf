"""Documents as Airflow assets: an asset per document type of a system, a partition per document and content.

A flow scheduled by ``PartitionedAssetTimetable(assets=document_asset("oa", "purchase_requisition"))`` runs
once for each partition that is emitted. The partition's key names the document, so that the interface can be
searched by it, and travels down the chain of flows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import ApprovalState, DocumentRef, DocumentType

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

    from airflow_provider_docflow.hooks.handles import Handle

SCHEME = "docflow"
LONGEST_KEY = 250
REVISION_LENGTH = 12

_TAGS = ("company", "year", "id", "rev")
_KEY = re.compile(r"(?P<number>[^;]*)(?P<tags>(;(company|year|id|rev)=[^;]*)+)")


def document_asset(owner: str, document_type: str, state: str = "") -> Asset:
    """Return the asset of the documents of one type.

    :param owner: connection id, or instance; whoever emits and whoever listens must name the same.
    :param state: only those that have come to this word of the approval, such as ``approved``.
    """
    from airflow.sdk import Asset

    parts = [quote(owner, safe=""), quote(str(document_type), safe=""), *([state] if state else [])]
    return Asset(uri=f"{SCHEME}://{'/'.join(parts)}", group="docflow")


def checked_uri(uri: SplitResult) -> SplitResult:
    """Refuse an address that names no document type; Airflow asks for every asset of this scheme.

    :raises ValueError: it is none of ``docflow://owner/document_type`` and ``…/state``.
    """
    document_type, _, state = uri.path.removeprefix("/").partition("/")
    known_type = document_type in frozenset(DocumentType)
    if not uri.netloc or not known_type or (state and state not in frozenset(ApprovalState)):
        raise ValueError(f"{uri.geturl()} is not docflow://owner/document_type[/state]")
    return uri


@dataclass(frozen=True, kw_only=True)
class PartitionKey:
    """Which document, as which content.

    :param revision: beginning of the hash of its material fields.
    """

    internal_id: str
    number: str = ""
    company_code: str = ""
    fiscal_year: int | None = None
    revision: str = ""

    def ref(self, instance: str, document_type: str) -> DocumentRef:
        """Return the document's reference."""
        kind = DocumentType(document_type)
        return DocumentRef(instance, self.company_code, kind, self.internal_id, self.number, self.fiscal_year)


def partition_key(ref: DocumentRef, revision: str = "") -> str:
    """Return the key of a document's partition: the number as people know it, then what makes it unique.

    :param revision: hash of the content; another content is another partition.
    :raises InvalidDocument: the system's id of the document is too long for a key.
    """
    tags: dict[str, Any] = {
        "company": ref.company_code,
        "year": ref.fiscal_year,
        "id": ref.internal_id,
        "rev": revision[:REVISION_LENGTH],
    }
    tail = "".join(f";{tag}={_escaped(str(value))}" for tag, value in tags.items() if value not in ("", None))
    key = f"{_escaped(ref.number)}{tail}"
    if len(key) <= LONGEST_KEY:
        return key
    # The number is for people; the id alone tells which document it is.
    digest = f"~{sha256(ref.number.encode()).hexdigest()[:16]}"
    room = LONGEST_KEY - len(tail) - len(digest)
    if room < 0:
        raise exc.InvalidDocument(
            f"its id has {len(ref.internal_id)} characters, too many for a partition key.",
            system=ref.instance,
            document=ref.number,
            field="internal_id",
            remedy="Handle such documents as a list, in the volume lane.",
        )
    return f"{_cut(_escaped(ref.number), room)}{digest}{tail}"


def parse_partition_key(text: str) -> PartitionKey | None:
    """Read what :func:`partition_key` wrote; None if ``text`` is no such key but, say, a number."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    tags = dict(tag.split("=", 1) for tag in found["tags"].split(";")[1:])
    if list(tags) != [tag for tag in _TAGS if tag in tags] or "id" not in tags:
        return None
    year = tags.get("year", "")
    if year and not (year.isascii() and year.isdigit()):
        return None
    return PartitionKey(
        internal_id=_plain(tags["id"]),
        number="" if "~" in found["number"] else _plain(found["number"]),
        company_code=_plain(tags.get("company", "")),
        fiscal_year=int(year) if year else None,
        revision=_plain(tags.get("rev", "")),
    )


def keys_to_handles(documents: Any, conn_id: str, instance: str, document_type: str) -> Any:
    """Return ``documents`` with every partition key replaced by the reference that it stands for."""
    if isinstance(documents, str):
        key = parse_partition_key(documents)
        return documents if key is None else _handle_json(key, conn_id, instance, document_type)
    if isinstance(documents, Mapping) or not isinstance(documents, Sequence):
        return documents
    return [keys_to_handles(one, conn_id, instance, document_type) for one in documents]


def _handle_json(key: PartitionKey, conn_id: str, instance: str, document_type: str) -> dict[str, Any]:
    from airflow_provider_docflow.hooks.handles import Handle

    return Handle(conn_id=conn_id, ref=key.ref(instance, document_type)).to_json()


def emit(context: Context, handles: Iterable[Handle], asset: Asset | None = None) -> list[str]:
    """Emit a partition for every document; the events count once the task has succeeded.

    :param asset: one of the task's outlets; the only docflow asset among them if none is named.
    :returns: the keys.
    :raises Misconfigured: the task has no such outlet, or several.
    """
    keys = sorted({partition_key(handle.ref, handle.material_hash) for handle in handles})
    if keys:
        context["outlet_events"][asset or only_outlet(context["task"].outlets)].add_partitions(keys)
    return keys


def only_outlet(outlets: Sequence[Any]) -> Any:
    """Return the docflow asset among a task's outlets.

    :raises Misconfigured: there is none, or there are several.
    """
    found = [outlet for outlet in outlets if str(getattr(outlet, "uri", "")).startswith(f"{SCHEME}://")]
    if len(found) != 1:
        raise exc.Misconfigured(
            f"the task has {len(found)} outlets of documents; it needs one to emit to.",
            field="outlets",
            remedy="Give it outlets=[document_asset(…)].",
        )
    return found[0]


def claim(context: Context, ledger: Any, handle: Handle) -> Any:
    """Claim a document, as it reads now, for this run of this flow; the first run that claims it keeps it.

    :returns: whether this run won, and which run did.
    """
    ref = handle.ref
    key = f"{ref.instance} {ref.document_type} {partition_key(ref)}"
    return ledger.claims.claim(context["ti"].dag_id, key, context["ti"].run_id, content=handle.material_hash)


def _escaped(text: str) -> str:
    return "".join(f"%{ord(sign):02X}" if sign in "%;=~" or ord(sign) < 33 else sign for sign in text)


def _plain(text: str) -> str:
    return re.sub(r"%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


def _cut(escaped: str, room: int) -> str:
    """Cut text without leaving half of an escape."""
    return re.sub(r"%[0-9A-F]?$", "", escaped[:room])
