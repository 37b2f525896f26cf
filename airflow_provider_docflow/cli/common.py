"""What the commands share: the ledger, connected systems, tables, and errors as one clear line."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from airflow_provider_docflow import exceptions as exc

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.system import System
    from airflow_provider_docflow.ledger import Ledger

Command = Callable[[Namespace], None]


def told(command: Command) -> Command:
    """Turn a typed error into one line and exit code 1."""

    @wraps(command)
    def run(args: Namespace) -> None:
        from airflow.sdk.exceptions import AirflowNotFoundException

        # As Airflow's own commands do: without it, connections in Airflow's database are not found.
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
        try:
            with _quiet():
                command(args)
        except (exc.DocflowError, AirflowNotFoundException) as error:
            print(f"airflow docflow: {error}", file=sys.stderr)
            raise SystemExit(1) from None

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what is no answer out of the answer: Airflow logs to standard output."""
    import structlog

    # The list itself is changed, because loggers that exist keep it.
    processors, before = structlog.get_config()["processors"], logging.root.manager.disable
    processors.insert(0, _errors_alone)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        processors.remove(_errors_alone)


def _errors_alone(_: Any, method: str, event: Any) -> Any:
    if method in ("debug", "info", "warning", "warn"):
        from structlog import DropEvent

        raise DropEvent
    return event


def ledger_from(args: Namespace) -> Ledger:
    """Open the ledger that the command is about."""
    from airflow_provider_docflow.hooks.ledger import ledger_of

    return ledger_of(args.ledger_conn_id)


class Connections:
    """Names of systems as people know them: the connection that leads to an instance."""

    def __init__(self, ledger: Ledger, instances: Iterable[str]) -> None:
        self._leading, _ = ledger.instances.reached_by(sorted(set(instances)))

    def __getitem__(self, instance: str) -> str:
        """Return the connection that has led there for longest, empty where none is known."""
        return next(iter(self._leading.get(instance, ())), "")

    def named(self, instance: str) -> str:
        """Return the connection, or the instance where none is known."""
        return self[instance] or instance


def person() -> str:
    """Return who runs the command, for the audit."""
    return f"{getpass.getuser()} (command line)"


@contextmanager
def connected(args: Namespace) -> Iterator[Callable[[str], System]]:
    """Give a function that connects systems, each once; close them in the end."""
    from airflow_provider_docflow.hooks.docflow import DocflowHook

    found: dict[str, System] = {}

    def system_of(conn_id: str) -> System:
        if conn_id not in found:
            hook = DocflowHook(conn_id, ledger_conn_id=args.ledger_conn_id, owner=person())
            found[conn_id] = hook.system
        return found[conn_id]

    try:
        yield system_of
    finally:
        for system in found.values():
            system.close()


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows in aligned columns."""
    table = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(_width(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """Return how many columns a terminal needs: Chinese signs take two."""
    return sum(2 if east_asian_width(sign) in "FW" else 1 for sign in text)
