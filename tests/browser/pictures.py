"""
Takes the pictures of the documentation: ``python -m tests.browser.pictures docs/images``.

The documents on them are those of the tests, so that a picture shows what is tested.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.rigs import airflow_home

SIZE = {"width": 1280, "height": 860}


def _look(browser: Any, site: Any, *, language: str = "en", theme: str = "light") -> Any:
    context = browser.new_context(viewport=SIZE, color_scheme=theme)
    context.add_cookies([{"name": "_token", "value": site.token("admin"), "url": site.base_url}])
    chosen = {"i18nextLng": language, "theme": theme}
    for name, value in chosen.items():
        context.add_init_script(f"localStorage.setItem('{name}', '{value}')")
    return context.new_page()


def _take(page: Any, address: str, path: Path) -> None:
    page.goto(address)
    page.locator("[data-docflow] table").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)


def take(site: Any, browser: Any, folder: Path) -> None:
    """Take all pictures into a folder."""
    from tests.browser.world import DAG, RUN

    pages = f"{site.base_url}/plugin/docflow"
    (found,) = site.get("admin", "documents", number="PR-2026-0305")["items"]
    document = f"{pages}?view=document&key={found['key']}"
    run = f"{site.base_url}/dags/{DAG}/runs/{RUN}/plugin/docflow-run"
    _take(_look(browser, site), document, folder / "document.png")
    _take(_look(browser, site), run, folder / "run.png")
    chinese = _look(browser, site, language="zh-CN", theme="dark")
    _take(chinese, f"{pages}?view=incidents", folder / "incidents-zh.png")


def main(folder: Path) -> None:
    """Let the flow run, serve the pages and look at them."""
    home = airflow_home.settle()
    # Airflow reads its environment when it is first imported.
    from playwright.sync_api import sync_playwright

    from airflow_provider_docflow.sandbox import Sandbox
    from tests.browser.server import chromium, runs, serving
    from tests.browser.world import DAG, OTHER_DAG, World

    place = Path(tempfile.mkdtemp(prefix="docflow-pictures-"))
    airflow_home.install_database()
    runs((DAG, OTHER_DAG))
    try:
        with Sandbox(place / "sandbox") as sandbox:
            world = World(place, sandbox)
            world.tell()
            world.close()
            with serving(place, world.environment()) as site, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
                take(site, browser, folder)
                browser.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
