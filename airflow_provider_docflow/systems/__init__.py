"""
One file per product, each with a ``PROFILE``; users add theirs with :func:`register`.

Names are found without importing the files, so that a form or a table costs no product's code.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.exceptions import Misconfigured

_registered: dict[str, SystemProfile] = {}


def names() -> list[str]:
    """Return the names of all products, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
    return sorted(found | set(_registered))


def register(profile: SystemProfile) -> SystemProfile:
    """Add a product of the user's own for this process.

    :raises Misconfigured: another product has that name.
    """
    if profile.name in names() and _registered.get(profile.name) is not profile:
        raise Misconfigured(f"a product named {profile.name!r} exists already.", field="name")
    _registered[profile.name] = profile
    return profile


def profile_of(name: str) -> SystemProfile:
    """Return the profile of a product.

    :raises Misconfigured: there is none of that name.
    """
    if name in _registered:
        return _registered[name]
    if name not in names():
        raise Misconfigured(
            f"there is no product {name!r}.", field="system", remedy=f"Use one of: {', '.join(names())}."
        )
    profile: SystemProfile = import_module(f"{__name__}.{name}").PROFILE
    return profile
