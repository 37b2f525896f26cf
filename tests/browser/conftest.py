from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.browser.server import Site, chromium, runs, serving
from tests.browser.world import DAG, OTHER_DAG, World
from tests.rigs import airflow_home

#: Milliseconds; a machine that others use, too, may be slow, and what is right still has to come.
PATIENCE = 90_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Airflow's API server over a ledger in which a flow has left its documents."""
    chromium()
    folder = tmp_path_factory.mktemp("pages")
    airflow_home.install_database()
    runs((DAG, OTHER_DAG))
    with Sandbox(folder / "sandbox") as sandbox:
        world = World(folder, sandbox)
        world.tell()
        world.close()
        with serving(folder, world.environment()) as served:
            yield served
    airflow_home.close_database()


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Any]:
    """Debian's Chromium; the root account of a build machine has no sandbox for it.

    It starts after the flow has run: while it is there, an event loop runs in this thread.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"], timeout=2 * PATIENCE
        )
        yield started
        started.close()


@dataclass
class Window:
    """A page of the browser, what it complains of, and the server that it looks at."""

    page: Any
    site: Site
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Go to a page of Airflow and return the part that is docflow's."""
        self.page.goto(f"{self.site.base_url}{path}")
        return self.part

    @property
    def part(self) -> Any:
        """What docflow shows on the page."""
        return self.page.locator("[data-docflow]")


def _whole(said: Any) -> str:
    return f"{said.text} {said.location.get('url', '')}"


@pytest.fixture
def window(browser: Any, site: Site) -> Iterator[Callable[..., Window]]:
    """Open a window for a user: ``window("viewer", language="zh-CN")``; no page may complain of anything."""
    opened: list[Window] = []

    def look(user: str = "admin", *, language: str = "en") -> Window:
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "_token", "value": site.token(user), "url": site.base_url}])
        context.add_init_script(
            f"localStorage.getItem('i18nextLng') || localStorage.setItem('i18nextLng', '{language}')"
        )
        one = Window(context.new_page(), site)
        one.page.on("console", lambda said: said.type == "error" and one.complaints.append(_whole(said)))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        opened.append(one)
        return one

    yield look
    for one in opened:
        one.page.context.close()
    assert [told for one in opened for told in one.complaints] == []
