"""Triggers: they only read, share one poll per connection, and say "look again" to the worker."""
