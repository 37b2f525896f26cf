"""Tryton's own virtual environment and a seeded database, built once and kept in ``.cache/``."""

from __future__ import annotations

import configparser
import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts import tryton_seed
from scripts.ports import free_port
from scripts.tryton_process import TrytonUnavailable, configure, end, let_go, start, wait

CHECKOUT = Path(__file__).resolve().parents[1]
SERIES = "8.2"
MODULES = (
    "purchase",
    "purchase_request",
    "purchase_requisition",
    "sale",
    "account_invoice",
    "account_payment",
)
REQUIREMENTS = (
    f"trytond~={SERIES}.1",
    *(f"trytond_{module}~={SERIES}.0" for module in MODULES),
    "waitress~=3.0",
)
# The fiscal year of the seed ends five months after the day it was built.
OLDEST_SEED = dt.timedelta(days=60)
_INIT = ("-l", "en", "--email", "admin@example.com", "--activate-dependencies", "-u")


def _cache() -> Path:
    parts = [sys.version, *REQUIREMENTS, Path(tryton_seed.__file__).read_text()]
    return CHECKOUT / ".cache" / f"tryton-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"


CACHE = _cache()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(command: list[str | Path], **options: Any) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise TrytonUnavailable(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise TrytonUnavailable("uv is missing: run `make venv`")
    return found


def _build_programs(cache: Path) -> None:
    half = cache / "venv.half"
    shutil.rmtree(half, ignore_errors=True)
    _run([_uv(), "venv", "--quiet", "--relocatable", "--python", sys.executable, half])
    _run([_uv(), "pip", "install", "--quiet", "--python", half / "bin" / "python", *REQUIREMENTS])
    half.rename(cache / "venv")


def command(home: Path, db: str) -> list[str]:
    """The command that serves ``db`` from ``home`` in the foreground, one request at a time.

    Tryton's own server answers side by side, and on SQLite it then gives two documents the same number.
    """
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(home / "trytond.conf")
    # Without the names the first request to a database that is not loaded yet is answered with an error.
    return [
        "/usr/bin/env",
        f"TRYTOND_CONFIG={home / 'trytond.conf'}",
        f"TRYTOND_DATABASE_NAMES={db}",
        str(CACHE / "venv" / "bin" / "waitress-serve"),
        f"--listen={settings['web']['listen']}",
        "--threads=1",
        "trytond.application:app",
    ]


def _build_template(cache: Path) -> None:
    db, password = "template", secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory(prefix="docflow-tryton-") as folder:
        home = Path(folder)
        port = free_port()
        configure(home, port)
        database = home / "sqlite" / f"{db}.sqlite"
        database.touch()  # trytond-admin fills a database, it does not create one
        (home / "password").write_text(password)
        _run(
            [
                cache / "venv" / "bin" / "trytond-admin",
                "-c",
                home / "trytond.conf",
                "-d",
                db,
                *_INIT,
                *MODULES,
            ],
            env={**os.environ, "TRYTONPASSFILE": str(home / "password")},
        )
        process = start(command(home, db), home)
        try:
            rpc = wait(process, home, f"http://127.0.0.1:{port}", db, password)
            seeded = tryton_seed.Seed(rpc, dt.date.today()).run()
            rpc.close()
        finally:
            end(process.pid)
            let_go(process)
        seeded["users"]["admin"]["password"] = password
        half = cache / "template.half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        # Ending the server closed its connections; what is still in the write-ahead log comes along.
        for file in (home / "sqlite").iterdir():
            shutil.copyfile(file, half / file.name)
        (half / "seed.json").write_text(json.dumps(seeded, indent=1, ensure_ascii=False))
        shutil.rmtree(cache / "template", ignore_errors=True)
        half.rename(cache / "template")


def template() -> Path:
    """The folder with the seeded database, built when missing or too old.

    :raises TrytonUnavailable: it cannot be built.
    """
    cache = CACHE
    with _locked(cache.with_suffix(".lock")):
        cache.mkdir(exist_ok=True)
        if not (cache / "venv").exists():
            _build_programs(cache)
        seed = cache / "template" / "seed.json"
        if seed.exists():
            built = dt.date.fromisoformat(json.loads(seed.read_text())["built_on"])
            if dt.date.today() - built <= OLDEST_SEED:
                return cache / "template"
        _build_template(cache)
    return cache / "template"
