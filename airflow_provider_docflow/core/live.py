"""What a system tells of itself: the fields that its documents have there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LiveField:
    """One field of a document type as the system has it now.

    :param name: the system's own name of it; a field of the lines begins with the name of the lines.
    :param canonical: the canonical path that docflow reads from it or writes to it; a line's begins with
        ``lines[*].``; empty where it maps none.
    :param required: the system takes no document without it, and fills it in by nothing of its own.
    :param custom: the tenant's own, or of an extension that the profile was not written for.
    :param written: whether docflow writes it; False where the system fills it in itself.
    """

    name: str
    label: str = ""
    type: str = ""
    canonical: str = ""
    required: bool = False
    custom: bool = False
    written: bool = True
