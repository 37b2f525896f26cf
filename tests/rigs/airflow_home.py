"""An Airflow home of its own for every test process, and a migrated metadata database when asked for."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rigs.locks import CACHE, CHECKOUT, exclusive

_SETTINGS = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__CORE__FERNET_KEY": "ZG9jZmxvdy10ZXN0cy1vbmx5LW5vdC1hLXNlY3JldCE=",
    "AIRFLOW__API_AUTH__JWT_SECRET": "docflow-tests-only-" + "0" * 64,
}


def environment(home: Path) -> dict[str, str]:
    """The variables that make Airflow live in ``home`` and nowhere else."""
    return {
        **_SETTINGS,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }


def settle() -> Path:
    """Give this process a home; must run before anything imports Airflow.

    :returns: the new, empty folder. Whoever called removes it.
    """
    if "airflow" in sys.modules:
        raise RuntimeError("Airflow was imported before the tests could give it a home")
    for name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="docflow-airflow-"))
    os.environ.update(environment(home))
    return home


def migrated_template() -> Path:
    """A migrated, empty SQLite metadata database, built once per set of Airflow versions."""
    known = sorted(
        f"{dist.name}=={dist.version}"
        for dist in importlib.metadata.distributions()
        if dist.name and dist.name.startswith("apache-airflow")
    )
    template = CACHE / f"airflow-db-{hashlib.sha256(' '.join(known).encode()).hexdigest()[:12]}.sqlite"
    with exclusive(CACHE / "airflow-db.lock"):
        if not template.exists():
            _migrate(template)
    return template


def _migrate(template: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="docflow-migrate-") as folder:
        home = Path(folder)
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env={**os.environ, **environment(home)},
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        half = template.with_suffix(".half")
        shutil.copyfile(home / "airflow.db", half)
        half.replace(template)


def install_database() -> None:
    """Put a fresh copy of the template where this process's Airflow looks for its database."""
    from airflow import settings

    database = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
    settings.dispose_orm()
    for name in ("", "-wal", "-shm", "-journal"):
        Path(f"{database}{name}").unlink(missing_ok=True)
    shutil.copyfile(migrated_template(), database)
    settings.configure_orm()


def close_database() -> None:
    """Let go of the database file, so that nothing of this test reaches the next one."""
    from airflow import settings

    settings.dispose_orm()
    settings.configure_orm()
