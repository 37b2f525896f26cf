"""Where PostgreSQL's programs are on this machine."""

from __future__ import annotations

import glob
import shutil
import subprocess
from pathlib import Path


def postgres_programs() -> Path | None:
    """Return the folder of ``postgres`` and ``initdb``: from PATH, pg_config, or a packager's folder."""
    config = shutil.which("pg_config")
    told = (
        subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False) if config else None
    )
    packaged = sorted(
        glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin"), key=_version_of, reverse=True
    )
    on_path = shutil.which("initdb")
    first = [str(Path(on_path).parent)] if on_path else []
    return _folder_with(("postgres", "initdb"), [*first, told.stdout.strip() if told else "", *packaged])


def _folder_with(programs: tuple[str, ...], folders: list[str]) -> Path | None:
    for folder in folders:
        if folder and all(shutil.which(program, path=folder) for program in programs):
            return Path(folder)
    return None


def _version_of(folder: str) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.replace("-", "/").split("/") if part.isdigit())
