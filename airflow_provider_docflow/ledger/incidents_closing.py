"""How each incident ends: by what docflow itself sees next, or by a person.

The default remedy is to correct the source; the next good read or write closes the incident. What is not
named here and is not of control closes when the document it is about was written. An incident of control that
is not named here is closed by a person only: a second document may exist although the last read was good.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

How = Literal[
    "written", "approved", "same again", "stands again", "readable", "fits", "answers", "command", "person"
]

_CODES: Mapping[How, tuple[str, ...]] = MappingProxyType(
    {
        "written": ("source.not_alive", "line_overdrawn"),
        "approved": (
            "approval.missing",
            "approval.refused",
            "approval.void",
            "approval.unreadable",
            "approval.changed_at_target",
            "approval.no_origin",
            "approval.by_overrider",
            "approval.person_unknown",
        ),
        "same again": (
            "source.changed",
            "target.deleted",
            "target.cancelled",
            "target.reversed",
            "target.unknown",
            "target.undone",
        ),
        "stands again": ("source.unapproved",),
        "readable": ("state.unknown_word", "document.unreadable"),
        "fits": ("override.stale",),
        "answers": ("system_down", "writes_failing", "instance_changed", "quota", "waiting.refused"),
        "command": ("instance_blocked",),
        "person": (
            "write.found_twice",
            "write.found_different",
            "write.suspect",
            "write.unknown_outcome",
            "write.no_effect",
            "write.read_back_differs",
            "write.late_sender",
        ),
    }
)

#: Closed when a valid decision covered what was written.
APPROVED: frozenset[str] = frozenset(_CODES["approved"])
#: Closed when what was written is alive and says the same as its source.
SAME_AGAIN: frozenset[str] = frozenset(_CODES["same again"])
#: Closed when the document can be read and judged.
READABLE: frozenset[str] = frozenset(_CODES["readable"])
#: Closed when every override fits what the system shows, or is withdrawn.
FITS: frozenset[str] = frozenset(_CODES["fits"])
#: Code → how it ends.
ENDS: Mapping[str, How] = MappingProxyType({code: how for how, codes in _CODES.items() for code in codes})
