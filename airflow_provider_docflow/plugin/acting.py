"""What people do on the pages: every route here is a POST with its own permission."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
