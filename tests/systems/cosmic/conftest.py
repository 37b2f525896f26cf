from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import DocumentProfile, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.cosmic import PROFILE
from tests.contract.stand_cosmic import ACCOUNT, SECRET, order

OBJECT = "sm/sm_salorder"


class Cosmic:
    """A running stand-in and a connection to it.

    :param settings: of the connection, besides its user.
    """

    def __init__(self, sandbox: Sandbox, **settings: Any) -> None:
        given = {name: json.dumps(value) if name == "forms" else value for name, value in settings.items()}
        given = {"user": "docflow", **given}
        self.sandbox = sandbox
        self.site = Site(
            profile=PROFILE.configured(given),
            conn_id="cosmic_conn",
            base_url=f"{sandbox.base_url}/cosmic",
            username="cosmic-app",
            password=SECRET,
            database=ACCOUNT,
            settings=given,
            instance=ACCOUNT,
        )

    def run(self, exchange: Exchange[Any], site: Site | None = None) -> Any:
        with Door(site or self.site) as door:
            return door.run(exchange)

    def kind(self, document_type: str = "sales_order") -> DocumentProfile:
        return self.site.profile.of(document_type)

    def item(self, number: int, **changes: Any) -> WriteItem:
        document = order(f"PR-{number}").model_copy(update=changes)
        return WriteItem(mark=f"M{number:015d}", reference=f"PR-{number}", document=document)

    def save(self, *items: WriteItem) -> list[Any]:
        create = self.kind().create
        assert create is not None
        return list(self.run(create.run(self.site, items)))

    def act(self, name: str, *refs: DocumentRef) -> list[Any]:
        action = self.kind().actions[name]
        items = [WriteItem(mark=f"A{at}", ref=ref) for at, ref in enumerate(refs)]
        return list(self.run(action.run(self.site, items)))

    def ref(self, internal_id: str) -> DocumentRef:
        return DocumentRef(ACCOUNT, "C1", DocumentType.SALES_ORDER, internal_id)

    def bills(self, entity: str = OBJECT) -> list[dict[str, Any]]:
        return list(self.sandbox.call("GET", f"cosmic/{entity}")["documents"])

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(line["body"]) for line in self.sandbox.requests(path)]

    def at(self, **changes: Any) -> Site:
        return replace(self.site, **changes)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("cosmic")) as sandbox:
        yield sandbox


@pytest.fixture
def cosmic(running: Sandbox) -> Iterator[Callable[..., Cosmic]]:
    """Connects to the stand-in with settings of a test's own; a minute passes before, for the logins."""
    running.advance(61)
    running.forget_requests()
    yield lambda **settings: Cosmic(running, **settings)
    running.clear_faults()
    usual = {"orgs": None, "renumber": None, "identity": None, "in_seconds": None}
    running.call("PUT", "cosmic/settings", {**usual, "published": ["sm/sm_salorder", "basedata/bd_supplier"]})
