"""A finance system that is nothing but a database: ``finance.sqlite`` in the sandbox's home.

Many treasury and payment systems are fed through staging tables. These are two of that kind:

``payment_request``
    one row per request to pay. ``business_key`` is unique, so that the database itself refuses a second
    request for the same business; ``amount`` is exact decimal text; ``due_date`` is a business date.
``payment_request_line``
    what is paid: the order and invoice that a part of the amount belongs to.

``status`` goes open, paid, rejected, cancelled; the finance department moves it, here through SQL.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FILE_NAME = "finance.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS payment_request (
    id INTEGER PRIMARY KEY,
    business_key TEXT NOT NULL UNIQUE,
    company_code TEXT NOT NULL,
    number TEXT NOT NULL,
    supplier TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount TEXT NOT NULL CHECK (amount GLOB '[0-9]*' AND amount NOT GLOB '*[^0-9.]*'),
    due_date TEXT CHECK (due_date IS NULL OR due_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    payee_account TEXT NOT NULL DEFAULT '',
    source_document TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'rejected', 'cancelled')),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE IF NOT EXISTS payment_request_line (
    id INTEGER PRIMARY KEY,
    payment_request_id INTEGER NOT NULL REFERENCES payment_request (id),
    line_number INTEGER NOT NULL,
    purchase_order TEXT NOT NULL DEFAULT '',
    supplier_invoice TEXT NOT NULL DEFAULT '',
    amount TEXT NOT NULL CHECK (amount GLOB '[0-9]*' AND amount NOT GLOB '*[^0-9.]*'),
    description TEXT NOT NULL DEFAULT '',
    UNIQUE (payment_request_id, line_number)
);
CREATE INDEX IF NOT EXISTS payment_request_updated ON payment_request (updated_at);
"""


def create_finance(home: Path) -> Path:
    """Create the database unless it is there, and return its path."""
    path = home / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")  # of this connection: the tables are empty yet
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
    return path
