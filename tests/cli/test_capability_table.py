"""The capability table: every cell follows from a profile, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from airflow_provider_docflow.cli import capability_table as table
from airflow_provider_docflow.core.capabilities import capabilities
from airflow_provider_docflow.core.messages import Channel
from airflow_provider_docflow.core.profile import DocumentProfile, Limit, Probe, SystemProfile, Write
from airflow_provider_docflow.core.webhooks import WebhookProfile


def _never(*_: Any) -> Iterator[Any]:
    raise AssertionError("a table asks no system")


READ = DocumentProfile(read=_never)
BARE = SystemProfile(
    name="bare",
    title="Bare",
    docs_url="https://example.com",
    checked_on=date(2026, 11, 22),
    documents={"purchase_order": READ},
    instance=_never,
)


def _write(quality: Any, batch: int = 1) -> Write:
    return Write(run=_never, probe=Probe(quality=quality, settle_seconds=7), batch_size=batch)


def _cell(column: str, kind: DocumentProfile = READ, language: str = "en", **profile: Any) -> str:
    (row,) = capabilities(replace(BARE, documents={"purchase_order": kind}, **profile))
    return table.cells(row, language)[column]


def test_what_is_not_declared_is_a_dash() -> None:
    cells = table.cells(next(capabilities(BARE)))
    assert {name for name, told in cells.items() if told != table.DASH} == {"read", "status"}
    assert list(cells) == list(table.COLUMNS)


@pytest.mark.parametrize(
    ("column", "kind", "told"),
    [
        ("list", replace(READ, search=_never), "yes"),
        ("changes", replace(READ, changes=_never), "yes"),
        ("amend", replace(READ, amend=_write("unique")), "yes"),
        ("create", replace(READ, create=_write("none")), "yes"),
        ("bulk", replace(READ, create=_write("none", batch=50)), "50"),
        ("bulk", replace(READ, create=_write("none")), "–"),
        ("submit", replace(READ, actions={"submit": _write("unique")}), "yes"),
        (
            "submit",
            replace(READ, create=_write("none"), stages={"saved": (), "submitted": ()}),
            "by creating",
        ),
        ("submit", replace(READ, create=_write("none")), "–"),
        ("approve", replace(READ, approves=True, actions={"audit": _write("unique")}), "wait, decide"),
        ("approve", replace(READ, actions={"cancel": _write("unique")}), "–"),
        ("status", replace(READ, axes=("lifecycle", "payment")), "lifecycle, payment"),
        ("attachments", replace(READ, attachments=("read", "write")), "read, write"),
        ("idempotency", replace(READ, create=_write("native")), "exactly once (the system refuses a second)"),
        ("idempotency", replace(READ, create=_write("unique")), "exactly once (found by its mark after 7 s)"),
        (
            "idempotency",
            replace(READ, create=_write("best_effort")),
            "at most once, otherwise an incident (a search may miss it)",
        ),
        (
            "idempotency",
            replace(READ, create=_write("none")),
            "at most once, otherwise an incident (cannot be looked for)",
        ),
    ],
)
def test_cells_of_a_document_type(column: str, kind: DocumentProfile, told: str) -> None:
    assert _cell(column, kind) == told


def test_cells_of_a_product() -> None:
    hook = WebhookProfile(open=_never, needs=(), answer_seconds=1.0)  # type: ignore[arg-type]
    robot = Channel(send=_never, to="group", target=str)
    assert _cell("webhook", webhook=hook) == "yes"
    assert _cell("messages", channels={"robot": robot, "notice": robot}) == "notice, robot"
    limits = {
        "limits": (Limit(name="a", count=20, seconds=1), Limit(name="b", count=100, seconds=86_400.0)),
        "call_limits": {
            "create": Limit(name="c", count=9, seconds=60),
            "list": Limit(name="l", count=9, seconds=60),
        },
        "login_limits": (Limit(name="logins", count=30, seconds=60),),
    }
    assert _cell("limits", **limits) == "20 / s; 100 / day; 9 / min (create, list); logins: 30 / min"
    assert _cell("limits", language="zh", **limits).endswith("登录 30 / min")


def test_what_is_experimental_says_so() -> None:
    (row,) = capabilities(replace(BARE, experimental=True))
    assert table.product(row) == "Bare (experimental)" and table.product(row, "zh") == "Bare (试验性)"


def test_types_that_are_alike_stand_in_one_row() -> None:
    listed = replace(READ, search=_never)
    profile = replace(BARE, documents={"purchase_order": READ, "contract": listed, "payment": READ})
    groups = table.alike(capabilities(profile))
    assert sorted(table.types(kinds) for _, kinds in groups) == ["contract", "payment, purchase_order"]


def test_every_column_has_a_heading_in_both_languages() -> None:
    for column in ("system", "document", *table.COLUMNS):
        english, chinese = table.heading(column), table.heading(column, "zh")
        assert not english.startswith("capability.") and chinese != english


def test_every_product_has_one_row_in_the_summary() -> None:
    told = dict(table.summaries())
    assert len(told) == len(list(table.profiles()))
    assert told["Tryton"]["amend"] == "yes (some types)" and told["Tryton"]["approve"] == "wait, decide"
    assert told["REST API"]["read"] == "by profile"
