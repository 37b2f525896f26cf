"""The page "The first hour", walked through: every command, in a clean home, with the wheel of users."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.firsthour.pages import PAGE, blocks
from tests.rigs.locks import CHECKOUT
from tests.rigs.processes import free_port
from tests.test_packaging import built

__all__ = ["built"]

pytestmark = pytest.mark.system

CONSTRAINTS = Path(CHECKOUT) / "constraints" / "newest.txt"
INSTALL, OURS = "1. Install", "uv pip install 'airflow-provider-docflow"
_ADDRESS = re.compile(r"https://raw\.githubusercontent\.com/\S+")
_PORT = "18090"


@dataclass
class Reader:
    """Somebody who types what the page says, into one shell session per part."""

    home: Path
    wheels: Path
    said: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What a new user has: no setting of ours, an empty home; the wheel stands for the package index."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "PYTEST"))
        }
        cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), "/usr/bin", "/bin"])
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": path,
            "UV_CACHE_DIR": cache,
            "UV_FIND_LINKS": str(self.wheels),
        }

    def types(self, title: str, commands: str) -> str:
        """Run commands in the reader's folder; the first that fails fails the test."""
        enter = "" if title.startswith("1.") else ". venv/bin/activate\n"
        done = subprocess.Popen(
            ["bash", "-c", f"set -euo pipefail\n{enter}{commands}"],
            cwd=self.home,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = done.communicate(timeout=900)
        finally:
            with_group(done.pid)
        assert done.returncode == 0, f"{title}:\n{said[-6000:]}"
        self.said[title] = said
        return said

    def installed(self) -> dict[str, str]:
        """Return the versions in the reader's environment."""
        said = self.types("versions", "uv pip list --format json 2>/dev/null")
        return {one["name"].lower(): one["version"] for one in json.loads(said)}


def with_group(pid: int) -> None:
    """End what a shell of ours has left behind, such as a sandbox of a walk that failed."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture(scope="module")
def reader(built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    yield Reader(tmp_path_factory.mktemp("reader"), built.wheel.parent)


@pytest.fixture(scope="module")
def airflow_alone(reader: Reader) -> dict[str, str]:
    """The versions of an Airflow as its constraints make it, before docflow comes."""
    commands = _ADDRESS.sub(str(CONSTRAINTS), blocks()[INSTALL])
    assert str(CONSTRAINTS) in commands and commands.count(OURS) == 1
    first, ours, rest = commands.partition(OURS)
    reader.types("1. Airflow", first)
    before = reader.installed()
    constraints = next(line for line in first.splitlines() if line.startswith("export CONSTRAINTS"))
    reader.types("1. docflow", f". venv/bin/activate\n{constraints}\n{ours}{rest}")
    return before


def test_docflow_comes_into_an_airflow_and_moves_nothing(
    reader: Reader, airflow_alone: dict[str, str]
) -> None:
    after = reader.installed()
    assert airflow_alone["apache-airflow"] == "3.3.2"
    assert {name: after[name] for name in airflow_alone} == airflow_alone
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text().splitlines() if "==" in line)
    unpinned = {name for name, version in after.items() if pins.get(name) != version}
    assert unpinned <= {"airflow-provider-docflow", "uv", "pip", "setuptools"}
    said = reader.said["1. docflow"]
    assert "All installed packages are compatible" in said
    assert re.search(r"airflow-provider-docflow +\| \d", said), "the provider is not among Airflow's"


def test_the_page_leads_to_a_flow_that_works(reader: Reader, airflow_alone: dict[str, str]) -> None:
    port = str(free_port())
    parts = {title: code for title, code in blocks().items() if title != INSTALL}
    assert all(_PORT not in code or f"--port {_PORT}" in code for code in parts.values())
    marked = [f"echo '=== {title}'\n{code}" for title, code in parts.items()]

    said = reader.types("2 to 6", "".join(marked).replace(_PORT, port))

    told = dict(zip(parts, re.split(r"^=== .*\n", said, flags=re.MULTILINE)[1:], strict=True))
    assert "warn: connections: none" in told["2. Is all well?"]
    assert "DingTalk answers as dingsandboxcorp" in told["3. Something to try it on"]
    looked = told["4. What is there, and what would become of it?"]
    assert re.search(r"项目负责人 +- +custom", looked)
    assert "missing: supplier (seller_supplier_party.id)" in looked
    assert looked.endswith("as expected\n")
    own = told["5. A flow of your own"]
    assert own.count("3 passed") == 1
    assert "4711-SUP-1" in own
    ran = told["6. Run it"]
    assert "payment_request" in ran and re.search(r"ok +ledger seen by worker", ran)
    with closing(sqlite3.connect(reader.home / "sandbox" / "finance.sqlite")) as connection:
        rows = connection.execute("SELECT number, supplier, amount, payee_account FROM payment_request")
        assert rows.fetchall() == [("PR-1", "SUP-1", "100.50", "4711-SUP-1")]


def test_every_command_of_the_page_is_one_of_these() -> None:
    """What this test does not run is not on the page: every fenced block is a shell block."""
    text = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(re.findall(r"^```sh$", text, re.MULTILINE))
    assert list(blocks()) == re.findall(r"^## (.*)$", text, re.MULTILINE)[:-1]
