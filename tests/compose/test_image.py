"""docker/Dockerfile: what it copies is there, and it installs what was tested."""

from __future__ import annotations

import re
import shlex
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.compose.reading import CHECKOUT, services

DOCKERFILE = CHECKOUT / "docker" / "Dockerfile"


def _instructions() -> list[tuple[str, str]]:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def _arguments() -> dict[str, str]:
    return dict(value.split("=", 1) for what, value in _instructions() if what == "ARG" and "=" in value)


def _copied() -> list[str]:
    """Return what is copied from the checkout."""
    found: list[str] = []
    for what, value in _instructions():
        if what == "COPY" and not value.startswith("--from="):
            found += shlex.split(value)[:-1]
    return found


def _setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(CHECKOUT / "setup.cfg")
    return parser


def test_the_services_are_built_by_it() -> None:
    for name, service in services().items():
        if "build" in service:
            assert (CHECKOUT / service["build"]["context"] / service["build"]["dockerfile"]) == DOCKERFILE, (
                name
            )
    assert sum("build" in service for service in services().values()) == 9


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    ignored = (CHECKOUT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert len(_copied()) >= 6
    for path in _copied():
        assert (CHECKOUT / path).exists(), path
        assert any(fnmatch(path.removeprefix("./"), pattern) for pattern in let_in), path
    assert all((CHECKOUT / path).exists() for path in let_in)


def test_what_the_build_needs_is_copied() -> None:
    setup = _setup()
    needed = {
        "setup.cfg",
        "pyproject.toml",
        setup["metadata"]["long_description"].removeprefix("file: "),
        setup["metadata"]["license_files"],
        setup["options.packages.find"]["include"].rstrip("*"),
    }
    assert needed <= {Path(path).name for path in _copied()}


def _pins() -> dict[str, str]:
    (file,) = [path for path in _copied() if path.startswith("constraints/")]
    lines = (CHECKOUT / file).read_text().splitlines()
    return dict(line.split("==", 1) for line in lines if not line.startswith("#"))


def test_the_versions_are_those_of_airflow_and_python_that_the_tests_run_on() -> None:
    given = _arguments()
    assert given["AIRFLOW_VERSION"] == _pins()["apache-airflow"] == version("apache-airflow")
    assert given["PYTHON_VERSION"] == ".".join(map(str, sys.version_info[:2]))


def test_the_pins_are_versions_that_this_package_allows() -> None:
    setup, pins = _setup(), {canonicalize_name(name): pin for name, pin in _pins().items()}
    wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["postgres"]
    seen = 0
    for line in filter(None, wanted.splitlines()):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line
        seen += 1
    assert seen > 10


def test_the_providers_that_the_settings_name_are_installed() -> None:
    (install,) = [value for what, value in _instructions() if what == "RUN" and "pip install" in value]
    auth_manager = services()["api-server"]["environment"]["AIRFLOW__CORE__AUTH_MANAGER"]
    assert auth_manager.startswith("airflow.providers.fab.")
    for provider in ("celery", "fab", "postgres"):
        name = f"apache-airflow-providers-{provider}"
        assert name in install.split() and name in _pins()
    assert install.endswith("&& pip check")


def test_it_installs_extras_that_exist() -> None:
    (install,) = [value for what, value in _instructions() if what == "RUN" and "pip install" in value]
    (extras,) = re.findall(r"airflow-provider-docflow\[([a-z,]+)\]", install)
    assert set(extras.split(",")) <= set(_setup()["options.extras_require"])
    assert "--constraint /tmp/constraints.txt" in install
    # Without it the constraints could move Airflow away from what the image was built for.
    assert '"apache-airflow==${AIRFLOW_VERSION}"' in install


def test_it_ends_as_the_image_began_not_as_root() -> None:
    assert not [value for what, value in _instructions() if what == "USER"]
    last = [value for what, value in _instructions() if what == "FROM"][-1]
    assert last == "apache/airflow:slim-${AIRFLOW_VERSION}-python${PYTHON_VERSION}"
