"""A real Tryton ERP on this machine, for the tests and the demo.

``python -m scripts.tryton_server up --home DIR --port N`` builds Tryton's own virtual environment and
a seeded database once (about a minute, kept in ``.cache/``), copies the database into DIR and starts
the server. ``down --home DIR`` ends it. Tryton is GPL software: it is installed and run as a program
of its own and spoken to over HTTP, never imported.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import tryton_seed
from scripts.tryton_rpc import TrytonError, TrytonRpc

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
REQUIREMENTS = (f"trytond~={SERIES}.1", *(f"trytond_{module}~={SERIES}.0" for module in MODULES))
# The fiscal year of the seed ends five months after the day it was built.
OLDEST_SEED = dt.timedelta(days=60)
STATE = "tryton.json"
_INIT = ("-l", "en", "--email", "admin@example.com", "--activate-dependencies", "-u")


class TrytonUnavailable(RuntimeError):
    """Tryton cannot be built or started here; the message says why and what to do."""


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


def _configure(home: Path, port: int) -> None:
    (home / "sqlite").mkdir(parents=True, exist_ok=True)
    (home / "trytond.conf").write_text(
        f"[database]\nuri = sqlite://\npath = {home / 'sqlite'}\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n"
        "[session]\nauthentications = password\n"
        # Larger than Tryton's default: halves the time of bulk confirmations and postings.
        "[cache]\ndefault = 20000\n"
    )


def _build_template(cache: Path) -> None:
    db, password = "template", secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory(prefix="docflow-tryton-") as folder:
        home = Path(folder)
        port = free_port()
        _configure(home, port)
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
        process = _start(command(home, db), home)
        try:
            rpc = _wait(process, home, f"http://127.0.0.1:{port}", db, password)
            seeded = tryton_seed.Seed(rpc, dt.date.today()).run()
            rpc.close()
        finally:
            _end(process.pid)
            process.wait()
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


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(home: Path, db: str) -> list[str]:
    """The command that serves ``db`` from ``home`` in the foreground."""
    # Without -d the first request to a database that is not loaded yet is answered with an error.
    return [str(CACHE / "venv" / "bin" / "trytond"), "-c", str(home / "trytond.conf"), "-d", db]


def _start(serve: list[str], home: Path) -> subprocess.Popen[bytes]:
    with (home / "server.log").open("ab") as log:
        return subprocess.Popen(
            serve, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait(
    process: subprocess.Popen[bytes], home: Path, base_url: str, db: str, password: str, seconds: float = 120
) -> TrytonRpc:
    end = time.monotonic() + seconds
    rpc = TrytonRpc(base_url, db)
    while True:
        try:
            rpc.login("admin", password)
            return rpc
        except (OSError, TrytonError) as error:
            if process.poll() is not None or time.monotonic() > end:
                _end(process.pid)
                tail = (home / "server.log").read_text(errors="replace")[-2000:]
                raise TrytonUnavailable(f"Tryton does not start: {error}\n{tail}") from error
        time.sleep(0.1)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def prepare(home: Path, port: int = 0, db: str = "docflow") -> dict[str, Any]:
    """Put configuration and a seeded database into ``home``; a database that is there is kept.

    :param home: folder for database, configuration, log and state.
    :param port: TCP port on 127.0.0.1, 0 for a free one.
    :param db: name of the database.
    :returns: ``base_url``, ``db``, ``port``, ``users`` (each with ``password`` and REST ``key``) and the
        ids of companies, suppliers, products and so on by their codes.
    :raises TrytonUnavailable: Tryton cannot be built.
    """
    seeded = template()
    port = port or free_port()
    _configure(home, port)
    if not (home / "sqlite" / f"{db}.sqlite").exists():
        for file in seeded.glob("template.sqlite*"):
            shutil.copyfile(file, home / "sqlite" / file.name.replace("template", db, 1))
        shutil.copyfile(seeded / "seed.json", home / "seed.json")
    seed = json.loads((home / "seed.json").read_text())
    return {**seed, "base_url": f"http://127.0.0.1:{port}", "db": db, "port": port}


def up(home: Path, port: int = 0, db: str = "docflow") -> dict[str, Any]:
    """Start a server in ``home`` that outlives this process, and wait until it answers.

    :returns: what :func:`prepare` returns and the ``pid``; ``home/tryton.json`` holds the same.
    :raises TrytonUnavailable: Tryton cannot be built or started, or already runs in ``home``.
    """
    home = home.resolve()
    if (home / STATE).exists():
        raise TrytonUnavailable(f"{home / STATE} says that a server runs there: end it with `down` first")
    state = prepare(home, port, db)
    process = _start(command(home, db), home)
    _wait(process, home, state["base_url"], db, state["users"]["admin"]["password"]).close()
    state["pid"] = process.pid
    (home / STATE).touch(mode=0o600)
    (home / STATE).write_text(json.dumps(state, indent=1, ensure_ascii=False))
    return state


def down(home: Path) -> bool:
    """End the server of ``home``; its database stays.

    :returns: whether one was running.
    """
    state = home / STATE
    if not state.exists():
        return False
    pid = int(json.loads(state.read_text())["pid"])
    state.unlink()
    command = Path(f"/proc/{pid}/cmdline")
    # After a reboot the number may belong to somebody else.
    if command.exists() and str(home.resolve()).encode() not in command.read_bytes():
        return False
    _end(pid)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return True


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="build if needed, start, write HOME/tryton.json")
    start.add_argument("--port", type=int, default=0, help="0 takes a free one")
    start.add_argument("--db", default="docflow", help="name of the database")
    stop = commands.add_parser("down", help="end the server; its database stays")
    for command in (start, stop):
        command.add_argument("--home", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "down":
        print("stopped" if down(options.home) else "was not running")
        return
    state = up(options.home, options.port, options.db)
    print(f"Tryton answers at {state['base_url']}, database {state['db']}; see {options.home / STATE}")


if __name__ == "__main__":
    main()
