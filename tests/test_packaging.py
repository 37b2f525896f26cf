"""What a user gets: the wheel and the sdist, installed outside the checkout."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
NAME = "airflow_provider_docflow"
_NOT_SOURCE = shutil.ignore_patterns(
    ".venv", ".git", ".cache", ".demo", ".*_cache", "__pycache__", "build", "dist", "*.egg-info"
)
_ALONE = ("--quiet", "--offline", "--no-deps", "--no-cache")
_BUILD = """
import sys
from setuptools import build_meta
out = sys.argv[1]
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""
_LOAD = f"""
import json, sys
from importlib.metadata import entry_points
points = [p for group in ("airflow.plugins", "apache_airflow_provider") for p in entry_points(group=group)]
loaded = [p.load() for p in points if p.value.startswith("{NAME}.")]
print(json.dumps([[x.__name__, sys.modules[x.__module__].__file__] for x in loaded]))
"""


def _python(*arguments: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


class Built(NamedTuple):
    source: Path
    wheel: Path
    sdist: Path

    def wheel_files(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def sdist_files(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {member.name.partition("/")[2] for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("build")
    source, out = folder / "source", folder / "out"
    shutil.copytree(CHECKOUT, source, ignore=_NOT_SOURCE)
    out.mkdir()
    _python("-c", _BUILD, out, cwd=source)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(source, wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, alone, in a folder far from the checkout."""
    target = tmp_path_factory.mktemp("site")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "pip", "install", *_ALONE, "--python", sys.executable, "--target", target, built.wheel],
        check=True,
    )
    return target


def _package_files(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in (root / NAME).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_wheel_holds_the_whole_package_and_nothing_else(built):
    inside = {name for name in built.wheel_files() if not name.partition("/")[0].endswith(".dist-info")}
    assert inside == _package_files(built.source)
    for needed in ("py.typed", "ledger/alembic.ini", "connection_types.json", "plugin/__init__.py"):
        assert f"{NAME}/{needed}" in inside
    assert any(name.startswith(f"{NAME}/ledger/migrations/versions/") for name in inside)


def test_the_wheel_carries_licence_dependencies_and_entry_points(built):
    with zipfile.ZipFile(built.wheel) as archive:
        info = next(name for name in archive.namelist() if name.endswith("/METADATA")).rpartition("/")[0]
        metadata = archive.read(f"{info}/METADATA").decode()
        points = archive.read(f"{info}/entry_points.txt").decode()
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert "Apache License" in licence and "Version 2.0" in licence
    assert "Requires-Python: <3.15,>=3.11" in metadata
    assert "Requires-Dist: apache-airflow<4,>=3.3" in metadata
    assert "Requires-Dist: SQLAlchemy!=2.1.0,<2.2,>=2.0.50" in metadata
    assert {"Provides-Extra: postgres", "Provides-Extra: mysql"} <= set(metadata.splitlines())
    assert "[airflow.plugins]\ndocflow = " in points
    assert "[apache_airflow_provider]\nprovider_info = " in points


def test_the_sdist_can_be_tested_and_built_again(built):
    inside = built.sdist_files()
    for needed in ("LICENSE", "README.md", "Makefile", "setup.cfg", "pyproject.toml", "ruff.toml", ".ci/run"):
        assert needed in inside
    for folder in ("tests", "dags", "plugins", "constraints", "scripts", "docs", "benchmarks"):
        expected = {
            path.relative_to(built.source).as_posix()
            for path in (built.source / folder).rglob("*")
            if path.is_file()
        }
        assert expected <= inside, f"MANIFEST.in forgets something of {folder}"
    assert _package_files(built.source) <= inside
    assert not [name for name in inside if name.endswith((".pyc", ".sqlite", ".db"))]


def test_the_installed_wheel_imports_where_nothing_else_is_installed(installed, tmp_path):
    told = _python(
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        f"import {NAME}, {NAME}.exceptions\n"
        f"from {NAME}.get_provider_info import get_provider_info\n"
        f"print({NAME}.__file__); print(get_provider_info()['package-name'])",
        cwd=tmp_path,
    )
    where, package = told.splitlines()
    assert Path(where) == installed / NAME / "__init__.py"
    assert package == "airflow-provider-docflow"


def test_the_entry_points_of_the_installed_wheel_load(installed, tmp_path):
    told = _python("-I", "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{_LOAD}", cwd=tmp_path)
    loaded = json.loads(told.splitlines()[-1])
    assert [name for name, _ in loaded] == ["DocflowPlugin", "get_provider_info"]
    assert all(Path(file).is_relative_to(installed) for _, file in loaded)


def test_airflow_discovers_the_plugin_once():
    found = [point for point in entry_points(group="airflow.plugins") if point.value.startswith(f"{NAME}.")]
    assert len(found) == 1, "two discoveries: remove *.egg-info from the checkout (make venv does)"


@pytest.fixture
def site_without_docflow(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    for packages in site.getsitepackages():
        for entry in Path(packages).iterdir():
            if "docflow" not in entry.name and entry.suffix != ".pth":
                (folder / entry.name).symlink_to(entry)
    return folder


@pytest.mark.parametrize(("distribution", "exported"), [("absent", True), ("present", False)])
def test_the_shim_announces_the_plugin_only_where_no_distribution_does(
    distribution, exported, installed, site_without_docflow, tmp_path
):
    paths = [str(installed)] if distribution == "present" else [str(CHECKOUT)]
    paths.append(str(site_without_docflow))
    shim = CHECKOUT / "plugins" / "docflow.py"
    told = _python(
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = {paths!r}\n"
        f"import runpy; print('DocflowPlugin' in runpy.run_path({str(shim)!r}))",
        cwd=tmp_path,
    )
    assert told.splitlines()[-1] == str(exported)
