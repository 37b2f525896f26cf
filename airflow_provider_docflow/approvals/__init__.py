"""Who must sign, what was decided, and whether a decision covers what is about to be written."""
