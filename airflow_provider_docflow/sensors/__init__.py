"""Sensors: wait until documents have reached a state, or are decided."""
