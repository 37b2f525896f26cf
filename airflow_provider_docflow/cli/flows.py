"""``airflow docflow new flow``: a DAG, its mapping, and a test that passes as it is written."""

from __future__ import annotations

import json
import keyword
import re
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import told
from airflow_provider_docflow.cli.flow_templates import DAG, TEST, UNDECIDED
from airflow_provider_docflow.cli.reaching import kind_of, site_named

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import DocumentProfile

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PLAYED = ("dingtalk", "sql", "wecom")
"""Products that the sandbox plays as they are; the plain ERP plays every other one."""

_PAYMENTS = ("payment_request", "payment")
_SAMPLE = "DOC-1"
_SUPPLIERS = ("SUP-1", "SUP-2")
_DECIDED = {
    True: "A document that nobody has approved is waited for; one that was refused fails by name.",
    False: "No decision is asked for: whatever the source holds is written.",
}


@dataclass(frozen=True, kw_only=True)
class End:
    """One end of the flow."""

    conn_id: str
    document_type: str
    product: str
    kind: DocumentProfile


@told
def new_flow(args: Namespace) -> None:
    """Write the files of a new flow; nothing that exists is overwritten."""
    _check_name(args.name)
    source, target = _end(*args.source), _end(*args.target)
    _check(args, source, target)
    folder = Path(args.folder)
    files = {
        folder / "dags" / f"{args.name}.py": _dag(args, source, target),
        folder / "dags" / f"{args.name}.mapping.json": _mapping(target),
        folder / "tests" / f"test_{args.name}.py": _test(args, source, target),
    }
    if there := [str(path) for path in files if path.exists()]:
        raise exc.Misconfigured(
            f"{', '.join(there)} exists already.", field="name", remedy="Choose another name, or move it."
        )
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path}")
    print(f"\nTry it: python -m pytest {folder / 'tests' / f'test_{args.name}.py'}")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise exc.Misconfigured(
            f"{name!r} is no name of a flow.",
            field="name",
            remedy="Use small letters, digits and underscores, beginning with a letter.",
        )


def _end(conn_id: str, document_type: str) -> End:
    site = site_named(conn_id)
    product = site.profile.name if site.profile.name in _PLAYED else "rest"
    kind = kind_of(site, document_type)
    return End(conn_id=conn_id, document_type=document_type, product=product, kind=kind)


def _check(args: Namespace, source: End, target: End) -> None:
    """Refuse a flow that could not run."""
    if target.kind.create is None:
        raise exc.Unsupported(
            f"a {target.document_type} cannot be created there.",
            system=target.conn_id,
            remedy="See airflow docflow systems for what can.",
        )
    if args.until not in target.kind.stages:
        raise exc.Misconfigured(
            f"{args.until!r} is no stage of a {target.document_type} there.",
            field="until",
            remedy=f"Use one of: {', '.join(target.kind.stages)}.",
        )
    if (source.conn_id, source.document_type) == (target.conn_id, target.document_type):
        raise exc.Misconfigured("the flow would end where it begins.", field="to")
    if source.kind.approves or args.without_approval:
        return
    raise exc.Unsupported(
        f"a {source.document_type} of {source.conn_id} carries no decisions that could be observed.",
        system=source.conn_id,
        remedy="If none is needed, say so: --without-approval.",
    )


def _dag(args: Namespace, source: End, target: End) -> str:
    decided = not args.without_approval
    options = {
        "split_by": args.split_by or None,
        "until": args.until if args.until != "saved" else None,
    }
    lines = [f'        {name}="{value}",' for name, value in options.items() if value]
    if not decided:
        lines.append("        requires_approval=False,")
    return DAG.substitute(
        title=f"{_words(source)} become {_words(target, first=False)}.",
        decided=_DECIDED[decided],
        name=args.name,
        sample=_SAMPLE,
        room="approval" if decided else "read",
        operator="ApprovalOperator" if decided else "ReadDocumentOperator",
        taken="approved" if decided else "read",
        source_conn=source.conn_id,
        source_type=source.document_type,
        target_conn=target.conn_id,
        target_type=target.document_type,
        options="".join(f"{line}\n" for line in lines),
    )


def _words(end: End, *, first: bool = True) -> str:
    words = f"{end.document_type.replace('_', ' ')}s of {end.conn_id}"
    return words.capitalize() if first else words


def _mapping(target: End) -> str:
    """Return a mapping to begin with: what the targets commonly want and sources commonly leave out."""
    if target.document_type in _PAYMENTS:
        mapping = {"due_date": "source.due_date or source.issue_date"}
    else:
        mapping = {"lines[*].description": "line.description or line.item_id"}
    return json.dumps(mapping, indent=2) + "\n"


def _test(args: Namespace, source: End, target: End) -> str:
    several = args.split_by in ("seller_supplier_party", "seller_supplier_party.id")
    values = {
        "name": args.name,
        "sample": _SAMPLE,
        "suppliers": f", suppliers={_SUPPLIERS!r}".replace("'", '"') if several else "",
    }
    decided = not args.without_approval
    return TEST.substitute(
        values,
        parts=len(_SUPPLIERS) if several else 1,
        approve="    source.approve(number)\n" if decided else "",
        undecided=UNDECIDED.substitute(values) if decided else "",
        source_conn=source.conn_id,
        source_type=source.document_type,
        source_product=source.product,
        target_conn=target.conn_id,
        target_type=target.document_type,
        target_product=target.product,
    )
