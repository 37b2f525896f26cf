"""The match plan: rules become SQL that one engine runs, step by step."""

from __future__ import annotations
