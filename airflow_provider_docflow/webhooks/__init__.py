"""
Where systems send their events: ``/webhooks/<connection id>``.

It stands in the open, so it refuses by default: only connections that ``[docflow] webhook_connections`` names
have an address, every refusal looks the same, and nothing is answered that was not kept.
"""
