"""Breaks put right: judged by both sides as they stand, written once, closed by the next reconciliation."""

from __future__ import annotations
