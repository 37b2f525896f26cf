"""Protocol logic without I/O: what is asked of a system and what its answers mean."""
