"""The commands of an adopter's first hour: is all well, what is there, what becomes of it, a new flow."""

from __future__ import annotations

from airflow.cli.cli_config import Arg, GroupCommand

from airflow_provider_docflow.cli.arguments import CONN, JSON, NUMBER, command, option

_MAPPING = option("mapping", "as of the operator that would create the targets: JSON, or a file of it")
_SPLIT_BY = option("split-by", "as of that operator")

FIRST_HOUR = (
    command(
        "doctor",
        "what is wrong with this deployment, or with one connection; nothing is written",
        "doctor.doctor",
        Arg(("conn_id",), help="connection id; without it everything is looked at", nargs="?"),
        JSON,
    ),
    command(
        "describe",
        "the live fields of a document type, custom and required ones marked",
        "describing.describe",
        CONN,
        Arg(("document_type",), help="document type, such as purchase_requisition"),
        JSON,
    ),
    command(
        "map",
        "what a document would become in another system, field by field; nothing is sent",
        "mapping.preview",
        Arg(("source",), metavar="FROM", help="CONN:TYPE, such as oa:purchase_requisition"),
        Arg(("target",), metavar="TO", help="CONN:TYPE, such as erp:purchase_order"),
        NUMBER,
        _MAPPING,
        _SPLIT_BY,
        option("company", "company code, where numbers repeat"),
        JSON,
    ),
    GroupCommand(
        name="new",
        help="begin something of your own",
        subcommands=(
            command(
                "flow",
                "write a DAG, its mapping and a test that passes",
                "flows.new_flow",
                Arg(("name",), help="name of the DAG, also of its files"),
                Arg(
                    ("--from",),
                    dest="source",
                    nargs=2,
                    metavar=("CONN", "TYPE"),
                    required=True,
                    help="where the documents are",
                ),
                Arg(
                    ("--to",),
                    dest="target",
                    nargs=2,
                    metavar=("CONN", "TYPE"),
                    required=True,
                    help="what they become",
                ),
                _SPLIT_BY,
                option("until", "stage to which the new documents are taken", default="saved"),
                Arg(
                    ("--without-approval",),
                    help="no decision is needed; only for documents that carry none",
                    action="store_true",
                ),
                option("folder", "where dags/ and tests/ are", default="."),
            ),
        ),
    ),
)

FILL = command(
    "fill",
    "put a form and three requisitions into a running sandbox, and write its connections to a file",
    "filling.fill_sandbox",
    option("home", "folder of its state", default="docflow-sandbox"),
    option("port", "its port on 127.0.0.1", default="18090"),
    option("connections", "file for airflow connections import", default="connections.json"),
)
