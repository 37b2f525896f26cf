"""The code of ``airflow docflow webhooks``."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, show_json, show_table, told
from airflow_provider_docflow.ledger.inbox import InboxEvent


def serve(args: Namespace) -> None:
    """Serve until interrupted; what is wrong with a connection is told before."""
    from airflow_provider_docflow.webhooks.receiver import Receiver
    from airflow_provider_docflow.webhooks.serving import server
    from airflow_provider_docflow.webhooks.settings import settings

    # Only this much is quiet: what the server says later is for the log.
    _ready(args)
    server(Receiver(settings(args.ledger_conn_id)), args.host, int(args.port)).run()


@told
def _ready(args: Namespace) -> None:
    from airflow_provider_docflow.webhooks.app import PREFIX
    from airflow_provider_docflow.webhooks.settings import settings

    conn_ids = sorted(settings(args.ledger_conn_id).conn_ids)
    if not conn_ids:
        raise exc.Misconfigured(
            "no connection may send events.",
            field="webhook_connections",
            remedy="Name them in [docflow] webhook_connections, comma separated.",
        )
    ledger_from(args)
    wrong = {conn_id: problem for conn_id in conn_ids if (problem := problem_of(conn_id))}
    for conn_id in conn_ids:
        note = f"  NOT TAKEN: {wrong[conn_id]}" if conn_id in wrong else ""
        print(f"http://{args.host}:{args.port}{PREFIX}/{conn_id}{note}", flush=True)
    if len(wrong) == len(conn_ids):
        raise exc.Misconfigured("no event could be taken.", remedy="Correct what is told of the connections.")


def problem_of(conn_id: str) -> str:
    """Return why events of a connection cannot be taken; empty if they can."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_docflow.hooks.connections import site_of
    from airflow_provider_docflow.hooks.docflow import DocflowHook
    from airflow_provider_docflow.webhooks.receiver import hook_of

    try:
        hook_of(site_of(DocflowHook.get_connection(conn_id)))
    except (exc.DocflowError, AirflowNotFoundException) as error:
        return str(error)
    return ""


@told
def listing(args: Namespace) -> None:
    """Print what came in last; what it said beyond that is not shown."""
    ledger = ledger_from(args)
    instance = (ledger.instances.bound_to(args.conn_id) or args.conn_id) if args.conn_id else ""
    rows = [_row(event) for event in ledger.inbox.newest(source=instance, limit=args.limit)]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no event came in")


def _row(event: InboxEvent) -> dict[str, str]:
    said = event.payload if isinstance(event.payload, dict) else {}
    return {
        "received": event.received_at.isoformat(timespec="seconds"),
        "from": event.source,
        "through": str(said.get("conn_id") or ""),
        "kind": event.kind,
        "document type": str(said.get("document_type") or ""),
        "document": str(said.get("number") or said.get("internal_id") or ""),
    }
