"""A real Tryton ERP on this machine, for the tests and the demo.

``python -m scripts.tryton_server up --home DIR --port N`` builds Tryton's own virtual environment and
a seeded database once (about a minute, kept in ``.cache/``), copies the database into DIR and starts
the server. ``down --home DIR`` ends it. Tryton is GPL software: it is installed and run as a program
of its own and spoken to over HTTP, never imported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.ports import free_port
from scripts.tryton_build import command, template
from scripts.tryton_process import (
    TrytonUnavailable,
    configure,
    end,
    is_running,
    let_go,
    start,
    wait,
)

STATE = "tryton.json"


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
    configure(home, port)
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
    process = start(command(home, db), home)
    wait(process, home, state["base_url"], db, state["users"]["admin"]["password"]).close()
    state["pid"] = process.pid
    let_go(process)
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
    if not is_running(pid):
        return False
    environment = Path(f"/proc/{pid}/environ")
    # After a reboot the number may belong to somebody else.
    if environment.exists() and str(home.resolve()).encode() not in environment.read_bytes():
        return False
    end(pid)
    return True


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    launch = commands.add_parser("up", help="build if needed, start, write HOME/tryton.json")
    launch.add_argument("--port", type=int, default=0, help="0 takes a free one")
    launch.add_argument("--db", default="docflow", help="name of the database")
    stop = commands.add_parser("down", help="end the server; its database stays")
    for one in (launch, stop):
        one.add_argument("--home", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "down":
        print("stopped" if down(options.home) else "was not running")
        return
    state = up(options.home, options.port, options.db)
    print(f"Tryton answers at {state['base_url']}, database {state['db']}; see {options.home / STATE}")


if __name__ == "__main__":
    main()
