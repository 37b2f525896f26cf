"""``python -m airflow_provider_docflow.sandbox --home DIR [--host H] [--port N] [--mail-port N]``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from airflow_provider_docflow.exceptions import DocflowError

HOST = "127.0.0.1"


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; the first line on stdout tells the addresses as JSON."""
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_docflow.sandbox")
    parser.add_argument("--home", type=Path, required=True, help="folder in which everything is kept")
    parser.add_argument("--port", type=int, default=8765, help="HTTP port; 0 takes a free one")
    parser.add_argument("--host", default=HOST, help="address to listen on; there is no login")
    parser.add_argument("--mail-port", type=int, default=None, help="SMTP port; 0 takes a free one")
    chosen = parser.parse_args(arguments)
    from airflow_provider_docflow.sandbox.server import Running

    # uvicorn raises the signal again when it has ended; the default action would skip the clearing up.
    signal.signal(signal.SIGTERM, _leave)
    try:
        Running(chosen.home, chosen.port, chosen.mail_port, _tell, host=chosen.host).run()
    except (DocflowError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _leave(*_: Any) -> None:
    raise SystemExit(0)


def _tell(state: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
