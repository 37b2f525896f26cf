"""Operators: each takes one document or a list of them."""
